"""Agreement of losses and gradients of every workload in minigan, in a captured game and in PyTorch."""

import dataclasses

import numpy as np
import pytest

from benchmarks import agreement, networks, peers, workloads

SMALL = {name: workloads.tiny(w) for name, w in workloads.ALL.items()}


def compared(name, peer, dtype):
    workload = SMALL[name]
    if dtype != workload.dtype:
        workload = dataclasses.replace(workload, dtype=dtype)
    ours = peers.load(peers.OURS).build(workload).gradients()
    return agreement.disagreement(peers.load(peer).build(workload).gradients(), ours)


@pytest.fixture
def _one_thread():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.usefixtures("_one_thread")
def test_pytorch_computes_the_same(name):
    error, where = compared(name, "torch_eager", SMALL[name].dtype)
    assert error <= agreement.TOLERANCE[SMALL[name].dtype], where


@pytest.mark.parametrize("name", [n for n, w in SMALL.items() if isinstance(w, workloads.GanStep)])
@pytest.mark.usefixtures("_one_thread")
def test_pytorch_computes_the_same_in_float64(name):
    error, where = compared(name, "torch_eager", "float64")
    assert error <= 1e-10, where


@pytest.mark.parametrize("name", ["toy-critic", "toy-rpgan", "dcgan-critic", "dcgan-generator"])
def test_jax_computes_the_same(name):
    pytest.importorskip("jax")
    error, where = compared(name, "jax_jit", "float32")
    assert error <= 1e-4, where


@pytest.mark.parametrize("name", SMALL)
def test_a_captured_game_computes_the_same_to_the_bit(name):
    assert compared(name, "minigan_captured", SMALL[name].dtype)[0] == 0


@pytest.mark.parametrize("name", SMALL)
def test_gradients_are_those_of_every_weight_of_the_players(name):
    workload = SMALL[name]
    found = peers.load(peers.OURS).build(workload).gradients()
    if isinstance(workload, workloads.Chain):
        assert found.keys() == {"value"}
        return
    expected = {f"{player} loss" for player in workload.players}
    for player in workload.players:
        layers = getattr(workload, player)
        expected |= {f"{player}.{i}.{n}" for i, layer in enumerate(layers) for n in layer.shapes()}
    assert found.keys() == expected
    assert all(np.isfinite(array).all() for array in found.values())


@pytest.mark.parametrize("peer", [peers.OURS, "minigan_captured", "torch_eager"])
@pytest.mark.usefixtures("_one_thread")
def test_a_step_follows_the_gradients_that_were_compared(peer):
    workload = SMALL["dense-128"]
    run = peers.load(peer).build(workload)
    before = run.gradients()
    for _ in range(50):
        run.step()
    after = run.gradients()
    assert after["critic loss"] < before["critic loss"]
    assert agreement.disagreement(after, before)[0] > 1e-3  # the weights have moved


def test_a_wrong_number_is_found_and_named():
    right = {"loss": np.array(2.0), "w": np.array([1.0, -4.0]), "zero": np.array([0.0])}
    assert agreement.disagreement(right, right)[0] == 0
    error, where = agreement.disagreement(right | {"w": np.array([1.0, -4.004])}, right)
    assert (where, error) == ("w", pytest.approx(1e-3))
    assert agreement.disagreement(right | {"zero": np.array([1e-9])}, right)[0] < 1e-4  # rounding, beside the others
    for wrong in ({"w": np.zeros(3)}, {"w": np.array([1.0, np.nan])}, {"other": np.zeros(1)}):
        assert agreement.disagreement(right | wrong, right)[0] == np.inf


def test_what_is_judged_is_the_workload_in_float64_and_without_kinks_in_float32():
    workload = SMALL["dcgan-generator"]
    exact, smooth = workloads.judged(workload)
    assert exact == dataclasses.replace(workload, dtype="float64")
    assert smooth.dtype == "float32"
    layers = [layer for player in ("generator", "critic") for layer in getattr(smooth, player)]
    assert not any(isinstance(layer, networks.LeakyReLU) for layer in layers)
    assert [layer.shapes() for layer in smooth.generator] == [layer.shapes() for layer in workload.generator]
    assert workloads.judged(SMALL["chain-second"]) == [SMALL["chain-second"]]


@pytest.mark.parametrize("name", [n for n, w in SMALL.items() if isinstance(w, workloads.GanStep)])
@pytest.mark.usefixtures("_one_thread")
def test_pytorch_computes_the_same_without_kinks(name):
    _, smooth = workloads.judged(SMALL[name])
    ours = peers.load(peers.OURS).build(smooth).gradients()
    error, where = agreement.disagreement(peers.load("torch_eager").build(smooth).gradients(), ours)
    assert error <= 1e-4, where
