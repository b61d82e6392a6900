"""Conversion to the layout of PyTorch and Chainer and back: images (N, C, H, W), weights (out, in, ...)."""

import numpy as np

from .. import networks


def images(array):
    """Convert images (N, H, W, C) to (N, C, H, W); other samples stay as they are."""
    return np.ascontiguousarray(np.moveaxis(array, -1, 1)) if array.ndim == 4 else array


def from_minigan(layer, array):
    """Convert a parameter of a layer from minigan's layout."""
    if array.ndim == 4:
        array = array.transpose(3, 2, 0, 1)
    elif isinstance(layer, networks.Dense):
        rows, columns = _order(layer.inputs), _order(layer.outputs)
        array = array[columns] if array.ndim == 1 else array[rows][:, columns].T
    return np.ascontiguousarray(array)


def to_minigan(layer, array):
    """Convert the gradient of a parameter of a layer to minigan's layout."""
    if array.ndim == 4:
        array = array.transpose(2, 3, 1, 0)
    elif isinstance(layer, networks.Dense):
        rows, columns = np.argsort(_order(layer.inputs)), np.argsort(_order(layer.outputs))
        array = array[columns] if array.ndim == 1 else array.T[rows][:, columns]
    return np.ascontiguousarray(array)


def named(player, layers, gradients):
    """Return {"critic.0.weight": array in minigan's layout, ...} from gradients in the order of the parameters."""
    found = [{name: to_minigan(layer, next(gradients)) for name in layer.shapes()} for layer in layers]
    return networks.named(player, found)


def _order(shape):
    """Return the positions of the elements of a sample (H, W, C) in the order in which (C, H, W) has them."""
    index = np.arange(np.prod(shape)).reshape(shape)
    return (np.moveaxis(index, -1, 0) if len(shape) == 3 else index).ravel()
