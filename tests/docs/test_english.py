"""Docstrings say what they are about: no headless first lines, no "but" in the sense of except."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("minigan", "benchmarks", "docs") for path in (ROOT / folder).rglob("*.py"))

HEADLESS = re.compile(
    r"(What|Of|Where|Those|How|All that|All of|That|Whether|Which|Whose|Who|When|Why|If|From|To|By|As|But|And|Or|"
    r"Whatever|Whoever)\b(?!:)"
)
QUESTION = re.compile(r"(Is|Are|Was|Were|Does|Do|Did|Has|Have|Can|May|Must|Should|Will)\b.*\?")
EXCEPT = re.compile(
    r"\b(all|any|anything|anywhere|everything|everywhere|none|nobody|nowhere|no one) but\b|"
    r"\b(all|any|every|no|none of the|nothing) \w+ but (the|those|this|these|that|one|two|its|itself)\b|"
    r"(?<![,;:.)]) but (for|the|those|these|this|one|its|itself)\b",
    re.IGNORECASE,
)


def docstrings(path):
    """Yield (line, qualified name, docstring) of a module and everything in it."""
    waiting = [("", ast.parse(path.read_text(encoding="utf-8")))]
    for prefix, node in waiting:
        if doc := ast.get_docstring(node):
            yield node.body[0].lineno, prefix or path.stem, doc
        inner = [n for n in ast.walk(node) if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
        own = set(inner) - {deep for n in inner if n is not node for deep in ast.walk(n) if deep is not n} - {node}
        waiting += [(f"{prefix}.{n.name}".lstrip("."), n) for n in inner if n in own]


def is_public(name):
    """Return whether no part of a dotted name is private; special methods are public."""
    return all(not part.startswith("_") or part.startswith("__") for part in name.split("."))


def faults(path, check):
    """Return one line for each docstring of a file in which `check` finds something."""
    found = [(line, name, check(name, doc)) for line, name, doc in docstrings(path)]
    return [f"{path.relative_to(ROOT)}:{line} {name}: {fault}" for line, name, fault in found if fault]


def headless(name, doc):
    """Return a first line that has neither a verb nor a noun as its head, or asks where it should say."""
    first = doc.partition("\n")[0]
    return first if HEADLESS.match(first) or QUESTION.match(first) else ""


def but(name, doc):
    """Return the words around a "but" that means except, in a public docstring."""
    text = " ".join(re.sub(r"`[^`]*`", "`code`", doc).split())
    match = EXCEPT.search(text) if is_public(name) else None
    return f"...{text[max(match.start() - 30, 0) : match.end() + 30]}..." if match else ""


@pytest.mark.parametrize("check", [headless, but])
def test_docstrings_are_plain_english(check):
    found = [fault for path in FILES for fault in faults(path, check)]
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize(
    "first",
    [
        "What holds the gradient of the critic.",
        "Of the images, the first.",
        "Those that lack a label.",
        "Where the run stands.",
        "How far apart the two sides are.",
        "All that must hold.",
        "Whether the run is finished.",
        "Is the run finished?",
        "From here to there.",
    ],
)
def test_a_headless_first_line_is_found(first):
    assert headless("f", first)


@pytest.mark.parametrize(
    "first",
    [
        "Return whether the run is finished.",
        "Whole runs, read at once.",
        "Gradient penalty of Gulrajani et al. 2017.",
        "Island of images.",
        "Hashes: all that a run needs.",
        "Can of worms.",
    ],
)
def test_a_first_line_with_a_head_is_not(first):
    assert not headless("f", first)


@pytest.mark.parametrize(
    "text",
    [
        "Return everything but the last axis.",
        "Return all but\nthe loader's.",
        "The same but for the sign.",
        "Every file but the first is read.",
        "Sum over all axes but one.",
        "A small gradient is no disease but the end.",
    ],
)
def test_but_for_except_is_found(text):
    assert but("f", text)


@pytest.mark.parametrize(
    "text",
    [
        "It is slow, but the result is exact.",
        "Slow but exact.",
        "It is not a copy but a view.",
        "The `all but` pattern.",
        "Networks from nothing but arrays.",
    ],
)
def test_but_for_however_is_not(text):
    assert not but("f", text)


def test_a_private_docstring_may_say_but():
    assert not but("Class._helper", "All but one.")


def test_docstrings_of_inner_functions_are_seen(tmp_path):
    path = tmp_path / "module.py"
    path.write_text('class A:\n    def b(self):\n        """First."""\n        def c():\n            """Second."""\n')
    assert [(name, doc) for _, name, doc in docstrings(path)] == [("A.b", "First."), ("A.b.c", "Second.")]
