"""A device that is not there: arrays that lie in NumPy's memory and allow only what a GPU's arrays allow.

What runs here by the rules of CuPy 14 runs on CuPy, as far as that can be told without a GPU.  Refused are, always,

* what CuPy refuses: implicit conversion to NumPy, a NumPy array as an operand, functions, ufunc methods and keywords
  that CuPy does not have;
* what CuPy allows and we do not want: NumPy numbers as operands, host arrays as indices (a silent copy to the device),
  float64 that no operand asked for;

and, inside `capturing()`, what may not happen while a CUDA graph is recorded: every wait for a value (`item()`, `if`,
`numpy()`), shapes that depend on values, copies from the host, and CuPy's own cuBLAS calls.
"""

from contextlib import contextmanager
from functools import partial

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from minigan.backend import numpy as numpy_backend
from minigan.backend.numpy import elementwise as numpy_elementwise
from minigan.backend.numpy import optim as numpy_optim

# What CuPy 14.2 has of what NumPy hands to an array's type, and the keywords that it takes; checked against CuPy itself
# where that is installed.  What is missing here may be added once CuPy has been looked up.
LIKE = {"dtype", "order", "subok", "shape"}
REDUCTION = {"axis", "out", "keepdims"}
FUNCTIONS = {
    "arange": {"start", "stop", "step", "dtype"},
    "argsort": {"axis", "kind"},
    "broadcast_to": set(),
    "clip": {"a_min", "a_max", "out"},
    "concatenate": {"axis", "out", "dtype", "casting"},
    "empty_like": LIKE,
    "expand_dims": {"axis"},
    "full_like": {"dtype", "order", "subok", "shape"},
    "iscomplexobj": set(),
    "isrealobj": set(),
    "max": REDUCTION,
    "mean": REDUCTION | {"dtype"},
    "min": REDUCTION,
    "ndim": set(),
    "ones_like": LIKE,
    "result_type": set(),
    "shape": set(),
    "size": {"axis"},
    "squeeze": {"axis"},
    "stack": {"axis", "out", "dtype", "casting"},
    "sum": REDUCTION | {"dtype"},
    "take": {"axis"},
    "vdot": set(),
    "where": set(),
    "zeros_like": LIKE,
}
UFUNCS_MISSING = {"isnat", "matvec", "spacing", "vecdot", "vecmat"}
UFUNC_METHODS = {  # {method: (of which ufuncs, with which keywords)}
    "reduce": ({"add", "multiply"}, {"axis", "dtype", "keepdims"}),
}
LARGEST_JOIN = 8  # arrays that CuPy joins without a table of addresses, which it would copy from the host


class SyncError(RuntimeError):
    """The host would have to wait for the device, or copy to it, while a graph is being recorded."""


class _Rules:
    capture = False
    graph = None  # the one that is being recorded
    lent = {}  # arrays by id, in memory that the launch of a graph gives now to one and now to another  # noqa: RUF012


@contextmanager
def capturing():
    """A context in which the rules of CUDA graph capture hold too."""
    before, _Rules.capture = _Rules.capture, True
    try:
        yield
    finally:
        _Rules.capture = before


def synchronises(what):
    if _Rules.capture:
        raise SyncError(f"{what} while the stream is being captured")


class Graph:
    """What is done to strict arrays, written down instead of done, as a CUDA graph is."""

    def __init__(self):
        self.calls, self.before, self.alive = [], [], []

    @contextmanager
    def recording(self):
        """Whatever is computed inside has not been computed afterwards."""
        with capturing():
            _Rules.graph = self
            try:
                yield
            finally:
                _Rules.graph = None
                for target, values in reversed(self.before):
                    target[...] = values

    def launch(self):
        before, _Rules.lent = _Rules.lent, {}
        for call in self.calls:
            call()
        _Rules.lent = before


def changed(write, *targets):
    """write(), which changes the NumPy arrays `targets`."""
    if _Rules.graph:
        _Rules.graph.before += [(target, target.copy()) for target in targets]
        _Rules.graph.calls.append(write)
    else:
        assert not any(id(_owner(t)) in _Rules.lent for t in targets), "written to memory that a launch writes over"
    write()


def lend(array):
    """Refuse that anything but the launch of a graph writes to this array."""
    _Rules.lent[id(array)] = array


def _owner(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def recording():
    """Is a graph being recorded?"""
    return _Rules.graph is not None


def made(function):
    """The new array that function() gives; while a graph is recorded, no number of it is there afterwards."""
    result = np.asarray(function())
    if _Rules.graph:
        if result.base is None:
            _Rules.graph.before.append((result, np.full_like(result, 77)))
        _Rules.graph.calls.append(lambda: _copied(result, function()))
    return result


def keep(array):
    """Memory that a graph works on is not given to anybody else."""
    if _Rules.graph:
        _Rules.graph.alive.append(array)
    return array


def _copied(target, values):
    if not np.may_share_memory(target, values):  # a view follows what it looks into
        target[...] = values


class StrictArray(NDArrayOperatorsMixin):
    """An array on the strict device; `base` is the array whose memory a view looks into, as in NumPy and CuPy."""

    __slots__ = ("_array", "base", "__weakref__")

    def __init__(self, array, base=None):
        self._array, self.base = array, base

    shape = property(lambda self: self._array.shape)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)
    dtype = property(lambda self: self._array.dtype)
    nbytes = property(lambda self: self._array.nbytes)
    itemsize = property(lambda self: self._array.itemsize)
    strides = property(lambda self: self._array.strides)
    flags = property(lambda self: self._array.flags)
    real = property(lambda self: self._result(self._array.real))
    imag = property(lambda self: self._result(self._array.imag))
    T = property(lambda self: self._result(self._array.T))

    def __len__(self):
        return len(self._array)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __repr__(self):
        return f"StrictArray({self._array!r})"

    # --- NumPy's functions

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        _check_ufunc(ufunc, method, options)
        plain = [_plain(x) for x in inputs]
        compute = partial(getattr(ufunc, method), *plain, **options)
        if out is not None:
            target = _plain(out[0])
            _refuse_leak(target, [*plain, target], options, ufunc.__name__)
            changed(lambda: compute(out=target), target)
            return out[0]
        result = made(compute)
        _refuse_leak(result, plain, options, ufunc.__name__)
        return StrictArray(result)

    def __array_function__(self, function, types, args, options):
        name = function.__name__
        if name not in FUNCTIONS or function is not getattr(np, name):
            raise TypeError(f"numpy.{name} is not known to exist in CuPy")
        if unknown := options.keys() - FUNCTIONS[name]:
            raise TypeError(f"cupy.{name} has no keyword {', '.join(sorted(unknown))}")
        if name.endswith("_like") and options.get("shape", True) in ((), 0):
            raise TypeError(f"cupy.{name} takes shape={options['shape']} for no shape at all")
        if name in ("concatenate", "stack") and len(args[0]) > LARGEST_JOIN:
            synchronises(f"{name} of {len(args[0])} arrays, whose addresses CuPy copies to the device,")
        if name == "vdot":
            synchronises("CuPy refuses its own cuBLAS call, vdot,")
        args, plain_options = _plain(args), {key: _plain(v) for key, v in options.items()}
        compute = partial(function, *args, **plain_options)
        if name in ("iscomplexobj", "isrealobj", "ndim", "shape", "size", "result_type"):
            return compute()
        if "out" in options:
            changed(compute, plain_options["out"])
            return options["out"]
        result = made(compute)
        _refuse_leak(result, _arrays(args), options, name)
        return self._result(result) if name in ("broadcast_to", "expand_dims", "squeeze") else StrictArray(result)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("implicit conversion to a NumPy array: use the backend's to_numpy on purpose")

    # --- methods, those of cupy.ndarray

    def __getitem__(self, key):
        parts = _key(key)
        if any(isinstance(p, np.ndarray) for p in parts):
            return StrictArray(made(lambda: self._array[parts]))
        return self._result(self._array[parts if Ellipsis in parts else (*parts, ...)])

    def __setitem__(self, key, value):
        key, value = _key(key, masks=isinstance(value, StrictArray) and value.ndim > 0), _plain(value)
        changed(lambda: self._array.__setitem__(key, value), self._array)

    def reshape(self, *shape, order="C"):
        return self._result(made(lambda: self._array.reshape(*shape, order=order)))

    def ravel(self, order="C"):
        return self._result(made(lambda: self._array.ravel(order)))

    def squeeze(self, axis=None):
        return self._result(self._array.squeeze(axis))

    def transpose(self, *axes):
        return self._result(self._array.transpose(*axes))

    def swapaxes(self, a, b):
        return self._result(self._array.swapaxes(a, b))

    def astype(self, dtype, order="K", copy=True):
        if not copy and self.dtype == dtype:
            return self
        return self._result(made(lambda: self._array.astype(dtype, order=order)))

    def argsort(self, axis=-1, kind=None):
        return StrictArray(made(lambda: self._array.argsort(axis, kind)))

    def copy(self, order="C"):
        return StrictArray(made(lambda: self._array.copy(order)))

    def fill(self, value):
        number = _plain(value)
        changed(lambda: self._array.fill(number), self._array)

    def repeat(self, repeats, axis=None):
        repeats = _plain(repeats)
        return StrictArray(made(lambda: self._array.repeat(repeats, axis)))

    def sum(self, axis=None, dtype=None, out=None, keepdims=False):
        return self._reduced("sum", axis=axis, dtype=dtype, keepdims=keepdims)

    def mean(self, axis=None, dtype=None, out=None, keepdims=False):
        return self._reduced("mean", axis=axis, dtype=dtype, keepdims=keepdims)

    def std(self, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
        return self._reduced("std", axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims)

    def var(self, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
        return self._reduced("var", axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims)

    def max(self, axis=None, out=None, keepdims=False):
        return self._reduced("max", axis=axis, keepdims=keepdims)

    def min(self, axis=None, out=None, keepdims=False):
        return self._reduced("min", axis=axis, keepdims=keepdims)

    def any(self, axis=None, out=None, keepdims=False):
        return self._reduced("any", axis=axis, keepdims=keepdims)

    def all(self, axis=None, out=None, keepdims=False):
        return self._reduced("all", axis=axis, keepdims=keepdims)

    def _reduced(self, name, **options):
        result = made(partial(getattr(self._array, name), **options))
        _refuse_leak(result, [self._array], options, name)
        return StrictArray(result)

    def _result(self, array):
        """An array that came out of this one: a view of it, or not."""
        if np.may_share_memory(array, self._array) and array.size:
            return StrictArray(array, self if self.base is None else self.base)
        return StrictArray(array)

    # --- what waits for the device

    def get(self):
        synchronises("a copy to the host")
        return self._array.copy()

    def item(self):
        synchronises("item()")
        return self._array.item()

    def tolist(self):
        synchronises("tolist()")
        return self._array.tolist()

    def nonzero(self):
        synchronises("nonzero(), whose shape depends on values,")
        return tuple(map(StrictArray, self._array.nonzero()))

    def __bool__(self):
        synchronises("bool()")
        return bool(self._array)

    def __float__(self):
        synchronises("float()")
        return float(self._array)

    def __int__(self):
        synchronises("int()")
        return int(self._array)

    def __complex__(self):
        synchronises("complex()")
        return complex(self._array)

    def __index__(self):
        synchronises("its use as an index")
        return self._array.__index__()


class StrictBackend:
    """NumPy's kernels on the strict device."""

    DEVICE = "strict"
    adam, approach = staticmethod(numpy_optim.adam), staticmethod(numpy_optim.approach)  # by the array's own operations
    numbers = staticmethod(numpy_backend.numbers)

    def blocks(self, *arrays):
        yield arrays

    def add_at(self, out, key, x):
        target, key, x = _plain(out), _key(key), _plain(x)
        changed(lambda: np.add.at(target, key, x), target)

    def __getattr__(self, name):
        if name in numpy_elementwise.__all__:
            return getattr(numpy_elementwise, name)
        return partial(_kernel, getattr(numpy_backend, name))

    def array(self, data, dtype=None, order="K"):
        if isinstance(data, StrictArray):
            return StrictArray(np.array(data._array, dtype, order=order))
        return self.from_numpy(np.array(data, dtype, order=order))

    def asarray(self, data):
        return data if isinstance(data, StrictArray) else self.array(data)

    def to_numpy(self, array):
        return array.get()

    def from_numpy(self, array):
        synchronises("a copy from the host")
        return StrictArray(np.array(array))

    def device_count(self):
        return 1

    def draw(self, method, generator, *args, **options):
        """What `method` of the random generator draws, made on the device."""
        return StrictArray(method(generator, *args, **options))


def _kernel(function, *args):
    results = function(*_plain(args))
    _refuse_leak(results, _arrays(_plain(args)), {}, function.__name__)
    return tuple(map(StrictArray, results)) if isinstance(results, tuple) else StrictArray(np.asarray(results))


def _check_ufunc(ufunc, method, options):
    name = ufunc.__name__
    if method == "__call__":
        known, keywords = name not in UFUNCS_MISSING, {"dtype", "casting"}
    else:
        names, keywords = UFUNC_METHODS.get(method, (set(), set()))
        known = name in names
    if not known:
        raise TypeError(f"cupy.{name} has no {method}" if method != "__call__" else f"CuPy has no {name}")
    if unknown := options.keys() - keywords:
        raise TypeError(f"cupy.{name} has no keyword {', '.join(sorted(unknown))}")
    if name == "matmul":
        synchronises("CuPy refuses its own cuBLAS call, a @ b: the backend's matmul is for that;")


def _plain(value):
    """`value` with NumPy's arrays in the place of strict ones; TypeError for what may not meet them."""
    if isinstance(value, StrictArray):
        return value._array
    if isinstance(value, np.ndarray):
        raise TypeError(f"a NumPy array {value.shape} meets an array of the strict device")
    if isinstance(value, np.generic):
        raise TypeError(f"the NumPy number {value!r} meets an array of the strict device: use a Python number")
    return type(value)([_plain(v) for v in value]) if isinstance(value, tuple | list) else value


def _key(key, masks=True):
    """An index as a tuple of what NumPy takes."""
    parts = []
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, np.ndarray):
            raise TypeError(f"a NumPy array {part.shape} as an index into an array of the strict device")
        if isinstance(part, list):
            synchronises("a list as an index, copied to the device,")
            part = StrictArray(np.asarray(part))
        elif isinstance(part, StrictArray) and part.dtype == bool and masks:
            synchronises("a mask as an index, whose shape depends on values,")
        parts.append(part._array if isinstance(part, StrictArray) else part)
    return tuple(parts)


def _arrays(values):
    """The NumPy arrays in nested tuples and lists."""
    if isinstance(values, tuple | list):
        return [a for v in values for a in _arrays(v)]
    return [values] if isinstance(values, np.ndarray) else []


def _refuse_leak(results, inputs, options, name):
    """TypeError for double precision that none of the inputs had."""
    wide = ("d", "D")
    arrays = [a for a in inputs if isinstance(a, np.ndarray)]
    if options.get("dtype") is None and not any(a.dtype.char in wide for a in arrays):
        for result in results if isinstance(results, tuple) else (results,):
            if result.dtype.char in wide:
                given = ", ".join(str(a.dtype) for a in arrays)
                raise TypeError(f"{name} of {given} gives {result.dtype}, which nothing asked for")


def on_device(value):
    """`value` with strict arrays in the place of NumPy's, also in tuples and lists."""
    if isinstance(value, tuple | list):
        return type(value)([on_device(v) for v in value])
    return StrictArray(np.array(value)) if isinstance(value, np.ndarray) else value


def same_bits(strict, plain):
    """AssertionError unless a strict array holds exactly what a NumPy array holds."""
    plain = np.asarray(plain)
    assert type(strict) is StrictArray, f"{type(strict).__name__} is not on the strict device"
    assert (strict.dtype, strict.shape) == (plain.dtype, plain.shape)
    assert strict.get().tobytes() == plain.tobytes(), f"{strict.get()} is not {plain}"
