"""The check matrix on a GPU."""

import numpy as np
import pytest
from against_numpy import close, operation, put
from samples_elsewhere import ELSEWHERE

from minigan import backend
from minigan.ops.conv import conv_geometry
from minigan.random import Generator

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sample", ELSEWHERE, ids=[s.label for s in ELSEWHERE])
def test_operation(sample, dtype):
    operation(sample, dtype)


@pytest.mark.parametrize("channels", [(3, 64), (64, 128), (128, 1)])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (5, 2)])
def test_convolutions_of_real_size(kernel, stride, channels):
    """Many blocks, several chunks of the batch."""
    ci, co = channels
    geometry = conv_geometry((32, 32), (kernel, kernel), stride, "same", 1, 1)
    rng = Generator(0)
    x = rng.normal((64, 32, 32, ci), "float64")
    w = rng.normal((kernel, kernel, ci, co), "float64")
    y = rng.normal((64, *geometry.output, co), "float64")
    here, there = backend.named("cpu"), backend.named("cuda")
    close(there.conv2d(*put([x, w]), geometry), here.conv2d(x, w, geometry))
    close(there.conv_transpose2d(*put([y, w]), geometry), here.conv_transpose2d(y, w, geometry))
    close(there.conv2d_weight(*put([x, y]), geometry), here.conv2d_weight(x, y, geometry))


@pytest.mark.parametrize("shape", [(1 << 20, 1), (1 << 16, 64), (300, 4096), (1, 1 << 20)])
def test_sums_of_real_size(shape):
    x = Generator(0).normal(shape, "float64")
    close(backend.named("cuda").sum_leading(put(x), 1), backend.named("cpu").sum_leading(x, 1), 1e-11)


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_random_numbers_have_the_same_bits(size):
    here, there = Generator(2**63 + 5), Generator(2**63 + 5, "cuda")
    for draw in (
        lambda rng: rng.normal(size),
        lambda rng: rng.uniform((size,)),
        lambda rng: rng.uniform(size, -0.7, 1.23),
        lambda rng: rng.uniform(size, -0.7, 1.23, "float64"),
        lambda rng: rng.integers(-5, 2**31, size),
        lambda rng: rng.permutation(size),
    ):
        np.testing.assert_array_equal(backend.move(draw(there), "cpu"), draw(here))
    close(there.normal(size, "float64"), here.normal(size, "float64"))
    assert there.state == here.state


def test_tf32_is_another_precision():
    """Close to float32, but not equal to it where the hardware has it."""
    rng, cuda = Generator(0), backend.named("cuda")
    a, b = rng.normal((1024, 1024)), rng.normal((1024, 1024))
    full = cuda.matmul(*put([a, b]))
    with cuda.precision("tf32"):
        close(cuda.matmul(*put([a, b])), a @ b, 5e-3)
    np.testing.assert_array_equal(*[backend.move(x, "cpu") for x in (cuda.matmul(*put([a, b])), full)])
