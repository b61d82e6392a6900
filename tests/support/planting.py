"""Planting an error: functions of minigan run another line than the one that is written, until that is undone."""

import importlib
import inspect
import types
from dataclasses import dataclass
from operator import attrgetter


@dataclass(frozen=True)
class Mutant:
    """An error of the list, where it is planted, and the test that fails for it.

    module: below minigan.  names: of its functions, or class attributes, that become those of the changed source.
    changes: [(old, new)], texts of that source; old occurs in it once.
    catcher: the id of a test.
    says: part of the sentence of a check at run time that stops the catcher before it can assert anything.
    """

    number: int
    error: str
    module: str
    names: list[str]
    changes: list[tuple[str, str]]
    catcher: str
    says: str = ""

    def plant(self, monkeypatch):
        """The error, in the same function objects: those who imported them by name run it too."""
        module = importlib.import_module(f"minigan.{self.module}")
        wrong = _executed(module, self._wrong(inspect.getsource(module)))
        for name in self.names:
            _replace(monkeypatch, module, wrong, name)

    def _wrong(self, source):
        for old, new in self.changes:
            if source.count(old) != 1:
                raise LookupError(
                    f"minigan.{self.module} has {source.count(old)} times, expected once, the text {old!r}: "
                    f"the code has changed, and the mutant {self.error!r} must follow it"
                )
            source = source.replace(old, new)
        return source


def _executed(module, source):
    """A module of this source, as if in the place of `module`, which stays as it is."""
    copy = types.ModuleType(module.__name__)
    copy.__package__ = module.__package__
    exec(compile(source, f"{module.__file__} (mutant)", "exec"), vars(copy))
    return copy


def _replace(monkeypatch, module, wrong, name):
    target, value = (inspect.unwrap(attrgetter(name)(m)) for m in (module, wrong))  # of a decorated function, itself
    if isinstance(target, types.FunctionType):
        for part in ("__code__", "__defaults__", "__kwdefaults__"):
            monkeypatch.setattr(target, part, getattr(value, part))
    else:
        owner, _, attribute = name.rpartition(".")
        monkeypatch.setattr(attrgetter(owner)(module), attribute, value)
