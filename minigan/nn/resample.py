"""Bilinear resampling as layers."""

from ..ops import resample
from .layers import Function


class BilinearUp(Function):
    """Double the sides of images (N, H, W, C) -> (N, 2H, 2W, C) by linear interpolation; see `ops.resample`."""

    _operation = resample.bilinear_up


class BilinearDown(Function):
    """Halve the sides of images (N, 2H, 2W, C) -> (N, H, W, C) by a smoothing filter; see `ops.resample`."""

    _operation = resample.bilinear_down
