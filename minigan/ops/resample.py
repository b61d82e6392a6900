"""Bilinear resampling of images by a factor of 2: two operations that are adjoint up to a factor of 4.

Pixels are squares: the centre of pixel i lies at i + 1/2, and the centres of its two halves at i + 1/4 and i + 3/4. So
upsampling along one axis is y[2i] = 3/4 x[i] + 1/4 x[i - 1], y[2i + 1] = 3/4 x[i] + 1/4 x[i + 1]; half of its adjoint
is the filter (1, 3, 3, 1) / 8 at every second pixel. At the boundary the nearest pixel is repeated, so that both keep
constant images unchanged. Upsampling equals PyTorch's `interpolate(scale_factor=2, mode="bilinear",
align_corners=False)`. Downsampling equals `interpolate(scale_factor=0.5, mode="bilinear", antialias=True)` except on
the outermost pixels, where PyTorch normalises the weights again.
"""

import numpy as np

from ..op import op
from .shape import real_data


def bilinear_up(x):
    """Enlarge images (N, H, W, C) to (N, 2H, 2W, C) by linear interpolation along both axes.

    Raises:
        ValueError: If x is not a batch of images.
    """
    if np.ndim(real_data(x)) != 4 or 0 in x.shape[1:3]:
        raise ValueError(f"bilinear_up: needs images (N, H, W, C), got shape {x.shape}")
    return _bilinear_up(x)


def bilinear_down(x):
    """Shrink images (N, 2H, 2W, C) to (N, H, W, C) by the filter (1, 3, 3, 1) / 8 along both axes.

    Raises:
        ValueError: If x is not a batch of images, or if a side is odd.
    """
    if np.ndim(real_data(x)) != 4 or 0 in x.shape[1:3] or x.shape[1] % 2 or x.shape[2] % 2:
        raise ValueError(f"bilinear_down: needs images (N, H, W, C) with even sides, got shape {x.shape}")
    return _bilinear_down(x)


@op(x=lambda g: _bilinear_down(g) * 4.0)
def _bilinear_up(x):
    n, h, w, c = x.shape
    rows = _double(x.reshape(n, h, w * c))
    return _double(rows.reshape(2 * n * h, w, c)).reshape(n, 2 * h, 2 * w, c)


@op(x=lambda g: _bilinear_up(g) * 0.25)
def _bilinear_down(x):
    n, h, w, c = x.shape
    columns = _halve(x.reshape(n * h, w, c))
    return _halve(columns.reshape(n, h, w // 2 * c)).reshape(n, h // 2, w // 2, c)


def _double(x):
    """Enlarge (a, n, b) to (a, 2n, b) by linear interpolation."""
    a, n, b = x.shape
    quarter = 0.25 * x
    y = np.empty_like(quarter, shape=(a, n, 2, b), order="C")
    before, after = y[:, :, 0], y[:, :, 1]
    np.subtract(x, quarter, out=before)
    after[...] = before
    before[:, 1:] += quarter[:, :-1]
    before[:, 0] += quarter[:, 0]
    after[:, :-1] += quarter[:, 1:]
    after[:, -1] += quarter[:, -1]
    return y.reshape(a, 2 * n, b)


def _halve(y):
    """Shrink (a, 2n, b) to (a, n, b) by half of the adjoint of `_double`."""
    a, n, b = y.shape[0], y.shape[1] // 2, y.shape[2]
    pairs = y.reshape(a, n, 2, b)
    first, second = pairs[:, :, 0], pairs[:, :, 1]
    x = 3.0 * (first + second)
    x[:, 1:] += second[:, :-1]
    x[:, 0] += first[:, 0]
    x[:, :-1] += first[:, 1:]
    x[:, -1] += second[:, -1]
    x *= 0.125
    return x
