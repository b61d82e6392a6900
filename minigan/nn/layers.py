"""The layers.  Images are (N, H, W, C); weights are drawn from an explicit generator.

Every layer with weights takes `rng`, a `minigan.random.Generator`; without one it draws a seed from the operating
system, and the weights differ from run to run.
"""

import secrets

import numpy as np

from .. import ops
from ..backend import device_of, move
from ..backend.recording import changing
from ..op import is_repeating
from ..random import Generator
from ..tensor import Parameter, Tensor
from .init import lecun_uniform
from .module import Module


class Linear(Module):
    """x (N, in_features) -> x @ weight + bias, weight (in_features, out_features)."""

    output_axis = 1  # of the weight

    def __init__(self, in_features, out_features, bias=True, *, init=lecun_uniform, rng=None, dtype=np.float32):
        draw = _drawer(rng, init, in_features, out_features, dtype)
        self.weight = draw((in_features, out_features))
        self.bias = Parameter(np.zeros(out_features, dtype)) if bias else None

    def forward(self, x):
        return self.apply(x, self.weight)

    def apply(self, x, weight):
        """The layer with another weight in place of its own."""
        return ops.matmul(x, weight) if self.bias is None else ops.linear(x, weight, self.bias)

    def extra_repr(self):
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class Conv2d(Module):
    """Images (N, H, W, in_channels) -> (N, H', W', out_channels); see `ops.conv2d` for sizes and padding.

    weight: (kH, kW, in_channels / groups, out_channels).
    """

    output_axis = 3

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
        *, init=lecun_uniform, rng=None, dtype=np.float32,
    ):  # fmt: skip
        kernel = _square(kernel_size)
        _check_groups(in_channels, out_channels, groups)
        field = kernel[0] * kernel[1]
        draw = _drawer(rng, init, field * in_channels // groups, field * out_channels // groups, dtype)
        self.weight = draw((*kernel, in_channels // groups, out_channels))
        self.bias = Parameter(np.zeros(out_channels, dtype)) if bias else None
        self.options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}

    def forward(self, x):
        return self.apply(x, self.weight)

    def apply(self, x, weight):
        """The layer with another weight in place of its own."""
        return _plus(ops.conv2d(x, weight, **self.options), self.bias)

    def extra_repr(self):
        kh, kw, ci, co = self.weight.shape
        return f"{ci * self.options['groups']}, {co}, kernel={kh}x{kw}, {_spoken(self.options)}"


class ConvTranspose2d(Module):
    """Images (N, H, W, in_channels) -> (N, H', W', out_channels), the adjoint of a convolution.

    See `ops.conv_transpose2d`.
    weight: (kH, kW, out_channels / groups, in_channels), that of the convolution whose adjoint this is.
    """

    output_axis = 2

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, dilation=1, groups=1,
        bias=True, *, init=lecun_uniform, rng=None, dtype=np.float32,
    ):  # fmt: skip
        kernel = _square(kernel_size)
        _check_groups(in_channels, out_channels, groups)
        field = kernel[0] * kernel[1]
        draw = _drawer(rng, init, field * in_channels // groups, field * out_channels // groups, dtype)
        self.weight = draw((*kernel, out_channels // groups, in_channels))
        self.bias = Parameter(np.zeros(out_channels, dtype)) if bias else None
        self.options = {
            "stride": stride, "padding": padding, "output_padding": output_padding,
            "dilation": dilation, "groups": groups,
        }  # fmt: skip

    def forward(self, x):
        return self.apply(x, self.weight)

    def apply(self, x, weight):
        """The layer with another weight in place of its own."""
        return _plus(ops.conv_transpose2d(x, weight, **self.options), self.bias)

    def extra_repr(self):
        kh, kw, co, ci = self.weight.shape
        return f"{ci}, {co * self.options['groups']}, kernel={kh}x{kw}, {_spoken(self.options)}"


class BatchNorm(Module):
    """Normalise each channel (the last axis) over the batch; in evaluation by running statistics.

    momentum: the weight of the newest batch in the running statistics; their variance is unbiased, as in PyTorch.
    """

    buffer_names = ("running_mean", "running_var")
    couples_samples = True

    def __init__(self, channels, eps=1e-5, momentum=0.1, *, dtype=np.float32):
        self.gamma = Parameter(np.ones(channels, dtype))
        self.beta = Parameter(np.zeros(channels, dtype))
        self.running_mean = np.zeros(channels, dtype)
        self.running_var = np.ones(channels, dtype)
        self.eps, self.momentum = eps, momentum

    def forward(self, x):
        if self.training:
            rows = x.size // x.shape[-1]
            return ops.batch_norm(x, self.gamma, self.beta, eps=self.eps, observe=lambda m, v: self._track(m, v, rows))
        if x.shape[-1:] != self.gamma.shape:
            raise ValueError(f"BatchNorm of {self.gamma.size} channels got x {x.shape}; channels are the last axis")
        scale = self.gamma / ops.sqrt(ops.add(self.running_var, self.eps))  # ops: what a capture sees
        return x * scale + (self.beta - scale * ops.add(self.running_mean, 0.0))  # a later forward moves the mean

    def _track(self, mean, variance, rows):
        if is_repeating():
            return
        unbiased = variance.real * (rows / max(rows - 1, 1))  # real: a complex step leaves no trace in the statistics
        for running, newest in ((self.running_mean, mean.real), (self.running_var, unbiased)):
            changing(running)
            np.add(running, self.momentum * (newest - running), out=running)  # += would bind what a capture hands in

    def extra_repr(self):
        return f"{self.gamma.size}, eps={self.eps}, momentum={self.momentum}"


class LayerNorm(Module):
    """Normalise over the last axis; no row depends on another, so a penalised critic may use it."""

    def __init__(self, channels, eps=1e-5, *, dtype=np.float32):
        self.gamma = Parameter(np.ones(channels, dtype))
        self.beta = Parameter(np.zeros(channels, dtype))
        self.eps = eps

    def forward(self, x):
        return ops.layer_norm(x, self.gamma, self.beta, eps=self.eps)

    def extra_repr(self):
        return f"{self.gamma.size}, eps={self.eps}"


class Dropout(Module):
    """In training, sets each element to 0 with probability p and divides the others by 1 - p."""

    def __init__(self, p=0.5, *, rng=None):
        self.p, self.rng = p, or_entropy(rng)

    def forward(self, x):
        return ops.dropout(x, self.p, self.rng, self.training)

    def extra_repr(self):
        return f"{self.p}"


class Embedding(Module):
    """Integers (N, ...) -> rows (N, ..., features) of a table (count, features)."""

    def __init__(self, count, features, *, rng=None, dtype=np.float32):
        self.weight = Parameter(or_entropy(rng).normal((count, features), dtype))

    def forward(self, index):
        index = index.data if isinstance(index, Tensor) else index
        if device_of(index) == "cpu":  # elsewhere, to look at the values would stop the device
            index = move(self._checked(np.asarray(index)), self.weight.device)
        return self.weight[index]

    def _checked(self, index):
        count = self.weight.shape[0]
        if index.dtype.kind not in "iu" or (index.size and not 0 <= index.min() <= index.max() < count):
            raise ValueError(f"Embedding: needs integers in [0, {count}), got {index.dtype} values"
                             + (f" from {index.min()} to {index.max()}" if index.size else ""))  # fmt: skip
        return index

    def extra_repr(self):
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class Function(Module):
    """A layer without parameters; `options` are the keyword arguments of its operation."""

    operation = None
    options = {}  # noqa: RUF012  (never written to)

    def forward(self, x):
        return type(self).operation(x, **self.options)

    def extra_repr(self):
        return ", ".join(f"{k}={v}" for k, v in self.options.items())


class ReLU(Function):
    """max(x, 0)."""

    operation = ops.relu


class LeakyReLU(Function):
    """x where x > 0, slope * x elsewhere."""

    operation = ops.leaky_relu

    def __init__(self, slope=0.2):
        self.options = {"slope": slope}


class Tanh(Function):
    """tanh(x)."""

    operation = ops.tanh


class Sigmoid(Function):
    """1 / (1 + e^-x)."""

    operation = ops.sigmoid


class Flatten(Function):
    """(N, ...) -> (N, product of the rest)."""

    operation = ops.flatten


class Upsample(Function):
    """Nearest-neighbour upsampling of (N, H, W, C) by a whole factor."""

    operation = ops.upsample

    def __init__(self, scale=2):
        self.options = {"scale": scale}


class Reshape(Module):
    """(N, ...) -> (N, *shape); the shape as numbers or as one tuple."""

    def __init__(self, *shape):
        self.shape = shape[0] if shape and isinstance(shape[0], tuple) else shape

    def forward(self, x):
        return ops.reshape(x, (x.shape[0], *self.shape))

    def extra_repr(self):
        return ", ".join(map(str, self.shape))


def or_entropy(rng):
    """The generator given, or one with a seed from the operating system."""
    return Generator(secrets.randbits(63)) if rng is None else rng


def _drawer(rng, init, fan_in, fan_out, dtype):
    if min(fan_in, fan_out) < 1:
        raise ValueError(f"a layer needs at least one input and one output, got fan in {fan_in} and fan out {fan_out}")
    rng = or_entropy(rng)
    return lambda shape: Parameter(np.asarray(init(rng, shape, fan_in, fan_out), dtype))


def _plus(x, bias):
    return x if bias is None else x + bias


def _square(kernel_size):
    return tuple(kernel_size) if isinstance(kernel_size, list | tuple) else (kernel_size, kernel_size)


def _check_groups(in_channels, out_channels, groups):
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"groups={groups} must divide in_channels={in_channels} and out_channels={out_channels}")


def _spoken(options):
    return ", ".join(f"{k}={v}" for k, v in options.items() if v not in (0, 1) or k == "stride")
