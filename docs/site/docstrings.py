"""Hooks of autodoc: Markdown in docstrings becomes reStructuredText, types of operations come from their stubs."""

import ast
import inspect
import re
import sys
from copy import deepcopy
from functools import cache
from importlib import import_module
from pathlib import Path

ROW = re.compile(r"\s*\|(.*)\|\s*$")
RULE = re.compile(r"[\s|:-]+$")
EXAMPLE = re.compile(r"( *)Examples?:$")
SECTION_OR_ITEM = re.compile(r" *([A-Z]\w+:$|[*-] |\d+\. )")


def setup(app):
    """Connect to Sphinx: docstrings are converted before napoleon reads their sections."""
    app.connect("autodoc-process-docstring", convert, priority=400)
    app.connect("autodoc-process-signature", stub_signature)
    app.connect("missing-reference", by_short_name)


def convert(app, what, name, obj, options, lines):
    """Replace the lines of a docstring by reStructuredText."""
    if what == "data":
        lines[:] = text_of_constant(name, obj)
    lines[:] = to_rst(lines, parameters(obj))
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # a comment, as napoleon would take a first line with a colon for a type and a text


def text_of_constant(name, obj):
    """Return the lines below the assignment of a constant, in whichever module of the package it is assigned."""
    from sphinx.pycode import ModuleAnalyzer  # here, as a test without Sphinx reads the rest

    package, _, constant = name.rpartition(".")
    for module in [m for m in sys.modules if f"{m}.".startswith(f"{package}.")]:
        texts = ModuleAnalyzer.for_module(module).find_attr_docs()
        if ("", constant) in texts and getattr(sys.modules[module], constant) is obj:
            return texts["", constant]
    return []


def parameters(obj):
    """Return the names of the parameters of a function or class; of anything else, none."""
    try:
        return {*inspect.signature(obj).parameters}
    except (TypeError, ValueError):
        return set()


def to_rst(lines, own=()):
    """Return the lines of a docstring as reStructuredText.

    Tables become list tables; examples and blocks indented after an empty line become code; the rest is prose, in which
    code in backticks becomes a link where it can, except for the names in `own`.
    """
    out, prose = [], []

    def end_prose():
        if prose and not SECTION_OR_ITEM.match(prose[0]):
            prose[:] = [" " * indent(prose[0]) + line.lstrip() for line in prose]
        out.extend(inline("\n".join(prose), own).split("\n") if prose else [])
        prose.clear()

    lines = list(lines)
    while lines:
        line = lines.pop(0)
        before = (prose or out or [""])[-1]
        if match := EXAMPLE.match(line):
            end_prose()
            out += [line, f"{match[1]}    .. code-block:: python", ""]
            out += [f"    {code}" if code else "" for code in block(lines, len(match[1]) + 1)]
            out.append("")
        elif ROW.match(line):
            end_prose()
            rows = [line, *take(lines, ROW.match)]
            out += table([ROW.match(row)[1] for row in rows if not RULE.match(row)], own)
        elif line and not before and indent(line) > last_indent([*out, *prose]):
            end_prose()
            out += [" " * (indent(line) - 4) + "::", "", line, *block(lines, indent(line))]
        elif line:
            prose.append(line)
        else:
            end_prose()
            out.append(line)
    end_prose()
    return out


def take(lines, accepted):
    """Remove and return the first lines that are accepted."""
    n = next((i for i, line in enumerate(lines) if not accepted(line)), len(lines))
    taken = lines[:n]
    del lines[:n]
    return taken


def block(lines, depth):
    """Remove and return the first lines that are indented by at least `depth`, or empty."""
    return take(lines, lambda line: not line or indent(line) >= depth)


def indent(line):
    return len(line) - len(line.lstrip())


def last_indent(lines):
    return next((indent(line) for line in reversed(lines) if line), 0)


def table(rows, own):
    """Return the rows of a Markdown table, the first of which is its head, as a list table."""
    lines = ["", ".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        cells = [inline(cell.strip(), own) for cell in re.split(r"\s\|\s", row)]
        lines += [f"   {'  ' if i else '* '}- {cell}" for i, cell in enumerate(cells)]
    return [*lines, ""]


def inline(text, own):
    """Return prose with its code marked as such, and with nothing left that would be markup by accident."""
    prose, *rest = re.split(r"(`+)(.+?)\1", text, flags=re.DOTALL)
    out = escaped(prose)
    for part, after in zip(rest[1::3], rest[2::3], strict=True):
        out += code(" ".join(part.split()), own) + ("\\ " if re.match(r"\w", after) else "") + escaped(after)
    return out


def escaped(prose):
    prose = re.sub(r"(?<!\\)\*(?!\s)|\|", r"\\\g<0>", prose)  # `* ` begins an item of a list
    return re.sub(r"_\b(?!\w)|(?<=\w)_(?=\W|$)", r"\\_", prose)


def code(text, own):
    """Return code in a line of prose: a name is a link to its entry, if there is one."""
    return f":py:obj:`{text}`" if re.fullmatch(r"[A-Za-z_][\w.]*", text) and text not in own else f"``{text}``"


def stub_signature(app, what, name, obj, options, signature, returns):
    """Return the signature and result of an operation, or of a method of Tensor, as its stub has them."""
    if what == "function":
        owner, qualified = obj, obj.__name__
    elif what == "class":
        owner, qualified = obj, f"{obj.__name__}.__init__"
    elif what == "method":
        package, _, rest = name.rpartition(".")[0].rpartition(".")
        owner = getattr(import_module(package), rest)
        qualified = f"{owner.__name__}.{name.rpartition('.')[2]}"
    else:
        return None
    stub = Path(inspect.getsourcefile(inspect.unwrap(owner))).with_suffix(".pyi")
    overloads = definitions(stub).get(qualified)
    if not overloads:
        return None
    arguments, result = united(overloads, is_bound=what != "function")
    return arguments, result if what != "class" else None


@cache
def definitions(stub):
    """Return {qualified name: overloads} of the functions of a stub; without the file, nothing."""
    found = {}
    for node in ast.parse(stub.read_text(encoding="utf-8")).body if stub.exists() else []:
        prefix, functions = (f"{node.name}.", node.body) if isinstance(node, ast.ClassDef) else ("", [node])
        for function in functions:
            if isinstance(function, ast.FunctionDef):
                found.setdefault(prefix + function.name, []).append(function)
    return found


def united(overloads, is_bound):
    """Return the signature and result of all overloads at once: a type that differs among them is a union."""
    types = {}
    for arguments in [function.args for function in overloads]:
        for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            types.setdefault(a.arg, []).append(a.annotation)
    arguments = deepcopy(overloads[0].args)
    for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        a.annotation = union(types[a.arg])
    if is_bound:
        del (arguments.posonlyargs or arguments.args)[:1]
    returns = union([function.returns for function in overloads])
    return f"({ast.unparse(arguments)})", ast.unparse(returns) if returns else None


def union(annotations):
    """Return the annotation that admits what each of `annotations` admits."""
    parts = dict.fromkeys(part for a in annotations if a for part in alternatives(a))
    if "_Plain" in parts:  # what is not a Tensor, in the stubs: together they are a TensorLike
        parts = {"TensorLike": None} | {part: None for part in parts if part not in ("Tensor", "_Plain")}
    return ast.parse(" | ".join(parts), mode="eval").body if parts else None


def alternatives(annotation):
    """Return the members of a union, as text."""
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return alternatives(annotation.left) + alternatives(annotation.right)
    return [ast.unparse(annotation)]


def by_short_name(app, env, node, contnode):
    """Resolve a name that is written without its module, if only one entry ends with it."""
    if node.get("refdomain") != "py":
        return None
    domain = env.domains.python_domain
    tail = "." + node["reftarget"].removeprefix("mg.")
    found = [name for name, entry in domain.objects.items() if name.endswith(tail) and not entry.aliased]
    if len(found) != 1:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found[0], node, contnode)
