"""docs/gpu.md: its tables are those that the script computes, and its example is right."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "scripts"))
import gpu_tables  # noqa: E402

PAGE = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")


def without_measured(line):
    """A row of the first table without its last column, which a GPU fills."""
    return line.rpartition("|")[0].rpartition("|")[0] if line.startswith("|") else line


def test_the_table_of_steps_is_the_computed_one():
    page = [without_measured(line) for line in PAGE.splitlines()]
    assert [line for line in map(without_measured, gpu_tables.roofline()) if line not in page] == []


def test_the_table_of_chunks_is_the_computed_one():
    page = PAGE.splitlines()
    assert [line for line in gpu_tables.chunked() if line not in page] == []


def test_the_example_is_counted_by_hand():
    """The operations of a critic step of DCGAN-28, layer by layer, for each image."""
    first, second, last = 2 * 14 * 14 * 25 * 64, 2 * 7 * 7 * 1600 * 128, 2 * 6272
    critic = first + second + last
    generator = 2 * (100 * 12544 + 49 * 256 * 25 * 128 + 49 * 128 * 25 * 64 + 196 * 64 * 25)
    step = 64 * (generator + 2 * (3 * critic - first) + 4 * critic - last)
    (row,) = re.findall(r"^\| dcgan-28-critic-64 \| (\S+) \| \S+ \| (\S+) \| (\S+) \|", PAGE, re.M)
    assert [float(cell) for cell in row] == pytest.approx([step / 1e9, step / 50e9, step / 300e9], rel=2e-3)
    assert f"{critic / 1e6:.1f} million operations, F" in PAGE
    assert f"generator needs {generator / 1e6:.1f} million" in PAGE


@pytest.mark.parametrize(
    ("rows", "columns", "expected"), [(128, 128, 1), (129, 128, 2), (5194, 128, 41), (1, 129, 2), (256, 300, 6)]
)
def test_tiles_cover_a_matrix(rows, columns, expected):
    assert gpu_tables.tiles(rows, columns) == expected
