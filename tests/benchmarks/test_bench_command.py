"""`python -m benchmarks`, as a user meets it, without judging time."""

import json
import mmap
import os
import time
from pathlib import Path

import pytest

from benchmarks import arithmetic, figures, memory, peers, summary, timing, worker, workloads
from benchmarks import tables as report
from minigan.cli import main


def record(median, **more):
    seconds = {"median": median, "low": 0.9 * median, "high": 1.1 * median, "turns": [median]}
    return {"version": "1", "seconds": seconds, "memory": {"library": 10 << 20, "peak": 30 << 20}} | more


def results(**medians):
    found = {"name": "toy-critic", "about": "toy", "unit": "ms", "scale": 1e3, "dtype": "float32", "flops": 1}
    libraries = {name: {"version": "1", "threads": {}} for name in medians}
    about = {"processor": "a processor", "cores": 2, "quick": False}
    found |= {"peers": {name: record(median) for name, median in medians.items()}}
    return {"about": about, "libraries": libraries, "missing": {}, "workloads": [found], "scaling": {}}


def test_a_quick_run_prints_and_writes_everything(tmp_path, capsys):
    options = ["--quick", "--workloads", "dcgan-critic", "chain-second", "--peers", "minigan_captured"]
    assert main(["bench", *options, "--out", str(tmp_path / "bench")]) == 0
    printed = capsys.readouterr().out
    assert "the times mean nothing" in printed
    found = json.loads((tmp_path / "bench" / "results.json").read_text())
    assert [w["name"] for w in found["workloads"]] == ["dcgan-critic", "chain-second"]
    step, chain = (w["peers"] for w in found["workloads"])
    for measured in (step, chain):
        for peer in ("minigan_eager", "minigan_captured"):
            assert measured[peer]["seconds"]["low"] > 0
            assert measured[peer]["disagreement"]["float64"]["relative"] == 0
            assert 0 < measured[peer]["memory"]["library"] < measured[peer]["memory"]["peak"]
    assert step["sgemm"]["seconds"]["median"] > 0
    assert chain["sgemm"] == {"failed": "it multiplies no matrices", "unusable": False}
    assert found["workloads"][0]["flops"] == arithmetic.flops(workloads.tiny(workloads.ALL["dcgan-critic"]))
    assert (tmp_path / "bench" / "table.txt").read_text() in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workloads", "dcgan"], "--workloads: unknown 'dcgan'; there are toy-critic"),
        (["--peers", "torch"], "--peers: unknown 'torch'; there are minigan_eager"),
        (["--turns", "0"], "--turns must be at least 1, got 0"),
        (["--cores", "0"], "--cores must be from 1 to "),
        (["--cores", "10000"], "got 10000"),
    ],
)
def test_bad_options_are_one_sentence(arguments, message, capsys, tmp_path):
    assert main(["bench", *arguments, "--out", str(tmp_path / "bench")]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_library_that_is_missing_is_a_reason():
    with pytest.raises(worker.Unable, match="ModuleNotFoundError") as caught:
        worker.Worker("no_such_peer", workloads.ALL["chain-forward"])
    assert caught.value.unusable


def test_a_workload_that_a_library_cannot_do_is_a_reason():
    with pytest.raises(worker.Unable, match="multiplies no matrices") as caught:
        worker.Worker(peers.BOUND, workloads.ALL["chain-forward"])
    assert not caught.value.unusable


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells the state of a process there")
def test_a_process_that_has_no_turn_is_stopped():
    found = worker.Worker(peers.OURS, workloads.tiny(workloads.ALL["chain-forward"]))
    state = lambda: Path(f"/proc/{found.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    assert found.turn(0) > 0
    deadline = time.monotonic() + 30  # a busy system delivers the signal late
    while state() != "T" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert state() == "T"
    assert found.turn(0) > 0
    found.close()
    assert found.process.exitcode == 0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the cores of a process can be limited on Linux only")
def test_a_process_may_use_fewer_cores():
    before = os.sched_getaffinity(0)
    found = worker.Worker(peers.OURS, workloads.tiny(workloads.ALL["chain-forward"]), cores=1)
    assert set(found.about["threads"].values()) == {1}
    assert len(os.sched_getaffinity(found.process.pid)) == 1
    assert os.sched_getaffinity(0) == before
    found.close()


def test_a_process_that_dies_is_a_reason():
    found = worker.Worker(peers.OURS, workloads.tiny(workloads.ALL["chain-forward"]))
    found.process.kill()
    with pytest.raises(worker.Unable, match="its process was killed"):
        found.turn(0)
    found.close()


def test_the_summary_compares_each_workload_on_one_core_and_on_two(tmp_path, capsys):
    one, two = results(minigan_loop=0.002, torch_eager=0.004), results(minigan_loop=0.003, torch_eager=0.004, jax_jit=1)
    one["about"]["cores"] = 1
    for name, found in (("one", one), ("two", two)):
        (tmp_path / name).write_text(json.dumps(found))
    summary.main([str(tmp_path / name) for name in ("picture.png", "two", "one")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == ["| toy | 1 | 2 / 4 | **0.50** |  |  |", "| toy | 2 | 3 / 4 | **0.75** |  |  |"]
    assert (tmp_path / "picture.png").stat().st_size > 1000
    assert [w["name"] for w in summary.merged([one, two])["workloads"]] == ["toy-critic, 1 core", "toy-critic, 2 cores"]


def test_the_table_has_ratios_the_bound_and_the_reasons():
    found = results(minigan_eager=0.002, torch_eager=0.004, sgemm=0.001)
    found["workloads"][0]["peers"]["jax_jit"] = {"failed": "too slow to wait for", "unusable": False}
    found["missing"] = {"chainer_eager": "ModuleNotFoundError: No module named 'chainer'"}
    lines = report.table(found)
    assert next(line for line in lines if line.startswith("  minigan")).split() == [
        "minigan", "2", "1.8", "to", "2.2", "0.50", "50%", "20", "30",
    ]  # fmt: skip
    assert "  JAX jit: too slow to wait for" in lines
    assert "minigan: geometric mean of 1 ratios to PyTorch eager 0.50" in lines
    assert lines[-1] == "not usable: Chainer: ModuleNotFoundError: No module named 'chainer'"


def test_penalty_and_update_lines():
    found = results(minigan_eager=0.005)
    plain, updates = (results(minigan_eager=0.002)["workloads"][0] for _ in range(2))
    found["workloads"] += [plain | {"name": "toy-critic-plain"}, updates | {"name": "toy-vanilla"}]
    found["scaling"] = {"batch": {"minigan_eager": {16: 1.0, 32: 2.0, 64: 4.0}}}
    lines = report.table(found)
    assert "toy-critic / toy-critic-plain: minigan 2.50" in lines
    assert "toy-vanilla, updates per second: minigan 500" in lines
    assert "cost grows with the batch to the power of: minigan 1.00" in lines


def test_the_pictures_are_drawn(tmp_path):
    found = results(minigan_eager=0.002, torch_eager=0.004, jax_jit=0.012)
    found["scaling"] = {axis: {"minigan_eager": {16: 1.0, 32: 2.0}} for axis in ("batch", "pixels")}
    bars = figures.bars(tmp_path / "ratios.png", found).axes[0].patches
    assert [bar.get_x() + bar.get_width() for bar in bars] == pytest.approx([0.5, 3.0])
    figures.growth(tmp_path / "growth.png", found)
    assert {p.name for p in tmp_path.iterdir()} == {"ratios.png", "growth.png"}
    assert figures.bars(tmp_path / "none.png", results(minigan_eager=0.002)) is None


def test_a_turn_is_the_mean_of_its_calls(monkeypatch):
    clock = iter([0, 1, 10, 10.02, 10.06])  # settled after one call; then two calls until 0.05 s have passed
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    assert timing.turn(lambda: None) == pytest.approx(0.03)


def test_peak_memory_sees_what_was_held_for_a_moment():
    before = memory.peak()
    with mmap.mmap(-1, before - memory.resident() + (64 << 20)) as block:  # pages that no allocator has kept
        for page in range(0, len(block), mmap.PAGESIZE):
            block[page] = 1
    assert memory.peak() - before >= 32 << 20
