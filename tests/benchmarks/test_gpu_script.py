"""`.ci/gpu`, whose tools are stubs: the order of its stages, their budgets, and what a stage that is killed leaves."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "gpu"
CALL = 600  # seconds after which everything may end
NAMES = ["first", "device", "tests", "race", "memcheck", "racecheck"]

# HANGS is a part of the command that hangs after it has written something; with DEAF it hears no interrupt.
STUBS = {
    "nvidia-smi": 'echo "$DRIVER"',
    "compute-sanitizer": 'echo "$*" >> "$LOG"; exit ${SANITIZER-0}',
    "timeout": """
echo "$*" >> "$BUDGETS"
case "$*" in *"${HANGS:-nothing}"*) exec "$TIMEOUT" --signal=INT --kill-after=1 3 "${@:4}" ;; esac
exec "$TIMEOUT" "$@"
""",
    "python3": """
work() {  # FILE STATUS
    echo part > "$1"
    case "$arguments" in *"${HANGS:-nothing}"*)
        [ -z "${DEAF-}" ] || trap '' INT
        sleep 60
    esac
    echo all > "$1"
    exit "$2"
}
arguments=$*
echo "$*" >> "$LOG"
case "$*" in
    *find_spec*xdist*) echo "$NO_XDIST" ;;
    *find_spec*) echo "$LACKING" ;;
    "-m venv"*) mkdir -p build/venv-gpu/bin; cp "$0" build/venv-gpu/bin/python ;;
    *"pip install"*cuda1*) exit ${PIP-0} ;;
    *backend.named*) exit ${DEVICE-0} ;;
    *benchmarks.gpu_first*) work "$3/first.json" ${FIRST-0} ;;
    *"-m pytest"*) work "$9" ${TESTS-0} ;;
    *"benchmarks.gpu "*) work "$3/results.json" ${RACE-0} ;;
esac
""",
}

pytestmark = pytest.mark.skipif(
    not SCRIPT.exists() or shutil.which("bash") is None, reason="there is no script, or no bash"
)


class Machine:
    """A repository with nothing but the script, and stubs of its tools; what they were asked for is in `log`."""

    def __init__(self, folder):
        self.folder, self.results = folder, folder / "results"
        for name in ("bin", "repository/.ci"):
            (folder / name).mkdir(parents=True)
        for name, text in STUBS.items():
            (folder / "bin" / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
            (folder / "bin" / name).chmod(0o755)
        shutil.copy(SCRIPT, folder / "repository" / ".ci")

    def run(self, *arguments, **machine):
        """Run the script in `folder`; return (exit status, what it printed)."""
        path = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "TIMEOUT": shutil.which("timeout"),
            "LOG": str(self.folder / "log"), "BUDGETS": str(self.folder / "budgets"), "DRIVER": "580.1",
        }  # fmt: skip
        script = self.folder / "repository" / ".ci" / "gpu"
        command = ["bash", script, *arguments]
        done = subprocess.run(command, env=path | machine, cwd=self.folder, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def log(self, name="log"):
        """Return the lines of a log, none if nothing was logged."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def written(self):
        """Return {name of a file of results: its text}."""
        return {path.name: path.read_text().strip() for path in self.results.iterdir() if path.suffix != ".txt"}


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def begun(printed):
    """Return the names of what was begun, in order."""
    return re.findall(r"^== (\w+), at most", printed, re.MULTILINE)


def budgets(machine, stages):
    """Return the seconds of all budgets of these stages, those before a kill included."""
    for stage in stages:
        machine.run(stage, "results")
    found = [re.match(r"(?:--signal=INT --kill-after=(\d+) )?(\d+) ", line) for line in machine.log("budgets")]
    return [int(part or 0) for match in found for part in match.groups()]


def test_bash_accepts_it():
    assert subprocess.run(["bash", "-n", SCRIPT]).returncode == 0


def test_all_stages_run_in_order_and_write_into_the_folder(machine):
    status, printed = machine.run("all", "results")
    assert (status, begun(printed)) == (0, NAMES), printed
    assert machine.written() == {"first.json": "all", "tests.jsonl": "all", "results.json": "all"}
    assert {f"{name}.txt" for name in NAMES} < {path.name for path in machine.results.iterdir()}
    assert not any("pip" in line for line in machine.log())


@pytest.mark.parametrize(
    ("stage", "names"),
    [("first", NAMES[:1]), ("tests", NAMES[1:3]), ("race", NAMES[3:4]), ("sanitizer", NAMES[4:]), ("install", [])],
)
def test_a_stage_is_a_command_of_its_own(machine, stage, names):
    status, printed = machine.run(stage, "results")
    assert (status, begun(printed)) == (0, names), printed


@pytest.mark.parametrize("stages", [["first", "tests"], ["race"], ["sanitizer"], ["install"]])
def test_a_call_ends_in_time(machine, stages):
    assert sum(budgets(machine, stages)) < CALL - 10


def test_pip_has_a_budget(machine):
    status, _ = machine.run("install", LACKING="cupy")
    assert status == 0
    assert [int(line.split()[0]) for line in machine.log("budgets")] == [300, 200]


@pytest.mark.parametrize(
    ("hangs", "deaf", "name", "file"),
    [
        ("benchmarks.gpu_first", "", "first", "first.json"),
        ("-m pytest -m gpu -q -p result_lines", "yes", "tests", "tests.jsonl"),
        ("benchmarks.gpu ", "", "race", "results.json"),
    ],
)
def test_a_stage_that_is_killed_leaves_what_it_has_and_the_others_run(machine, hangs, name, file, deaf):
    status, printed = machine.run("all", "results", HANGS=hangs, DEAF=deaf)
    assert (status, begun(printed)) == (1, NAMES), printed
    assert re.findall("^FAILED: .*$", printed, re.MULTILINE) == [f"FAILED: {name}: the time was up"]
    others = dict.fromkeys(["first.json", "tests.jsonl", "results.json"], "all")
    assert machine.written() == others | {file: "part"}


@pytest.mark.parametrize(
    ("variable", "name"),
    [("FIRST", "first"), ("DEVICE", "device"), ("TESTS", "tests"), ("RACE", "race"), ("SANITIZER", "racecheck")],
)
def test_a_failure_is_the_exit_status_and_stops_no_other_stage(machine, variable, name):
    status, printed = machine.run("all", "results", **{variable: "9"})
    assert (status, printed.count(f"FAILED: {name}: exit status 9\n")) == (1, 1), printed
    assert begun(printed) == [n for n in NAMES if (n, name) != ("tests", "device")]


@pytest.mark.parametrize(("without", "options"), [("", " -n 8 tests/gpu"), ("xdist", "tests.jsonl tests/gpu")])
def test_the_tests_run_in_parallel_where_that_is_installed(machine, without, options):
    machine.run("tests", "results", NO_XDIST=without)
    assert machine.log()[-1].endswith(options)


@pytest.mark.parametrize(
    ("given", "status", "said", "asked"),
    [
        ({"LACKING": "cupy"}, 0, "== done", ".[test,cuda13]"),
        ({"LACKING": "cupy", "DRIVER": "535.1"}, 0, "== done", ".[test,cuda12]"),
        ({"LACKING": "cupy", "DRIVER": "470.1"}, 1, "FAILED: install: the driver 470.1 is too old", ""),
        ({"LACKING": "cupy", "PIP": "1"}, 1, "FAILED: install: could not install what is missing: cupy", ""),
        ({"PYTHON": "false"}, 1, "FAILED: install: false does not work", ""),
        ({"DRIVER": ""}, 1, "no NVIDIA driver answers", ""),
    ],
)
def test_what_is_missing_is_installed(machine, given, status, said, asked):
    found, printed = machine.run("install", **given)
    assert (found, said in printed) == (status, True), printed
    assert asked in "\n".join(machine.log())


def test_stages_use_what_was_installed_and_nothing_of_an_installation_that_failed(machine):
    python = machine.folder / "repository" / "build" / "venv-gpu" / "bin" / "python"
    machine.run("install", LACKING="cupy", PIP="1")
    assert not python.exists()
    machine.run("install", LACKING="cupy")
    python.write_text("#!/bin/sh\nexit 7\n")
    assert "FAILED: first: exit status 7" in machine.run("first", "results")[1]
    assert machine.run("first", "results", PYTHON="python3")[0] == 0


@pytest.mark.parametrize("arguments", [[], ["faster", "results"], ["first"]])
def test_a_wrong_command_is_refused(machine, arguments):
    status, printed = machine.run(*arguments)
    assert status in (1, 2)
    assert "usage: .ci/gpu install" in printed or "the folder for the results is missing" in printed
    assert not machine.log()
