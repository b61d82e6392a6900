"""Cases that are measured on a GPU: whole steps of a GAN, and the products and convolutions in them one by one.

A step is a `workloads.GanStep`; this module has its parts, and larger networks, which suit a GPU.
"""

from dataclasses import dataclass, replace

import numpy as np

from minigan.backend.cuda.columns import chunks

from . import arithmetic, networks, workloads
from .arithmetic import Product

BATCHES = {"dcgan-28": (64, 256), "dcgan-64": (64, 128, 256)}
COMPILED = {("dcgan-28-critic-64", "tf32"), ("dcgan-64-critic-128", "tf32")}  # compilation takes half a minute each
FIRST = ("dcgan-28-critic-64", "dcgan-64-critic-256")  # steps that come first, in case the time is too short for all
KINDS = {"F": "forward", "D": "gradient of the input", "W": "gradient of the weight"}
LARGE = (4096, 8192)  # sides of the matrices whose product shows the limit of the device
COPIED = 1 << 28  # bytes


@dataclass(frozen=True)
class Multiply:
    """Product of matrices as a layer of the network `where` needs it; see `arithmetic.Product` for its kinds."""

    where: str
    product: Product
    dtype = "float32"

    @property
    def name(self):
        g = self.product.gemm
        return f"{self.where} {self.product.kind} {g.rows}x{g.inner}x{g.columns}"

    def operands(self):
        """Return the arrays of F = x @ w, W = x^T @ y or D = y @ w^T, not yet transposed."""
        g = self.product.gemm
        x, w, y = (g.rows, g.inner), (g.inner, g.columns), (g.rows, g.columns)
        shapes = {"F": (x, w), "W": (x, y), "D": (y, w)}[self.product.kind]
        return [_numbers(shape, i) for i, shape in enumerate(shapes)]


@dataclass(frozen=True)
class Convolve:
    """One of the three convolutions of a layer `networks.Conv` or `networks.ConvTranspose`."""

    where: str
    layer: networks.Conv | networks.ConvTranspose
    batch: int
    kind: str
    dtype = "float32"

    @property
    def name(self):
        h, w, c = self.layer.inputs
        return f"{self.where} {self.kind} {h}x{w}x{c} to {self.layer.channels}"

    def operands(self):
        """Return (x, weight, y): the input (N, H, W, C), the weight in minigan's layout, the gradient of the output."""
        shapes = (self.batch, *self.layer.inputs), self.layer.shapes()["weight"], (self.batch, *outputs(self.layer))
        return [_numbers(shape, i) for i, shape in enumerate(shapes)]


@dataclass(frozen=True)
class Copy:
    """Copy of bytes from one place on the device to another."""

    size: int = COPIED
    dtype = "float32"
    name = "copy"

    def operands(self):
        return [_numbers((self.size // 4,), 0)]


def outputs(layer):
    """Return the shape of one output sample of a dense layer or a convolution."""
    if isinstance(layer, networks.Dense):
        return layer.outputs
    h, w, _ = layer.inputs
    s = layer.stride
    small = (-(-h // s), -(-w // s)) if isinstance(layer, networks.Conv) else (h * s, w * s)
    return (*small, layer.channels)


def dcgan_generator(side=64, channels=3, width=64, latent=100):
    """Return `models.dcgan.generator` for sides that are 4 times a power of 2."""
    widths = [width << k for k in reversed(range((side // 4).bit_length() - 1))]
    widths, size = [2 * widths[0], *widths], 4
    layers = [networks.Dense((latent,), (4, 4, widths[0]), bias=False)]
    for k, (ci, co) in enumerate(zip(widths, [*widths[1:], channels], strict=True)):
        stride = 2 if k else 1
        layers += [networks.BatchNorm(ci), networks.LeakyReLU(0.2)]
        layers += [networks.ConvTranspose((size, size, ci), co, stride=stride)]
        size *= stride
    return (*layers, networks.Tanh())


def dcgan_critic(side=64, channels=3, width=64):
    """Return `models.dcgan.critic` for sides that are 4 times a power of 2."""
    layers, co = [], width
    while side > 4:
        layers += [networks.Conv((side, side, channels), co), networks.LeakyReLU(0.2)]
        side, channels, co = side // 2, co, 2 * co
    return (*layers, networks.Dense((side, side, channels), (1,)))


def _dcgan(name, batch, player):
    small = workloads.ALL[f"dcgan-{player}"]
    large = {"generator": dcgan_generator(), "critic": dcgan_critic()} if name == "dcgan-64" else {}
    kind = {"critic": "WGAN-GP critic step", "generator": "generator step"}[player]
    about = f"{name.upper()} {kind}, batch {batch}"
    return replace(small, name=f"{name}-{player}-{batch}", about=about, batch=batch, **large)


def steps(quick=False):
    """Return the whole steps, the most important first; if `quick`, a tiny one whose time means nothing."""
    found = [_dcgan(name, n, p) for name, batches in BATCHES.items() for n in batches for p in ("critic", "generator")]
    found = [workloads.ALL["toy-critic"], workloads.ALL["dense-1024"], *found]
    found.sort(key=lambda step: step.name not in FIRST)
    return [workloads.tiny(found[0])] if quick else found


def multiplications(quick=False):
    """Return the products of every layer, each shape once, for as many images as the engine takes at a time."""
    found = {}
    for where, step in _networks(quick):
        for player in ("generator", "critic"):
            for layer in getattr(step, player):
                if hasattr(layer, "gemm"):
                    for kind in KINDS:
                        product = Product(kind, _at_once(layer, step.batch))
                        found.setdefault(product, Multiply(where, product))
    return list(found.values())[: 3 if quick else None]


def convolutions(quick=False):
    """Return the three convolutions of every layer of DCGAN, including the gradient of the first layer's input."""
    found = [
        Convolve(where, layer, step.batch, kind)
        for where, step in _networks(quick)
        for player in ("generator", "critic")
        for layer in getattr(step, player)
        if isinstance(layer, networks.Conv | networks.ConvTranspose)
        for kind in KINDS
    ]
    return found[:: 4 if quick else 1]


def limits(quick=False):
    """Return the cases that show how fast the device multiplies and copies: large products, and a copy at the end."""
    sides = (64,) if quick else LARGE
    large = [Multiply("large", Product("F", networks.Gemm(n, n, n))) for n in sides]
    return [*large, Copy(1 << 16 if quick else COPIED)]


def judged(case, precision):
    """Return the (variant of the case, precision) on which libraries must agree before it is timed.

    A step is compared on at most 32 samples, see `workloads.judged`, as most of its numbers are gradients of weights.
    """
    if isinstance(case, workloads.GanStep):
        small = replace(case, batch=min(case.batch, 32))
        return [(replace(variant, name="", about=""), "fp32") for variant in workloads.judged(small)]
    return [] if isinstance(case, Copy) else [(case, precision)]


def flops(case):
    """Return the floating-point operations of a case; a multiplication with its addition counts as two."""
    match case:
        case Multiply():
            return case.product.gemm.flops
        case Convolve():
            return case.layer.gemm(case.batch).flops
        case Copy():
            return 0
    return arithmetic.flops(case)


def _networks(quick):
    if quick:
        return [("tiny", workloads.tiny(workloads.ALL["dcgan-critic"]))]
    found = [_dcgan("dcgan-28", 64, "critic"), _dcgan("dcgan-64", 128, "critic")]
    found += [workloads.ALL["dense-1024"], workloads.ALL["toy-critic"]]
    return [(f"{step.name.partition('-critic')[0]} b{step.batch}", step) for step in found]


def column_bytes(layer):
    """Return the bytes of the column matrix of one image in float32; 0 for a layer that needs none."""
    one = layer.gemm(1)
    wide = {networks.Conv: one.inner, networks.ConvTranspose: one.columns}.get(type(layer), 0)
    return 4 * one.rows * wide


def _at_once(layer, batch):
    """Return the product of as many samples as `backend.cupy.conv` takes at a time."""
    return layer.gemm(max(part.stop - part.start for part in chunks(batch, column_bytes(layer))))


def _numbers(shape, seed):
    """Return random numbers, the same every time; a large array repeats a shorter sequence."""
    found = np.random.default_rng(seed).standard_normal(min(int(np.prod(shape)), 999_983), np.float32)
    return np.resize(found, shape)
