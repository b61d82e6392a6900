"""The harness: every seed is run once, in processes of their own, and every one is listed."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import fake_protocol as fake
import numpy as np
import pytest
from processes import SUPPORT, importing

from minigan.presets import Config
from minigan.protocols import harness
from minigan.scale import jobs, results
from minigan.scale.protocol import Published, Target


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(jobs, "tqdm", lambda **options: _Silent())


class _Silent:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def update(self):
        pass


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder and the records of all jobs, two processes at a time."""
    out = tmp_path_factory.mktemp("fake")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OPENBLAS_NUM_THREADS", "2")
        patched.setattr(jobs, "tqdm", lambda **options: _Silent())
        return out, harness.run(fake.PROTOCOL, out, processes=2)


def in_this_process(monkeypatch):
    """Jobs without new processes, for tests of what is kept and what is run again.  Returns the list of jobs run."""
    ran = []

    def run_all(todo, processes, **shown):
        for job in todo:
            ran.append((job.method, job.config.seed))
            job()

    monkeypatch.setattr(jobs, "run", run_all)
    return ran


def test_every_method_and_seed_is_run_and_recorded_with_its_whole_configuration(finished):
    _, records = finished
    assert [(r["method"], r["seed"]) for r in records] == [("fast", 0), ("fast", 1), ("slow", 0), ("slow", 1)]
    for record in records:
        assert Config(**record["config"]) == dataclasses.replace(
            fake.PROTOCOL.methods[record["method"]], seed=record["seed"]
        )
        assert record["metrics"]["level"]["value"] == pytest.approx(record["seed"], abs=0.5)
        assert record["metrics"]["level"]["floor_range"] == [0.25, 0.75]
        assert record["seconds"] >= record["training_seconds"] >= 0


def test_jobs_run_in_other_processes_with_a_single_blas_thread(finished):
    _, records = finished
    found = [{name: r["metrics"][name]["value"] for name in ("process", "threads")} for r in records]
    assert os.getpid() not in {int(f["process"]) for f in found}
    assert {f["threads"] for f in found} == {1}


def test_the_environment_of_the_caller_is_as_before(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with jobs._environment(jobs.ONE_THREAD):
        assert os.environ["OPENBLAS_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in os.environ


def test_results_json_holds_everything_and_is_plain_json(finished):
    out, records = finished
    written = json.loads((out / "results.json").read_text(), parse_constant=pytest.fail)
    assert written["jobs"] == records
    assert written["published"] == [{"method": "old", "source": "table 1", "values": {"level": 0.75}}]
    assert written["targets"]["exact"] == {"level": "0.9 to 1.1"}
    assert written["judging"] == {"count": 64}
    assert {"minigan", "numpy", "python"} == written["versions"].keys()
    assert float(records[0]["metrics"]["distance"]["value"]) == np.inf


def test_samples_and_pictures_are_kept_beside_the_records(finished):
    out, _ = finished
    paths = sorted((out / "jobs").glob("*.json"))
    assert len(paths) == 4
    for path in paths:
        assert np.load(path.with_suffix(".npy")).shape == (64, 2)
        assert path.with_suffix(".png").read_text() == "64 (64, 2)"


def test_equal_seeds_give_equal_results_in_whatever_process(finished, tmp_path, monkeypatch):
    _, records = finished
    in_this_process(monkeypatch)
    again = harness.run(fake.PROTOCOL, tmp_path)
    assert [r["metrics"]["level"] for r in again] == [r["metrics"]["level"] for r in records]


def test_what_is_finished_is_not_run_again(tmp_path, monkeypatch):
    ran = in_this_process(monkeypatch)
    first = harness.run(fake.PROTOCOL, tmp_path, seeds=(0,))
    assert ran == [("fast", 0), ("slow", 0)]
    both = harness.run(fake.PROTOCOL, tmp_path)
    assert ran == [("fast", 0), ("slow", 0), ("fast", 1), ("slow", 1)]
    assert [r for r in both if r["seed"] == 0] == first


@pytest.mark.parametrize(
    "change",
    [
        {"methods": fake.only(generator_lr=0.5)},
        {"judging": {"count": 32}},
        {"methods": fake.only(), "name": "another"},
    ],
    ids=["config", "judging", "name"],
)
def test_results_of_other_settings_are_never_mixed_in(change, tmp_path, monkeypatch):
    before = fake.changed(methods=fake.only())
    ran = in_this_process(monkeypatch)
    harness.run(before, tmp_path)
    records = harness.run(fake.changed(**({"methods": fake.only()} | change)), tmp_path)
    assert ran == [("fast", 0), ("fast", 1)] * 2
    assert len(records) == 2
    harness.run(before, tmp_path)
    assert len(ran) == 4  # the old ones are still there


def test_a_half_written_record_is_run_again(tmp_path, monkeypatch):
    ran = in_this_process(monkeypatch)
    harness.run(fake.PROTOCOL, tmp_path, seeds=(0,))
    path = next((tmp_path / "jobs").glob("fast*.json"))
    path.write_text(path.read_text()[:50])
    harness.run(fake.PROTOCOL, tmp_path, seeds=(0,))
    assert ran.count(("fast", 0)) == 2


def test_a_seed_that_diverges_is_listed_with_its_reason_and_tried_again(tmp_path, monkeypatch):
    ran = in_this_process(monkeypatch)
    protocol = fake.changed(methods=fake.only(), seeds=(1, fake.DIVERGES))
    for _ in range(2):
        good, bad = harness.run(protocol, tmp_path)
        assert "failed" not in good
        assert bad["failed"] == "ArithmeticError: critic_loss became nan at step 3"
        assert "metrics" not in bad
    assert ran == [("fast", 1), ("fast", fake.DIVERGES), ("fast", fake.DIVERGES)]
    lines = results.table(protocol, [good, bad])
    assert any(line.split()[:3] == ["seed", "7", "failed"] for line in lines)
    assert "fast, seed 7 failed: ArithmeticError: critic_loss became nan at step 3" in lines


def test_a_process_that_is_killed_leaves_a_record(tmp_path):
    (record,) = harness.run(fake.changed(methods=fake.only(), seeds=(fake.DIES,)), tmp_path, processes=1)
    assert "killed" in record["failed"]
    assert record["seed"] == fake.DIES


@pytest.mark.skipif(os.name != "posix", reason="groups of processes and SIGKILL are POSIX's")
@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_no_process_outlives_the_one_that_started_it(name, tmp_path):
    """Whether Ctrl-C reaches the whole group, as from a terminal, or the parent alone is killed."""
    (tmp_path / "main.py").write_text(
        "import fake_protocol as fake\n"
        "from minigan.protocols import harness\n"
        "if __name__ == '__main__':\n"
        "    harness.run(fake.changed(methods=fake.only(), seeds=(fake.SLEEPS,)), '.', processes=1)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "main.py"], cwd=tmp_path, env=importing(SUPPORT, Path(harness.__file__).parents[2]),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    with parent:
        assert parent.stdout.readline() == b"sleeping\n"  # from the other process
        (os.killpg if name == "SIGINT" else os.kill)(parent.pid, getattr(signal, name))
        parent.communicate(timeout=60)  # the pipe ends as the last process that holds it does
    assert parent.returncode != 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"processes": 0}, "processes must be at least 1, got 0"),
        ({"seeds": ()}, "fake: there is no seed to run"),
        ({"seeds": (0, -1)}, "seed must be from 0 to .*, got -1"),
        ({"seeds": (2, 0, 2)}, "seeds must differ from one another, got 2, 0, 2"),
    ],
)
def test_what_cannot_be_run_is_refused(options, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        harness.run(fake.PROTOCOL, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_the_table_lists_what_was_published_real_data_the_median_and_every_seed(finished):
    _, records = finished
    lines = results.table(fake.PROTOCOL, records)
    rows = {line.split("  ")[0].strip() or line.split()[0]: line.split() for line in lines if line.strip()}
    assert rows["old, table 1"][3:] == ["0.75"]
    assert rows["floor (real data)"][3:] == ["0.5", "0.5"]
    assert rows["target: exact"][2:] == ["0.9", "to", "1.1"]
    middle = np.mean([r["metrics"]["level"]["value"] for r in records if r["method"] == "slow"])
    assert rows["ours: slow, median"][3:5] == [f"{middle:.4g}", "inf"]
    assert sum(line.startswith("  seed ") for line in lines) == 4
    assert "reached: fast meets all of these targets in 1 of 2 seeds" in lines


def test_the_figure_is_drawn_unless_every_seed_failed(finished, tmp_path):
    _, records = finished
    finite = [r | {"metrics": {"level": r["metrics"]["level"]}} for r in records]
    results.figure(tmp_path / "all.png", fake.PROTOCOL, finite)
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
    results.figure(tmp_path / "none.png", fake.PROTOCOL, [{"method": "fast", "seed": 0, "failed": "no"}])
    assert not (tmp_path / "none.png").exists()


def test_the_figure_shows_the_first_metrics_of_many(finished, tmp_path):
    _, records = finished
    names = [f"metric {k}" for k in range(9)]
    many = fake.changed(
        shown={name: name for name in names}, published=(Published("old", "table 1", dict.fromkeys(names, 0.7)),)
    )
    results.figure(tmp_path / "many.png", many, [
        r | {"metrics": dict.fromkeys(names, r["metrics"]["level"])} for r in records
    ])  # fmt: skip
    assert (tmp_path / "many.png").exists()


@pytest.mark.parametrize(
    ("target", "inside", "outside"),
    [(Target(1), 1.0, 0.99), (Target(most=2), -5.0, 2.1), (Target(1, 2), 2.0, 2.01), (Target(1), np.inf, np.nan)],
)
def test_targets(target, inside, outside):
    assert target.met(inside)
    assert not target.met(outside)


def test_a_scaled_protocol_says_so():
    scaled = fake.PROTOCOL.scaled(2)
    assert {config.steps for config in scaled.methods.values()} == {2}
    assert scaled.about == "points about the seed; SCALED to 2 steps from 3 or 30"
    assert fake.PROTOCOL.scaled(None) is fake.PROTOCOL
