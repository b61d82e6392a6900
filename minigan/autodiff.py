"""Derivatives of any order, from one reverse sweep."""

from functools import wraps
from operator import attrgetter

import numpy as np

from .backend import full_like
from .op import check_unchanged, current_watch, identity, recording, repeating, sum_to
from .tensor import Leaf, Node, Parameter, Tensor, tick, wrap

_age = attrgetter("id")


def grad(outputs, inputs, grad_outputs=None, *, create_graph=False, retain_graph=None, allow_unused=False):
    """The gradient of sum_k <grad_outputs_k, outputs_k> with respect to each of `inputs`, as a tuple of Tensors.

    outputs: a Tensor or a sequence of them; without `grad_outputs` each must hold a single number.
    inputs: Tensors that require gradients; leaves or intermediate results.
    create_graph: make the gradients differentiable in turn.
    retain_graph: keep the graph for another sweep (default: as `create_graph`).  Otherwise every node is freed as the
        sweep passes it.
    allow_unused: return None for an input that the outputs do not depend on, where otherwise a ValueError names it.

    Only what lies between `inputs` and `outputs` is visited: the gradient of a generator's weights computes no weight
    gradient of the critic it went through.
    Gradients may share memory with each other: read them, do not write to them.
    """
    outputs, inputs = _tensors(outputs, "outputs"), _tensors(inputs, "inputs")
    for k, x in enumerate(inputs):
        if x.dtype.kind not in "fc":
            raise TypeError(f"inputs[{k}], {_name(x)}: only floating-point tensors have gradients")
        if x.node is None:
            raise ValueError(
                f"inputs[{k}], {_name(x)}, does not require a gradient: "
                "make it with requires_grad=True, outside no_grad()"
            )
    retain_graph = create_graph if retain_graph is None else retain_graph
    cotangents = _cotangents(outputs, grad_outputs, create_graph)
    wanted = [x.node for x in inputs]
    with recording(create_graph):
        gradients = sweep([y.node for y in outputs], cotangents, wanted, create_graph, retain_graph)
    if not allow_unused:
        for k, x in enumerate(inputs):
            if wanted[k] not in gradients:
                raise ValueError(
                    f"inputs[{k}], {_name(x)}, is not reachable from the outputs: they were computed without it, "
                    "or from a detached copy. Pass allow_unused=True to get None instead"
                )
    return tuple([_as_tensor(gradients[n]) if n in gradients else None for n in wanted])


def _watched(sweep):
    """`sweep`, with the current watch around it."""

    @wraps(sweep)
    def run(*args, **kwargs):
        watch = current_watch()
        return sweep(*args, **kwargs) if watch is None else watch.sweep(sweep, *args, **kwargs)

    return run


@_watched
def sweep(roots, cotangents, wanted, create_graph, retain_graph, partial=False):
    """The reverse sweep: {node: gradient} for every node of `wanted` that the roots depend on.

    partial: take the wanted nodes for independent, even where one was computed from another.
    """
    path, lineage = _between(wanted, roots, partial)
    gradients = {}
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
    """The gradient summed over the axes along which `parent` was broadcast."""
    lead = len(gradient.shape) - len(parent.shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(parent.shape, gradient.shape[lead:], strict=True)):
        raise ValueError(
            f"operation {node.op.name!r}: a vjp returned a gradient of shape {gradient.shape} for an argument of shape "
            f"{parent.shape}, which broadcasting does not explain"
        )
    return sum_to(gradient, parent.shape)


_FREED = (Node(None, (), None, None, (), None),)
_FREED[0].id = float("inf")  # never pruned by age, so every sweep that meets it sees it


def _between(wanted, roots, partial):
    """The nodes on a path from `wanted` to `roots`, as a set with the wanted ones and as a list, oldest first.

    Ids grow with time, so they order the graph, and nothing older than the oldest wanted node can lead to it.
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
                        "retain_graph=True to the first sweep, detach() what came out of it, or run the forward again"
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


def backward(output, gradient=None, *, retain_graph=False, create_graph=False):
    """Add the gradient of `output` to `.grad` of every leaf it depends on: the imperative face of `grad`.

    Gradients accumulate until the optimizer's `zero_grad()` or `leaf.grad = None`.
    """
    if create_graph:
        raise ValueError(
            "backward() cannot create_graph (stored gradients would keep the graph alive in a cycle): use mg.grad"
        )
    if output.node is None:
        raise ValueError(f"backward() of {_name(output)}: it depends on nothing that requires a gradient")
    leaves = [n for n in ancestors(output.node) if isinstance(n, Leaf)]
    cotangents = _cotangents([output], None if gradient is None else [gradient], False)
    for leaf, g in sweep([output.node], cotangents, leaves, False, retain_graph).items():
        leaf.grad = _as_tensor(g if leaf.grad is None else leaf.grad.data + g)


def ancestors(node, since=0):
    """Every node that `node` was computed from, itself included, down to those older than `since`."""
    seen, stack = {node}, [node]
    while stack:
        young = stack.pop()
        if young.id >= since:
            fresh = {p for p in young.parents if p is not None} - seen
            seen |= fresh
            stack.extend(fresh)
    return seen


def vjp(f, *primals):
    """(f(*primals), pullback), where pullback(g) is the tuple of J_k^T g, one for each primal (reverse mode).

    Like `jvp`, `hvp` and `value_and_grad`, differentiable in what requires a gradient already: primals, or what f
    closes over.
    """
    xs = [_variable(x) for x in primals]
    with recording(True):
        y = f(*xs)
    outer = _depends_on_more(y, xs)
    return y, lambda g: grad(y, xs, g, create_graph=outer or _traced(g), retain_graph=True, allow_unused=True)


def jvp(f, primals, tangents):
    """(f(*primals), J t): the directional derivative, by transposing the reverse mode twice.

    J^T u is linear in u, and the derivative of <J^T u, t> with respect to u is J t.
    `primals` and `tangents`: sequences of equal length, or a single value each.
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


def hvp(f, primals, v):
    """H v for the Hessian H of a scalar f, as the gradient of <grad f, v>: two sweeps, H is never formed.

    Returns a tuple if `primals` is a sequence, otherwise a single Tensor.
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


def jacobian(f, x):
    """d f(x)_i / d x_j as a constant of shape f(x).shape + x.shape: one sweep for every element of the output."""
    x = _variable(x)
    with recording(True):
        y = f(x)
    return _rows(y, x)


def hessian(f, x):
    """The second derivatives of a scalar f, as a constant of shape x.shape + x.shape."""
    x = _variable(x)
    with recording(True):
        (g,) = grad(f(x), [x], create_graph=True, allow_unused=True)
    return _rows(wrap(np.zeros_like(x.data), None) if g is None else g, x)


def _rows(y, x):
    rows = full_like(y.data, 0, (y.size, *x.shape))
    for i in range(y.size if y.requires_grad else 0):
        e = full_like(y.data, 0, (y.size,))
        e[i] = 1
        (row,) = grad(y, [x], e.reshape(y.shape), retain_graph=True, allow_unused=True)
        if row is not None:
            rows[i] = row.data
    return wrap(rows.reshape(y.shape + x.shape), None)


def value_and_grad(f, argnums=0):
    """A function returning (f(*args), gradient with respect to args[argnums]); a tuple of argnums gives a tuple."""

    def evaluate(*args, **kwargs):
        positions = [range(len(args))[k] for k in _sequence(argnums)]
        xs = {k: _variable(args[k]) for k in positions}
        with recording(True):
            y = f(*[xs.get(k, a) for k, a in enumerate(args)], **kwargs)
        wanted = list(xs.values())
        gradients = grad(y, wanted, create_graph=_depends_on_more(y, wanted))
        return y, gradients if isinstance(argnums, list | tuple) else gradients[0]

    return evaluate


def checkpoint(f, *args):
    """f(*args), keeping nothing of its inside: the reverse sweep runs f again.  Memory for time.

    f returns one Tensor and must compute the same again, to the bit, or the sweep raises RuntimeError: so noise is
    drawn outside and passed in.  Gradients reach the arguments and whatever f closes over, parameters included, at
    any order.
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
    """The operation of a checkpoint's node: its pull runs the forward again, recorded, and sweeps that."""

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
        if not ((y.data == before) | (before != before)).all():  # a NaN is allowed to stay one
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
    """A fresh alias of x that requires a gradient, and through which an outer derivative still sees x."""
    return identity(x) if _traced(x) else Tensor(x.data if isinstance(x, Tensor) else x, requires_grad=True)


def _depends_on_more(y, xs):
    """Does y depend on a leaf other than those of `xs`: on a traced primal, or on what a function closed over?"""
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


Tensor.backward = backward
