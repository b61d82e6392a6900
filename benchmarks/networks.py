"""Networks of the workloads, described without any library, so that each library can build them in its own way.

A network is a tuple of layers. Shapes are those of one sample, (H, W, C) for images. Weights have minigan's layout,
which each peer converts to its own: (kH, kW, C_in, C_out) for convolutions, (kH, kW, C_out, C_in) for transposed ones.
Convolutions are padded by (kernel - 1) / 2 on every side, which every library can do without a copy; a stride of s
divides the sides by s, or multiplies them in a transposed convolution, whose extra pixels are at the bottom and right.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Gemm:
    """Product of matrices (rows, inner) @ (inner, columns)."""

    rows: int
    inner: int
    columns: int

    @property
    def flops(self):
        return 2 * self.rows * self.inner * self.columns


@dataclass(frozen=True)
class Dense:
    """Fully connected layer, from samples of one shape to samples of another."""

    inputs: tuple
    outputs: tuple
    bias: bool = True

    def shapes(self):
        shapes = {"weight": (math.prod(self.inputs), math.prod(self.outputs))}
        return shapes | ({"bias": (math.prod(self.outputs),)} if self.bias else {})

    def gemm(self, batch):
        return Gemm(batch, *self.shapes()["weight"])


@dataclass(frozen=True)
class Conv:
    """Convolution that divides the sides by its stride, with bias."""

    inputs: tuple
    channels: int
    kernel: int = 5
    stride: int = 2

    def shapes(self):
        return {"weight": (self.kernel, self.kernel, self.inputs[2], self.channels), "bias": (self.channels,)}

    def gemm(self, batch):
        pixels = -(-self.inputs[0] // self.stride) * -(-self.inputs[1] // self.stride)
        return Gemm(batch * pixels, self.kernel**2 * self.inputs[2], self.channels)


@dataclass(frozen=True)
class ConvTranspose:
    """Transposed convolution that multiplies the sides by its stride, without bias."""

    inputs: tuple
    channels: int
    kernel: int = 5
    stride: int = 2

    def shapes(self):
        return {"weight": (self.kernel, self.kernel, self.channels, self.inputs[2])}

    def gemm(self, batch):
        return Gemm(batch * self.inputs[0] * self.inputs[1], self.inputs[2], self.kernel**2 * self.channels)


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation, with eps = 1e-5, gamma and beta."""

    channels: int
    eps = 1e-5

    def shapes(self):
        return {"gamma": (self.channels,), "beta": (self.channels,)}


@dataclass(frozen=True)
class LeakyReLU:
    """Leaky ReLU: x where x > 0, slope * x elsewhere; a ReLU if the slope is 0."""

    slope: float

    def shapes(self):
        return {}


@dataclass(frozen=True)
class Tanh:
    """Hyperbolic tangent."""

    def shapes(self):
        return {}


def dense(inputs, outputs, width, depth, slope, last=()):
    """Return `depth` hidden layers of `width` units between two shapes, followed by the layers `last`."""
    shapes = [inputs] + [(width,)] * depth
    hidden = [layer for a in shapes[:-1] for layer in (Dense(a, (width,)), LeakyReLU(slope))]
    return (*hidden, Dense((width,), outputs), *last)


def dcgan_generator(side=28, latent=100, width=64):
    """Return `models.dcgan.generator` for images (side, side, 1): batch norms, and a first convolution of stride 1."""
    small, half = (side // 4, side // 4), (side // 2, side // 2)
    return (
        Dense((latent,), (*small, 4 * width), bias=False), BatchNorm(4 * width), LeakyReLU(0.2),
        ConvTranspose((*small, 4 * width), 2 * width, stride=1), BatchNorm(2 * width), LeakyReLU(0.2),
        ConvTranspose((*small, 2 * width), width), BatchNorm(width), LeakyReLU(0.2),
        ConvTranspose((*half, width), 1), Tanh(),
    )  # fmt: skip


def dcgan_critic(side=28, width=64):
    """Return `models.dcgan.critic` for images (side, side, 1): two convolutions and a dense layer."""
    return (
        Conv((side, side, 1), width), LeakyReLU(0.2),
        Conv((side // 2, side // 2, width), 2 * width), LeakyReLU(0.2),
        Dense((side // 4, side // 4, 2 * width), (1,)),
    )  # fmt: skip


def initial(network, rng, dtype):
    """Return a dict of weights for each layer: weights from N(0, 2 / fan_in), small biases, gammas around 1."""
    return [{name: _draw(name, shape, rng, dtype) for name, shape in layer.shapes().items()} for layer in network]


def named(player, values):
    """Return {"critic.0.weight": array, ...} from a dict of arrays for each layer."""
    return {f"{player}.{i}.{name}": array for i, layer in enumerate(values) for name, array in layer.items()}


def _draw(name, shape, rng, dtype):
    scale = math.sqrt(2 / math.prod(shape[:-1])) if name == "weight" else 0.1
    return ((name == "gamma") + rng.normal(0, scale, shape)).astype(dtype)
