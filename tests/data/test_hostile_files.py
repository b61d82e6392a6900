"""Files made to do harm: two thousand of them here, a hundred thousand in `tests/slow/test_fuzz.py`."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from processes import importing

from minigan import data

FUZZ = Path(__file__).with_name("fuzz.py")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory that hold are Linux's")


def run(folder, *command):
    done = subprocess.run(
        [sys.executable, *command, "--folder", str(folder)],
        env=importing(FUZZ.parent),
        capture_output=True,
        text=True,
        errors="replace",
    )
    last = (folder / "last").read_text().strip() if (folder / "last").is_file() else "its first input"
    return done, last


# --- the readers -------------------------------------------------------------------------------------------


def test_no_reader_can_be_harmed(tmp_path):
    done, last = run(tmp_path, FUZZ, "--count", "2080")
    assert done.returncode == 0, f"died of {last}: {done.stderr[-3000:]}"
    report = json.loads(done.stdout)
    assert report["findings"] == []
    assert report["inputs"] >= 2080
    for form, outcomes in report["counts"].items():  # else the fuzzer reaches nothing beyond the first check
        assert outcomes.get("read", 0) >= 2, form
        assert form == "log" or outcomes["refused"] >= 20, form


def test_one_large_image_among_small_ones_is_refused_before_there_is_room_for_all(tmp_path, monkeypatch):
    Image.new("L", (3, 2)).save(tmp_path / "b.png")
    Image.new("L", (3, 2)).save(tmp_path / "a.png")

    def no_room(*_):
        raise MemoryError

    monkeypatch.setattr("minigan.data.folder.np.empty", no_room)
    with pytest.raises(ValueError, match=r"2 images of 3x2 pixels, as a\.png is, would take 0 GB.*give size="):
        data.read_folder(tmp_path)


def test_what_an_input_is_depends_on_its_seed_format_and_number_alone():
    code = (
        "import hashlib, fuzz, fuzz_seeds; seeds = fuzz_seeds.seeds(); "
        "print([hashlib.md5(fuzz.make_input(seeds[f], 0, f, n)).hexdigest() for f in seeds for n in (0, 99, 100)])"
    )
    found = {subprocess.run([sys.executable, "-c", code], cwd=FUZZ.parent, capture_output=True).stdout for _ in "12"}
    assert len(found) == 1
    assert found.pop().count(b"'") == 2 * 3 * 10


# --- the fuzzer: readers with faults, each of which it must find -------------------------------------------

PLANTED = """
import fuzz, fuzz_seeds, numpy as np, os, pickle, socket, subprocess, time

def believes(path):
    header = path.read_bytes()[4:12]
    return [np.zeros(int.from_bytes(header, "big"), np.uint8)]

def raises(error):
    def read(path):
        raise error
    return read

def writes(path):
    open(path.parents[1].with_name("elsewhere"), "w").close()
    return []

def extracts(path):
    (path.parents[1] / "executed").touch()
    return []

readers = {{
    "believes": believes,
    "unpickles": lambda path: [pickle.loads(pickle.dumps(fuzz_seeds.Payload()))][:0],
    "evaluates": lambda path: [eval("1 + 1")][:0],
    "starts": lambda path: [subprocess.run(["true"])][:0],
    "connects": lambda path: [socket.socket(socket.AF_UNIX).bind("\\0x")][:0],
    "writes": writes,
    "extracts": extracts,
    "objects": lambda path: [np.array([None])],
    "much": lambda path: [np.zeros(fuzz.LIMIT + 1, np.uint8)],
    "surprises": raises(KeyError("x")),
    "recurses": raises(RecursionError("x")),
    "anonymous": raises(ValueError("bad")),
    "exhausted": raises(ValueError("input: MemoryError")),
    "crashes": lambda path: os.abort(),
    "hangs": lambda path: time.sleep(100),
    "sound": lambda path: [np.zeros(3)],
    "refuses": raises(ValueError("input: no")),
}}
names = {names!r}
fuzz.PATIENCE = 1
seeds = dict.fromkeys(names, [fuzz_seeds.whole(bytes(4) + (1 << 40).to_bytes(8, "big"))])
fuzz.main({{name: fuzz.Reader("input", readers[name]) for name in names}}, seeds)
"""


def fuzz_planted(folder, *names, count=200):
    code = PLANTED.format(names=names)
    return run(folder, "-c", code, "--count", str(count))


FAULTS = {
    "believes": "MemoryError",
    "unpickles": "pickle.find_class",
    "evaluates": "compile",
    "starts": "subprocess.Popen",
    "connects": "socket.bind",
    "writes": "open .*elsewhere",
    "objects": "dtype.'O'",
    "much": "bytes of",
    "surprises": "KeyError",
    "recurses": "RecursionError",
    "anonymous": "does not name the file",
    "exhausted": "out of memory",
}


def test_every_planted_fault_is_found(tmp_path):
    done, _ = fuzz_planted(tmp_path, "sound", "refuses", *FAULTS, count=14 * 90)
    report = json.loads(done.stdout)
    found = {(entry[0].split(":")[0], entry[1]) for entry in report["findings"]}
    for name, what in FAULTS.items():
        assert any(form == name and re.search(what, text) for form, text in found), (name, report["findings"])
    assert not {"sound", "refuses"} & {form for form, _ in found}
    assert report["counts"]["sound"] == {"read": 90}
    assert report["counts"]["refuses"] == {"refused": 90}


def test_files_left_behind_are_found(tmp_path):
    done, _ = fuzz_planted(tmp_path, "extracts")
    assert ["files", "executed"] in json.loads(done.stdout)["findings"]


@pytest.mark.parametrize(("fault", "sign"), [("crashes", "Fatal Python error: Aborted"), ("hangs", "Timeout")])
def test_a_reader_that_never_returns_ends_the_process_and_its_input_is_known(tmp_path, fault, sign):
    done, last = fuzz_planted(tmp_path, "sound", fault)
    assert done.returncode != 0
    assert sign in done.stderr
    assert last == f"{fault}:0"
