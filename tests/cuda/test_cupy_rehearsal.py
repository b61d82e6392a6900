"""What the tests of `gpu` do on a GPU, on the emulator."""

import pytest
from against_numpy import SHAPES, operation, played, resumed, step
from fake_cupy import installed
from samples_elsewhere import ELSEWHERE

from minigan import backend


@pytest.fixture(scope="module", autouse=True)
def gpu(emulator):
    """The fakes under the device "cuda"."""
    with pytest.MonkeyPatch.context() as patch, installed(emulator, patch):
        yield


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sample", ELSEWHERE, ids=[s.label for s in ELSEWHERE])
def test_operation(sample, dtype):
    operation(sample, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SHAPES)
def test_a_step_is_that_of_the_cpu(name, dtype):
    step(name, dtype)


def test_two_runs_are_equal_to_the_bit():
    (reports, weights), (again, others) = [played("dense", "cuda", steps=2) for _ in range(2)]
    assert reports == again
    for one, other in zip(weights, others, strict=True):
        assert backend.move(one, "cpu").tobytes() == backend.move(other, "cpu").tobytes()


def test_a_run_and_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("minigan.runs.loop.PICTURES", 1)  # one is enough of what takes the emulator most of the time
    resumed("toy-ring", tmp_path)
