"""Derivatives of any order, all computed by one function, the reverse sweep."""

from __future__ import annotations

from functools import wraps
from operator import attrgetter
from typing import TYPE_CHECKING, overload

import numpy as np

from .backend import full_like
from .gradients import Gradients
from .op import check_unchanged, current_watch, identity, recording, repeating, sum_to
from .tensor import Leaf, Node, Parameter, Tensor, tick, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Literal, TypeVar

    from .types import TensorFunction, TensorLike

    Tensors = Tensor | Sequence[Tensor]
    Values = TensorLike | Sequence[TensorLike]
    AnyNode = TypeVar("AnyNode", bound=Node)
    MaybeTensor = Tensor | Any  # or None; Any spares users a check where they know that it is a Tensor

_age = attrgetter("id")


@overload
def grad(
    outputs: Tensors, inputs: Tensors, grad_outputs: Values | None = None, *,
    create_graph: bool = False, retain_graph: bool | None = None, allow_unused: Literal[False] = False,
) -> tuple[Tensor, ...]: ...  # fmt: skip
@overload
def grad(
    outputs: Tensors, inputs: Tensors, grad_outputs: Values | None = None, *,
    create_graph: bool = False, retain_graph: bool | None = None, allow_unused: bool,
) -> tuple[MaybeTensor, ...]: ...  # fmt: skip
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: TensorLike | Sequence[TensorLike] | None = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Return the gradient of sum_k <grad_outputs_k, outputs_k> with respect to each of `inputs`.

    Only nodes between `inputs` and `outputs` are visited: the gradient of a generator's weights computes no weight
    gradient of the critic through which it passes.

    Args:
        outputs: A Tensor or a sequence of Tensors; without `grad_outputs` each must hold a single number.
        inputs: A Tensor or a sequence of Tensors that require gradients: leaves or intermediate results.
        grad_outputs: One array, Tensor or number for each output, of its shape (the vector of a vector-Jacobian
            product).
        create_graph: Make the gradients differentiable themselves.
        retain_graph: Keep the graph for another sweep (default: the value of `create_graph`). Otherwise every node is
            freed as soon as the sweep has passed it.
        allow_unused: Return None for an input on which the outputs do not depend, instead of raising ValueError.

    Returns:
        A tuple with one gradient for each input, also for a single input: `(g,) = mg.grad(loss, [x])`. Gradients may
        share memory with each other: do not write to them.

    Raises:
        ValueError: If an input does not require a gradient or is not reachable from the outputs, or if an output
            without `grad_outputs` has several elements.
        TypeError: If an input is not a floating-point Tensor, or if dtypes or devices of outputs and `grad_outputs`
            differ.
        RuntimeError: If the graph was freed by an earlier sweep, or if a parameter has changed since the forward.

    Example:
        (gx,) = mg.grad(y.sum(), [x], create_graph=True)
    """
    outputs, inputs = _tensors(outputs, "outputs"), _tensors(inputs, "inputs")
    for k, x in enumerate(inputs):
        if x.dtype.kind not in "fc":
            raise TypeError(f"inputs[{k}], {_name(x)}: only floating-point tensors have gradients")
        if x.node is None:
            raise ValueError(
                f"inputs[{k}], {_name(x)}, does not require a gradient: make it with requires_grad=True, outside "
                "no_grad() and without detach(); if it is a gradient itself, compute that with create_graph=True"
            )
    retain_graph = create_graph if retain_graph is None else retain_graph
    cotangents = _cotangents(outputs, grad_outputs, create_graph)
    wanted = [x.node for x in inputs]
    with recording(create_graph):
        gradients = sweep([y.node for y in outputs], cotangents, wanted, create_graph, retain_graph)
    if not allow_unused:
        for k, x in enumerate(inputs):
            if wanted[k] not in gradients:
                raise ValueError(f"inputs[{k}], {_name(x)}, is not reachable from the outputs: {_why_not(outputs)}")
    return Gradients([_as_tensor(gradients[n]) if n in gradients else None for n in wanted])


def _why_not(outputs):
    """Explain why no path leads from the outputs to an input."""
    if all(y.node is None for y in outputs):
        return f"they have no history at all; it was lost to {_CUTS}"
    return (
        f"they were computed without it, or the path was cut by {_CUTS}. "
        "Pass allow_unused=True to get None for an input that is unused on purpose"
    )


_CUTS = "no_grad(), detach() or .numpy(), or a gradient that mg.grad computed without create_graph=True"


def _watched(sweep):
    """Wrap `sweep` in the current watch."""

    @wraps(sweep)
    def run(*args, **kwargs):
        watch = current_watch()
        return sweep(*args, **kwargs) if watch is None else watch.sweep(sweep, *args, **kwargs)

    return run


@_watched
def sweep(
    roots: Sequence[Node | None],
    cotangents: Sequence[Any],
    wanted: Sequence[AnyNode],
    create_graph: bool,
    retain_graph: bool,
    partial: bool = False,
) -> dict[AnyNode, Any]:
    """Run the reverse sweep: return {node: gradient} for every node of `wanted` on which the roots depend.

    Args:
        roots: The nodes of the outputs.
        cotangents: The gradients of the roots, arrays or, with `create_graph`, Tensors.
        wanted: The nodes whose gradients are returned.
        create_graph: Run the vjps on Tensors.
        retain_graph: Do not free the nodes.
        partial: Treat the wanted nodes as independent variables, even where one was computed from another.
    """
    path, lineage = _between(wanted, roots, partial)
    gradients: dict[Any, Any] = {}
    for root, g in zip(roots, cotangents, strict=True):
        if root in path:
            gradients[root] = gradients[root] + g if root in gradients else g
    keep = dict.fromkeys(wanted)
    watch = current_watch()
    for node in reversed(lineage):
        g = gradients[node] if node in keep else gradients.pop(node)
        pulling = node.op if watch is None else watch
        for parent, gradient in pulling.pull(node, g, path, create_graph):
            if gradient.shape != parent.shape:
                gradient = _fit(gradient, parent, node)
            so_far = gradients.get(parent)
            gradients[parent] = gradient if so_far is None else so_far + gradient
        if not retain_graph:
            node.saved, node.attrs, node.parents = None, None, _FREED
    return {node: gradients[node] for node in keep if node in gradients}


def _fit(gradient, parent, node):
    """Sum the gradient over the axes along which `parent` was broadcast."""
    lead = len(gradient.shape) - len(parent.shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(parent.shape, gradient.shape[lead:], strict=True)):
        raise ValueError(
            f"operation {node.op.name!r}: a vjp returned a gradient of shape {gradient.shape} for an argument of shape "
            f"{parent.shape}, which broadcasting does not explain"
        )
    return sum_to(gradient, parent.shape)


_FREED = (Node(None, (), None, None, (), None),)
_FREED[0].id = float("inf")  # type: ignore[assignment] # never pruned by age, so no sweep can overlook it


def _between(wanted, roots, partial):
    """Return the nodes on paths from `wanted` to `roots`: a set that includes `wanted`, and a list, oldest first.

    Ids grow with time, so they order the graph, and a node older than all wanted nodes cannot depend on any of them.
    """
    oldest = min(map(_age, wanted), default=0)
    closed = set(wanted) if partial else set()
    stack = [r for r in roots if r is not None and r not in closed]
    seen = {*stack, *closed}
    while stack:
        node = stack.pop()
        for parent in node.parents:
            if parent is not None and parent.id >= oldest and parent not in seen:
                if parent is _FREED[0]:
                    raise RuntimeError(
                        f"this graph was freed by an earlier grad() or backward() (operation {node.op.name!r}): pass "
                        "retain_graph=True to the first sweep, use detach() on its results, or run the forward again"
                    )
                seen.add(parent)
                stack.append(parent)
    path, lineage = set(wanted), []
    for node in sorted(seen - closed, key=_age):
        for parent in node.parents:
            if parent in path:
                path.add(node)
                lineage.append(node)
                break
    return path, lineage


def backward(
    output: Tensor,
    gradient: TensorLike | None = None,
    *,
    retain_graph: bool = False,
    create_graph: Literal[False] = False,
) -> None:
    """Add the gradient of `output` to `.grad` of every leaf on which it depends: the imperative form of `grad`.

    Gradients accumulate until the optimizer's `zero_grad()` or `leaf.grad = None`.

    Args:
        output: A Tensor that holds a single number, if `gradient` is None.
        gradient: The gradient of `output`, of its shape.
        retain_graph: Keep the graph for another sweep.
        create_graph: Refused with ValueError: use `mg.grad` for higher derivatives.
    """
    if create_graph:
        raise ValueError(
            "backward() cannot create_graph (stored gradients would keep the graph alive in a cycle): use mg.grad"
        )
    if output.node is None:
        raise ValueError(
            f"backward() of {_name(output)}: it depends on nothing that requires a gradient, or its history was lost "
            f"to {_CUTS}"
        )
    leaves = [n for n in ancestors(output.node) if isinstance(n, Leaf)]
    cotangents = _cotangents([output], None if gradient is None else [gradient], False)
    for leaf, g in sweep([output.node], cotangents, leaves, False, retain_graph).items():
        leaf.grad = _as_tensor(g if leaf.grad is None else leaf.grad.data + g)


def ancestors(node: Node, since: float = 0) -> set[Node]:
    """Return `node` and every node from which it was computed; nodes older than `since` are not followed further."""
    seen, stack = {node}, [node]
    while stack:
        young = stack.pop()
        if young.id >= since:
            fresh = {p for p in young.parents if p is not None} - seen
            seen |= fresh
            stack.extend(fresh)
    return seen


def vjp(f: TensorFunction, *primals: TensorLike) -> tuple[Tensor, Callable[[TensorLike], tuple[MaybeTensor, ...]]]:
    """Return f(*primals) and its pullback, a function from g to the vector-Jacobian products (reverse mode).

    As with `jvp`, `hvp` and `value_and_grad`, the results are differentiable with respect to Tensors that already
    require a gradient: primals, or Tensors in the closure of f.

    Args:
        f: A function from Tensors to one Tensor.
        primals: The arguments of f.

    Returns:
        f(*primals), and a function pullback(g) that returns a tuple with J_k^T g for each primal k, or None for a
        primal on which the value does not depend.
    """
    xs = [_variable(x) for x in primals]
    with recording(True):
        y = f(*xs)
    outer = _depends_on_more(y, xs)
    return y, lambda g: grad(y, xs, g, create_graph=outer or _traced(g), retain_graph=True, allow_unused=True)


def jvp(f: TensorFunction, primals: Values, tangents: Values) -> tuple[Tensor, Tensor]:
    """Return f(*primals) and J t, the directional derivative, by transposing the reverse mode twice.

    J^T u is linear in u, and the derivative of <J^T u, t> with respect to u is J t.

    Args:
        f: A function from Tensors to one Tensor.
        primals: The arguments of f: a list or tuple, or a single value.
        tangents: The direction t: one value for each primal, of its shape.
    """
    xs = [_variable(x) for x in _sequence(primals)]
    ts = [_constant(t) for t in _sequence(tangents)]
    _same_shapes("tangents", ts, "primals", xs)
    with recording(True):
        y = f(*xs)
        u = Tensor(np.zeros_like(y.data), requires_grad=True)
        pulled = grad(y, xs, u, create_graph=True, retain_graph=True, allow_unused=True)
        terms = [(g * t).sum() for g, t in zip(pulled, ts, strict=True) if g is not None and g.requires_grad]
        if not terms:
            return y, wrap(np.zeros_like(y.data), None)
        return y, grad(terms, [u], create_graph=_depends_on_more(y, xs) or any(map(_traced, ts)))[0]


@overload
def hvp(f: TensorFunction, primals: TensorLike, v: TensorLike) -> Tensor: ...
@overload
def hvp(f: TensorFunction, primals: Sequence[TensorLike], v: Sequence[TensorLike]) -> tuple[Tensor, ...]: ...
def hvp(f: TensorFunction, primals: Values, v: Values) -> Tensor | tuple[Tensor, ...]:
    """Return H v for the Hessian H of a scalar f, as the gradient of <grad f, v>: two sweeps, H is never formed.

    Args:
        f: A function from Tensors to a Tensor that holds one number.
        primals: The arguments of f: a list or tuple, or a single value.
        v: The vector: one value for each primal, of its shape.

    Returns:
        A tuple if `primals` is a list or tuple, otherwise a single Tensor.
    """
    xs = [_variable(x) for x in _sequence(primals)]
    vs = [_constant(t) for t in _sequence(v)]
    _same_shapes("v", vs, "primals", xs)
    with recording(True):
        y = f(*xs)
        first = grad(y, xs, create_graph=True, allow_unused=True)
        terms = [(g * t).sum() for g, t in zip(first, vs, strict=True) if g is not None and g.requires_grad]
    outer = _depends_on_more(y, xs) or any(map(_traced, vs))
    second = grad(terms, xs, create_graph=outer, allow_unused=True) if terms else [None] * len(xs)
    products = tuple([wrap(np.zeros_like(x.data), None) if h is None else h for h, x in zip(second, xs, strict=True)])
    return products if isinstance(primals, list | tuple) else products[0]


def jacobian(f: TensorFunction, x: TensorLike) -> Tensor:
    """Return d f(x)_i / d x_j as a constant of shape f(x).shape + x.shape: one sweep per element of the output."""
    variable = _variable(x)
    with recording(True):
        y = f(variable)
    return _rows(y, variable)


def hessian(f: TensorFunction, x: TensorLike) -> Tensor:
    """Return the second derivatives of a scalar f as a constant of shape x.shape + x.shape."""
    variable = _variable(x)
    with recording(True):
        (g,) = grad(f(variable), [variable], create_graph=True, allow_unused=True)
    return _rows(wrap(np.zeros_like(variable.data), None) if g is None else g, variable)


def _rows(y, x):
    rows = full_like(y.data, 0, (y.size, *x.shape))
    for i in range(y.size if y.requires_grad else 0):
        e = full_like(y.data, 0, (y.size,))
        e[i] = 1
        (row,) = grad(y, [x], e.reshape(y.shape), retain_graph=True, allow_unused=True)
        if row is not None:
            rows[i] = row.data
    return wrap(rows.reshape(y.shape + x.shape), None)


@overload
def value_and_grad(f: TensorFunction, argnums: int = 0) -> Callable[..., tuple[Tensor, Tensor]]: ...
@overload
def value_and_grad(
    f: TensorFunction, argnums: list[int] | tuple[int, ...]
) -> Callable[..., tuple[Tensor, tuple[Tensor, ...]]]: ...
def value_and_grad(
    f: TensorFunction, argnums: int | list[int] | tuple[int, ...] = 0
) -> Callable[..., tuple[Tensor, Any]]:
    """Return a function that computes f(*args) and its gradient with respect to args[argnums].

    Args:
        f: A function that returns a Tensor with one number.
        argnums: The position of the argument to differentiate, or a list or tuple of positions; negative ones count
            from the end.

    Returns:
        A function from the arguments of f to (value, gradient); for a list or tuple of positions the gradient is a
        tuple.
    """

    def evaluate(*args, **kwargs):
        positions = [range(len(args))[k] for k in _sequence(argnums)]
        xs = {k: _variable(args[k]) for k in positions}
        with recording(True):
            y = f(*[xs.get(k, a) for k, a in enumerate(args)], **kwargs)
        wanted = list(xs.values())
        gradients = grad(y, wanted, create_graph=_depends_on_more(y, wanted))
        return y, gradients if isinstance(argnums, list | tuple) else gradients[0]

    return evaluate


def checkpoint(f: TensorFunction, *args: Any) -> Tensor:
    """Return f(*args) without keeping its intermediate results: the reverse sweep runs f again.

    This saves memory at the price of time. Gradients of any order reach the arguments and the Tensors in the closure
    of f, parameters included.

    Args:
        f: A function that returns one Tensor and gives the same bits when it runs again; draw noise outside of it and
            pass it in.
        args: The arguments of f.

    Raises:
        TypeError: If f does not return a Tensor.
        RuntimeError: From the reverse sweep, if f gives other values when it runs again.
    """
    start = tick()
    y = f(*args)
    if not isinstance(y, Tensor):
        raise TypeError(f"checkpoint: f must return one Tensor, got {type(y).__name__}")
    if y.node is None:
        return y
    inside = ancestors(y.node, start)
    coupled = any(n.op is not None and n.op.couples_samples for n in inside if n.id >= start)
    inputs = [n for n in inside if n.id < start]
    return wrap(y.data, Node(_Recompute(coupled), inputs, (f, args, y.data), None, y.shape, y.dtype))


class _Recompute:
    """Operation of a checkpoint's node: its pull runs the forward again with recording, and sweeps the new graph."""

    name = "checkpoint"
    labels = ("f", "arguments", "out")

    def __init__(self, couples_samples):
        self.couples_samples = couples_samples

    def pull(self, node, g, path, create_graph):
        f, args, before = node.saved
        for parent in node.parents:
            check_unchanged(parent, node)
        with recording(True), repeating():
            y = f(*args)
        if not ((y.data == before) | (before != before)).all():  # NaN does not equal itself, but is allowed
            raise RuntimeError(
                "checkpoint: f gave other values when it ran again: a frozen parameter or an array that it reads "
                "has changed, or it draws noise; draw it outside and pass it in"
            )
        inputs = [n for n in node.parents if n in path]
        return sweep([y.node], [g], inputs, create_graph, retain_graph=create_graph, partial=True).items()


def _cotangents(outputs, given, create_graph):
    if given is None:
        for k, y in enumerate(outputs):
            if y.size != 1:
                raise ValueError(
                    f"outputs[{k}], {_name(y)}, has {y.size} elements: pass grad_outputs, or sum it to one number"
                )
        cotangents = [wrap(np.ones_like(y.data), None) for y in outputs]
    else:
        given = _sequence(given)
        if len(given) != len(outputs):
            raise ValueError(f"grad_outputs: {len(given)} given for {len(outputs)} outputs")
        cotangents = [wrap(full_like(y.data, g, ()), None) if isinstance(g, int | float) else _constant(g)
                      for g, y in zip(given, outputs, strict=True)]  # fmt: skip
        _same_shapes("grad_outputs", cotangents, "outputs", outputs)
        for k, (g, y) in enumerate(zip(cotangents, outputs, strict=True)):
            if g.device != y.device:
                raise TypeError(
                    f"grad_outputs[{k}] is on {g.device!r} but outputs[{k}] is on {y.device!r}: move one with .to(...)"
                )
            if g.dtype != y.dtype and g.dtype.kind != "c":
                raise TypeError(
                    f"grad_outputs[{k}] is {g.dtype} but outputs[{k}] is {y.dtype}: convert it with .astype(...)"
                )
    return cotangents if create_graph else [g.data for g in cotangents]


def _sequence(values):
    return list(values) if isinstance(values, list | tuple) else [values]


def _tensors(values, role):
    values = _sequence(values)
    for k, t in enumerate(values):
        if not isinstance(t, Tensor):
            raise TypeError(f"{role}[{k}] must be a Tensor, got {type(t).__name__}")
    return values


def _same_shapes(role, values, other, references):
    if [v.shape for v in values] != [r.shape for r in references]:
        raise ValueError(
            f"{role} have shapes {[v.shape for v in values]}, {other} have {[r.shape for r in references]}: "
            "they must agree"
        )


def _variable(x):
    """Return a new alias of x that requires a gradient; an outer derivative reaches x through it."""
    return identity(x) if _traced(x) else Tensor(x.data if isinstance(x, Tensor) else x, requires_grad=True)


def _depends_on_more(y, xs):
    """Return whether y depends on a leaf outside of `xs`: one before a traced primal, or one in the closure of f."""
    own = {x.node for x in xs}
    return y.requires_grad and any(isinstance(n, Leaf) and n not in own for n in ancestors(y.node))


def _constant(x):
    return x if isinstance(x, Tensor) else Tensor(x)


def _traced(x):
    return isinstance(x, Tensor) and x.requires_grad


def _as_tensor(g):
    return g if isinstance(g, Tensor) else Tensor(g)


def _name(x):
    name = f"{x.name} " if isinstance(x, Parameter) and x.name else ""
    return f"{name}{x.dtype} {x.shape}"


Tensor.backward = backward  # type: ignore[assignment,method-assign]
