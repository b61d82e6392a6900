"""The reference: one page for each public package, whose entries autodoc writes from the source.

`docstrings.py` says how a docstring becomes reStructuredText.
"""

import inspect
from importlib import import_module

import numpy.typing

MODULES = {
    "minigan": "tensors and their derivatives",
    "minigan.ops": "operations",
    "minigan.nn": "modules, layers and initialisers",
    "minigan.optim": "optimizers, averages of weights, schedules",
    "minigan.gan": "losses, penalties, the training step, diagnosis",
    "minigan.models": "generators and critics",
    "minigan.data": "named data sets, files, toy mixtures, minibatches",
    "minigan.metrics": "measures of a generator, with their floors",
    "minigan.check": "checks of derivatives, and claims",
    "minigan.viz": "pictures",
    "minigan.presets": "configurations, and presets with their sources",
    "minigan.trainers": "the trainer of each family of models",
    "minigan.runs": "runs: training, checkpoints, samples, evaluation",
    "minigan.scale": "sweeps of runs, and training on several processes",
    "minigan.protocols": "published evaluation protocols",
    "minigan.interchange": "weights and graphs for other libraries, and from them",
    "minigan.random": "random numbers",
    "minigan.capture": "capture of a training step, and its errors",
    "minigan.profile": "time and memory of each operation",
    "minigan.report": "pages that show a run, or compare several",
    "minigan.types": "types that signatures name",
}


def write(folder):
    """Write folder/index.md and a page for every package."""
    folder.mkdir()
    lines = [f"* [{name}]({name}.rst): {purpose}" for name, purpose in MODULES.items()]
    toctree = ["```{toctree}", ":hidden:", "", *MODULES, "```"]
    (folder / "index.md").write_text("\n".join(["# Reference", "", *lines, "", *toctree, ""]))
    pages = {name: [] for name in MODULES}
    for module, members in entries().items():
        pages[page(module)] += section(module, members)
    for name, lines in pages.items():
        (folder / f"{name}.rst").write_text("\n".join(lines))


def entries():
    """Return {module: [names to enter below it]}; a thing that several modules export stands below the first."""
    found, entered = {}, set()
    waiting = list(MODULES)
    for module in waiting:
        exported = [(name, getattr(import_module(module), name)) for name in names(module)]
        inner = [thing.__name__ for _, thing in exported if inspect.ismodule(thing)]
        waiting += [name for name in inner if name not in waiting]
        members = [(name, thing) for name, thing in exported if not inspect.ismodule(thing)]
        found[module] = [name for name, thing in members if id(thing) not in entered]
        entered |= {id(thing) for _, thing in members if hasattr(thing, "__module__")}  # equal numbers are one object
    return found


def names(module):
    """Return the public names of a module, without the types of NumPy that it hands on."""
    m = import_module(module)
    listed = getattr(m, "__all__", None) or [n for n in dir(m) if not n.startswith("_") and is_own(m, getattr(m, n))]
    return [name for name in listed if getattr(m, name) is not getattr(numpy.typing, name, None)]


def is_own(m, thing):
    """Return whether `thing` is a function or class of a module, or a module that it contains."""
    name = thing.__name__ if inspect.ismodule(thing) else getattr(thing, "__module__", None) or ""
    return callable(thing) and name.startswith("minigan") or name.startswith(m.__name__ + ".")


def missing(inventory):
    """Return the names for which an inventory, as Sphinx writes one, has no entry."""
    return [f"{m}.{name}" for m, members in entries().items() for name in members if f"{m}.{name}" not in inventory]


def page(module):
    """Return the page on which a module stands: its own, or that of the package around it."""
    return module if module in MODULES else page(module.rpartition(".")[0])


def section(module, members):
    """Yield the lines of a module: its docstring and its members."""
    yield from [module, ("=" if module in MODULES else "-") * len(module), ""]
    if is_hidden(module):
        yield from [f".. py:currentmodule:: {module}", ""]
        yield from [f".. auto{kind(module, name)}:: {name}\n" for name in members]
    else:
        yield from [f".. automodule:: {module}"]
        yield from [f"   :members: {', '.join(members)}" if members else "", ""]


def is_hidden(module):
    """Return whether another object has the module's name, as the function `minigan.profile` has."""
    package, _, name = module.rpartition(".")
    return bool(package) and not inspect.ismodule(getattr(import_module(package), name))


def kind(module, name):
    """Return the kind of a member, as autodoc names its directives."""
    thing = getattr(import_module(module), name)
    return "class" if inspect.isclass(thing) else "function" if inspect.isroutine(thing) else "data"
