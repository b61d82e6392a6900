"""Memory of a GPU: what a full one says, also while a step is recorded; dropped graphs give theirs back."""

import gc

import numpy as np
import pytest
from captured_games import played

import minigan as mg
from minigan import backend
from minigan.random import Generator

pytestmark = pytest.mark.gpu


def test_a_full_gpu_while_a_step_is_recorded_says_what_to_do():
    import cupy

    free, _ = cupy.cuda.runtime.memGetInfo()
    calls = []

    def step(x):
        calls.append(1)
        if len(calls) == 2:
            cupy.empty(2 * free, "uint8")
        return x * 2

    captured = mg.capture(step)
    x = mg.Tensor(Generator(0, "cuda").normal((4,)))
    captured(x)
    with pytest.raises(MemoryError, match=r"the GPU's memory is full: .* were asked for") as caught:
        captured(x)
    assert caught.value.halvings >= 1
    for _ in range(4):  # begins again
        np.testing.assert_array_equal(captured(x).numpy(), 2 * x.numpy())


def test_dropped_graphs_give_their_memory_back():
    import cupy

    def live():
        gc.collect()
        backend.named("cuda")
        cupy.get_default_memory_pool().free_all_blocks()
        free, total = cupy.cuda.runtime.memGetInfo()
        return total - free

    played("dcgan", True)
    before = live()
    for _ in range(3):
        played("dcgan", True)
    assert live() <= before
