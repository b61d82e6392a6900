"""docs/architecture.md against the code: every package is named, everything named exists, each recipe's files exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PATH = re.compile(r"`((?:minigan|tests|tutorials|docs|benchmarks)(?:/[\w./-]+)?|README\.md|pyproject\.toml)`")


def packages():
    """The packages and modules at the top of minigan."""
    for path in sorted((ROOT / "minigan").iterdir()):
        if path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").exists()):
            yield f"minigan/{path.name}"


def first_column(page):
    """Every path in the first column of the table of packages and modules."""
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    return [path for row in rows for path in re.findall(r"`([^`]+)`", row)]


def recipes(page):
    """{title: the paths that it names}."""
    parts = re.split(r"^To add (.*):$", page.partition("## Recipes")[2], flags=re.MULTILINE)
    return {title: PATH.findall(text) for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_the_table_names_every_package_and_module_once():
    assert sorted(first_column(PAGE)) == sorted(packages())


def test_everything_named_exists():
    assert [path for path in PATH.findall(PAGE) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    "subject", ["operation", "loss", "preset", "option", "layer", "CuPy kernel", "chapter", "command"]
)
def test_there_is_a_recipe_with_files(subject):
    found = [paths for title, paths in recipes(PAGE).items() if title.endswith(subject)]
    assert len(found) == 1
    assert found[0]


def test_a_package_that_is_missing_or_gone_would_be_seen():
    page = PAGE.replace("| `minigan/gan` |", "| `minigan/gone` |")
    assert sorted(first_column(page)) != sorted(packages())
    assert not (ROOT / "minigan/gone").exists()
