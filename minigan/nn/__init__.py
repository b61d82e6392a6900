"""Modules, layers and initialisers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import init
from .features import FourierFeatures, MinibatchStd
from .layers import (
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Reshape,
    Sigmoid,
    Tanh,
    Upsample,
)
from .module import Module, Sequential
from .resample import BilinearDown, BilinearUp
from .spectral import spectral_norm
from .table import Summary, summary

__all__ = [
    "BatchNorm",
    "BilinearDown",
    "BilinearUp",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "FourierFeatures",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MinibatchStd",
    "Module",
    "ReLU",
    "Reshape",
    "Sequential",
    "Sigmoid",
    "Summary",
    "Tanh",
    "Upsample",
    "init",
    "spectral_norm",
    "summary",
]

_NORM = "use nn.BatchNorm(channels), which normalises the last axis of (N, C) and of (N, H, W, C)"
_CONV = "use nn.Conv2d on images (N, H, W, C); a sequence (N, L, C) is an image (N, 1, L, C) with kernel_size=(1, k)"
_POOL = "use a convolution with stride=2, or nn.BilinearDown(); mg.ops.block_sum(x, 2) / 4 is average pooling"
_LIST = "assign a plain list or dict of modules to an attribute; their parameters are found"
_ACTIVATION = "use nn.ReLU, nn.LeakyReLU(0.2), nn.Tanh or nn.Sigmoid, or call an operation of mg.ops in forward"

# Names of other libraries' layers, with the way to do it here.
_ELSEWHERE = {
    "AvgPool2d": _POOL,
    "BCELoss": "use mg.ops.binary_cross_entropy_with_logits(logits, targets)",
    "BCEWithLogitsLoss": "use mg.ops.binary_cross_entropy_with_logits(logits, targets)",
    "BatchNorm1d": _NORM,
    "BatchNorm2d": _NORM,
    "BatchNormalization": _NORM,
    "Conv1d": _CONV,
    "Conv3d": _CONV,
    "ConvTranspose": "use nn.ConvTranspose2d",
    "ConvTranspose1d": "use nn.ConvTranspose2d",
    "CrossEntropyLoss": "use mg.ops.log_softmax(logits) and pick the entries of the labels",
    "Dense": "use nn.Linear",
    "Dropout2d": "use nn.Dropout",
    "ELU": _ACTIVATION,
    "GELU": _ACTIVATION,
    "GroupNorm": "use nn.LayerNorm(channels), which normalises the last axis",
    "Identity": "use nn.Sequential()",
    "InstanceNorm2d": "use nn.LayerNorm(channels), which normalises the last axis",
    "L1Loss": "use mg.ops.abs(x - y).mean()",
    "LogSoftmax": "use mg.ops.log_softmax(x)",
    "MSELoss": "use mg.ops.square(x - y).mean()",
    "MaxPool2d": _POOL,
    "ModuleDict": _LIST,
    "ModuleList": _LIST,
    "Parameter": "use mg.Parameter",
    "ParameterList": _LIST,
    "SiLU": _ACTIVATION,
    "Softmax": "use mg.ops.softmax(x)",
    "Softplus": "use mg.ops.softplus(x)",
    "Unflatten": "use nn.Reshape",
    "UpsamplingBilinear2d": "use nn.BilinearUp()",
    "UpsamplingNearest2d": "use nn.Upsample(2)",
    "functional": "use mg.ops",
    "utils": "use nn.spectral_norm and mg.optim.clip_grad_norm",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for an attribute

    def __getattr__(name):
        from ..suggest import missing

        if name == "or_entropy":
            from ..deprecation import deprecated
            from ..random import as_generator

            deprecated("nn.or_entropy", "mg.random.as_generator")
            return as_generator
        raise missing(__name__, name, _ELSEWHERE)


def __dir__() -> list[str]:
    return sorted(__all__)
