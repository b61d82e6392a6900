"""The reference on the site: everything public is entered once, and its text agrees with the source."""

import ast
import importlib.util
import inspect
import re
import textwrap
from doctest import DocTestParser
from importlib import import_module
from pathlib import Path

import pytest
from docstring_parser.google import parse

import minigan as mg

SITE = Path(__file__).parents[2] / "docs" / "site"


def load(name):
    spec = importlib.util.spec_from_file_location(name, SITE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


api, docstrings = load("api"), load("docstrings")


def of(module, name):
    return getattr(import_module(module), name)


def public():
    """Yield (qualified name, object) of everything with an entry, the public methods of classes included."""
    for module, members in api.entries().items():
        for name in members:
            thing = of(module, name)
            yield f"{module}.{name}", thing
            if inspect.isclass(thing):
                methods = [n for n in vars(thing) if not n.startswith("_") and callable(getattr(thing, n))]
                yield from ((f"{module}.{name}.{n}", getattr(thing, n)) for n in methods)


PUBLIC = {name: thing for name, thing in public() if inspect.isroutine(thing) or inspect.isclass(thing)}


def disagreement(thing):
    """Return the documented and the real parameters of a function or class with an Args section, if they differ."""
    sections = parse(inspect.cleandoc(thing.__doc__ or "")).params
    documented = {n.strip("* ") for p in sections if p.args[0] == "param" for n in p.arg_name.split(",")}
    if not documented:
        return ""
    parameters = {*inspect.signature(thing).parameters} - {"self", "cls"}
    if inspect.isclass(thing):
        parameters -= {"args", "kwargs"} - documented
    undocumented, unknown = parameters - documented, documented - parameters
    return f"without a text: {sorted(undocumented)}, unknown: {sorted(unknown)}" if undocumented or unknown else ""


def examples(thing):
    """Return the code of the Example sections of an object."""
    doc = inspect.cleandoc(thing.__doc__ or "") + "\n"
    return [textwrap.dedent(code) for code in re.findall(r"^Examples?:\n((?:(?: .*)?\n)+)", doc, re.MULTILINE)]


def test_every_public_package_has_a_page():
    assert {f"minigan.{name}" for name in mg._LAZY | {"ops"}} - api.FORMER <= set(api.MODULES)


def test_everything_public_is_entered_once():
    entries = api.entries()
    exported = {id(thing): f"{m}.{name}" for m in entries for name in api.names(m) for thing in [of(m, name)]}
    entered = [id(of(m, name)) for m, members in entries.items() for name in members]
    modules = {id(import_module(m)) for m in entries}
    assert {exported[i] for i in exported.keys() - set(entered) - modules} == set()
    assert len(entered) == sum(len(set(members)) for members in entries.values())


def test_a_class_that_two_packages_export_is_entered_below_the_first():
    entries = api.entries()
    assert "Tensor" in entries["minigan"]
    assert "Tensor" not in entries["minigan.types"]


def test_an_entry_that_the_site_lacks_is_named():
    everything = {f"{m}.{name}" for m, members in api.entries().items() for name in members}
    assert api.missing(everything) == []
    assert api.missing(everything - {"minigan.nn.Linear"}) == ["minigan.nn.Linear"]


def test_everything_public_has_a_docstring():
    assert [name for name, thing in PUBLIC.items() if not inspect.getdoc(thing)] == []


def test_args_sections_name_the_parameters():
    assert {name: fault for name, thing in PUBLIC.items() if (fault := disagreement(thing))} == {}


def test_a_wrong_args_section_is_found():
    def f(x, y, *rest, **options):
        """Return x.

        Args:
            x: A number.
            *rest: More of them.
            z: Another.
        """

    assert disagreement(f) == "without a text: ['options', 'y'], unknown: ['z']"


def test_examples_are_python():
    for name, thing in PUBLIC.items():
        for example in examples(thing):
            statements = [e.source for e in DocTestParser().get_examples(example)]
            try:
                ast.parse("".join(statements) or example)
            except SyntaxError as error:
                pytest.fail(f"{name}: {error}\n{example}")


def test_each_module_is_on_the_page_of_its_package(tmp_path):
    api.write(tmp_path / "api")
    pages = {path.stem: path.read_text() for path in (tmp_path / "api").glob("*.rst")}
    assert set(pages) == set(api.MODULES)
    assert ".. automodule:: minigan.gan.losses\n" in pages["minigan.gan"]
    assert ".. py:currentmodule:: minigan.profile\n" in pages["minigan.profile"]  # `mg.profile` is a function
    assert ".. automodule" not in pages["minigan.profile"]


@pytest.mark.parametrize(
    ("markdown", "rest"),
    [
        ("<x, y> of x_1 * |a|*b", "<x, y> of x_1 * \\|a\\|\\*b"),
        ("the names x_ and `x_1 * y`", "the names x\\_ and ``x_1 * y``"),
        ("see `ops.conv2d`, `hvp`s and `x`", "see :py:obj:`ops.conv2d`, :py:obj:`hvp`\\ s and ``x``"),
        ("a `long\nname` of it", "a ``long name`` of it"),
        ("Text:\n\n    x * y\n\nMore.", "Text:\n\n::\n\n    x * y\n\nMore."),
        ("x: the first,\n    continued.\ny: another.", "x: the first,\ncontinued.\ny: another."),
        ("* an item,\n  continued.", "* an item,\n  continued."),
        (
            "Example:\n    x = y * z\n\nArgs:\n    y: One.",
            "Example:\n    .. code-block:: python\n\n        x = y * z\n\n\nArgs:\n    y: One.",
        ),
        (
            "| name | sense |\n|---|---|\n| `x` | |y| |",
            "\n.. list-table::\n   :header-rows: 1\n\n   * - name\n     - sense\n   * - ``x``\n     - \\|y\\|\n",
        ),
    ],
)
def test_markdown_becomes_restructuredtext(markdown, rest):
    assert "\n".join(docstrings.to_rst(markdown.split("\n"), {"x"})) == rest


STUB = """
def add(x: Tensor, y: TensorLike) -> Tensor: ...
def add(x: _Plain, y: Tensor) -> Tensor: ...
def add(x: _Plain, y: _Plain) -> Array: ...
def total(x: Tensor, *, axis: Axis = None) -> Tensor: ...
def total(x: Array, *, axis: Axis = None) -> Array: ...
def each(f: Callable[[Tensor | None], Array | None]) -> Tensor | None: ...
class A:
    def b(self, c: int) -> str: ...
"""


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("add", ("(x: TensorLike, y: TensorLike)", "Tensor | Array")),
        ("total", ("(x: Tensor | Array, *, axis: Axis=None)", "Tensor | Array")),
        ("each", ("(f: Callable[[Tensor | None], Array | None])", "Tensor | None")),
        ("A.b", ("(c: int)", "str")),
    ],
)
def test_overloads_of_a_stub_are_one_signature(tmp_path, name, signature):
    stub = tmp_path / "module.pyi"
    stub.write_text(STUB)
    for _ in range(2):  # as an alias is documented too
        assert docstrings.united(docstrings.definitions(stub)[name], is_bound="." in name) == signature
