"""docs/metrics.md: its tables list every metric that has a direction, in the direction that the package says."""

import re
from pathlib import Path

import pytest

from minigan import metrics
from minigan.metrics.better import BETTER

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
ROWS = [row.strip("| ").split(" | ") for row in PAGE.splitlines() if row.startswith("| `")]


def test_the_tables_and_the_package_agree_on_what_is_better():
    assert {name.strip("`"): better for name, _, better, *_ in ROWS} == BETTER


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("`"))
def test_every_row_is_a_sentence_with_a_source_and_functions_that_exist(row):
    _, meaning, _, source, functions = row
    assert re.fullmatch(r"[A-Z].*\.", meaning)
    assert source
    assert all(name in metrics.__all__ for name in re.findall(r"`(\w+)`", functions))


def test_every_measure_of_the_package_is_in_a_table():
    functions = {name for *_, last in ROWS for name in re.findall(r"`(\w+)`", last)}
    measures = {
        n
        for n in metrics.__all__
        if "Measurement" in str(getattr(getattr(metrics, n), "__annotations__", {}).get("return"))
    }
    assert functions == measures - {"measure", "measure_against_real", "mean_over_sets"}
