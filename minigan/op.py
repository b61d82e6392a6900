"""How an operation is declared: a kernel on arrays, and one vjp per differentiable argument.

    @op(x=lambda g, out: g * (1 - out * out))
    def tanh(x):
        return np.tanh(x)

A vjp takes the gradient g of the output and returns that of its argument.  The names of its other parameters are what
it keeps: arguments of the operation, `out`, or keyword attributes.  That signature, read once, *is* save-for-backward;
together with which arguments need a gradient it decides what a node retains.

vjps are polymorphic.  Without `create_graph` they run on raw arrays, nothing recorded; with it, the same lines run on
Tensors, and the gradient is itself differentiable.  Everything an operation is not differentiable in (masks, shapes,
indices) is a keyword attribute.
"""

import inspect
from contextlib import contextmanager
from functools import partial, wraps
from operator import itemgetter
from threading import Lock, local

import numpy as np

from .backend import as_array, device_of, ndarray, of
from .backend.recording import ACTIVE
from .tensor import Leaf, Node, Tensor, changed_since, leaf_owning, tick, wrap


class _Mode(local):
    recording = True
    repeating = False


_mode = _Mode()


_unusual = 0  # how many contexts are open, in any thread, in which an operation does more or less than usual
_counting = Lock()


@contextmanager
def unusual():
    """A context in which operations look at all that this thread may have set.  Outside they pay for one comparison."""
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


def recording(flag):
    """A context in which the recording of history is on or off, in this thread."""
    return _switched("recording", flag)


def no_grad():
    """`with no_grad():` operations inside build no graph; their results are constants."""
    return recording(False)


def repeating():
    """A context in which a forward runs for a second time: a layer then does not track its statistics again."""
    return _switched("repeating", True)


def is_repeating():
    """Is a checkpoint running its function again?"""
    return _mode.repeating


_watch = None  # of all threads, so not a part of the mode


class Watch:
    """Stands around every operation, sweep and pull, in whatever thread, and must return what they return."""

    def run(self, op, arrays, attrs):
        return op.kernel(*arrays, **attrs)

    def sweep(self, sweep, *args, **kwargs):
        return sweep(*args, **kwargs)

    def pull(self, node, g, path, create_graph):
        return node.op.pull(node, g, path, create_graph)


@contextmanager
def watching(watch):
    """A context in which `watch`, a Watch, is in place of any other."""
    global _watch
    before, _watch = _watch, watch
    try:
        with unusual():
            yield
    finally:
        _watch = before


def current_watch():
    return _watch


def observing(observer):
    """A context in which observer(op, arrays, result) is called after every operation, in whatever thread."""
    return watching(_Observed(observer))


class _Observed(Watch):
    def __init__(self, observer):
        self.observer = observer

    def run(self, op, arrays, attrs):
        result = super().run(op, arrays, attrs)
        self.observer(op, arrays, result)
        return result


EXPLAINED = (ValueError, TypeError, IndexError, MemoryError)  # what a kernel raises when its arguments do not fit


class Op:
    """What the engine knows of one operation.

    `couples_samples` says whether one row of the output depends on other rows of the batch.
    """

    couples_samples = False

    def __init__(self, kernel, vjps, explain=None):
        parameters = inspect.signature(kernel).parameters.values()
        self.kernel = kernel
        self.name = kernel.__name__.lstrip("_")
        self.vjps = vjps
        self.explain = explain
        self.arguments = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
        if list(vjps) != self.arguments:
            raise TypeError(
                f"op {self.name}: arguments {self.arguments} but vjps for {list(vjps)}; they must match, in order"
            )
        self.attributes = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
        self.defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}
        self.plans = {}

    def plan(self, active):
        """The operation as seen from a node in which only some arguments, the bits of `active`, need a gradient."""
        self.plans[active] = plan = Plan(self, active)
        return plan

    def complain(self, error, args, attrs):
        """The exception to raise for an `error` of the kernel: names, shapes and the likely cause."""
        names = self.arguments or [f"xs[{i}]" for i in range(len(args))]
        given = [f"{name}: {describe(a)}" for name, a in zip(names, args, strict=False)]
        given += [f"{name}={value!r}" for name, value in attrs.items() if isinstance(value, int | float | str | tuple)]
        cause = mixed_devices(dict(zip(names, args, strict=False)) | attrs)
        cause = cause or (self.explain(*args, **attrs) if self.explain else None)
        kind = next(k for k in EXPLAINED if isinstance(error, k))
        return kind(f"{self.name}({', '.join(given)}): {cause or error}")


class Plan:
    """An operation and the pattern of arguments that need a gradient: what to keep, and how to pull g back.

    `kept` are positions in (arguments..., out), `labels` their names, `keep` picks them; a pull is (argument, vjp,
    positions in what was kept, attribute names).
    """

    __slots__ = ("name", "keep", "kept", "labels", "pulls", "couples_samples")

    def __init__(self, op, active):
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
        self.kept = kept
        self.labels = [[*source][k] for k in kept]
        self.keep = picker(kept)
        position = {k: i for i, k in enumerate(kept)}
        self.pulls = [
            (
                i,
                op.vjps[op.arguments[i]],
                picker([position[source[n]] for n in names if n in source]),
                [n for n in names if n not in source],
            )
            for i, names in needs.items()
        ]

    def pull(self, node, g, path, create_graph):
        """Gradients of the parents of `node` that lie on `path`, as (parent, gradient) pairs.

        g is the gradient of the node's output.
        """
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


def picker(positions):
    """A function from a list or tuple to those of its items that are at `positions`, in C."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return itemgetter(slice(positions[0], positions[0] + 1) if positions else slice(0))


def traced(node):
    """What `node` saved, as Tensors with the history they had then; `out` gets back the node it came from."""
    histories = (*node.parents, node)
    return [s if histories[k] is None else wrap(s, histories[k]) for k, s in zip(node.op.kept, node.saved, strict=True)]


def refuse_stale(operands, node):
    """RuntimeError if one of `operands` lies in the memory of a parameter that has changed since `node` was made."""
    for operand in operands:
        array = operand.data if isinstance(operand, Tensor) else operand
        leaf = leaf_owning(array) if hasattr(array, "base") else None
        if leaf is not None:
            check_unchanged(leaf, node)


def check_unchanged(leaf, node):
    """RuntimeError if the parameter of `leaf` has changed since `node` was made."""
    if isinstance(leaf, Leaf) and leaf.version > node.id:
        raise RuntimeError(
            f"{leaf.name or 'a parameter'} {leaf.shape} changed after this forward (operation {node.op.name!r}): "
            "its old values are gone, so the gradient would be wrong. Run the forward again after optimizer.step()"
        )


def op(kernel=None, /, *, explain=None, **vjps):
    """Declare an operation (see the module's first lines); usable as a decorator.

    The result takes arrays or Tensors: arrays in, array out; with a Tensor among its arguments it returns a Tensor.
    `explain(*args, **attrs)` may return the likely cause of a kernel's failure, in words.
    """
    if kernel is None:
        return partial(op, explain=explain, **vjps)
    return apply_rule(Op(kernel, vjps, explain))


def apply_rule(rule):
    """The function that a user calls: runs the kernel and, where a gradient may be asked for, records a node."""
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
                    dtype = own if dtype is None else False
            else:
                arrays.append(a)
                parents.append(None)
                if a.__class__ is not float and isinstance(a, number):  # the first is cheap, and the usual case
                    numbers = True
            bit += bit
        tape, watch, recorded = (ACTIVE.tape, _watch, _mode.recording) if _unusual else (None, None, True)
        if tape is not None:
            arrays = tape.adopted(arrays)
        if numbers and dtype is not None:  # NumPy's scalars are as weak as Python's
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
            result.node = node = new_node(Node)  # and not Node(...), which costs a tenth of all this
            node.op, node.parents, node.attrs = plan, parents, attrs
            arrays.append(data)
            node.saved, node.shape, node.dtype, node.id = plan.keep(arrays), data.shape, own, tick()
        else:
            result.node = None
        return result

    apply.op = rule
    return apply


def check_dtypes(rule, data, arrays, attrs):
    """Called when a result has not the dtype of every Tensor: mixed and changed precisions are an error."""
    floating = {a.dtype for a in arrays if hasattr(a, "dtype") and a.dtype.kind in "fc"}
    precisions = {np.finfo(d).dtype for d in floating}
    given = f"{rule.name}({', '.join(describe(a) for a in arrays)})"
    if len(precisions) > 1:
        raise TypeError(
            f"{given}: mixed dtypes {', '.join(sorted(map(str, floating)))}; nothing is converted silently, "
            "so convert one argument with .astype(...)"
        )
    # Integers follow NumPy; an operation with a dtype converts on purpose.
    if floating and "dtype" not in attrs and precision(data) not in precisions:
        raise TypeError(
            f"{given}: would turn {', '.join(map(str, floating))} into {data.dtype}; an operation keeps the dtype, so "
            "convert the other argument with .astype(...)"
        )


def precision(array):
    """The real dtype of a floating or complex array; None for any other."""
    return np.finfo(array.dtype).dtype if array.dtype.kind in "fc" else None


def is_scalar(a):
    return isinstance(a, np.generic)


def mixed_devices(values):
    """The cause in words if arrays among `values`, {name: anything}, live on more than one device; else None."""
    parts = [(name, v) for name, value in values.items() for v in (value if isinstance(value, tuple) else (value,))]
    devices = {name: device_of(v) for name, v in parts if hasattr(v, "dtype") and not is_scalar(v)}
    if len(set(devices.values())) < 2:
        return None
    said = ", ".join(f"{name} is on {device!r}" for name, device in devices.items())
    target = next(device for device in devices.values() if device != "cpu")
    return f"{said}; nothing is copied from one device to another silently: move it with .to({target!r})"


def describe(a):
    return (
        f"{a.dtype} {a.shape}" if hasattr(a, "shape") else repr(a) if isinstance(a, int | float) else type(a).__name__
    )


# The one pair of operations that the engine itself uses: broadcasting, and its adjoint.


def broadcast_to(x, shape):
    """x repeated along new and length-1 axes; the adjoint of `sum_to`."""
    return x if x.shape == shape else _broadcast_to(x, shape=shape)


def sum_to(x, shape):
    """x summed over the axes that broadcasting `shape` to x.shape would repeat."""
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
def identity(x):
    """x itself, with a node of its own."""
    return x
