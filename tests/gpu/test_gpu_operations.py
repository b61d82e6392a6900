"""The check matrix on a GPU, and kernels on arrays of real size."""

import numpy as np
import pytest
from against_numpy import close, operation, put
from op_samples import SAMPLES
from samples_elsewhere import ELSEWHERE, moved
from stand_in import cut

import minigan as mg
from minigan import backend
from minigan.ops.conv import conv_geometry
from minigan.random import Generator

pytestmark = pytest.mark.gpu

WAITING = {  # samples whose shapes depend on values, or whose indices are a list
    *("getitem-mask", "getitem-row-mask", "getitem-mask-and-slice", "getitem-own-mask", "getitem-list"),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("sample", ELSEWHERE, ids=[s.label for s in ELSEWHERE])
def test_operation(sample, dtype):
    """In float64 as it is, in float32 also in a graph, where nothing waits for the device or is copied to it."""
    operation(sample, dtype, captured=dtype == "float32" and sample.label not in WAITING)


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.label in WAITING], ids=lambda s: s.label)
def test_what_waits_for_values_cannot_be_captured(sample):
    captured, inputs = mg.capture(moved(sample.f, put)), [mg.Tensor(x) for x in put(sample.inputs)]
    captured(*inputs)
    with pytest.raises(mg.CaptureError, match="must not"):
        captured(*inputs)


def test_the_samples_that_wait_exist():
    assert {s.label for s in SAMPLES} >= WAITING


WIDE = cut("channels of a layer")


@pytest.mark.parametrize("channels", [(3, WIDE), (WIDE, 2 * WIDE), (2 * WIDE, 1)])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (5, 2)])
def test_convolutions_of_real_size(kernel, stride, channels):
    """Many blocks, several chunks of the batch."""
    (ci, co), n, side = channels, cut("images of a batch"), cut("side of an image")
    geometry = conv_geometry((side, side), (kernel, kernel), stride, "same", 1, 1)
    rng = Generator(0)
    x = rng.normal((n, side, side, ci), "float64")
    w = rng.normal((kernel, kernel, ci, co), "float64")
    y = rng.normal((n, *geometry.output, co), "float64")
    here, there = backend.named("cpu"), backend.named("cuda")
    close(there.conv2d(*put([x, w]), geometry), here.conv2d(x, w, geometry))
    close(there.conv_transpose2d(*put([y, w]), geometry), here.conv_transpose2d(y, w, geometry))
    close(there.conv2d_weight(*put([x, y]), geometry), here.conv2d_weight(x, y, geometry))


LARGE, TALL, BROAD = cut("elements of an array"), cut("rows of a tall matrix"), cut("columns of a wide matrix")


@pytest.mark.parametrize("shape", [(LARGE, 1), (TALL, 64), (300, BROAD), (1, LARGE)])
def test_sums_of_real_size(shape):
    x = Generator(0).normal(shape, "float64")
    close(backend.named("cuda").sum_leading(put(x), 1), backend.named("cpu").sum_leading(x, 1), 1e-11)


@pytest.mark.parametrize("size", [1, 7, LARGE])
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
    """Close to float32, and gone after its context; whether it is another is the hardware's choice."""
    rng, cuda, side = Generator(0), backend.named("cuda"), cut("side of a product")
    a, b = rng.normal((side, side)), rng.normal((side, side))
    full = cuda.matmul(*put([a, b]))
    with cuda.precision("tf32"):
        close(cuda.matmul(*put([a, b])), a @ b, 5e-3)
    np.testing.assert_array_equal(*[backend.move(x, "cpu") for x in (cuda.matmul(*put([a, b])), full)])
