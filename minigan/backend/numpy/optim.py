"""Updates in place, which walk through memory once, in blocks that stay in cache, instead of once for every term."""

import numpy as np

BLOCK = 1 << 16  # elements: five float32 arrays of this size are about a second-level cache


def blocks(first, *others):
    """Aligned flat views of at most BLOCK elements; of the first and whatever is written to, or it would be a copy."""
    if not first.flags.c_contiguous:
        yield [first, *others]
        return
    flat = [first.reshape(-1), *[a.reshape(-1) for a in others]]
    for start in range(0, first.size, BLOCK):
        yield [a[start : start + BLOCK] for a in flat]


def adam(p, g, m, v, beta1, beta2, eps, lr):
    """m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,  p -= lr m / (sqrt(v) + eps)."""
    term = g * (1 - beta1)
    m *= beta1
    m += term
    np.multiply(g, g, out=term)
    term *= 1 - beta2
    v *= beta2
    v += term
    np.sqrt(v, out=term)
    term += eps
    np.divide(m, term, out=term)
    term *= lr
    p -= term


def approach(average, value, weight):
    """average += weight * (value - average)."""
    average += weight * (value - average)
