"""The layers. Images are (N, H, W, C); weights are drawn from an explicit generator.

Every layer that draws random numbers takes `rng`: a `minigan.random.Generator`, or an integer seed for a new
generator. Give all layers of a network one Generator: layers with the same integer start with the same weights. Without
`rng` a layer takes a seed from the operating system, and the numbers differ from run to run.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from .. import ops
from ..backend import device_of, move, of
from ..backend.recording import changing
from ..op import is_repeating
from ..ops.conv import as_pair, conv_geometry, hashable, transposed_geometry
from ..random import as_generator
from ..tensor import Parameter, Tensor
from .init import lecun_uniform
from .module import Module

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

    from ..types import Array, ArrayLike, DTypeLike, Generator, Padding, Pair, Shape
    from .init import Initialiser


class Linear(Module):
    """Fully connected layer: x (N, in_features) -> x @ weight + bias (N, out_features).

    Args:
        in_features: Number of features of the input.
        out_features: Number of features of the output.
        bias: Whether to add a bias, which starts at 0.
        init: Initialiser of the weight, one of `nn.init`.
        rng: A `mg.random.Generator` or an integer seed, from which the weight is drawn. None takes a seed from the
            operating system, so that the weight differs from run to run.
        dtype: Data type of the parameters; inputs must have the same.

    Attributes:
        weight: (in_features, out_features).
        bias: (out_features,), or None.

    Raises:
        TypeError: If a number of features is not an integer.
        ValueError: If a number of features is not positive.

    Example:
        layer = nn.Linear(3, 4, rng=mg.random.Generator(0))
        y = layer(x)  # x (N, 3), y (N, 4)
    """

    output_axis: int = 1  # of the weight
    weight: Parameter
    bias: Parameter | Any  # or None; Any spares users a check

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True,
        *, init: Initialiser = lecun_uniform, rng: Generator | int | None = None, dtype: DTypeLike = np.float32,
    ) -> None:  # fmt: skip
        _check_integers(in_features=in_features, out_features=out_features)
        draw = _drawer(rng, init, in_features, out_features, dtype)
        self.weight = draw((in_features, out_features))
        self.bias = Parameter(np.zeros(out_features, dtype)) if bias else None

    def forward(self, x: Tensor | Array) -> Tensor:
        return self.apply(x, self.weight)

    def apply(self, x: Tensor | Array, weight: Tensor) -> Tensor:
        """Apply the layer with another weight in place of its own."""
        _refuse_integers(self, x)
        try:
            return ops.matmul(x, weight) if self.bias is None else ops.linear(x, weight, self.bias)
        except _MISFIT as error:
            _explain(self, x, error)
            raise

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class Conv2d(Module):
    """Convolution of images (N, H, W, in_channels) -> (N, H', W', out_channels); see `ops.conv2d`.

    Args:
        in_channels: Number of channels of the input.
        out_channels: Number of channels of the output.
        kernel_size: Height and width of the kernel, or one number for both.
        stride: Pixels from one position of the kernel to the next.
        padding: Zeros around the image: a number, "same" (H' = ceil(H / stride)), "valid" (none), or
            ((top, bottom), (left, right)).
        dilation: Pixels from one element of the kernel to the next.
        groups: Number of groups of channels, each convolved for itself; must divide both numbers of channels.
        bias: Whether to add a bias, which starts at 0.
        init: Initialiser of the weight, one of `nn.init`.
        rng: A `mg.random.Generator` or an integer seed, from which the weight is drawn. None takes a seed from the
            operating system, so that the weight differs from run to run.
        dtype: Data type of the parameters; inputs must have the same.

    Attributes:
        weight: (kH, kW, in_channels / groups, out_channels).
        bias: (out_channels,), or None.

    Raises:
        TypeError: If a number of channels or of groups is not an integer.
        ValueError: If `groups` does not divide both numbers of channels, one of these is not positive, or an option is
            out of range.
    """

    output_axis: int = 3  # of the weight
    weight: Parameter
    bias: Parameter | Any  # or None; Any spares users a check
    options: dict[str, Any]

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Pair, stride: Pair = 1, padding: Padding = 0,
        dilation: Pair = 1, groups: int = 1, bias: bool = True,
        *, init: Initialiser = lecun_uniform, rng: Generator | int | None = None, dtype: DTypeLike = np.float32,
    ) -> None:  # fmt: skip
        kernel = _kernel(kernel_size)
        _check_channels(in_channels, out_channels, groups)
        field = kernel[0] * kernel[1]
        draw = _drawer(rng, init, field * in_channels // groups, field * out_channels // groups, dtype)
        self.weight = draw((*kernel, in_channels // groups, out_channels))
        self.bias = Parameter(np.zeros(out_channels, dtype)) if bias else None
        self.options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        conv_geometry(_LARGE, kernel, *map(hashable, self.options.values()))  # checks the options

    def forward(self, x: Tensor | Array) -> Tensor:
        return self.apply(x, self.weight)

    def apply(self, x: Tensor | Array, weight: Tensor) -> Tensor:
        """Apply the layer with another weight in place of its own."""
        _refuse_integers(self, x)
        try:
            return _plus(ops.conv2d(x, weight, **self.options), self.bias)
        except _MISFIT as error:
            _explain(self, x, error, channels=self.weight.shape[2] * self.options["groups"])
            raise

    def extra_repr(self) -> str:
        kh, kw, ci, co = self.weight.shape
        return f"{ci * self.options['groups']}, {co}, kernel={kh}x{kw}, {_nondefault(self.options)}"


class ConvTranspose2d(Module):
    """Transposed convolution of images (N, H, W, in_channels) -> (N, H', W', out_channels), the adjoint of `Conv2d`.

    Args:
        in_channels: Number of channels of the input.
        out_channels: Number of channels of the output.
        kernel_size: Height and width of the kernel, or one number for both.
        stride: Factor by which the sides grow.
        padding: Pixels cut from the output: a number, "same" (H' = H * stride), "valid" (none), or
            ((top, bottom), (left, right)).
        output_padding: Rows and columns added at the bottom and right of the output.
        dilation: Pixels from one element of the kernel to the next.
        groups: Number of groups of channels, each convolved for itself; must divide both numbers of channels.
        bias: Whether to add a bias, which starts at 0.
        init: Initialiser of the weight, one of `nn.init`.
        rng: A `mg.random.Generator` or an integer seed, from which the weight is drawn. None takes a seed from the
            operating system, so that the weight differs from run to run.
        dtype: Data type of the parameters; inputs must have the same.

    Attributes:
        weight: (kH, kW, out_channels / groups, in_channels), the layout of the convolution whose adjoint this layer is.
        bias: (out_channels,), or None.

    Raises:
        TypeError: If a number of channels or of groups is not an integer.
        ValueError: If `groups` does not divide both numbers of channels, one of these is not positive, or an option is
            out of range.
    """

    output_axis: int = 2  # of the weight
    weight: Parameter
    bias: Parameter | Any  # or None; Any spares users a check
    options: dict[str, Any]

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Pair, stride: Pair = 1, padding: Padding = 0,
        output_padding: Pair = 0, dilation: Pair = 1, groups: int = 1, bias: bool = True,
        *, init: Initialiser = lecun_uniform, rng: Generator | int | None = None, dtype: DTypeLike = np.float32,
    ) -> None:  # fmt: skip
        kernel = _kernel(kernel_size)
        _check_channels(in_channels, out_channels, groups)
        field = kernel[0] * kernel[1]
        draw = _drawer(rng, init, field * in_channels // groups, field * out_channels // groups, dtype)
        self.weight = draw((*kernel, out_channels // groups, in_channels))
        self.bias = Parameter(np.zeros(out_channels, dtype)) if bias else None
        self.options = {
            "stride": stride, "padding": padding, "output_padding": output_padding,
            "dilation": dilation, "groups": groups,
        }  # fmt: skip
        transposed_geometry(_LARGE, kernel, *map(hashable, self.options.values()))  # checks the options

    def forward(self, x: Tensor | Array) -> Tensor:
        return self.apply(x, self.weight)

    def apply(self, x: Tensor | Array, weight: Tensor) -> Tensor:
        """Apply the layer with another weight in place of its own."""
        _refuse_integers(self, x)
        try:
            return _plus(ops.conv_transpose2d(x, weight, **self.options), self.bias)
        except _MISFIT as error:
            _explain(self, x, error, channels=self.weight.shape[3])
            raise

    def extra_repr(self) -> str:
        kh, kw, co, ci = self.weight.shape
        return f"{ci}, {co * self.options['groups']}, kernel={kh}x{kw}, {_nondefault(self.options)}"


class BatchNorm(Module):
    """Batch normalisation of each channel (the last axis) of (N, C) or (N, H, W, C); chapter 12 derives it.

    In training mode the layer uses the statistics of the batch, in evaluation mode the running statistics.

    Args:
        channels: Number of channels.
        eps: Added to the variance.
        momentum: Weight of the newest batch in the running statistics. Their variance is unbiased, as in PyTorch.
        dtype: Data type of parameters and buffers; inputs must have the same.

    Attributes:
        gamma: Scale (channels,), starts at 1.
        beta: Shift (channels,), starts at 0.
        running_mean: Buffer (channels,), starts at 0.
        running_var: Buffer (channels,), starts at 1.
        pool: Function of this layer and x that takes the place of `forward` in training mode, for a batch that is
            divided among several processes. None, the default, is for a single process.
    """

    buffer_names: tuple[str, ...] = ("running_mean", "running_var")
    couples_samples = True
    pool: Callable[[BatchNorm, Tensor | Array], Tensor] | None = None
    gamma: Parameter
    beta: Parameter
    running_mean: Array
    running_var: Array
    eps: float
    momentum: float

    def __init__(
        self, channels: int, eps: float = 1e-5, momentum: float = 0.1, *, dtype: DTypeLike = np.float32
    ) -> None:
        self.gamma = Parameter(np.ones(channels, dtype))
        self.beta = Parameter(np.zeros(channels, dtype))
        self.running_mean = np.zeros(channels, dtype)
        self.running_var = np.ones(channels, dtype)
        self.eps, self.momentum = eps, momentum

    def forward(self, x: Tensor | Array) -> Tensor:
        if self.training and self.pool is not None:
            return self.pool(self, x)
        if self.training:
            rows = x.size // x.shape[-1]
            return ops.batch_norm(x, self.gamma, self.beta, eps=self.eps, observe=lambda m, v: self.track(m, v, rows))
        if x.shape[-1:] != self.gamma.shape:
            raise ValueError(f"BatchNorm of {self.gamma.size} channels got x {x.shape}; channels are the last axis")
        scale = self.gamma / ops.sqrt(ops.add(self.running_var, self.eps))  # ops.add, so that a capture records it
        return x * scale + (self.beta - scale * ops.add(self.running_mean, 0.0))  # a copy: a later forward changes it

    def track(self, mean: Array, variance: Array, rows: int) -> None:
        """Move the running statistics towards the mean and the biased variance of a batch of `rows` rows."""
        if is_repeating():
            return
        # A complex step must not change the statistics.
        mean, variance = mean.real, variance.real  # pyright: ignore[reportAttributeAccessIssue]
        running = self.running_mean, self.running_var
        for buffer in running:
            changing(buffer)
        of(mean).track(*running, mean, variance, rows / max(rows - 1, 1), self.momentum)

    def extra_repr(self) -> str:
        return f"{self.gamma.size}, eps={self.eps}, momentum={self.momentum}"


class LayerNorm(Module):
    """Layer normalisation over the last axis.

    No sample depends on another, so a critic with a gradient penalty may use it.

    Args:
        channels: Length of the last axis.
        eps: Added to the variance.
        dtype: Data type of the parameters; inputs must have the same.

    Attributes:
        gamma: Scale (channels,), starts at 1.
        beta: Shift (channels,), starts at 0.
    """

    gamma: Parameter
    beta: Parameter
    eps: float

    def __init__(self, channels: int, eps: float = 1e-5, *, dtype: DTypeLike = np.float32) -> None:
        self.gamma = Parameter(np.ones(channels, dtype))
        self.beta = Parameter(np.zeros(channels, dtype))
        self.eps = eps

    def forward(self, x: Tensor | Array) -> Tensor:
        return ops.layer_norm(x, self.gamma, self.beta, eps=self.eps)

    def extra_repr(self) -> str:
        return f"{self.gamma.size}, eps={self.eps}"


class Dropout(Module):
    """Dropout: in training, set each element to 0 with probability p and divide the others by 1 - p.

    Args:
        p: Probability that an element is set to 0, in [0, 1).
        rng: A `mg.random.Generator` or an integer seed, from which the elements are chosen. None takes a seed from the
            operating system, so that the choice differs from run to run.

    Raises:
        ValueError: If p is out of range.
    """

    p: float
    rng: Generator

    def __init__(self, p: float = 0.5, *, rng: Generator | int | None = None) -> None:
        if not hasattr(p, "__float__") or not 0 <= p < 1:
            raise ValueError(f"Dropout: p must lie in [0, 1), got {p!r}")
        self.p, self.rng = p, as_generator(rng)

    def forward(self, x: Tensor) -> Tensor:
        return ops.dropout(x, self.p, self.rng, self.training)

    def extra_repr(self) -> str:
        return f"{self.p}"


class Embedding(Module):
    """Table of learned vectors: integers (N, ...) -> rows (N, ..., features) of the weight.

    Args:
        count: Number of rows; inputs are integers in [0, count).
        features: Length of a row.
        rng: A `mg.random.Generator` or an integer seed, from which the weight is drawn. None takes a seed from the
            operating system, so that the weight differs from run to run.
        dtype: Data type of the weight, float32 or float64.

    Attributes:
        weight: (count, features), drawn from N(0, 1).
    """

    weight: Parameter

    def __init__(
        self, count: int, features: int, *, rng: Generator | int | None = None, dtype: DTypeLike = np.float32
    ) -> None:
        self.weight = Parameter(as_generator(rng).normal((count, features), dtype))

    def forward(self, index: Tensor | ArrayLike) -> Tensor:
        rows: Any = index.data if isinstance(index, Tensor) else index
        if device_of(rows) == "cpu":  # on a GPU, looking at the values would make it wait
            rows = move(self._checked(np.asarray(rows)), self.weight.device)
        return self.weight[rows]

    def _checked(self, index):
        count = self.weight.shape[0]
        if index.dtype.kind not in "iu" or (index.size and not 0 <= index.min() <= index.max() < count):
            raise ValueError(f"Embedding: needs integers in [0, {count}), got {index.dtype} values"
                             + (f" from {index.min()} to {index.max()}" if index.size else ""))  # fmt: skip
        return index

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class Function(Module):
    """Base class of layers without parameters: a subclass sets `_operation`, the operation that it applies.

    Attributes:
        options: Keyword arguments of the operation.
    """

    _operation: ClassVar[Callable[..., Any]]
    options: dict[str, Any] = {}  # noqa: RUF012  (never written to)

    def forward(self, x: Tensor) -> Tensor:
        return type(self)._operation(x, **self.options)

    def extra_repr(self) -> str:
        return ", ".join(f"{k}={v}" for k, v in self.options.items())


class ReLU(Function):
    """Rectifier: max(x, 0)."""

    _operation = ops.relu


class LeakyReLU(Function):
    """Leaky rectifier: x where x > 0, slope * x elsewhere.

    Args:
        slope: Factor of negative inputs, in [0, 1]. Always give it: without it the layer uses 0.2, the value of DCGAN,
            with a DeprecationWarning, and a later version will use 0.01, as `ops.leaky_relu` and PyTorch do.
    """

    _operation = ops.leaky_relu

    def __init__(self, slope: float | None = None) -> None:
        if slope is None:
            slope = 0.2
            warnings.warn(
                "nn.LeakyReLU() without a slope uses 0.2 today and will use 0.01 in a later version, as ops.leaky_relu "
                "and PyTorch do: write nn.LeakyReLU(0.2)",
                DeprecationWarning,
                stacklevel=2,
            )
        self.options: dict[str, Any] = {"slope": slope}


class Tanh(Function):
    """Hyperbolic tangent: tanh(x)."""

    _operation = ops.tanh


class Sigmoid(Function):
    """Logistic function: 1 / (1 + e^-x)."""

    _operation = ops.sigmoid


class Flatten(Function):
    """Flatten every sample: (N, ...) -> (N, product of the rest)."""

    _operation = ops.flatten


class Upsample(Function):
    """Nearest-neighbour upsampling of images: (N, H, W, C) -> (N, scale H, scale W, C).

    Args:
        scale: Integer factor by which the sides grow.
    """

    _operation = ops.upsample

    def __init__(self, scale: int = 2) -> None:
        self.options: dict[str, Any] = {"scale": scale}


class Reshape(Module):
    """New shape of every sample: (N, ...) -> (N, *shape).

    Args:
        *shape: Shape of one sample, as numbers or as one tuple.
    """

    shape: Shape

    def __init__(self, *shape: int | Shape) -> None:
        self.shape = shape[0] if shape and isinstance(shape[0], tuple) else shape  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        return ops.reshape(x, (x.shape[0], *self.shape))

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.shape))


_LARGE = (1 << 30, 1 << 30)  # the size of images into which every kernel fits


def _drawer(rng, init, fan_in, fan_out, dtype):
    if min(fan_in, fan_out) < 1:
        raise ValueError(f"a layer needs at least one input and one output, got fan in {fan_in} and fan out {fan_out}")
    rng = as_generator(rng)
    return lambda shape: Parameter(np.asarray(init(rng, shape, fan_in, fan_out), dtype))


def _refuse_integers(layer, x):
    """Raise TypeError for integers, such as unscaled pixels: NumPy would multiply them by the weight without error."""
    dtype = getattr(x, "dtype", None)  # a list has none
    if dtype is not None and dtype.kind in "iu":
        raise TypeError(
            f"{type(layer).__name__}: x {x.shape} has dtype {dtype}, but a layer needs floating-point numbers: scale "
            "uint8 pixels to [-1, 1] with mg.data.scale(images), or convert with .astype('float32')"
        )


_MISFIT = (AttributeError, TypeError, ValueError)  # what an operation raises for an x that does not fit


def _explain(layer, x, error, channels=None):
    """Raise a clearer exception than `error`, with the layer and the likely cause, if x is a list or has a wrong shape.

    `channels` is the number of channels that a convolution expects.
    """
    path = layer.weight.name.rpartition(".")[0]
    name = f"{layer} at {path!r}" if path else str(layer)
    if isinstance(x, list | tuple):
        remedy = f"mg.tensor(x, dtype={str(layer.weight.dtype)!r})"
        raise TypeError(f"{name} got a {type(x).__name__}, which has no shape or dtype: give {remedy}") from error
    if type(error) is ValueError:
        first = channels is not None and len(x.shape) == 4 and x.shape[1] == channels != x.shape[3]
        hint = f"; x is {x.shape}: are the channels first? minigan's images are (N, H, W, C)" if first else ""
        raise ValueError(f"{error}; the layer is {name}{hint}") from error


def _plus(x, bias):
    return x if bias is None else x + bias


def _kernel(kernel_size):
    """Return (height, width) of a kernel; raise ValueError if they are not two positive integers."""
    return as_pair("kernel_size", hashable(kernel_size), 1)


def _check_integers(**arguments):
    for name, value in arguments.items():
        if not hasattr(value, "__index__"):
            raise TypeError(f"{name} must be an integer, got {value!r}")


def _check_channels(in_channels, out_channels, groups):
    _check_integers(in_channels=in_channels, out_channels=out_channels, groups=groups)
    if groups < 1:
        raise ValueError(f"groups must be at least 1, got {groups}")
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"groups={groups} must divide in_channels={in_channels} and out_channels={out_channels}")


def _nondefault(options):
    """Return the options of a convolution that differ from their defaults, and always the stride, as text."""
    defaults = {"padding": 0, "output_padding": 0, "dilation": 1, "groups": 1}
    return ", ".join(f"{k}={v}" for k, v in options.items() if k == "stride" or v != defaults[k])
