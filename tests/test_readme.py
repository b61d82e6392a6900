"""What the README shows, runs."""

import re
from pathlib import Path

import pytest

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", range(len(BLOCKS)))
def test_the_examples_run(block, capsys):
    exec(BLOCKS[block].replace("range(10)", "range(1)"), {})
    assert capsys.readouterr().out


def test_there_are_examples():
    assert len(BLOCKS) == 3
