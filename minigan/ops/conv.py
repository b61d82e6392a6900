"""Convolution as one trilinear form.

T(x, w, y) = <y, conv(x, w)> is linear in each of x, w and y.  Its three partial derivatives are `conv2d` (in y),
`conv_transpose2d` (in x) and `conv2d_weight` (in w), and the two vjps of each are the other two.  The trio is closed
under differentiation, which is all that double backpropagation needs, to every order.

Images are (N, H, W, C), kernels (kH, kW, C_in / groups, C_out).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import index

from .. import backend
from ..op import op


@dataclass(frozen=True)
class ConvGeometry:
    """Every size of one convolution, worked out once and shared by the trio."""

    input: tuple  # (H, W)
    kernel: tuple  # (kH, kW)
    stride: tuple
    padding: tuple  # ((top, bottom), (left, right))
    dilation: tuple
    groups: int

    @cached_property
    def extent(self):
        """What a kernel covers: dilation * (kernel - 1) + 1."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @cached_property
    def output(self):
        """(OH, OW) = floor((input + padding - extent) / stride) + 1."""
        sides = zip(self.input, self.padding, self.extent, self.stride, strict=True)
        return tuple((n + sum(p) - e) // s + 1 for n, p, e, s in sides)

    @cached_property
    def is_pointwise(self):
        return self.kernel == self.stride == (1, 1) and self.padding == ((0, 0), (0, 0))


def conv2d(x, w, *, stride=1, padding=0, dilation=1, groups=1):
    """Correlate images x (N, H, W, C_in) with kernels w (kH, kW, C_in / groups, C_out).

    stride, dilation: an int or (vertical, horizontal).
    padding with zeros: an int, "valid" (0), "same" (output = ceil(input / stride), the odd pixel after), or
    ((top, bottom), (left, right)).
    Returns (N, OH, OW, C_out), OH = floor((H + top + bottom - dilation * (kH - 1) - 1) / stride) + 1.
    """
    _check_ranks("conv2d", x, w)
    geometry = conv_geometry(
        tuple(x.shape[1:3]), tuple(w.shape[:2]), _key(stride), _key(padding), _key(dilation), groups
    )
    if x.shape[3] != w.shape[2] * groups or w.shape[3] % groups:
        raise ValueError(
            f"conv2d: x {x.shape} has {x.shape[3]} channels, w {w.shape} with groups={groups} expects "
            f"{w.shape[2] * groups} and a multiple of {groups} output channels; "
            "layouts are (N, H, W, C) and (kH, kW, C_in / groups, C_out)"
        )
    return _conv2d(x, w, geometry=geometry)


def conv_transpose2d(y, w, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """The adjoint of `conv2d` in its images.

    y: images (N, H, W, C_out); w: the convolution's own kernels (kH, kW, C_in / groups, C_out).
    Returns (N, H', W', C_in): H' = (H - 1) * stride + dilation * (kH - 1) + 1 - top - bottom + output_padding, and
    H * stride for "same".  Note that the channels go from C_out to C_in.
    """
    _check_ranks("conv_transpose2d", y, w)
    geometry = transposed_geometry(
        tuple(y.shape[1:3]),
        tuple(w.shape[:2]),
        _key(stride),
        _key(padding),
        _key(output_padding),
        _key(dilation),
        groups,
    )
    if y.shape[3] != w.shape[3] or w.shape[3] % groups:
        raise ValueError(
            f"conv_transpose2d: y {y.shape} has {y.shape[3]} channels, w {w.shape} expects {w.shape[3]}, a multiple of "
            f"groups={groups}; w is that of the convolution whose adjoint this is: (kH, kW, channels out, channels in)"
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


@lru_cache(maxsize=1024, typed=True)  # or 2.0 would pass where 2 had passed before
def conv_geometry(size, kernel, stride, padding, dilation, groups):
    """The geometry of a convolution over images of `size`; ValueError if the kernel does not fit."""
    stride, dilation = _pair("stride", stride, 1), _pair("dilation", dilation, 1)
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


@lru_cache(maxsize=1024, typed=True)  # or 2.0 would pass where 2 had passed before
def transposed_geometry(size, kernel, stride, padding, output_padding, dilation, groups):
    """The geometry of the convolution whose output is `size`: the images it came from."""
    stride, dilation = _pair("stride", stride, 1), _pair("dilation", dilation, 1)
    extra = _pair("output_padding", output_padding, 0)
    _check_groups(groups)
    if any(e >= s for e, s in zip(extra, stride, strict=True)):
        raise ValueError(
            f"output_padding {extra} must be smaller than stride {stride}: only so many sizes are possible"
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


def _key(value):
    """A hashable form of what a user may pass."""
    return tuple(map(_key, value)) if isinstance(value, list | tuple) else value


def _pair(name, value, least):
    pair = value if isinstance(value, tuple) else (value, value)
    if len(pair) != 2 or any(not hasattr(v, "__index__") or v < least for v in pair):
        raise ValueError(f"{name} must be an int or two ints, at least {least}, got {value!r}")
    return tuple(int(v) for v in pair)


def _sides(padding):
    """((top, bottom), (left, right)) of a padding given in any form but "same"."""
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
