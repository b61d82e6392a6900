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
# Public modules that a package neither imports nor lists: they take time to import, or need another library.
INNER = {
    "minigan.interchange": ("torch", "onnx"),
}
FORMER = {"minigan.experiment"}  # names that still work, with a warning


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
        inner += [f"{module}.{name}" for name in INNER.get(module, ()) if is_importable(f"{module}.{name}")]
        waiting += [name for name in inner if name not in waiting]
        members = [(name, thing) for name, thing in exported if not inspect.ismodule(thing)]
        found[module] = [name for name, thing in members if id(thing) not in entered]
        entered |= {id(thing) for _, thing in members if hasattr(thing, "__module__")}  # equal numbers are one object
    return found


def is_importable(module):
    """Return whether the libraries that a module needs are installed."""
    try:
        import_module(module)
    except ImportError as error:
        print(f"{module} is left out of the reference: {error}")
        return False
    return True


def names(module):
    """Return the public names of a module, without the types of NumPy that it hands on and without former names."""
    m = import_module(module)
    defined = [name for name, thing in vars(m).items() if getattr(thing, "__module__", None) == module]
    public = getattr(m, "__all__", [name for name in defined if not name.startswith("_")])
    return [name for name in public if f"{module}.{name}" not in FORMER and not hasattr(numpy.typing, name)]


def missing(inventory):
    """Return the names for which an inventory, as Sphinx writes one, has no entry."""
    return [f"{m}.{name}" for m, members in entries().items() for name in members if f"{m}.{name}" not in inventory]


def page(module):
    """Return the page on which a module stands: its own, or that of the package around it."""
    return module if module in MODULES else page(module.rpartition(".")[0])


def section(module, members):
    """Yield the lines of a module: its docstring and its members."""
    yield from [module, ("=" if module in MODULES else "-") * len(module), ""]
    yield f".. {'py:currentmodule' if is_hidden(module) else 'automodule'}:: {module}\n"
    for name in members:
        yield from entry(name, getattr(import_module(module), name))


def is_hidden(module):
    """Return whether another object has the module's name, as the function `minigan.profile` has."""
    package, _, name = module.rpartition(".")
    return bool(package) and not inspect.ismodule(getattr(import_module(package), name))


def entry(name, thing):
    """Yield the directive of a class with its members, of a function, or of a constant (its value only if short)."""
    if inspect.isclass(thing):
        yield f".. auto{'exception' if issubclass(thing, BaseException) else 'class'}:: {name}\n   :members:\n"
    elif inspect.isroutine(thing):
        yield f".. autofunction:: {name}\n"
    else:
        yield f".. autodata:: {name}\n" + ("   :no-value:\n" if len(repr(thing)) > 60 else "")
