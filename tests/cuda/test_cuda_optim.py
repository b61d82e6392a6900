"""Flat updates against the optimizers, step by step, with the count and the hyper-parameters on the device."""

import numpy as np
import pytest

from minigan import nn, optim
from minigan.tensor import Parameter

TYPES = [(np.float32, "float", 1e-5), (np.float64, "double", 1e-12)]
LAUNCHES = [((1,), (32,)), ((3,), (7,)), ((70,), (1,))]


@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.9), (0.5, 0.99)])
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_adam(emulator, dtype, real, tolerance, betas, launch):
    rng = np.random.default_rng(0)
    parameter = Parameter(rng.standard_normal(67).astype(dtype))
    adam = optim.Adam([parameter], lr=0.01, betas=betas, eps=1e-3)
    p, (m, v) = parameter.data.copy(), np.zeros((2, 67), dtype)
    steps, coefficients = np.zeros(1, np.int64), np.zeros(6, dtype)
    for t in range(1, 6):
        adam.lr = 0.01 / t  # a graph must see that it changes
        numbers, g = np.array([adam.lr, *betas, adam.eps]), rng.standard_normal(67).astype(dtype)
        g[0] = 0
        adam.step([g])
        emulator(f"adam_coefficients_{real}", (2,), (8,), numbers, steps, coefficients)
        emulator(f"adam_{real}", *launch, p, g, m, v, coefficients, p.size)
        assert steps[0] == t
        for mine, theirs in zip((p, m, v), (parameter.data, *adam.state[0]), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize("decay", [0.999, 0.3, 0.0])
@pytest.mark.parametrize(("dtype", "real", "tolerance"), TYPES)
def test_average(emulator, dtype, real, tolerance, decay, launch):
    rng = np.random.default_rng(0)
    module = nn.Module()
    module.weight = Parameter(rng.standard_normal(67).astype(dtype))
    ema = optim.EMA(module, decay)
    average = module.weight.data.copy()
    updates, weight = np.zeros(1, np.int64), np.zeros(1, dtype)
    for t in range(1, 6):
        module.weight.data[...] = rng.standard_normal(67)
        ema.update(module)
        emulator(f"ema_weight_{real}", (2,), (8,), np.array([decay]), updates, weight)
        emulator(f"ema_{real}", *launch, average, module.weight.data, weight, average.size)
        assert updates[0] == t
        np.testing.assert_allclose(average, ema.module.weight.data, rtol=tolerance, atol=tolerance)
