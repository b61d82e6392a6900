"""Whole training steps on a GPU: those of the CPU, and the same bits every time."""

import pytest
from against_numpy import SHAPES, played, step
from stand_in import cut

from minigan import backend

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SHAPES)
def test_a_step_is_that_of_the_cpu(name, dtype):
    step(name, dtype)


@pytest.mark.parametrize("name", SHAPES)
def test_two_runs_are_equal_to_the_bit(name):
    (reports, weights), (again, others) = [played(name, "cuda", steps=cut("steps of two equal runs")) for _ in range(2)]
    assert reports == again
    for one, other in zip(weights, others, strict=True):
        assert backend.move(one, "cpu").tobytes() == backend.move(other, "cpu").tobytes()
