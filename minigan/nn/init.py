"""Initialisers: functions (rng, shape, fan_in, fan_out) -> array.

fan_in and fan_out are the numbers of terms in a sum of the forward and of the backward pass: features, times the
kernel's area for a convolution.  As in other libraries strides are left out of account, so the sums of a transposed
convolution of stride s have s^2 times fewer terms than its fan_in says.
"""

import math


def dcgan(rng, shape, fan_in, fan_out):
    """N(0, 0.02^2), whatever the fan (Radford et al. 2015, section 3)."""
    return rng.normal(shape) * 0.02


def he(rng, shape, fan_in, fan_out):
    """N(0, 2 / fan_in): keeps the variance through ReLU layers (He et al. 2015, equation 10)."""
    return rng.normal(shape) * math.sqrt(2 / fan_in)


def xavier(rng, shape, fan_in, fan_out):
    """U(-a, a) with a^2 = 6 / (fan_in + fan_out) (Glorot and Bengio 2010, equation 16)."""
    a = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(shape, -a, a)


def lecun_uniform(rng, shape, fan_in, fan_out):
    """U(-a, a) with a = 1 / sqrt(fan_in), the default of PyTorch's layers (LeCun et al. 1998, section 4.6)."""
    a = 1 / math.sqrt(fan_in)
    return rng.uniform(shape, -a, a)
