"""Exact counts of what a training step asks of the device: a change that adds a launch, a copy or a wait is seen here.

A test that fails lists the kernels by name. Where the change is meant, write the new numbers here and in docs/gpu.md.

The counts are those of the stand-in; a GPU does not tell them. Batches are small, so that sums over them need one
launch, where the sums of larger ones need a second launch for each.
"""

from collections import Counter
from dataclasses import replace

import pytest
import stand_in

from benchmarks import gpu_cases, gpu_minigan

pytestmark = pytest.mark.gpu

# A captured step: its graph as (kernels, products), and what every step asks for beside it.
GRAPHS = {
    "dcgan-28-critic-64": (85, 21),
    "dcgan-28-generator-64": (61, 16),
    "toy-critic": (65, 28),
    "dense-1024": (73, 23),  # of both players
}
BESIDE = {
    "launches": 1,  # the numbers of the host, such as learning rates and the places of random streams
    "copies_on_device": 2,  # the samples and the noise
    "copies_to_host": 1,  # the report, for which nothing waits
    "event_records": 1,
    "graph_launches": 1,
}
# A step that is not captured waits for its report.
EAGER = {
    "dcgan-28-critic-64": {"launches": 87, "products": 21, "copies_to_host": 1, "stream_synchronisations": 1},
    "dcgan-28-generator-64": {"launches": 62, "products": 16, "copies_to_host": 1, "stream_synchronisations": 1},
    "toy-critic": {"launches": 67, "products": 28, "copies_to_host": 1, "stream_synchronisations": 1},
    "dense-1024": {"launches": 75, "products": 23, "copies_to_host": 2, "stream_synchronisations": 2},
}


@pytest.fixture
def counted():
    """counted(step): what the step asks of the device, as {name: number}, and a sentence that lists its kernels."""
    if stand_in.RUNTIME is None:
        pytest.skip("only the stand-in counts")

    def count(step):
        stand_in.RUNTIME.reset()
        with stand_in.watched() as seen:
            step()
        return stand_in.RUNTIME.counts(), f"the kernels are now {sorted(Counter(seen.kernels).items())}"

    return count


def build(peer, name):
    case = next(case for case in gpu_cases.steps() if case.name == name)
    return gpu_minigan.build(peer, replace(case, batch=4))


@pytest.mark.parametrize("name", GRAPHS)
def test_a_captured_step(name, counted):
    """One graph for each player's step; beside it nothing that waits, and no memory."""
    run = build("minigan_captured", name)
    players = len(run.workload.players)
    run.step()
    found, kernels = counted(run.step)
    assert (found["captured_launches"], found["captured_products"]) == GRAPHS[name], kernels
    assert set(found) & {"captured_copies", "captured_memsets", "stream_synchronisations"} == set()
    run.step()
    run.step()
    asked, kernels = counted(run.step)
    assert asked == {what: players * number for what, number in BESIDE.items()}, kernels


@pytest.mark.parametrize("name", EAGER)
def test_a_step_that_is_not_captured(name, counted):
    run = build("minigan_eager", name)
    run.step()
    run.step()
    asked, kernels = counted(run.step)
    assert asked == EAGER[name], kernels
