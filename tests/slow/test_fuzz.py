"""A hundred thousand mutated files, and none of them does harm; see `tests/data/fuzz.py`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "data" / "fuzz.py"
COUNT = 100_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits of memory that hold are Linux's"),
]


def test_a_hundred_thousand_hostile_files(tmp_path):
    done = subprocess.run(
        [sys.executable, FUZZ, "--count", str(COUNT), "--folder", tmp_path],
        capture_output=True,
        text=True,
        errors="replace",
    )
    last = (tmp_path / "last").read_text().strip()
    assert done.returncode == 0, f"died of {last}: {done.stderr[-3000:]}"
    report = json.loads(done.stdout)
    print(f"{report['inputs']} inputs: {report['counts']}")
    assert report["inputs"] >= COUNT
    assert report["findings"] == []
