"""The reference: one page of Markdown for each public module, its text and signatures from the source's docstrings.

minigan's docstrings are Markdown in all but name (tables, code in backticks, `<x, y>`, |x|), so they are read as that,
and not as reStructuredText, in which half of them would be errors.
"""

import ast
import dataclasses
import inspect
import re
import textwrap
from importlib import import_module

MODULES = {
    "minigan": "tensors, and their derivatives",
    "minigan.ops": "the operations",
    "minigan.nn": "layers, modules and initialisers",
    "minigan.optim": "optimizers, averages of weights, schedules",
    "minigan.models": "generators and critics",
    "minigan.gan": "losses, penalties, the training step, diagnosis",
    "minigan.data": "named sets, files, toy mixtures, minibatches",
    "minigan.metrics": "what a generator is worth",
    "minigan.check": "oracles for derivatives, and claims",
    "minigan.viz": "pictures",
    "minigan.random": "random numbers",
    "minigan.experiment": "runs, presets, trainers",
    "minigan.interchange": "weights and graphs for other libraries, and theirs here",
    "minigan.protocols": "published evaluations",
}


def write(folder):
    """Write folder/index.md and a page for every module."""
    folder.mkdir()
    lines = [f"* [{name}]({name}.md): {what}" for name, what in MODULES.items()]
    toctree = ["```{toctree}", ":hidden:", "", *MODULES, "```"]
    (folder / "index.md").write_text("\n".join(["# Reference", "", *lines, "", *toctree, ""]))
    for name in MODULES:
        (folder / f"{name}.md").write_text("\n".join(module(import_module(name), "#")))


def module(m, level):
    """A module's text and all that it exports; of a package also the modules that it offers, one level below."""
    yield f"{level} {m.__name__}\n\n```{{py:currentmodule}} {m.__name__}\n```\n"
    yield prose(inspect.getdoc(m) or "")
    exported = [(name, getattr(m, name)) for name in names(m)]
    for name, thing in exported:
        if not inspect.ismodule(thing):
            yield from entry(name, thing)
    for _, thing in exported:
        if inspect.ismodule(thing) and thing.__name__ not in MODULES:
            yield from module(thing, level + "#")


def names(m):
    """What a module offers: __all__; or what a package imports from its own modules; or what a module defines."""
    if hasattr(m, "__all__"):
        return m.__all__
    if hasattr(m, "__path__"):
        body = ast.parse(inspect.getsource(m)).body
        own = [a.asname or a.name for s in body if isinstance(s, ast.ImportFrom) and s.level for a in s.names]
        return list(dict.fromkeys(own + _defined(m)))
    return _defined(m)


def _defined(m):
    """Public functions and classes of a module, and the instances of its own classes."""
    return [
        name
        for name, thing in vars(m).items()
        if not name.startswith("_")
        and m.__name__ == (getattr(thing, "__module__", None) if callable(thing) else type(thing).__module__)
    ]


def entry(name, thing):
    """The directive of a class, a function or a constant; one without a text of its own is not shown."""
    if inspect.isclass(thing):
        inside = [text for item in vars(thing).items() for text in member(*item)]
        yield from directive("class", f"{name}{constructor(thing)}", inspect.getdoc(thing), inside)
    elif inspect.isroutine(thing):
        yield from directive("function", f"{name}{signature(thing)}", inspect.getdoc(thing))
    elif hasattr(thing, "source"):
        yield from directive("data", name, thing.source)


def member(name, thing):
    """A public method or property that has a docstring."""
    if name.startswith("_") or not (doc := inspect.getdoc(thing)):
        return
    if isinstance(thing, property) or hasattr(thing, "func"):
        yield from directive("property", name, doc)
    elif isinstance(thing, (classmethod, staticmethod)):
        yield from directive("method", f"{name}{signature(thing.__func__, isinstance(thing, classmethod))}", doc)
    elif inspect.isfunction(thing):
        yield from directive("method", f"{name}{signature(thing, True)}", doc)


def directive(kind, heading, doc, inside=()):
    fence = "`" * (4 if inside else 3)
    yield f"{fence}{{py:{kind}}} {heading}\n"
    yield prose(doc or "", re.findall(r"\w+", heading.partition("(")[2]))
    yield from inside
    yield f"{fence}\n"


def constructor(cls):
    """The arguments of a class: its fields, if it is a dataclass, else those of its own __init__."""
    if dataclasses.is_dataclass(cls):
        return f"({', '.join(map(_field, dataclasses.fields(cls)))})"
    return signature(cls.__init__, True) if inspect.isfunction(cls.__init__) else ""


def _field(field):
    return field.name if field.default is dataclasses.MISSING else f"{field.name}={field.default!r}"


def signature(function, bound=False):
    """As the source has it, so that a default reads `np.float32`; without the first argument if that is bound."""
    try:
        source = textwrap.dedent(inspect.getsource(function))
        arguments = next(node.args for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    except (OSError, TypeError, SyntaxError, StopIteration):
        return "(...)"
    if bound:
        del (arguments.posonlyargs or arguments.args)[:1]
    return f"({ast.unparse(arguments)})"


def prose(doc, parameters=()):
    """A docstring as Markdown: what would be markup by accident is escaped, each parameter starts a line of its own."""
    lines = []
    for line in doc.splitlines():
        start = re.match(r"([*\w]+(?:, [*\w]+)*): ", line)
        if start and set(re.findall(r"\w+", start[1])) <= set(parameters):
            lines += ["", f"`{start[1]}`: {inline(line[start.end() :], parameters)}"]
        else:
            is_code = line.startswith("    ") and (not lines or not lines[-1] or lines[-1].startswith("    "))
            lines.append(line if is_code else inline(line, parameters))
    return "\n".join(lines) + "\n"


def inline(line, parameters):
    """A line of prose: names in backticks become links, where there is something to link to."""
    parts = re.split(r"`([^`]*)`", line)  # every second part is code
    return "".join(
        code(part, parameters) if i % 2 else re.sub(r"([\\*_<$\[])", r"\\\1", part) for i, part in enumerate(parts)
    )


def code(text, parameters):
    if not re.fullmatch(r"[A-Za-z_][\w.]*", text) or text in parameters:
        return f"`{text}`"
    inside = f"minigan.{text.split('.')[0]}" in MODULES and "." in text
    return f"{{py:obj}}`{text} <minigan.{text}>`" if inside else f"{{py:obj}}`{text}`"
