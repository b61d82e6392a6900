"""Counterparts in PyTorch of minigan's layers: PyTorch's own modules, and modules for the layers that it lacks."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn as t
from torch.nn import functional as f
from torch.nn.utils import parametrizations

from .. import gan, models, nn
from ..models.residual import Block
from ..models.translation import PairedGenerator, UNet
from .layout import rule_for


def built(layer: nn.Module) -> t.Module:
    """Return the counterpart of a layer, with PyTorch's initial weights."""
    return rule_for(layer, BUILD)(layer)


class Conv2d(t.Conv2d):
    """Convolution whose padding may differ from side to side, or depend on the size of the image ("same")."""

    def __init__(self, *sizes, sides, **options):
        super().__init__(*sizes, **options)
        self.sides = sides

    def forward(self, input):
        (top, bottom), (left, right) = self._same(input.shape[2:]) if self.sides == "same" else self.sides
        return super().forward(f.pad(input, (left, right, top, bottom)))

    def _same(self, size):
        for n, k, s, d in zip(size, self.kernel_size, self.stride, self.dilation, strict=True):
            total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
            yield total // 2, total - total // 2


class ConvTranspose2d(t.ConvTranspose2d):
    """Transposed convolution without padding, whose output is cropped by ((top, bottom), (left, right))."""

    def __init__(self, *sizes, sides, **options):
        super().__init__(*sizes, **options)
        self.cut = [-n for side in reversed(sides) for n in side]

    def forward(self, input, output_size=None):
        return f.pad(super().forward(input, output_size), self.cut)


class LayerNorm(t.LayerNorm):
    """Layer norm over the channels, axis 1, of vectors or images."""

    def forward(self, input):
        return super().forward(input.movedim(1, -1)).movedim(-1, 1)


class BilinearDown(t.Module):
    """Filter (1, 3, 3, 1) / 8 along both axes that keeps every second pixel; the border pixels are repeated."""

    def forward(self, x):
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype, device=x.device) / 8
        kernel = torch.outer(taps, taps).expand(x.shape[1], 1, 4, 4)
        return f.conv2d(f.pad(x, (1, 1, 1, 1), mode="replicate"), kernel, stride=2, groups=x.shape[1])


class FourierFeatures(t.Module):
    """Counterpart of `minigan.nn.FourierFeatures`, along axis 1."""

    def __init__(self, octaves):
        super().__init__()
        self.octaves = octaves

    def forward(self, x):
        phases = torch.cat([x * (2**k * torch.pi) for k in range(self.octaves)], 1)
        return torch.cat([x, phases.sin(), phases.cos()], 1)


class MinibatchStd(t.Module):
    """Counterpart of `minigan.nn.MinibatchStd`."""

    def __init__(self, group, eps):
        super().__init__()
        self.group, self.eps = group, eps

    def forward(self, x):
        size = self.group or len(x)
        deviation = (x.reshape(len(x) // size, size, -1).var(1, correction=0) + self.eps).sqrt().mean(1)
        spread = deviation.repeat_interleave(size).reshape(-1, *[1] * (x.ndim - 1))
        return torch.cat([x, spread.expand(-1, 1, *x.shape[2:])], 1)


class Labelled(t.Module):
    """Network of x and the one-hot labels, concatenated along axis 1; a label is constant over an image.

    With `flat`, images are flattened before the concatenation.
    """

    def __init__(self, body, classes, flat=False):
        super().__init__()
        self.body, self.classes, self.flat = body, classes, flat

    def forward(self, x, labels):
        x = x.flatten(1) if self.flat else x
        chosen = f.one_hot(labels, self.classes).to(x.dtype)
        chosen = chosen.reshape(*chosen.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
        return self.body(torch.cat([x, chosen], 1))


class Projection(t.Module):
    """Counterpart of `minigan.models.conditional.ProjectionCritic`: scores(x)_0 + scores(x)_(1 + y)."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def forward(self, x, labels):
        scores = self.scores(x)
        return scores[:, :1] + scores.gather(1, 1 + labels[:, None])


class Residual(t.Module):
    """Counterpart of `minigan.models.residual.Block`: x + conv3(act(conv2(act(conv1(x)))))."""

    def __init__(self, block):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = built(block.conv1), built(block.conv2), built(block.conv3)
        self.act = built(block.act)

    def forward(self, x):
        return x + self.conv3(self.act(self.conv2(self.act(self.conv1(x)))))


class Skipping(t.Module):
    """Counterpart of `minigan.models.translation.UNet`."""

    def __init__(self, unet):
        super().__init__()
        self.down, self.up = t.ModuleList(map(built, unet.down)), t.ModuleList(map(built, unet.up))
        self.out = built(unet.out)

    def forward(self, x):
        maps = []
        for layer in self.down:
            x = layer(x)
            maps.append(x)
        maps.pop()
        for layer in self.up:
            x = torch.cat([layer(x), maps.pop()], 1)
        return self.out(x)


class Paired(t.Module):
    """Concatenation of x and body(x) along axis 1."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return torch.cat([x, self.body(x)], 1)


class Fronted(t.Module):
    """Critic whose samples first pass through `front`: critic(front(x), ...)."""

    def __init__(self, front, critic):
        super().__init__()
        self.front, self.critic = front, critic

    def forward(self, x, *labels):
        return self.critic(self.front(x), *labels)


class Packed(t.Module):
    """Network of packs of m consecutive samples, concatenated along axis 1."""

    def __init__(self, body, m):
        super().__init__()
        self.body, self.m = body, m

    def forward(self, x):
        return self.body(x.reshape(len(x) // self.m, self.m * x.shape[1], *x.shape[2:]))


class Decoder(t.Module):
    """Decoder of a `minigan.models.vae.VAE`, from z to the mean of p(x|z); the encoder's weights are kept beside it."""

    def __init__(self, vae):
        super().__init__()
        self.encoder, self.decoder = built(vae.encoder), built(vae.decoder)
        self.output = t.Sigmoid() if vae.likelihood == "bernoulli" else t.Identity()

    def forward(self, z):
        return self.output(self.decoder(z))


def _convolution(layer):
    kh, kw, ci, co = layer.weight.shape
    options = {**layer.options, "bias": layer.bias is not None}
    sizes = (ci * options["groups"], co, (kh, kw))
    sides = _sides(options.pop("padding"))
    if sides == "same" or any(before != after for before, after in sides):
        return Conv2d(*sizes, sides=sides, **options)
    (top, _), (left, _) = sides
    return t.Conv2d(*sizes, padding=(top, left), **options)


def _transposed(layer):
    kh, kw, co, ci = layer.weight.shape
    options = {**layer.options, "bias": layer.bias is not None}
    sides = _sides(options.pop("padding"))
    if sides == "same":  # the output is cropped from (in - 1) * stride + extent to in * stride
        axes = zip((kh, kw), _pair(options["stride"]), _pair(options["dilation"]), strict=True)
        surplus = [d * (k - 1) + 1 - s for k, s, d in axes]
        options["output_padding"] = tuple(max(-n, 0) for n in surplus)
        sides = tuple((max(n, 0) // 2, (max(n, 0) + 1) // 2) for n in surplus)
    sizes = (ci, co * options["groups"], (kh, kw))
    if any(before != after for before, after in sides):
        return ConvTranspose2d(*sizes, sides=sides, **options)
    (top, _), (left, _) = sides
    return t.ConvTranspose2d(*sizes, padding=(top, left), **options)


def _sides(padding):
    """Return the padding as ((top, bottom), (left, right)), or "same"."""
    if padding in ("same", "valid"):
        return "same" if padding == "same" else ((0, 0), (0, 0))
    return padding if isinstance(padding, tuple | list) else ((padding, padding), (padding, padding))


def _pair(value):
    return tuple(value) if isinstance(value, tuple | list) else (value, value)


def _linear(layer):
    inputs, outputs = layer.weight.shape
    return t.Linear(inputs, outputs, bias=layer.bias is not None)


def _batch_norm(layer):
    return BatchNorm(layer.gamma.size, layer.eps, layer.momentum)


class BatchNorm(t.modules.batchnorm._BatchNorm):
    """Batch norm over all axes except axis 1, of vectors or images."""

    def _check_input_dim(self, input):
        """Accept vectors and images."""


def _reshape(layer):
    if len(layer.shape) == 3:
        height, width, channels = layer.shape
        return t.Unflatten(1, (channels, height, width))
    return t.Flatten()


def _sequential(layer):
    return t.Sequential(OrderedDict((name, built(child)) for name, child in layer.named_children()))


BUILD = {  # by class, or by its name as in layout.RULES
    nn.Linear: _linear,
    nn.Conv2d: _convolution,
    nn.ConvTranspose2d: _transposed,
    nn.BatchNorm: _batch_norm,
    nn.LayerNorm: lambda layer: LayerNorm(layer.gamma.size, layer.eps),
    nn.spectral_norm: lambda layer: parametrizations.spectral_norm(built(layer.layer), eps=layer.eps),
    nn.Dropout: lambda layer: t.Dropout(layer.p),
    nn.ReLU: lambda layer: t.ReLU(),
    nn.LeakyReLU: lambda layer: t.LeakyReLU(layer.options["slope"]),
    nn.Tanh: lambda layer: t.Tanh(),
    nn.Sigmoid: lambda layer: t.Sigmoid(),
    nn.Flatten: lambda layer: t.Flatten(),
    nn.Reshape: _reshape,
    nn.Upsample: lambda layer: t.Upsample(scale_factor=layer.options["scale"]),
    nn.BilinearUp: lambda layer: t.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
    nn.BilinearDown: lambda layer: BilinearDown(),
    nn.FourierFeatures: lambda layer: FourierFeatures(layer.octaves),
    nn.MinibatchStd: lambda layer: MinibatchStd(layer.group, layer.eps),
    nn.Sequential: _sequential,
    gan.Augment: lambda layer: t.Identity(),
    gan.InstanceNoise: lambda layer: t.Identity(),
    gan.PackedCritic: lambda layer: Packed(built(layer.body), layer.m),
    models.conditional.LabelledGenerator: lambda layer: Labelled(built(layer.body), layer.classes),
    models.conditional.ConcatenationCritic: lambda layer: Labelled(built(layer.body), layer.classes, layer.flat),
    models.conditional.ProjectionCritic: lambda layer: Projection(built(layer.scores)),
    models.vae.VAE: Decoder,
    Block: Residual,
    UNet: Skipping,
    PairedGenerator: lambda layer: Paired(built(layer.body)),
    "Through": lambda layer: Fronted(built(layer.front), built(layer.critic)),
}
