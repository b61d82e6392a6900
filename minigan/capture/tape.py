"""A tape of NumPy calls: arrays that record every call on them, so that the calls can be repeated.

A `Taped` array stands for memory that stays where it is.  Every NumPy function that meets one is computed at once, and
written on the tape together with the memory that it read and the memory that it filled; playing the tape repeats the
calls on what that memory holds by then.  A view needs no call at all.
What would bring a value into Python, where it could decide what is computed, is refused.
"""

from functools import partial

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..backend import numpy as numpy_backend
from ..backend import register_type
from ..backend.numpy import elementwise as numpy_elementwise
from ..backend.recording import CaptureError
from .placement import arrays, owner, place


class Tape:
    """The recorded calls in order, the random draws among them, and the memory that they make and change."""

    def __init__(self):
        self.calls, self.drawn = [], []
        self.made, self.changed = [], []

    def write(self, function, *args, **options):
        self.calls.append((function, args, options))

    def fill(self, target, function, *args, **options):
        """Record that `function` makes a new array, to be written into `target`."""
        self.write(_refill, target, function, args, options)
        return self.keep(target)

    def keep(self, array):
        """Return a new array as a taped one."""
        self.made.append(array)
        return Taped(array, self)

    def draw(self, function):
        """Return the array that `function` draws, and record the draw, which gives other numbers in every play."""
        self.drawn.append(function())
        return self.fill(self.drawn[-1], function)

    def changing(self, array):
        """Do nothing: every call on a taped array is recorded anyway."""

    def adopted(self, given):
        """Return an operation's arguments as taped arrays, parameters included, since replays must see them change."""
        for a in given:
            if isinstance(a, np.generic):
                raise CaptureError(
                    f"a captured step must not compute with NumPy numbers such as {a!r}: NumPy makes them of an array "
                    "of shape () before an operation sees it; multiply the Tensor by the array itself"
                )
        return [Taped(a, self) if type(a) is np.ndarray else a for a in given]

    def outside(self):
        """Return the arrays that the calls change without having made them, such as running statistics."""
        own = {id(owner(target)) for target in self.made}
        return [target for target in self.changed if id(owner(target)) not in own]

    def close(self, outputs):
        """Return functions that repeat all calls; of the arrays that they make, `outputs` keep their memory."""
        calls = place(self.calls, self.made, [*outputs, *self.drawn])
        self.calls = self.made = None
        return [partial(function, *args, **options) for function, args, options in calls]


class Draws:
    """Recorded random draws, handed out again in the same order."""

    def __init__(self, drawn):
        self.left = iter(drawn)

    def draw(self, function):
        drawn = next(self.left, None)
        if drawn is None:
            raise CaptureError("a captured step must draw as often at every call as when it was recorded")
        return drawn.copy()

    def changing(self, array):
        """Do nothing: the change was reported when the step was recorded."""

    def adopted(self, given):
        return given


class Taped(NDArrayOperatorsMixin):
    """An array whose calls are recorded on a tape."""

    __slots__ = ("array", "tape")

    def __init__(self, array, tape):
        self.array, self.tape = array, tape

    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    dtype = property(lambda self: self.array.dtype)
    base = property(lambda self: self.array.base)
    real = property(lambda self: self._view(self.array.real))
    T = property(lambda self: self._view(self.array.T))

    def __len__(self):
        return len(self.array)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        function = getattr(ufunc, method)
        inputs, options = _plain(inputs), _plain(options)
        if method == "at":
            function(*inputs)
            self.tape.changed.append(inputs[0])
            return self.tape.write(function, *inputs)
        if out is None:
            result = self.tape.keep(np.asarray(function(*inputs, **options)))  # a scalar would have no memory
        else:
            result = Taped(_plain(out[0]), self.tape)
            function(*inputs, out=result.array, **options)
            self.tape.changed.append(result.array)
        self.tape.write(function, *inputs, out=result.array, **options)
        return result

    def __array_function__(self, function, types, args, options):
        args, options = _plain(args), _plain(options)
        result = function(*args, **options)
        if function in _OF_THE_TYPE:
            return result
        if not isinstance(result, np.ndarray) or "out" in options:
            _refuse(f"numpy.{function.__name__}, which gives no new array,")
        if any(np.may_share_memory(result, a) for a in arrays(args)):
            return Taped(result, self.tape)
        return self.tape.fill(result, function, *args, **options)

    def __getitem__(self, key):
        key = _plain(key)
        part = self.array[key]
        if isinstance(part, np.ndarray) and np.may_share_memory(part, self.array):
            return Taped(part, self.tape)
        return self.tape.fill(np.asarray(part), np.ndarray.__getitem__, self.array, key)

    def __setitem__(self, key, value):
        key, value = _plain(key), _plain(value)
        self.array[key] = value
        self.tape.write(np.ndarray.__setitem__, self.array, key, value)

    def reshape(self, *shape):
        part = self.array.reshape(*shape)
        if np.may_share_memory(part, self.array):
            return Taped(part, self.tape)
        return self.tape.fill(part, np.ndarray.reshape, self.array, *shape)

    def astype(self, dtype, copy=True):
        return self.tape.fill(self.array.astype(dtype), np.ndarray.astype, self.array, dtype)

    def repeat(self, repeats, axis=None):
        return self.tape.fill(self.array.repeat(repeats, axis), np.ndarray.repeat, self.array, repeats, axis)

    def transpose(self, *axes):
        return self._view(self.array.transpose(*axes))

    def swapaxes(self, a, b):
        return self._view(self.array.swapaxes(a, b))

    def sum(self, axis=None, keepdims=False):
        return np.add.reduce(self, axis=axis, keepdims=keepdims)

    def max(self, axis=None, keepdims=False, initial=None):
        return np.maximum.reduce(self, axis=axis, keepdims=keepdims, initial=initial)

    def mean(self, axis=None, keepdims=False):
        result = np.asarray(self.array.mean(axis, keepdims=keepdims))
        return self.tape.fill(result, np.ndarray.mean, self.array, axis, keepdims=keepdims)

    def std(self, axis=None):
        return self.tape.fill(np.asarray(self.array.std(axis)), np.ndarray.std, self.array, axis)

    def _view(self, part):
        return Taped(part, self.tape)

    def item(self):
        _refuse("item()")

    def __bool__(self):
        _refuse("its truth")

    def __float__(self):
        _refuse("float()")

    def __index__(self):
        _refuse("its use as an index")

    def __array__(self, dtype=None, copy=None):
        _refuse("a conversion to a NumPy array")


class _TapedBackend:
    """NumPy's kernels, each recorded as one call."""

    DEVICE = "cpu"

    def __getattr__(self, name):
        if name in numpy_elementwise.__all__:  # their calls go straight into their places
            return getattr(numpy_elementwise, name)
        return partial(_kernel, getattr(numpy_backend, name))

    def matmul(self, a, b):
        """Compute straight into the recorded memory; the result of another kernel is copied there."""
        return a @ b

    def square_sum(self, x):
        """Compute by array operations, since a NumPy number would have no memory of its own."""
        return numpy_backend.square_sum(x)

    def add_at(self, out, key, x):
        """Add by the ufunc, which records the array that it changes."""
        np.add.at(out, key, x)

    def to_numpy(self, a):
        _refuse("numpy()")


register_type(Taped, _TapedBackend())


def _kernel(function, *args):
    tape = next(a.tape for a in args if isinstance(a, Taped))
    args = _plain(args)
    results = function(*args)
    if not isinstance(results, tuple):
        return tape.fill(results, function, *args)
    tape.write(_refill_all, results, function, args)
    return tuple([tape.keep(r) for r in results])


def _refill(target, function, args, kwargs):
    target[...] = function(*args, **kwargs)


def _refill_all(targets, function, args):
    for target, result in zip(targets, function(*args), strict=True):
        target[...] = result


_OF_THE_TYPE = {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj}  # not of the values


def _plain(value):
    """Return `value` with plain arrays in place of taped ones."""
    if isinstance(value, Taped):
        return value.array
    if isinstance(value, tuple | list):
        return type(value)([_plain(v) for v in value])
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    return value


def _refuse(what):
    raise CaptureError(
        f"a captured step must not look at its values, but {what} was asked for: what Python would decide by it could "
        "not be decided anew at every replay"
    )
