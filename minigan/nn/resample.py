"""Bilinear resampling as layers."""

from ..ops import resample
from .layers import Function


class BilinearUp(Function):
    """(N, H, W, C) -> (N, 2H, 2W, C); see `ops.resample`."""

    operation = resample.bilinear_up


class BilinearDown(Function):
    """(N, 2H, 2W, C) -> (N, H, W, C); see `ops.resample`."""

    operation = resample.bilinear_down
