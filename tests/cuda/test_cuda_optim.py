"""Updates in place by the kernels against NumPy's."""

import numpy as np
import pytest

from minigan.backend.numpy import optim as numpy_optim

TYPES = [(np.float32, "float", 1e-5), (np.float64, "double", 1e-12)]
LAUNCHES = [((1,), (32,)), ((3,), (7,)), ((70,), (1,))]


@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize(("beta1", "beta2"), [(0.9, 0.999), (0.0, 0.9), (0.5, 0.99)])
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_adam(emulator, dtype, real, tolerance, beta1, beta2, launch):
    rng = np.random.default_rng(0)
    here = [rng.standard_normal(67).astype(dtype), *np.zeros((2, 67), dtype)]
    there = [a.copy() for a in here]
    for t in range(1, 6):
        g, lr, eps = rng.standard_normal(67).astype(dtype), 0.01 / t, 1e-3 * t
        g[0] = 0
        (p, m, v), numbers = there, (1 - beta1, beta1, 1 - beta2, beta2, eps, lr)
        emulator(f"adam_{real}", *launch, p, g, m, v, p.size, *numbers)
        numpy_optim.adam(here[0], g, *here[1:], beta1, beta2, eps, lr)
        for mine, theirs in zip(there, here, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize("weight", [0.001, 0.7, 1.0])
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_approach(emulator, dtype, real, tolerance, weight, launch):
    here, value = np.random.default_rng(0).standard_normal((2, 67)).astype(dtype)
    there = here.copy()
    emulator(f"approach_{real}", *launch, there, value, there.size, weight)
    numpy_optim.approach(here, value, weight)
    np.testing.assert_allclose(there, here, rtol=tolerance, atol=tolerance)
