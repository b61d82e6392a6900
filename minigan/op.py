"""Declaration of operations: a kernel on arrays, and one vjp per differentiable argument.

    @op(x=lambda g, out: g * (1 - out * out))
    def tanh(x):
        return np.tanh(x)

A vjp (vector-Jacobian product) takes the gradient g of the output and returns the gradient of its argument. Its other
parameters name the values that it needs: arguments of the operation, `out`, or keyword attributes. These names are read
once; together with the set of arguments that need a gradient they decide which values a node saves for the backward.

vjps are polymorphic. Without `create_graph` they run on raw arrays and record nothing; with it, the same lines run on
Tensors, and the gradient is itself differentiable. Every input without a gradient (a mask, a shape, an index) is a
keyword attribute.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from functools import partial, wraps
from operator import itemgetter
from threading import Lock, local
from typing import TYPE_CHECKING, overload

import numpy as np

from .backend import as_array, device_of, ndarray, of
from .backend.recording import ACTIVE
from .tensor import Leaf, Node, Tensor, changed_since, leaf_owning, tick, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager, _GeneratorContextManager
    from typing import Any, ParamSpec, TypeVar

    from .types import Array, Operation, Shape

    P = ParamSpec("P")
    Value = TypeVar("Value", Tensor, Array)


class _Mode(local):
    recording = True
    repeating = False


_mode = _Mode()


_unusual = 0  # the number of `unusual` contexts that are open, over all threads
_counting = Lock()


@contextmanager
def unusual() -> Iterator[None]:
    """Open a context in which every operation checks for a tape, a watch and disabled recording.

    Outside of any such context an operation pays for one comparison only.
    """
    global _unusual
    with _counting:
        _unusual += 1
    try:
        yield
    finally:
        with _counting:
            _unusual -= 1


@contextmanager
def _switched(name, flag):
    before = getattr(_mode, name)
    setattr(_mode, name, flag)
    try:
        with unusual():
            yield
    finally:
        setattr(_mode, name, before)


def recording(flag: bool) -> _GeneratorContextManager[None]:
    """Open a context in which the operations of this thread record history (True) or do not (False)."""
    return _switched("recording", flag)


def no_grad() -> _GeneratorContextManager[None]:
    """Open a context in which no graph is built: the results of operations are constants.

    It affects only the current thread. It also serves as a decorator, `@mg.no_grad()`.

    Example:
        with mg.no_grad():
            fake = generator(z)
    """
    return recording(False)


def repeating() -> AbstractContextManager[None]:
    """Open a context for the second run of a checkpointed forward: layers do not update their statistics in it."""
    return _switched("repeating", True)


def is_repeating() -> bool:
    """Return whether a checkpoint is running its function again in this thread."""
    return _mode.repeating


_watch: Watch | None = None  # one for all threads, so it is not in `_mode`


class Watch:
    """Base class of observers that wrap every kernel call, reverse sweep and pull, in all threads.

    An override must return the result of the call that it wraps.
    """

    def run(self, op: Op, arrays: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
        """Run the kernel of an operation on plain arrays."""
        return op.kernel(*arrays, **attrs)

    def sweep(self, sweep: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a whole reverse sweep."""
        return sweep(*args, **kwargs)

    def pull(self, node: Node, g: Any, path: Container[Any], create_graph: bool) -> Any:
        """Compute the gradients of the parents of one node."""
        return node.op.pull(node, g, path, create_graph)


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Open a context in which `watch` replaces any other watch."""
    global _watch
    before, _watch = _watch, watch
    try:
        with unusual():
            yield
    finally:
        _watch = before


def current_watch() -> Watch | None:
    """Return the watch that is in place, or None."""
    return _watch


def observing(observer: Callable[[Op, Sequence[Any], Any], object]) -> AbstractContextManager[None]:
    """Open a context in which observer(op, arrays, result) is called after every operation, in all threads."""
    return watching(_Observed(observer))


class _Observed(Watch):
    def __init__(self, observer):
        self.observer = observer

    def run(self, op: Op, arrays: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
        result = super().run(op, arrays, attrs)
        self.observer(op, arrays, result)
        return result


# The exceptions that a kernel raises when its arguments do not fit.
EXPLAINED: tuple[type[Exception], ...] = (ValueError, TypeError, IndexError, MemoryError, AttributeError)


class Op:
    """Description of one operation: its kernel, its vjps and the names of its arguments and attributes.

    `couples_samples` tells whether a row of the output depends on other rows of the batch.
    """

    couples_samples: bool = False

    def __init__(
        self,
        kernel: Callable[..., Any],
        vjps: Mapping[str, Any],
        explain: Callable[..., str | None] | None = None,
    ) -> None:
        parameters = inspect.signature(kernel).parameters.values()
        self.kernel = kernel
        self.name: str = kernel.__name__.lstrip("_")
        self.vjps = vjps
        self.explain = explain
        self.arguments: list[str] = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
        if list(vjps) != self.arguments:
            raise TypeError(
                f"op {self.name}: arguments {self.arguments} but vjps for {list(vjps)}; they must match, in order"
            )
        attributes = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        self.attributes: set[str] = {p.name for p in attributes}
        self.defaults: dict[str, Any] = {p.name: p.default for p in attributes if p.default is not p.empty}
        self.plans: dict[int, Any] = {}

    def plan(self, active: int) -> Any:
        """Return the plan of a node in which only the arguments given by the bits of `active` need a gradient."""
        self.plans[active] = plan = Plan(self, active)
        return plan

    def named(self, args: Sequence[Any]) -> dict[str, Any]:
        """Return the arguments of a call as a dict by name."""
        names = self.arguments or [f"xs[{i}]" for i in range(len(args))]
        return dict(zip(names, args, strict=False))

    def complain(self, error: Exception, args: Sequence[Any], attrs: dict[str, Any]) -> Exception:
        """Return the exception to raise for an `error` of the kernel, with names, shapes and the likely cause."""
        named = self.named(args)
        refuse_foreign(self.name, named)
        given = [f"{name}: {describe(a)}" for name, a in named.items()]
        given += [f"{name}={value!r}" for name, value in attrs.items() if isinstance(value, int | float | str | tuple)]
        cause = mixed_devices(named | attrs)
        cause = cause or (self.explain(*args, **attrs) if self.explain else None)
        kind = next(k for k in EXPLAINED if isinstance(error, k))
        return kind(f"{self.name}({', '.join(given)}): {cause or error}")


class Plan:
    """Plan of a node for one set of arguments that need a gradient: the values to keep, and the vjps to call.

    `kept` holds positions in (arguments..., out), `labels` their names, and `keep` picks the values at them. Each of
    `pulls` is (position of the argument, vjp, picker of its operands among the kept values, names of attributes).
    """

    __slots__ = ("name", "keep", "kept", "labels", "pulls", "couples_samples")

    name: str
    couples_samples: bool

    def __init__(self, op: Op, active: int) -> None:
        source = {name: i for i, name in enumerate([*op.arguments, "out"])}
        wanted = [i for i in range(len(op.arguments)) if active >> i & 1]
        needs = {i: list(inspect.signature(op.vjps[op.arguments[i]]).parameters)[1:] for i in wanted}
        for i, names in needs.items():
            if unknown := [n for n in names if n not in source and n not in op.attributes]:
                raise TypeError(
                    f"op {op.name}: the vjp of {op.arguments[i]} asks for {unknown}, which the kernel does not have"
                )
        self.name = op.name
        self.couples_samples = op.couples_samples
        kept = sorted({source[n] for names in needs.values() for n in names if n in source})
        self.kept: list[int] = kept
        self.labels: list[str] = [[*source][k] for k in kept]
        self.keep: Callable[[Any], Any] = picker(kept)
        position = {k: i for i, k in enumerate(kept)}
        self.pulls: list[tuple[int, Callable[..., Any], Callable[[Any], Any], list[str]]] = [
            (
                i,
                op.vjps[op.arguments[i]],
                picker([position[source[n]] for n in names if n in source]),
                [n for n in names if n not in source],
            )
            for i, names in needs.items()
        ]

    def pull(self, node: Node, g: Any, path: Container[Any], create_graph: bool) -> list[tuple[Any, Any]]:
        """Return (parent, gradient) for each parent of `node` on `path`; g is the gradient of the node's output."""
        parents, attrs = node.parents, node.attrs
        saved = traced(node) if create_graph else node.saved
        changed = changed_since(node)
        pulled = []
        for i, vjp, pick, attributes in self.pulls:
            parent = parents[i]
            if parent in path:
                operands = pick(saved)
                if changed:
                    refuse_stale(operands, node)
                if attributes:
                    gradient = vjp(g, *operands, **{name: attrs[name] for name in attributes})
                else:
                    gradient = vjp(g, *operands)
                pulled.append((parent, gradient))
        return pulled


def picker(positions: Sequence[int]) -> Callable[[Any], Any]:
    """Return a function, written in C, that picks the items at `positions` from a list or tuple."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return itemgetter(slice(positions[0], positions[0] + 1) if positions else slice(0))


def traced(node: Node) -> list[Any]:
    """Return the saved values of `node` as Tensors with the history that they had in the forward."""
    histories = (*node.parents, node)
    return [s if histories[k] is None else wrap(s, histories[k]) for k, s in zip(node.op.kept, node.saved, strict=True)]


def refuse_stale(operands: Sequence[Any], node: Node) -> None:
    """Raise RuntimeError if an operand lies in the memory of a parameter that has changed since `node` was made."""
    for operand in operands:
        array = operand.data if isinstance(operand, Tensor) else operand
        leaf = leaf_owning(array) if hasattr(array, "base") else None
        if leaf is not None:
            check_unchanged(leaf, node)


def check_unchanged(leaf: Node, node: Node) -> None:
    """Raise RuntimeError if the parameter of `leaf` has changed since `node` was made."""
    if isinstance(leaf, Leaf) and leaf.version > node.id:
        raise RuntimeError(
            f"{leaf.name or 'a parameter'} {leaf.shape} changed after this forward (operation {node.op.name!r}): "
            "its old values are gone, so the gradient would be wrong. Run the forward again after optimizer.step()"
        )


@overload
def op(kernel: Callable[P, Any], /, *, explain: Any = None, **vjps: Callable[..., Any]) -> Operation[P]: ...
@overload
def op(*, explain: Any = None, **vjps: Callable[..., Any]) -> Callable[[Callable[P, Any]], Operation[P]]: ...
def op(kernel=None, /, *, explain=None, **vjps):
    """Declare an operation: a kernel on arrays, and one vjp per differentiable argument.

    Args:
        kernel: A function of arrays. Its positional parameters are the differentiable arguments, its keyword-only
            parameters the attributes. Without a kernel, a decorator for one is returned.
        explain: explain(*args, **attrs) returns the likely cause of a kernel's failure as a clause, or None.
        vjps: One function for each argument of the kernel, under the argument's name and in the same order. It takes
            the gradient g of the output, and the values that its other parameters name: arguments, `out`, attributes.
            It returns the gradient of the argument, written in operations of `mg.ops` if it is to be differentiated
            again.

    Returns:
        A function of arrays or Tensors: arrays in, array out; with a Tensor among its arguments it returns a Tensor.

    Raises:
        TypeError: If the vjps do not match the kernel's arguments.

    Example:
        @mg.op(x=lambda g, out: g * (1 - out * out))
        def tanh(x):
            return np.tanh(x)
    """
    if kernel is None:
        return partial(op, explain=explain, **vjps)
    return apply_rule(Op(kernel, vjps, explain))


def apply_rule(rule: Any) -> Any:
    """Return the function that a user calls: it runs the kernel and records a node where a gradient may be needed."""
    kernel, plans, attributes, defaults = rule.kernel, rule.plans, rule.attributes, rule.defaults
    number, new, new_node = np.generic, Tensor.__new__, Node.__new__  # looked up once

    @wraps(kernel)
    def apply(*args, **attrs):
        if attrs and not attributes.issuperset(attrs):
            raise TypeError(
                f"{rule.name}: {', '.join(attrs.keys() - attributes)} cannot be given by keyword; "
                "pass arrays by position"
            )
        if defaults:
            attrs = defaults | attrs
        arrays, parents = [], []
        dtype, numbers = None, False
        active, bit = 0, 1
        for a in args:
            if isinstance(a, Tensor):
                data, node = a.data, a.node
                arrays.append(data)
                parents.append(node)
                if node is not None:
                    active |= bit
                own = data.dtype
                if dtype is not own:
                    dtype = own if dtype is None else False  # type: ignore[assignment]
            else:
                arrays.append(a)
                parents.append(None)
                if a.__class__ is not float and isinstance(a, number):  # the first test is cheap, and usually decides
                    numbers = True
            bit += bit
        tape, watch, recorded = (ACTIVE.tape, _watch, _mode.recording) if _unusual else (None, None, True)
        if tape is not None:
            arrays = tape.adopted(arrays)
        if numbers and dtype is not None:  # like Python's numbers, NumPy's scalars must not change the dtype
            arrays = [a.item() if isinstance(a, number) else a for a in arrays]
        try:
            if watch is not None:
                data = watch.run(rule, arrays, attrs)
            else:
                data = kernel(*arrays, **attrs) if attrs else kernel(*arrays)
        except EXPLAINED as error:
            raise rule.complain(error, arrays, attrs) from error
        if dtype is None:
            return data
        own = data.dtype
        if own is not dtype:
            check_dtypes(rule, data, arrays, attrs)
        if data.__class__ is not ndarray:
            data = as_array(data)
        result = new(Tensor)
        result.data = data
        if active and recorded:
            plan = plans.get(active) or rule.plan(active)
            result.node = node = new_node(Node)  # calling Node(...) would add a tenth to the cost of `apply`
            node.op, node.parents, node.attrs = plan, parents, attrs
            arrays.append(data)
            node.saved, node.shape, node.dtype, node.id = plan.keep(arrays), data.shape, own, tick()
        else:
            result.node = None
        return result

    apply.op = rule  # type: ignore[attr-defined]
    return apply


def check_dtypes(rule: Op, data: Any, arrays: Sequence[Any], attrs: Mapping[str, Any]) -> None:
    """Raise TypeError if precisions are mixed, or if the result has another precision than the arguments.

    It is called only when the dtype of a result differs from the dtype of a Tensor among the arguments.
    """
    refuse_foreign(rule.name, rule.named(arrays))
    floating = {a.dtype for a in arrays if hasattr(a, "dtype") and a.dtype.kind in "fc"}
    precisions = {np.finfo(d).dtype for d in floating}
    given = f"{rule.name}({', '.join(describe(a) for a in arrays)})"
    if len(precisions) > 1:
        raise TypeError(
            f"{given}: mixed dtypes {', '.join(sorted(map(str, floating)))}; nothing is converted silently, "
            "so convert one argument with .astype(...)"
        )
    # Integers follow NumPy, and an operation with an attribute `dtype` converts on purpose.
    if floating and "dtype" not in attrs and precision(data) not in precisions:
        raise TypeError(
            f"{given}: would turn {', '.join(map(str, floating))} into {data.dtype}; an operation keeps the dtype, so "
            "convert the other argument with .astype(...)"
        )


def precision(array: Array) -> np.dtype[Any] | None:
    """Return the real dtype of a floating or complex array, and None for any other."""
    return np.finfo(array.dtype).dtype if array.dtype.kind in "fc" else None


def is_scalar(a: object) -> bool:
    """Return whether `a` is a scalar of NumPy."""
    return isinstance(a, np.generic)


def mixed_devices(values: Mapping[str, Any]) -> str | None:
    """Return an explanation if the arrays among `values`, {name: anything}, are on different devices, else None."""
    parts = [(name, v) for name, value in values.items() for v in (value if isinstance(value, tuple) else (value,))]
    devices = {name: device_of(v) for name, v in parts if hasattr(v, "dtype") and not is_scalar(v)}
    if len(set(devices.values())) < 2:
        return None
    said = ", ".join(f"{name} is on {device!r}" for name, device in devices.items())
    target = next(device for device in devices.values() if device != "cpu")
    return f"{said}; nothing is copied from one device to another silently: move it with .to({target!r})"


def refuse_foreign(name: str, values: Mapping[str, Any]) -> None:
    """Raise TypeError if one of `values`, {argument: anything}, is an array of another library, such as PyTorch."""
    for argument, value in values.items():
        unknown = hasattr(value, "__dlpack__") and not isinstance(value, Tensor | ndarray) and device_of(value) == "cpu"
        if unknown or (hasattr(value, "dtype") and not isinstance(value.dtype, np.dtype)):
            raise TypeError(
                f"{name}: got a {type(value).__module__}.{type(value).__name__}; convert it with "
                f"mg.from_dlpack({argument}), which shares its memory, or with mg.tensor({argument}), which copies it"
            )


def describe(a: Any) -> str:
    """Return the dtype and shape of an array, a number itself, or the name of the type of anything else."""
    return (
        f"{a.dtype} {a.shape}" if hasattr(a, "shape") else repr(a) if isinstance(a, int | float) else type(a).__name__
    )


# The engine itself uses only this pair of operations: broadcasting and its adjoint.


def broadcast_to(x: Value, shape: Shape) -> Value:
    """Repeat x along new axes and axes of length 1; the adjoint of `sum_to`."""
    return x if x.shape == shape else _broadcast_to(x, shape=shape)


def sum_to(x: Value, shape: Shape) -> Value:
    """Sum x over the axes along which broadcasting from `shape` to x.shape repeats."""
    return x if x.shape == shape else _sum_to(x, shape=shape, source=x.shape)


@op(x=lambda g: g)  # the engine sums every gradient to its argument's shape
def _broadcast_to(x, *, shape):
    return np.broadcast_to(x, shape)


@op(x=lambda g, source: broadcast_to(g, source))
def _sum_to(x, *, shape, source):
    lead = len(source) - len(shape)
    summed = of(x).sum_leading(x, lead) if lead else x
    axes = tuple(i for i, n in enumerate(shape) if n != summed.shape[i])
    return summed.sum(axes, keepdims=True) if axes else summed


@op(x=lambda g: g)
def identity(x: Any) -> Any:
    """Return x unchanged; for a Tensor, with a new node."""
    return x
