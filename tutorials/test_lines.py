"""Lines of the chapters and pages fit into a reader's window."""

import unicodedata
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
LONGEST = 88
TEXTS = [*sorted(FOLDER.rglob("*.py")), *sorted(FOLDER.glob("*.md"))]


def columns(line):
    """Return the columns that a line takes; a Chinese character takes two."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line)


def may_be_longer(line):
    """Return whether a line cannot be broken: a page's table row, or a single link."""
    return line.startswith("| ") or " " not in line.strip()


def too_long(text):
    """Return the numbers of the lines that are too long and can be broken."""
    lines = enumerate(text.splitlines(), 1)
    return [n for n, s in lines if columns(s) > LONGEST and not may_be_longer(s)]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_line_is_too_long(path):
    assert too_long(path.read_text()) == []


def test_long_lines_are_found():
    word = "x" * LONGEST
    lines = [f"a {word}", word, f"{word}x", f"| {word} |", f"# a {word}", "a 字" * 23]
    assert too_long("\n".join(lines)) == [1, 5, 6]
