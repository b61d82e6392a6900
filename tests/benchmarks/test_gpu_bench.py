"""The benchmark of GPUs, run without a GPU: both libraries compute on the CPU, and no time is judged."""

import dataclasses
import json
from contextlib import nullcontext
from multiprocessing import Pipe

import numpy as np
import pytest

from benchmarks import (
    arithmetic,
    gpu,
    gpu_cases,
    gpu_minigan,
    gpu_race,
    gpu_report,
    gpu_roofline,
    gpu_worker,
    networks,
    peers,
    workloads,
)
from benchmarks.worker import Unable
from minigan import backend, models
from minigan.backend.cuda.columns import CHUNK_BYTES
from minigan.cli import main
from minigan.random import Generator

POINTS = {player: networks.dense((2,), (n,), 4, 1, 0) for player, n in (("generator", 2), ("critic", 1))}
STEP = dataclasses.replace(workloads.ALL["toy-critic"], **POINTS, batch=4)


# --- the cases


def test_the_large_networks_are_those_of_the_models():
    for described, made, end in (
        (gpu_cases.dcgan_generator, models.dcgan.generator, (64, 64, 3)),
        (gpu_cases.dcgan_critic, models.dcgan.critic, (1,)),
    ):
        network = described(width=4)
        expected = [p.shape for p in made(image_shape=(64, 64, 3), width=4, rng=Generator(0)).parameters()]
        assert [shape for layer in network for shape in layer.shapes().values()] == expected
        layers = [layer for layer in network if hasattr(layer, "gemm")]
        assert [gpu_cases.outputs(a) for a in layers] == [*[b.inputs for b in layers[1:]], end]


def test_every_step_that_is_promised_is_there():
    names = [step.name for step in gpu_cases.steps()]
    assert {*(name for name, _ in gpu_cases.COMPILED), "dense-1024", "dcgan-28-generator-256"} <= {*names}
    assert len(names) == 12
    assert names[:2] == list(gpu_cases.FIRST)


def test_no_product_is_larger_than_what_a_convolution_takes_at_a_time():
    found = gpu_cases.multiplications()
    assert len({case.name for case in found}) == len(found) > 60
    gemms = [case.product.gemm for case in found if "dcgan" in case.where]
    assert 0.75 * CHUNK_BYTES < max(4 * g.rows * max(g.inner, g.columns) for g in gemms) <= CHUNK_BYTES


def test_bytes_of_a_product_a_convolution_and_a_step():
    product = gpu_cases.Multiply("", gpu_cases.Product("F", networks.Gemm(3, 5, 7)))
    assert gpu_roofline.moved(product) == 4 * (15 + 35 + 21)
    conv = gpu_cases.Convolve("", networks.Conv((8, 8, 2), 4), 3, "W")
    assert gpu_roofline.moved(conv) == 4 * (3 * 128 + 25 * 8 + 3 * 64)
    layers = (networks.Dense((2,), (3,)), networks.LeakyReLU(0.2), networks.Dense((3,), (1,)))
    step = dataclasses.replace(STEP, critic=layers, generator=layers[2:], penalty=None)
    first, last = 8 * (2 + 3) + 6, 8 * (3 + 1) + 3  # numbers in the arrays of one product of each layer
    expected = (4 * (3 + 1) + 3) + 2 * first + 3 * last + 7 * (6 + 3 + 3 + 1)
    assert gpu_roofline.moved(step) == 4 * expected
    assert gpu_cases.flops(step) == arithmetic.flops(step)


def test_the_roofline_is_the_slower_of_the_two_limits():
    product = gpu_cases.Multiply("", gpu_cases.Product("F", networks.Gemm(10, 10, 10)))
    found = {"precision": "tf32", "flops": gpu_cases.flops(product), "bytes": gpu_roofline.moved(product)}
    for limits, expected in (((1000.0, 1e9), 2.0), ((1e9, 120.0), 10.0), ((0, 120.0), 10.0), ((0, 0.0), None)):
        rates = {"flops": {"tf32": limits[0], "fp32": 1.0}, "bytes": limits[1]}
        assert gpu_roofline.least_seconds(found, rates) == expected
    assert gpu_roofline.least_seconds(found, {"flops": {}, "bytes": 0.0}) is None


# --- the race


class Answers:
    """Stand-in for a process, which answers from a table."""

    def __init__(self, log, name, value=1.0, seconds=1.0, fails=()):
        self.log, self.name, self.value, self.seconds, self.fails = log, name, value, seconds, fails

    def send(self, question, *arguments):
        self.question = question
        self.log.append((self.name, question))

    def answer(self):
        question = self.question
        if question in self.fails:
            raise Unable("it broke", unusable=self.fails[question])
        return {"outcome": {"out": np.full(3, self.value)}, "prepare": {"memory": 1 << 20}, "turn": self.seconds}[
            question
        ]


def race(turns=4, deadline=float("inf"), **options):
    log = []
    connections = {name: Answers(log, name, **options.get(name, {})) for name in gpu_race.PEERS}
    return gpu_race.Race(connections, turns, deadline), log


def test_they_take_turns_in_both_orders():
    found, log = race(turns=2)
    records = found.run(STEP)
    assert [name for name, question in log if question == "turn"] == [*records, *reversed(records)]
    assert records["torch_graph"]["seconds"] == {"median": 1.0, "low": 1.0, "high": 1.0, "turns": [1.0, 1.0]}
    assert records["torch_graph"]["disagreement"] == {"float64": 0.0, "fp32": 0.0}


def test_who_computes_something_else_is_not_timed():
    found, log = race(torch_graph={"value": 1.001}, torch_compiled={"value": 1.2})
    records = found.run(dataclasses.replace(STEP, name="dcgan-28-critic-64"), "tf32")
    assert "in float64 out differs by 1.0e-03" in records["torch_graph"]["failed"]
    assert "above 5e-02" in records["torch_compiled"]["failed"]
    assert not {("torch_graph", "turn"), ("torch_compiled", "turn")} & {*log}
    assert "seconds" in records["torch_eager"]


def test_a_step_is_judged_once_for_all_batches():
    found, log = race()
    for batch in (64, 256):
        found.run(dataclasses.replace(STEP, name=str(batch), batch=batch))
    assert log.count(("torch_eager", "outcome")) == 2  # float64 and float32


def test_a_failure_is_a_reason_and_a_missing_library_is_not_asked_again():
    found, _ = race(torch_eager={"fails": {"prepare": False}}, torch_graph={"fails": {"outcome": True}})
    records = found.run(STEP)
    assert records["torch_eager"]["failed"] == records["torch_graph"]["failed"] == "it broke"
    assert found.missing == {"torch_graph": "it broke"}
    assert "torch_graph" not in found.run(STEP)
    assert "seconds" in records["minigan_captured"]


def test_after_the_deadline_nothing_is_begun():
    found, log = race(deadline=0.0)
    assert found.run(STEP)["minigan_eager"] == {"failed": "skipped: the time was up"}
    assert not log


def test_products_are_between_two_and_a_compiler_has_its_cases():
    found, _ = race()
    assert list(found.run(gpu_cases.multiplications(quick=True)[0])) == list(gpu_race.PARTS)
    step = dataclasses.replace(STEP, name="dcgan-28-critic-64")
    assert "torch_compiled" in found.run(step, "tf32")
    assert "torch_compiled" not in found.run(step, "fp32")


# --- the processes


def test_without_a_gpu_it_says_what_is_missing(capsys, tmp_path):
    if backend.works("cuda"):
        pytest.skip("there is a GPU")
    assert main(["bench", "--device", "cuda", "--out", str(tmp_path)]) == 2
    assert 'minigan: device "cuda"' in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        gpu.command([str(tmp_path)])
    assert capsys.readouterr().err.startswith('device "cuda"')
    assert not list(tmp_path.iterdir())


def test_a_number_of_turns_is_checked(capsys, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        gpu.command([str(tmp_path / "results"), "--turns", "0"])
    assert "--turns must be at least 1, got 0" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [["--growth"], ["--workloads", "dense-128"], ["--peers", "jax_jit"]])
def test_what_is_for_the_cpu_is_refused(options, capsys, tmp_path):
    assert main(["bench", "--device", "cuda", *options, "--out", str(tmp_path)]) == 2
    assert "are for --device cpu" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, "no answer within 0 s"),
        ((), "its process was killed: was there too little memory"),
        (("broken", "an illegal memory access"), "an illegal memory access"),
    ],
)
def test_a_process_that_does_not_answer_is_a_reason(said, message, monkeypatch):
    monkeypatch.setattr(gpu_worker, "LIMIT", 0)
    connection = gpu_worker.Process("minigan_eager")
    connection.process, connection.about = Ended(), {}
    connection.pipe, theirs = Pipe()
    if said:
        theirs.send(said)
    elif said is not None:
        theirs.close()
    with pytest.raises(Unable, match=message) as caught:
        connection.answer()
    assert not caught.value.unusable
    assert connection.process is None  # the next question starts it anew


class Ended:
    def kill(self):
        pass

    def join(self):
        pass


def test_after_an_error_of_a_kernel_a_process_is_of_no_use(monkeypatch):
    monkeypatch.setattr(gpu_minigan, "begin", dict)
    server = gpu_worker.Server("minigan_eager")
    with pytest.raises(Unable, match="AttributeError: "):
        server.ask("nothing")
    for error, works in ((None, True), (RuntimeError("an illegal memory access"), False)):
        monkeypatch.setattr(gpu_minigan, "synchronize", lambda error=error: _raise(error))
        assert server.works() is works


def _raise(error):
    if error:
        raise error


def test_large_outcomes_are_compared_in_part():
    array = np.arange(1 << 20, dtype=float).reshape(4, -1, 64)
    part = gpu_worker._part(array)
    assert gpu_worker.SAMPLE / 2 < len(part) < 2 * gpu_worker.SAMPLE
    assert {*(part % 64)} == {*range(64)}  # every channel
    np.testing.assert_array_equal(gpu_worker._part(array[0, 0]), array[0, 0])


# --- the whole benchmark


@pytest.fixture
def on_the_cpu(monkeypatch):
    """Use the CPU as the device of both libraries."""
    torch = pytest.importorskip("torch")
    from benchmarks import gpu_torch

    # PyTorch's testing tools, which tests/oracles imports, forbid to set its flags, which programs may do.
    monkeypatch.setitem(torch.backends.flags_frozen.__globals__, "__allow_nonbracketed_mutation_flag", True)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    results = {"synchronize": None, "free_bytes": 1 << 30, "release": None}
    for library, version in ((gpu_minigan, "0"), (gpu_torch, torch.__version__)):
        monkeypatch.setattr(library, "DEVICE", "cpu")
        monkeypatch.setattr(library, "begin", lambda version=version: {"version": version, "device": "Fake GPU (80GB)"})
        for name, result in results.items():
            monkeypatch.setattr(library, name, lambda result=result: result)
    monkeypatch.setattr(gpu_minigan, "precision", nullcontext)
    monkeypatch.setattr(gpu_torch, "recorded", lambda function: (function, function()))
    monkeypatch.setattr(gpu_torch.GraphRun, "capturable", False)
    monkeypatch.setattr(gpu_cases, "steps", lambda quick: [STEP])
    monkeypatch.setattr(gpu_race, "TURN", {"step": 0, "part": 0})
    yield gpu_torch
    torch.set_num_threads(before)


class Inside(gpu_worker.Process):
    """Stand-in for a process, which runs in this one."""

    def send(self, *question):
        self.question = question

    def answer(self):
        if self.peer == "torch_compiled":
            raise Unable("RuntimeError: no compiler here", unusable=True)
        self.process = self.process or gpu_worker.Server(self.peer)
        return self.process.ask(*self.question)

    def close(self):
        self.process = None


@pytest.mark.usefixtures("on_the_cpu")
def test_a_quick_run_prints_and_writes_everything(tmp_path, capsys):
    assert gpu.main(tmp_path, quick=True, connect=Inside) == 0
    printed = capsys.readouterr().out
    assert (tmp_path / "table.txt").read_text() in printed
    assert "not usable: PyTorch compiled: RuntimeError: no compiler here" in printed
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["limits"]["flops"].keys() == {"fp32", "tf32"}
    for part in [*found["products"], *found["convolutions"]]:
        assert part["peers"].keys() == {"minigan_eager", "torch_eager"}
        assert part["peers"]["torch_eager"]["disagreement"][part["precision"]] < 1e-5
    assert {part["name"].split()[1] for part in found["convolutions"]} == {"F", "D", "W"}
    assert [step["precision"] for step in found["steps"]] == ["fp32", "tf32"]
    for step in found["steps"]:
        assert list(step["peers"]) == ["minigan_eager", "minigan_captured", "torch_eager", "torch_graph"]
        for record in step["peers"].values():
            assert record["disagreement"]["float64"] < 1e-12
            assert record["seconds"]["median"] > 0


class Killed(BaseException):
    """Stand-in for a signal."""


@pytest.mark.usefixtures("on_the_cpu")
@pytest.mark.parametrize(("after", "written"), [(1, [1, 0, 0]), (4, [2, 0, 0]), (7, [2, 2, 0])])
def test_what_was_measured_before_a_kill_is_written_steps_first(after, written, monkeypatch, tmp_path):
    """The two steps come before the three cases of the limits and all convolutions."""
    left = iter(range(after))

    def measure(*_):
        if next(left, None) is None:
            raise Killed
        return {}

    monkeypatch.setattr(gpu_race.Race, "run", measure)
    with pytest.raises(Killed):
        gpu.main(tmp_path, quick=True, connect=Inside)
    found = json.loads((tmp_path / "results.json").read_text())
    assert [len(found[part]) for part in ("steps", "convolutions", "products")] == written
    assert "not usable: PyTorch compiled" in (tmp_path / "table.txt").read_text()


def test_every_convolution_is_the_same_in_both_libraries(on_the_cpu):
    for case in gpu_cases.convolutions(quick=False)[:3] + [
        gpu_cases.Convolve("", layer, 2, kind)
        for layer in (networks.Conv((6, 6, 3), 4), networks.ConvTranspose((3, 3, 2), 5, stride=1))
        for kind in gpu_cases.KINDS
    ]:
        case = dataclasses.replace(case, batch=2)
        ours = gpu_minigan.build(peers.OURS, case).outcome()["out"]
        np.testing.assert_allclose(on_the_cpu.build("torch_eager", case).outcome()["out"], ours, rtol=1e-3, atol=1e-3)


# --- the tables


def results(**records):
    seconds = {"median": 0.002, "low": 0.001, "high": 0.003, "turns": [0.002]}
    record = {"seconds": seconds, "memory": 5 << 20}
    of = {"minigan_eager": record | {"seconds": seconds | {"median": 0.001}}, "torch_eager": record} | records
    found = {"precision": "tf32", "flops": 4e9, "bytes": 1e6, "peers": of}
    return {
        "about": {"device": "a GPU", "driver": "580.1", "quick": False},
        "libraries": {"minigan_eager": {"version": "1"}},
        "limits": {"flops": {"tf32": 8e12}, "bytes": 2e12},
        "products": [found | {"name": "a F 1x2x3"}],
        "convolutions": [],
        "steps": [found | {"name": "toy-critic", "about": "toy"}],
        "missing": {"torch_graph": "it is not here"},
    }


def test_the_tables_have_rates_ratios_and_the_roofline():
    lines = gpu_report.table(results())
    assert lines[:2] == ["a GPU, driver 580.1; minigan 1.", "measured limits: tf32 8.0 TFLOP/s, copy 2000 GB/s"]
    product = next(line for line in lines if line.startswith("a F"))
    assert product.split()[3:] == ["1000.0", "4.00", "50%", "2000.0", "2.00", "25%", "0.50"]
    step = next(line for line in lines if line.startswith("  minigan"))
    assert step.split() == ["minigan", "1", "1", "to", "3", "0.50", "50%", "5"]
    assert lines[-1] == "not usable: PyTorch graph: it is not here"


def test_only_a_failure_of_ours_is_the_exit_status():
    assert not gpu.failures(results(torch_eager={"failed": "out of memory"}))
    assert not gpu.failures(results(minigan_captured={"failed": "skipped: the time was up"}))
    found = gpu.failures(results(minigan_captured={"failed": "computes something else"}))
    assert found[0] == "toy-critic, tf32: minigan captured: computes something else"
