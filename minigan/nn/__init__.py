"""Modules, layers and initialisers."""

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
    or_entropy,
)
from .module import Module, Sequential
from .resample import BilinearDown, BilinearUp
from .spectral import spectral_norm
