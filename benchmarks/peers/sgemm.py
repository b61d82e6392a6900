"""Lower bound by BLAS: only the matrix products of a workload, in NumPy."""

from collections import Counter

import numpy as np

from .. import arithmetic
from ..workloads import Chain


def version():
    return np.__version__


def refuses(workload):
    return "it multiplies no matrices" if isinstance(workload, Chain) else None


def build(workload):
    return Products(workload)


class Products:
    """All matrix products of a step, one after another."""

    def __init__(self, workload):
        counts = Counter(arithmetic.products(workload))
        self.products = [(n, *_operands(product, workload.dtype)) for product, n in counts.items()]

    def step(self):
        for n, left, right, out in self.products:
            for _ in range(n):
                np.matmul(left, right, out=out)


def _operands(product, dtype):
    """Return two matrices and a buffer for their product; for gradients one matrix is transposed, as in a step."""
    rng, g = np.random.default_rng(0), product.gemm
    x, w, y = (rng.random(s).astype(dtype) for s in ((g.rows, g.inner), (g.inner, g.columns), (g.rows, g.columns)))
    left, right = {"F": (x, w), "W": (x.T, y), "D": (y, w.T)}[product.kind]
    return left, right, np.empty((left.shape[0], right.shape[1]), dtype)
