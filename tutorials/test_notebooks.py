"""The notebooks and the contents page agree with the scripts."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

from minigan import verify

FOLDER = Path(__file__).parent
SCRIPTS = FOLDER.parent / "docs" / "scripts"
NOTEBOOKS = FOLDER / "notebooks"
CHAPTERS = verify.chapters(FOLDER)
NAMES = [script.stem for script in CHAPTERS]
LARGEST = 300_000  # bytes, for GitHub to show it at once
AGAIN = "stale: run python docs/scripts/notebooks.py {}"


@pytest.fixture
def tool(monkeypatch):
    """Return a function that imports a script of docs/scripts."""
    monkeypatch.syspath_prepend(SCRIPTS)
    yield importlib.import_module
    for name in ("contents", "notebooks"):
        sys.modules.pop(name, None)


def stored(name):
    path = NOTEBOOKS / f"{name}.ipynb"
    assert path.exists(), AGAIN.format(name)
    return json.loads(path.read_text())


def essence(cell):
    """Return the parts of a cell that its script determines: kind, source and tags."""
    return cell["cell_type"], "".join(cell["source"]), dict(cell["metadata"])


def test_every_notebook_has_a_chapter():
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.parametrize("script", CHAPTERS, ids=NAMES)
def test_a_notebook_has_the_cells_of_its_script(script, tool):
    for package in ("jupytext", "nbformat", "nbclient"):
        pytest.importorskip(
            package, reason=f'{package} is not installed: pip install -e ".[docs]"'
        )
    fresh = tool("notebooks").notebook(script)
    kept = [essence(cell) for cell in stored(script.stem)["cells"]]
    assert kept == [essence(cell) for cell in fresh.cells], AGAIN.format(script.stem)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_has_been_run(name):
    cells = [cell for cell in stored(name)["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data"}
    printed = "".join("".join(output.get("text", "")) for output in outputs)
    claims = re.findall(
        r'^@claim\(\s*"([^"]+)"', (FOLDER / f"{name}.py").read_text(), re.M
    )
    assert re.findall(r"^(\w+\.\w+)  ", printed, re.M) == claims


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_shows_its_picture_and_is_not_large(name):
    outputs = [
        output for cell in stored(name)["cells"] for output in cell.get("outputs", ())
    ]
    shown = sum("image/png" in output.get("data", {}) for output in outputs)
    assert shown == (FOLDER / f"{name}.py").read_text().count("\nviz.show(")
    assert (NOTEBOOKS / f"{name}.ipynb").stat().st_size < LARGEST


@pytest.mark.parametrize("name", NAMES)
def test_solutions_are_folded_and_exercises_are_not(name):
    cells = [cell for cell in stored(name)["cells"] if cell["cell_type"] == "code"]
    for cell in cells:
        folded = cell["metadata"].get("jupyter", {}).get("source_hidden", False)
        assert folded == ("solution" in cell["metadata"].get("tags", ()))
        if "raise NotImplementedError" in "".join(cell["source"]):
            assert not folded


@pytest.mark.parametrize("name", NAMES)
def test_solutions_in_words_are_folded_too(name):
    cells = [cell for cell in stored(name)["cells"] if cell["cell_type"] == "markdown"]
    texts = ["".join(cell["source"]) for cell in cells]
    if name == "errata":  # it has no exercises
        return
    between = texts[texts.index("## Solutions") + 1 : -1]
    assert [text for text in between if not text.startswith("<details><summary>")] == []


def test_the_contents_page_is_that_of_the_chapters(tool):
    contents = tool("contents")
    assert contents.PAGE.read_text() == contents.page(), (
        "stale: run python docs/scripts/contents.py"
    )


def test_every_link_of_the_contents_page_leads_somewhere():
    links = re.findall(r"\]\((?!https:)([^)#]+)", (FOLDER / "README.md").read_text())
    assert [path for path in links if not (FOLDER / path).exists()] == []
    assert {f"{name}.py" for name in NAMES} | {
        f"notebooks/{name}.ipynb" for name in NAMES
    } <= set(links)


def known_numbers():
    """Return (chapter, number) of the rows of NUMBERS.md except bounds on round-off."""
    rows = [
        line.split("|")
        for line in (FOLDER / "NUMBERS.md").read_text().splitlines()
        if line.startswith("| ")
    ]
    return [(row[1].strip(), row[3].strip()) for row in rows[1:] if "<" not in row[3]]


@pytest.mark.parametrize(("chapter", "number"), known_numbers())
def test_a_known_number_is_printed(chapter, number):
    (script,) = verify.chapters(FOLDER, ["errata" if chapter == "E" else chapter])
    outputs = [
        output
        for cell in stored(script.stem)["cells"]
        for output in cell.get("outputs", ())
    ]
    assert number in "".join("".join(output.get("text", "")) for output in outputs)
