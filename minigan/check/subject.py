"""The function under test, seen as float64 arrays in, float64 arrays out; and its gradient as another such function."""

import inspect
from dataclasses import dataclass

import numpy as np

from ..autodiff import grad
from ..tensor import Parameter, Tensor, tensor
from .arguments import array, random_like, sequence


@dataclass(frozen=True)
class Variable:
    """Something that is varied: its value, what to call it, and where its tensors live.

    A `Parameter` is varied in place, because a model would not notice a copy of it.
    """

    value: np.ndarray
    input: int | None
    name: str
    label: str
    device: str = "cpu"
    parameter: Parameter | None = None

    def tensor(self, value):
        if self.parameter is None:
            return tensor(value, requires_grad=True, device=self.device)
        self.parameter.assign_(tensor(value, device=self.device))
        return self.parameter


class Subject:
    """run: a list of Tensors, one for each of `variables`, to a list of Tensors."""

    def __init__(self, run, variables):
        self.run = run
        self.variables = variables

    def tensors(self, k=None, value=None):
        """Fresh tensors for one run, with `value` instead of that of variable k."""
        return [v.tensor(value if i == k else v.value) for i, v in enumerate(self.variables)]

    def evaluate(self, k=None, value=None):
        """The outputs there, as copies: an output may share its memory with an input."""
        return [y.numpy().copy() for y in self.run(self.tensors(k, value))]

    def cotangents(self, order, rng):
        """Random ones, one for each output."""
        found = []
        for j, y in enumerate(self.run(self.tensors())):
            label = f"the cotangent of output {j} {y.shape} at order {order}"
            found.append(Variable(random_like(y.shape, rng), None, "", label, y.device))
        return found

    def gradient(self, cotangents):
        """One order up: (variables, cotangents) -> the gradient of <cotangents, outputs>, with create_graph.

        The cotangents vary too.  Otherwise a vjp that drops the history of g would pass: in a longer chain g is a
        function of x.
        """
        n = len(self.variables)

        def run(tensors):
            xs, us = tensors[:n], tensors[n:]
            return or_zero(grad(self.run(xs), xs, us, create_graph=True, allow_unused=True), xs)

        return Subject(run, [*self.variables, *cotangents])

    def restore(self):
        """Give varied parameters their values back."""
        for v in self.variables:
            if v.parameter is not None:
                v.tensor(v.value)


def or_zero(gradients, xs):
    """An undefined gradient, None, is zero."""
    return [tensor(np.zeros(x.shape), device=x.device) if g is None else g for g, x in zip(gradients, xs, strict=True)]


def subject(f, inputs, names=None):
    """f at `inputs` as a Subject whose variables are the float64 inputs; all others reach f as they are."""
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
    """Those given, else a Parameter's own, else those of f's signature."""
    if names is not None:
        if len(names) != len(inputs):
            raise ValueError(f"{len(names)} names for {len(inputs)} inputs")
        return names
    try:
        signature = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # a builtin may not have one
        signature = ()
    known = [p.name for p in signature if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    known += [""] * (len(inputs) - len(known))
    return [getattr(x, "name", "") or name for x, name in zip(inputs, known, strict=False)]


def _varies(k, x, name):
    """Whether to differentiate in x.  TypeError for a floating-point type in which differences mean little."""
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
