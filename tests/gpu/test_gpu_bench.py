"""In each case of `python -m benchmarks --device cuda` minigan computes the numbers of the CPU."""

from dataclasses import replace

import numpy as np
import pytest
from against_numpy import precise
from stand_in import RUNTIME

from benchmarks import agreement, gpu_cases, gpu_minigan, networks, workloads

pytestmark = pytest.mark.gpu

POINTS = {player: networks.dense((2,), (n,), 4, 1, 0) for player, n in (("generator", 2), ("critic", 1))}
STEP = replace(workloads.ALL["toy-critic"], **POINTS, batch=4)
LAYERS = networks.Conv((6, 6, 4), 8), networks.ConvTranspose((3, 3, 4), 2)
PARTS = [gpu_cases.Convolve("tiny", layer, 3, kind) for layer in LAYERS for kind in gpu_cases.KINDS]
PARTS += [gpu_cases.Multiply("tiny", gpu_cases.Product(kind, networks.Gemm(4, 3, 5))) for kind in gpu_cases.KINDS]


def on_the_cpu(peer, case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu_minigan, "DEVICE", "cpu")
        return gpu_minigan.build(peer, case).outcome()


@pytest.mark.parametrize("case", PARTS, ids=lambda case: f"{type(case).__name__} {case.name}")
def test_a_part(case):
    found = gpu_minigan.build("minigan_eager", case).outcome()["out"]
    expected = on_the_cpu("minigan_eager", case)["out"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(RUNTIME is None, reason="cuBLAS is free not to use TF32 for products that small")
@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_a_precision_reaches_the_products(precision):
    with gpu_minigan.precision(precision):
        assert precise() == (precision == "fp32")


@pytest.mark.parametrize("peer", ["minigan_eager", "minigan_captured"])
def test_a_step(peer):
    """Its gradients, and that it runs with Adam; captured, both are replayed."""
    run, step = gpu_minigan.build(peer, STEP), replace(STEP, dtype="float64")
    found, expected = gpu_minigan.build(peer, step).outcome(), on_the_cpu("minigan_eager", step)
    assert agreement.disagreement(found, expected)[0] < 1e-12
    for _ in range(4):
        run.step()


def test_a_copy():
    run = gpu_minigan.build("minigan_eager", gpu_cases.Copy(256))
    run.step()
    np.testing.assert_array_equal(run.target.get(), run.source.get())
