"""The reference on the site has everything that is public, as the source has it."""

import importlib.util
from pathlib import Path

import pytest

import minigan as mg


@pytest.fixture(scope="module")
def api():
    path = Path(__file__).parents[2] / "docs" / "site" / "api.py"
    spec = importlib.util.spec_from_file_location("api", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(api, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "api"
    api.write(folder)
    return {path.stem: path.read_text() for path in folder.glob("*.md")}


def test_every_public_module_has_a_page(api, pages):
    assert {f"minigan.{name}" for name in mg._LAZY | {"ops"}} | {"minigan"} == set(api.MODULES)
    assert set(pages) == {*api.MODULES, "index"}


@pytest.mark.parametrize("module", ["check", "data", "viz", "random"])
def test_everything_in_all_is_there(pages, module):
    page = pages[f"minigan.{module}"]
    listed = [name for name in getattr(mg, module).__all__ if callable(getattr(getattr(mg, module), name))]
    assert [name for name in listed if f"}} {name}" not in page] == []


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ("minigan.ops", "```{py:function} conv2d(x, w, *, stride=1, padding=0, dilation=1, groups=1)"),
        ("minigan.gan", "```{py:data} wasserstein"),
        ("minigan.gan", "## minigan.gan.losses"),
        ("minigan", "```{py:method} item()"),
        ("minigan.nn", "dtype: DTypeLike=np.float32)"),
        ("minigan.models", "```{py:function} generator("),
        ("minigan.optim", "class} Adam(parameters: Iterable[Parameter], "),
    ],
)
def test_signatures_are_those_of_the_source(pages, page, line):
    assert line in pages[page]


def test_names_from_elsewhere_are_left_out(pages):
    assert "} device_of(" not in pages["minigan.optim"]
    assert "} relu(" not in pages["minigan.gan"]


def test_a_name_stands_below_its_module(pages):
    head, _, losses = pages["minigan.gan"].partition("```{py:currentmodule} minigan.gan.losses\n")
    assert "{py:data} hinge" in losses
    assert "{py:class} Game(" in head


def test_markup_by_accident_is_escaped(api):
    text = api.prose("<x, y> of x_1 * [a](b) and `x_1 * y`\n\n    code_is * left\n", ())
    assert text == "\\<x, y> of x\\_1 \\* \\[a](b) and `x_1 * y`\n\n    code_is * left\n"


def test_a_parameter_starts_a_line_and_a_sentence_does_not(api):
    text = api.prose("What it does: much.\nx, y: arrays.\nz: another.", ["x", "y"])
    assert text == "What it does: much.\n\n`x, y`: arrays.\nz: another.\n"


def test_names_become_links(api):
    assert api.prose("see `ops.conv2d`, `grad` and `x`", ["x"]) == (
        "see {py:obj}`ops.conv2d <minigan.ops.conv2d>`, {py:obj}`grad` and `x`\n"
    )
