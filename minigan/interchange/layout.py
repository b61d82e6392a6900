"""A network's weights in PyTorch's layout: other names, other axes, and flattened images in another order.

    minigan                                  PyTorch
    x (N, H, W, C)                           x (N, C, H, W)
    Linear.weight (in, out)                  weight (out, in)
    Conv2d.weight (kH, kW, in, out)          weight (out, in, kH, kW)
    ConvTranspose2d.weight (kH, kW, out, in) weight (in, out, kH, kW)
    BatchNorm, LayerNorm: gamma, beta        weight, bias
    spectral_norm: layer.weight, u           parametrizations.weight.original, parametrizations.weight.0._u and ._v

PyTorch flattens an image in the order (C, H, W). The rows or columns of a dense layer beside a flattened image are
permuted accordingly. Numbers are only moved, never changed: the way to PyTorch's layout and back gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import gan, models, nn
from ..files import replacing
from ..gan.undisturbed import undisturbed
from ..models.residual import Block
from ..models.translation import PairedGenerator, UNet
from ..op import no_grad
from ..optional import require

if TYPE_CHECKING:
    from ..types import Array, ArrayLike, PathLike, Shape

__all__ = ["load", "load_state_dict", "save", "state_dict"]


def __dir__() -> list[str]:
    return sorted(__all__)


def state_dict(network: nn.Module, shape: Sequence[int]) -> dict[str, Array]:
    """Return the parameters and buffers of a network with PyTorch's names, axes and order.

    Args:
        network: A network of minigan's own layers.
        shape: Shape of one sample that the network takes, (latent,) or (H, W, C).

    Returns:
        NumPy arrays by PyTorch's name, as `torch.nn.Module.load_state_dict` expects them once they are tensors.

    Raises:
        TypeError: If a layer has no counterpart in PyTorch.
    """
    entries, own = _entries(network, shape), network.state_dict()
    state = {entry.there: entry.to(own[entry.here]) for entry in entries}
    for name in [name for name in state if name.endswith("._u")]:
        state[name.removesuffix("u") + "v"] = _other_side(state[name.replace("0._u", "original")], state[name])
    return state


def load_state_dict(network: nn.Module, state: Mapping[str, ArrayLike], shape: Sequence[int]) -> None:
    """Overwrite the parameters and buffers of a network with weights in PyTorch's layout.

    Args:
        network: A network of minigan's own layers.
        state: Arrays by PyTorch's name. Entries that only PyTorch has, such as num_batches_tracked, are ignored.
        shape: Shape of one sample that the network takes, (latent,) or (H, W, C).

    Raises:
        TypeError: If a layer has no counterpart in PyTorch.
        ValueError: If a name is missing or unexpected, or a shape does not fit. The network is then unchanged.
    """
    entries = {entry.there: entry for entry in _entries(network, shape)}
    strange = [name for name in state if name not in entries and not name.endswith(("._v", "num_batches_tracked"))]
    if missing := sorted(entries.keys() - state.keys()) or strange:
        what = "unexpected" if missing is strange else "missing"
        raise ValueError(f"load_state_dict: {what} {missing}; was the state saved by another architecture?")
    network.load_state_dict({entry.here: entry.back(np.asarray(state[name])) for name, entry in entries.items()})


def save(path: PathLike, network: nn.Module, shape: Sequence[int]) -> None:
    """Write the weights of a network to a .safetensors file in PyTorch's layout.

    `safetensors.torch.load_file` reads it. The arguments and errors are those of `state_dict`.
    """
    to_bytes = require("safetensors.numpy", "a .safetensors file", "safetensors").save
    with replacing(path) as file:
        file.write(to_bytes(state_dict(network, shape)))


def load(path: PathLike, network: nn.Module, shape: Sequence[int]) -> None:
    """Overwrite the weights of a network from a .safetensors file in PyTorch's layout.

    The arguments and errors are those of `load_state_dict`.
    """
    load_file = require("safetensors.numpy", "a .safetensors file", "safetensors").load_file
    load_state_dict(network, load_file(path), shape)


@dataclass(frozen=True)
class Entry:
    """One array in both layouts.

    Attributes:
        here: Its name in minigan.
        there: Its name in PyTorch.
        axes: The transposition that leads to PyTorch's axes; None for none.
        orders: The permutations along PyTorch's axes that follow it, ((axis, order), ...).
    """

    here: str
    there: str
    axes: Shape | None = None
    orders: tuple[tuple[int, Array], ...] = ()

    def to(self, x: Array) -> Array:
        """Convert the array to PyTorch's layout."""
        x = x if self.axes is None else x.transpose(self.axes)
        for axis, order in self.orders:
            x = x.take(order, axis)
        return np.ascontiguousarray(x)

    def back(self, x: Array) -> Array:
        """Convert the array from PyTorch's layout to minigan's."""
        for axis, order in self.orders:
            self._check(x, axis, order)
            x = x.take(np.argsort(order), axis)
        if self.axes is not None and x.ndim != len(self.axes):
            raise ValueError(f"load_state_dict: {self.there} must have {len(self.axes)} axes, got shape {x.shape}")
        return x if self.axes is None else x.transpose(np.argsort(self.axes))

    def _check(self, x, axis, order):
        if x.ndim <= axis or x.shape[axis] != len(order):
            raise ValueError(f"load_state_dict: {self.there} needs {len(order)} along axis {axis}, got shape {x.shape}")


@dataclass(frozen=True)
class Form:
    """Shape of one sample between two layers and, if it is a vector, its order in PyTorch.

    Attributes:
        shape: The shape in minigan.
        order: Entry j of PyTorch's vector is entry order[j] of minigan's; None for an image.
    """

    shape: Shape
    order: Array | None = None

    @classmethod
    def of(cls, shape: Sequence[int]) -> Form:
        """Return the form of a network's input: an image, or a vector in the same order in both libraries."""
        return cls(tuple(shape), np.arange(shape[0]) if len(shape) == 1 else None)


def _entries(network, shape):
    walk = _Walk()
    with undisturbed(network), no_grad():
        network.eval()
        walk(network, Form.of(shape), "")
    return walk.entries


class _Walk:
    """Visit the layers of a network in the order in which they compute, and note an Entry for each of their arrays."""

    def __init__(self):
        self.entries: list[Entry] = []

    def __call__(self, layer, form, path, wanted=None):
        """Note the arrays of a layer, whose input has the given Form, and return the Form of its output.

        wanted: the order in which PyTorch needs the outputs of a dense layer; None for minigan's order.
        """
        rule = rule_for(layer, RULES)
        if rule is None:
            raise TypeError(
                f"layer {path or 'network'!r} ({type(layer).__name__}) has no counterpart in PyTorch; these have: "
                f"{', '.join(kind if isinstance(kind, str) else kind.__name__ for kind in RULES)}"
            )
        return rule(self, layer, form, path, wanted)

    def note(self, path, here, there, axes=None, *orders):
        """Note an array of the layer at `path`, whose permutations are the orders that are not None."""
        join = f"{path}." if path else ""
        orders = tuple((axis, order) for axis, order in orders if order is not None)
        self.entries.append(Entry(join + here, join + there, axes, orders))


def rule_for(layer: nn.Module, rules: Mapping[Any, Any]) -> Any:
    """Return the rule for a layer's class, or for its nearest base class that has a rule; None if there is none."""
    keys = [key for kind in type(layer).__mro__ for key in (kind, kind.__name__)]
    return next((rules[key] for key in keys if key in rules), None)


def _unchanged(walk, layer, form, path, wanted):
    return form


def _linear(walk, layer, form, path, wanted, weight=("weight", "weight"), bias="bias"):
    if form.order is None:
        raise TypeError(
            f"layer {path!r}: a dense layer takes vectors, but this one is given images {form.shape}: Flatten first"
        )
    count = layer.weight.shape[1]
    walk.note(path, *weight, (1, 0), (0, wanted), (1, form.order))
    if layer.bias is not None:
        walk.note(path, bias, "bias", None, (0, wanted))
    return Form((count,), np.arange(count) if wanted is None else wanted)


def _convolution(walk, layer, form, path, wanted, weight=("weight", "weight"), bias="bias"):
    walk.note(path, *weight, (3, 2, 0, 1))  # also if transposed: the weight is that of the convolution
    if layer.bias is not None:
        walk.note(path, bias, "bias")
    return _resized(walk, layer, form, path, wanted)


def _resized(walk, layer, form, path, wanted):
    dtype = layer.weight.dtype if hasattr(layer, "weight") else np.float32
    return Form(layer(np.zeros((1, *form.shape), dtype)).shape[1:])


def _spectral(walk, layer, form, path, wanted):
    inner = layer.layer
    if not isinstance(inner, nn.Linear | nn.Conv2d):
        raise TypeError(
            f"layer {path!r}: spectral_norm of {type(inner).__name__} has no counterpart; Linear and Conv2d have one"
        )
    names = {"weight": ("layer.weight", "parametrizations.weight.original"), "bias": "layer.bias"}
    walk.note(path, "u", "parametrizations.weight.0._u", None, (0, wanted))
    return (_linear if isinstance(inner, nn.Linear) else _convolution)(walk, inner, form, path, wanted, **names)


def _norm(walk, layer, form, path, wanted):
    order = (0, form.order)
    for here, there in (("gamma", "weight"), ("beta", "bias"), *((name, name) for name in layer.buffer_names)):
        walk.note(path, here, there, None, order)
    return form


def _flatten(walk, layer, form, path, wanted):
    return form if form.order is not None else Form((int(np.prod(form.shape)),), _flattened(form.shape))


def _reshape(walk, layer, form, path, wanted):
    if len(layer.shape) != 3 and len(layer.shape) + len(form.shape) > 2:
        raise TypeError(
            f"layer {path!r}: a Reshape from {form.shape} to {layer.shape} has no counterpart; one to (H, W, C) has"
        )
    if len(layer.shape) == 1:
        return form
    if form.order is None or not np.array_equal(form.order, _flattened(layer.shape)):
        raise TypeError(f"layer {path!r}: a Reshape to images must follow a dense layer in the same Sequential")
    return Form(tuple(layer.shape))


def _flattened(shape):
    """Return the order in which PyTorch flattens an image (H, W, C); its own images are (C, H, W)."""
    return np.arange(np.prod(shape)).reshape(shape).transpose(2, 0, 1).ravel()


def _fourier(walk, layer, form, path, wanted):
    return _repeated(form, layer.multiple)


def _repeated(form, times):
    """Return the Form of a sample that is repeated `times` times along its last axis."""
    *sides, channels = form.shape
    if form.order is None:
        return Form((*sides, channels * times))
    return Form((channels * times,), np.concatenate([form.order + k * channels for k in range(times)]))


def _wider(form, count):
    """Return the Form of a sample with `count` more numbers at the end of its last axis."""
    *sides, channels = form.shape
    order = None if form.order is None else np.concatenate([form.order, channels + np.arange(count)])
    return Form((*sides, channels + count), order)


def _spread(walk, layer, form, path, wanted):
    return _wider(form, 1)


def _sequential(walk, layer, form, path, wanted):
    children = list(layer.named_children())
    for k, (name, child) in enumerate(children):
        form = walk(child, form, _join(path, name), _reshaped([later for _, later in children[k + 1 :]]))
    return form


def _reshaped(layers):
    """Return the order in which PyTorch needs a vector that `layers` reshape to an image; None if they do not."""
    for layer in layers:
        if isinstance(layer, nn.Reshape) and len(layer.shape) == 3:
            return _flattened(layer.shape)
        if not isinstance(layer, (*ELEMENTWISE, nn.BatchNorm, nn.LayerNorm)):
            return None
    return None


def _one_after_another(*names):
    """Return the rule of a module that applies its children with these names one after another."""

    def rule(walk, layer, form, path, wanted):
        for name in names:
            form = walk(getattr(layer, name), form, _join(path, name))
        return form

    return rule


def _labelled(walk, layer, form, path, wanted):
    return walk(layer.body, _wider(form, layer.classes), _join(path, "body"))


def _concatenation(walk, layer, form, path, wanted):
    form = _flatten(walk, layer, form, path, wanted) if layer.flat else form
    return walk(layer.body, _wider(form, layer.classes), _join(path, "body"))


def _packed(walk, layer, form, path, wanted):
    return walk(layer.body, _repeated(form, layer.m), _join(path, "body"))


def _unet(walk, layer, form, path, wanted):
    maps = []
    for k, down in enumerate(layer.down):
        form = walk(down, form, _join(path, f"down.{k}"))
        maps.append(form)
    maps.pop()
    for k, up in enumerate(layer.up):
        form = _wider(walk(up, form, _join(path, f"up.{k}")), maps.pop().shape[-1])
    return walk(layer.out, form, _join(path, "out"))


def _paired(walk, layer, form, path, wanted):
    return _wider(form, walk(layer.body, form, _join(path, "body")).shape[-1])


def _vae(walk, layer, form, path, wanted):
    images = walk(layer.decoder, form, _join(path, "decoder"))
    walk(layer.encoder, images, _join(path, "encoder"))
    return images


def _join(path, name):
    return f"{path}.{name}" if path else name


def _other_side(weight, u):
    """Return the vector v that PyTorch stores beside u: the unit vector along W^T u, with W of shape (out, rest)."""
    v = weight.reshape(len(weight), -1).T @ u
    return v / (np.sqrt(v @ v) + np.finfo(v.dtype).tiny)


ELEMENTWISE = (nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.Dropout, gan.Augment, gan.InstanceNoise)
# By class; one class by its name, because importing its package would import much that is not needed here.
RULES: dict[Any, Callable[..., Form]] = {
    **dict.fromkeys(ELEMENTWISE, _unchanged),
    **dict.fromkeys((nn.Upsample, nn.BilinearUp, nn.BilinearDown), _resized),
    **dict.fromkeys((nn.Conv2d, nn.ConvTranspose2d), _convolution),
    **dict.fromkeys((nn.BatchNorm, nn.LayerNorm), _norm),
    nn.Linear: _linear,
    nn.spectral_norm: _spectral,
    nn.Flatten: _flatten,
    nn.Reshape: _reshape,
    nn.FourierFeatures: _fourier,
    nn.MinibatchStd: _spread,
    nn.Sequential: _sequential,
    models.conditional.LabelledGenerator: _labelled,
    models.conditional.ProjectionCritic: _one_after_another("scores"),
    models.conditional.ConcatenationCritic: _concatenation,
    models.vae.VAE: _vae,
    Block: _one_after_another("conv1", "conv2", "conv3"),
    UNet: _unet,
    PairedGenerator: _paired,
    gan.PackedCritic: _packed,
    "Through": _one_after_another("front", "critic"),
}
