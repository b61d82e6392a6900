"""Refusal of keywords that exist only in NumPy or PyTorch, with a message that names the right keyword."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn


def refuses_others(function: Callable[..., Any]) -> Callable[..., Any]:
    """Hide the `**others` of a function from its signature: they exist only to be refused by `refuse`."""
    seen = signature(function)
    shown = [p for p in seen.parameters.values() if p.kind is not p.VAR_KEYWORD]
    function.__signature__ = seen.replace(parameters=shown)  # type: ignore[attr-defined]
    return function


def refuse(others: Iterable[str]) -> NoReturn:
    """Raise TypeError for the first of the keywords `others`."""
    name = next(iter(others))
    if name in ("dtype", "out"):
        remedy = "np.sum(x), np.mean(x) and the like pass it; call the method x.mean() or mg.ops.mean(x) instead"
    else:
        remedy = f"it is called {_NUMPY_NAMES[name]!r} here, as in NumPy" if name in _NUMPY_NAMES else "see help()"
    raise TypeError(f"no keyword {name!r}: {remedy}")


_NUMPY_NAMES = {"dim": "axis", "dims": "axis", "keepdim": "keepdims", "correction": "ddof"}
