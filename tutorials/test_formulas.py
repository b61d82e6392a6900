"""KaTeX in strict mode accepts every formula, and Markdown does not change it."""

import importlib
import shutil
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "docs" / "scripts"


@pytest.fixture(scope="module")
def formulas():
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module("formulas")
    sys.path.remove(str(SCRIPTS))
    for name in ("contents", "formulas"):
        sys.modules.pop(name, None)


@pytest.fixture
def katex(formulas):
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not formulas.KATEX.exists():
        pytest.skip("KaTeX is not installed: run npm install in docs/site")
    return formulas.judged


def test_markdown_hands_every_formula_over_whole(formulas):
    assert [
        f"{name}: {line}"
        for name, text in formulas.texts().items()
        for line in formulas.formulas(text)[1]
    ] == []


def test_katex_accepts_every_formula(formulas, katex):
    texts = formulas.texts()
    found = [
        formula for text in texts.values() for formula in formulas.formulas(text)[0]
    ]
    assert katex(found) == []


def test_formulas_are_found(formulas):
    found, wrong = formulas.formulas(
        "With $a$ and `$code`:\n\n$$b\n+ c$$\n\n    $INDENTED\n\n```\n$fenced\n```\n"
    )
    assert (found, wrong) == ([("a", False), ("b\n+ c", True)], [])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("so $a\n+ b$ is", "cut in two"),
        ("* so $a\n* b$ is", "cut in two"),
        ("$$a$$ is", "lines of its own"),
        ("$ a$", "space"),
        ("| $\\|x\\|$ | norm |", "bar in a table"),
        ("$a \\* b$", "write * or"),
    ],
)
def test_markdown_mistakes_are_found(formulas, text, complaint):
    assert any(complaint in line for line in formulas.formulas(text)[1])


@pytest.mark.parametrize("tex", [r"\foo", "x_", "a & b", "é", r"\frac{a}{b"])
def test_katex_refuses_what_is_not_tex(katex, tex):
    assert len(katex([("x^2", False), (tex, False)])) == 1
