"""Convolution as one trilinear form.

T(x, w, y) = <y, conv(x, w)> is linear in each of x, w and y. Its three partial derivatives are `conv2d` (in y),
`conv_transpose2d` (in x) and `conv2d_weight` (in w), and the two vjps of each are the other two. So the trio is closed
under differentiation, and no other kernel is needed for derivatives of any order.

Images are (N, H, W, C), kernels (kH, kW, C_in / groups, C_out).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import index

from .. import backend
from ..op import op


@dataclass(frozen=True)
class ConvGeometry:
    """Sizes of one convolution, computed once for its three operations; pairs are (vertical, horizontal)."""

    input: tuple  # (H, W)
    kernel: tuple  # (kH, kW)
    stride: tuple
    padding: tuple  # ((top, bottom), (left, right))
    dilation: tuple
    groups: int

    @cached_property
    def extent(self):
        """Number of pixels that a kernel spans: dilation * (kernel - 1) + 1."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @cached_property
    def output(self):
        """Size of the output: (OH, OW) = floor((input + padding - extent) / stride) + 1."""
        sides = zip(self.input, self.padding, self.extent, self.stride, strict=True)
        return tuple((n + sum(p) - e) // s + 1 for n, p, e, s in sides)

    @cached_property
    def is_pointwise(self):
        """Return whether the convolution is one matrix product over all pixels."""
        return self.kernel == self.stride == (1, 1) and self.padding == ((0, 0), (0, 0))


def conv2d(x, w, *, stride=1, padding=0, dilation=1, groups=1):
    """Convolve images with kernels that are not flipped (cross-correlation, as usual in deep learning).

    Args:
        x: Images (N, H, W, C_in).
        w: Kernels (kH, kW, C_in / groups, C_out).
        stride: An int or (vertical, horizontal).
        padding: Zeros around the images: an int, "valid" (0), "same" (output = ceil(input / stride); an odd zero goes
            to the bottom or right), or ((top, bottom), (left, right)).
        dilation: The distance between neighbouring taps of a kernel, an int or (vertical, horizontal).
        groups: The number of groups of channels that are convolved separately.

    Returns:
        Images (N, OH, OW, C_out) with OH = floor((H + top + bottom - dilation * (kH - 1) - 1) / stride) + 1.

    Raises:
        ValueError: If ranks or channels do not match, if the kernel does not fit into the padded images, or if an
            option is out of range.
    """
    _check_ranks("conv2d", x, w)
    geometry = conv_geometry(
        tuple(x.shape[1:3]), tuple(w.shape[:2]), hashable(stride), hashable(padding), hashable(dilation), groups
    )
    if x.shape[3] != w.shape[2] * groups or w.shape[3] % groups:
        raise ValueError(
            f"conv2d: x {x.shape} has {x.shape[3]} channels, w {w.shape} with groups={groups} expects "
            f"{w.shape[2] * groups} and a multiple of {groups} output channels; "
            "layouts are (N, H, W, C) and (kH, kW, C_in / groups, C_out)"
        )
    return _conv2d(x, w, geometry=geometry)


def conv_transpose2d(y, w, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """Apply the adjoint of `conv2d` with respect to its images (transposed convolution).

    The channels go from C_out to C_in, because the kernels have the layout of the convolution.

    Args:
        y: Images (N, H, W, C_out).
        w: Kernels of the convolution whose adjoint this is: (kH, kW, C_in / groups, C_out).
        stride: An int or (vertical, horizontal).
        padding: The padding of the convolution, in any form that `conv2d` takes.
        output_padding: Rows and columns added to the output, an int or (vertical, horizontal), smaller than `stride`:
            with stride > 1, images of several sizes give one size of y.
        dilation: As in `conv2d`.
        groups: As in `conv2d`.

    Returns:
        Images (N, H', W', C_in) with H' = (H - 1) * stride + dilation * (kH - 1) + 1 - top - bottom + output_padding,
        and H' = H * stride for "same".

    Raises:
        ValueError: If ranks or channels do not match, or if an option is out of range.
    """
    _check_ranks("conv_transpose2d", y, w)
    geometry = transposed_geometry(
        tuple(y.shape[1:3]),
        tuple(w.shape[:2]),
        hashable(stride),
        hashable(padding),
        hashable(output_padding),
        hashable(dilation),
        groups,
    )
    if y.shape[3] != w.shape[3] or w.shape[3] % groups:
        raise ValueError(
            f"conv_transpose2d: y {y.shape} has {y.shape[3]} channels, w {w.shape} expects {w.shape[3]}, a multiple of "
            f"groups={groups}; w has the layout of the adjoint convolution: (kH, kW, output channels / groups, "
            "input channels)"
        )
    return _conv_transpose2d(y, w, geometry=geometry)


@op(
    x=lambda g, w, geometry: _conv_transpose2d(g, w, geometry=geometry),
    w=lambda g, x, geometry: _conv2d_weight(x, g, geometry=geometry),
)
def _conv2d(x, w, *, geometry):
    return backend.of(x).conv2d(x, w, geometry)


@op(
    y=lambda g, w, geometry: _conv2d(g, w, geometry=geometry),
    w=lambda g, y, geometry: _conv2d_weight(g, y, geometry=geometry),
)
def _conv_transpose2d(y, w, *, geometry):
    return backend.of(y).conv_transpose2d(y, w, geometry)


@op(
    x=lambda g, y, geometry: _conv_transpose2d(y, g, geometry=geometry),
    y=lambda g, x, geometry: _conv2d(x, g, geometry=geometry),
)
def _conv2d_weight(x, y, *, geometry):
    return backend.of(x).conv2d_weight(x, y, geometry)


@lru_cache(maxsize=1024, typed=True)  # typed, so that 2.0 is refused even after 2 was cached
def conv_geometry(size, kernel, stride, padding, dilation, groups):
    """Return the geometry of a convolution of images of `size`; raise ValueError if the kernel does not fit."""
    stride, dilation = as_pair("stride", stride, 1), as_pair("dilation", dilation, 1)
    _check_groups(groups)
    if padding == "same":
        extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        total = [max((-(-n // s) - 1) * s + e - n, 0) for n, s, e in zip(size, stride, extent, strict=True)]
        padding = tuple((t // 2, t - t // 2) for t in total)
    geometry = ConvGeometry(size, kernel, stride, _sides(padding), dilation, groups)
    if min(geometry.output) < 1:
        raise ValueError(
            f"a {kernel} kernel with dilation {dilation} covers {geometry.extent} pixels and does not fit into "
            f"images of {size} padded by {geometry.padding}"
        )
    return geometry


@lru_cache(maxsize=1024, typed=True)  # typed, so that 2.0 is refused even after 2 was cached
def transposed_geometry(size, kernel, stride, padding, output_padding, dilation, groups):
    """Return the geometry of the convolution whose output has `size`; its input is the output of the adjoint."""
    stride, dilation = as_pair("stride", stride, 1), as_pair("dilation", dilation, 1)
    extra = as_pair("output_padding", output_padding, 0)
    _check_groups(groups)
    if any(e >= s for e, s in zip(extra, stride, strict=True)):
        raise ValueError(
            f"output_padding {extra} must be smaller than stride {stride}: it selects one of the `stride` sizes of "
            "images that a convolution maps to the same size"
        )
    if padding == "same":
        if any(extra):
            raise ValueError('output_padding has no meaning with padding="same", which gives input * stride')
        return conv_geometry(
            tuple(n * s for n, s in zip(size, stride, strict=True)), kernel, stride, padding, dilation, groups
        )
    padding = _sides(padding)
    full = zip(size, stride, kernel, dilation, padding, extra, strict=True)
    images = tuple((n - 1) * s + d * (k - 1) + 1 - sum(p) + e for n, s, k, d, p, e in full)
    if min(images) < 1:
        raise ValueError(
            f"conv_transpose2d of {size} with kernel {kernel}, stride {stride}, padding {padding} "
            f"leaves {images} pixels"
        )
    return ConvGeometry(images, kernel, stride, padding, dilation, groups)


def hashable(value):
    """Return a hashable form of an option: lists become tuples."""
    return tuple(map(hashable, value)) if isinstance(value, list | tuple) else value


def as_pair(name, value, least):
    """Return an int or a tuple of two ints as (vertical, horizontal); raise ValueError for anything else."""
    pair = value if isinstance(value, tuple) else (value, value)
    if len(pair) != 2 or any(not hasattr(v, "__index__") or v < least for v in pair):
        raise ValueError(f"{name} must be an int or two ints, at least {least}, got {value!r}")
    return tuple(int(v) for v in pair)


def _sides(padding):
    """Return ((top, bottom), (left, right)) for a padding in any form except "same"."""
    sides = 0 if padding == "valid" else padding
    if hasattr(sides, "__index__"):
        sides = ((sides, sides), (sides, sides))
    try:
        vertical, horizontal = [(index(before), index(after)) for before, after in sides]
        if min(vertical + horizontal) >= 0:
            return vertical, horizontal
    except (TypeError, ValueError):
        pass
    raise ValueError(f'padding must be an int >= 0, "same", "valid" or ((top, bottom), (left, right)), got {padding!r}')


def _check_groups(groups):
    if not hasattr(groups, "__index__") or groups < 1:
        raise ValueError(f"groups must be a positive int, got {groups!r}")


def _check_ranks(name, images, w):
    if len(images.shape) != 4 or len(w.shape) != 4:
        raise ValueError(
            f"{name}: needs images (N, H, W, C) and kernels (kH, kW, C_in, C_out), "
            f"got shapes {images.shape} and {w.shape}"
        )
