"""The function under test as a function from float64 arrays to float64 arrays, and its gradient as another one."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autodiff import grad
from ..tensor import Parameter, Tensor, tensor
from .arguments import array, random_like, sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..types import NDArray

__all__ = ["Subject", "Variable", "or_zero", "subject"]


@dataclass(frozen=True)
class Variable:
    """An argument that is varied.

    Attributes:
        value: Its value.
        input: Its position among the inputs; None for a cotangent.
        name, label: Its name, or "", and its description in messages.
        device: The device of its tensors.
        parameter: The Parameter that is varied in place, because a model would not use a copy of it; or None.
    """

    value: NDArray[Any]
    input: int | None
    name: str
    label: str
    device: str = "cpu"
    parameter: Parameter | None = None

    def tensor(self, value: NDArray[Any]) -> Tensor:
        """Return a Tensor with this value that requires a gradient: a new one, or the Parameter itself."""
        if self.parameter is None:
            return tensor(value, requires_grad=True, device=self.device)
        self.parameter.assign_(tensor(value, device=self.device))
        return self.parameter


class Subject:
    """A function to check, with the variables at which it is checked.

    Args:
        run: Maps a list of Tensors, one for each variable, to a list of Tensors.
        variables: The variables.
    """

    run: Callable[[list[Tensor]], list[Tensor]]
    variables: list[Variable]

    def __init__(self, run: Callable[[list[Tensor]], list[Tensor]], variables: list[Variable]) -> None:
        self.run = run
        self.variables = variables

    def tensors(self, k: int | None = None, value: Any = None) -> list[Tensor]:
        """Return new tensors for one run, where variable k, if given, has another value."""
        return [v.tensor(value if i == k else v.value) for i, v in enumerate(self.variables)]

    def evaluate(self, k: int | None = None, value: Any = None) -> list[NDArray[Any]]:
        """Return the outputs at `tensors(k, value)`, as copies, since an output may share its memory with an input."""
        return [y.numpy().copy() for y in self.run(self.tensors(k, value))]

    def cotangents(self, order: int, rng: np.random.Generator) -> list[Variable]:
        """Draw a random cotangent for each output."""
        found = []
        for j, y in enumerate(self.run(self.tensors())):
            label = f"the cotangent of output {j} {y.shape} at order {order}"
            found.append(Variable(random_like(y.shape, rng), None, "", label, y.device))
        return found

    def gradient(self, cotangents: list[Variable]) -> Subject:
        """Return the function of the next order: from variables and cotangents to grad <cotangents, outputs>.

        It is computed with create_graph=True. The cotangents are variables too, since a vjp that drops the history of
        its argument g would pass otherwise: in a longer chain g is a function of x.
        """
        n = len(self.variables)

        def run(tensors):
            xs, us = tensors[:n], tensors[n:]
            return or_zero(grad(self.run(xs), xs, us, create_graph=True, allow_unused=True), xs)

        return Subject(run, [*self.variables, *cotangents])

    def restore(self) -> None:
        """Restore the values of Parameters that were varied."""
        for v in self.variables:
            if v.parameter is not None:
                v.tensor(v.value)


def or_zero(gradients: Sequence[Tensor | None], xs: Sequence[Tensor]) -> list[Tensor]:
    """Return the gradients, with zeros in the place of undefined ones, which are None."""
    return [tensor(np.zeros(x.shape), device=x.device) if g is None else g for g, x in zip(gradients, xs, strict=True)]


def subject(f: Callable[..., Any], inputs: Any, names: Sequence[str] | None = None) -> Subject:
    """Return f as a Subject whose variables are the float64 inputs; f receives all other inputs as they are.

    Raises:
        TypeError: If an input or output is floating-point but not float64, or an output is not a Tensor.
        ValueError: If no input is float64, or the number of names differs from the number of inputs.
    """
    inputs = sequence(inputs)
    names = _names(f, inputs, names)
    named = enumerate(zip(inputs, names, strict=True))
    variables = {k: _variable(k, x, name) for k, (x, name) in named if _varies(k, x, name)}
    if not variables:
        raise ValueError("there is nothing to differentiate: none of the inputs is a float64 array or Tensor")

    def run(tensors):
        arguments = list(inputs)
        for k, t in zip(variables, tensors, strict=True):
            arguments[k] = t
        return _outputs(f(*arguments))

    return Subject(run, list(variables.values()))


def _names(f, inputs, names):
    """Return the given names, or else a Parameter's own name, or else the name in the signature of f."""
    if names is not None:
        if len(names) != len(inputs):
            raise ValueError(f"{len(names)} names for {len(inputs)} inputs")
        return names
    try:
        signature = [*inspect.signature(f).parameters.values()]
    except (TypeError, ValueError):  # a builtin may not have one
        signature = []
    known = [p.name for p in signature if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    known += [""] * (len(inputs) - len(known))
    return [getattr(x, "name", "") or name for x, name in zip(inputs, known, strict=False)]


def _varies(k, x, name):
    """Return whether x is to be varied; raise TypeError if its floating-point type is too coarse for differences."""
    dtype = x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype
    if dtype.kind not in "fc" or (isinstance(x, Parameter) and not x.requires_grad):
        return False
    if dtype == np.float64:
        return True
    digits = int(-np.log10(np.finfo(dtype).eps) * 2 / 3)
    reason = "a step must be real" if dtype.kind == "c" else f"differences in it have at most {digits} good digits"
    raise TypeError(f"gradcheck needs float64, but {_label(k, name, np.shape(x))} is {dtype}: {reason}; use .astype")


def _variable(k, x, name):
    device = x.device if isinstance(x, Tensor) else "cpu"
    value = array(x).copy()
    return Variable(value, k, name, _label(k, name, value.shape), device, x if isinstance(x, Parameter) else None)


def _label(k, name, shape):
    return f"input {k} {name!r} {shape}" if name else f"input {k} {shape}"


def _outputs(result):
    ys = sequence(result)
    for j, y in enumerate(ys):
        if not isinstance(y, Tensor):
            raise TypeError(f"f must return Tensors, but output {j} is a {type(y).__name__}: the history is lost")
        if y.dtype != np.float64:
            raise TypeError(f"f must return float64, but output {j} is {y.dtype}")
    return ys
