"""A tape of NumPy calls: arrays that record every call on them, so that the calls can be repeated.

A `Taped` array stands for memory that keeps its address. Every NumPy function that is called with one is computed at
once, and recorded on the tape together with the memory that it read and the memory that it filled; playing the tape
repeats the calls on the values that the memory holds then. A view needs no call at all.
A conversion of a value to a Python object is refused, since Python could decide by it which calls to make.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..backend import numpy as numpy_backend
from ..backend import register_type
from ..backend.numpy import elementwise as numpy_elementwise
from ..backend.recording import CaptureError
from .placement import arrays, owner, place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, NoReturn

    from ..backend.interface import Backend
    from ..types import Array, Axis, DTypeLike, Number
    from .placement import Call


class Tape:
    """The recorded calls in order, the random draws among them, and the memory that they make and change."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.drawn: list[Array] = []
        self.made: list[Array] = []
        self.changed: list[Array] = []
        self.undo: list[Callable[[], Any]] = []

    def write(self, function: Callable[..., Any], *args: Any, **options: Any) -> None:
        """Record a call."""
        self.calls.append((function, args, options))

    def fill(self, target: Array, function: Callable[..., Any], *args: Any, **options: Any) -> Taped:
        """Record that the result of `function` is a new array, to be written into `target`, and return it as taped."""
        self.write(_refill, target, function, args, options)
        return self.keep(target)

    def keep(self, array: Array) -> Taped:
        """Return a new array as a taped one."""
        self.made.append(array)
        return Taped(array, self)

    def draw(self, function: Callable[[], Array]) -> Taped:
        """Return the array that `function` draws, and record the draw, which gives new numbers in every replay."""
        self.drawn.append(function())
        return self.fill(self.drawn[-1], function)

    def changing(self, array: Any) -> None:
        """Do nothing: every call on a taped array is recorded anyway."""

    def repeated(self, do: Callable[[], Any], undo: Callable[[], Any]) -> None:
        """Call do(), and record the call."""
        do()
        self.write(do)
        self.undo.append(undo)

    def number(self, current: Callable[[], float], dtype: DTypeLike) -> Taped:
        """Return an array of shape () that holds current() at every replay."""
        return self.fill(np.array(current(), dtype), current)

    def adopted(self, given: Sequence[Any]) -> list[Any]:
        """Return the arguments of an operation as taped arrays, since a replay must read new values of parameters."""
        for a in given:
            if isinstance(a, np.generic):
                raise CaptureError(
                    f"a captured step must not compute with NumPy numbers such as {a!r}: NumPy makes them of an "
                    "array of shape () before an operation sees it, and they would never change; multiply the Tensor "
                    "by the array itself"
                )
        return [Taped(a, self) if type(a) is np.ndarray else a for a in given]

    def outside(self) -> list[Array]:
        """Return the arrays that the calls change but did not make, such as running statistics."""
        own = {id(owner(target)) for target in self.made}
        return [target for target in self.changed if id(owner(target)) not in own]

    def close(self, outputs: Sequence[Array]) -> list[Callable[[], Any]]:
        """Return functions that repeat all calls; among the arrays that they make, only `outputs` keep their memory."""
        calls = place(self.calls, self.made, [*outputs, *self.drawn])
        self.calls, self.made = [], []
        return [partial(function, *args, **options) for function, args, options in calls]


class Draws:
    """Recorded random draws, returned again in the same order."""

    def __init__(self, drawn: Sequence[Array]) -> None:
        self.left: Iterator[Array] = iter(drawn)

    def draw(self, function: Callable[[], Array]) -> Array:
        """Return a copy of the next recorded draw instead of drawing."""
        drawn = next(self.left, None)
        if drawn is None:
            raise CaptureError("a captured step must draw as often at every call as when it was recorded")
        return drawn.copy()

    def changing(self, array: Any) -> None:
        """Do nothing: the change was reported when the step was recorded."""

    def repeated(self, do: Callable[[], Any], undo: Callable[[], Any]) -> None:
        """Call do()."""
        do()

    def number(self, current: Callable[[], float], dtype: DTypeLike) -> float:
        """Return current()."""
        return current()

    def adopted(self, given: Sequence[Any]) -> Sequence[Any]:
        """Return the arguments of an operation unchanged."""
        return given


class Taped(NDArrayOperatorsMixin):
    """An array whose calls are recorded on a tape."""

    __slots__ = ("array", "tape")

    array: Array
    tape: Tape

    def __init__(self, array: Array, tape: Tape) -> None:
        self.array, self.tape = array, tape

    shape: property = property(lambda self: self.array.shape)
    ndim: property = property(lambda self: self.array.ndim)
    size: property = property(lambda self: self.array.size)
    dtype: property = property(lambda self: self.array.dtype)
    base: property = property(lambda self: self.array.base)
    real: property = property(lambda self: self._view(self.array.real))
    T: property = property(lambda self: self._view(self.array.T))

    def __len__(self) -> int:
        return len(self.array)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any
    ) -> Taped | None:
        function = getattr(ufunc, method)
        inputs, options = _plain(inputs), _plain(options)
        if method == "at":
            function(*inputs)
            self.tape.changed.append(inputs[0])
            self.tape.write(function, *inputs)
            return None
        if out is None:
            result = self.tape.keep(np.asarray(function(*inputs, **options)))  # a scalar would have no memory
        else:
            result = Taped(_plain(out[0]), self.tape)
            function(*inputs, out=result.array, **options)
            self.tape.changed.append(result.array)
        self.tape.write(function, *inputs, out=result.array, **options)
        return result

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        args, options = _plain(args), _plain(options)
        result = function(*args, **options)
        if function in _OF_THE_TYPE:
            return result
        if not isinstance(result, np.ndarray) or "out" in options:
            _refuse(f"numpy.{function.__name__}, which gives no new array,")
        if any(np.may_share_memory(result, a) for a in arrays(args)):
            return Taped(result, self.tape)
        return self.tape.fill(result, function, *args, **options)

    def __getitem__(self, key: Any) -> Taped:
        key = _plain(key)
        part = self.array[key]
        if isinstance(part, np.ndarray) and np.may_share_memory(part, self.array):
            return Taped(part, self.tape)
        return self.tape.fill(np.asarray(part), np.ndarray.__getitem__, self.array, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        key, value = _plain(key), _plain(value)
        self.array[key] = value
        self.tape.write(np.ndarray.__setitem__, self.array, key, value)

    def reshape(self, *shape: Any) -> Taped:
        part = self.array.reshape(*shape)
        if np.may_share_memory(part, self.array):
            return Taped(part, self.tape)
        return self.tape.fill(part, np.ndarray.reshape, self.array, *shape)

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Taped:
        return self.tape.fill(self.array.astype(dtype), np.ndarray.astype, self.array, dtype)

    def repeat(self, repeats: int, axis: int | None = None) -> Taped:
        return self.tape.fill(self.array.repeat(repeats, axis), np.ndarray.repeat, self.array, repeats, axis)

    def transpose(self, *axes: Any) -> Taped:
        return self._view(self.array.transpose(*axes))

    def swapaxes(self, a: int, b: int) -> Taped:
        return self._view(self.array.swapaxes(a, b))

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Taped:
        add: Any = np.add  # NumPy's types know no `__array_ufunc__`
        return add.reduce(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False, initial: Number | None = None) -> Taped:
        maximum: Any = np.maximum
        return maximum.reduce(self, axis=axis, keepdims=keepdims, initial=initial)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Taped:
        result = np.asarray(self.array.mean(axis, keepdims=keepdims))
        return self.tape.fill(result, np.ndarray.mean, self.array, axis, keepdims=keepdims)

    def std(self, axis: Axis = None) -> Taped:
        return self.tape.fill(np.asarray(self.array.std(axis)), np.ndarray.std, self.array, axis)

    def _view(self, part: Array) -> Taped:
        return Taped(part, self.tape)

    def item(self) -> NoReturn:
        _refuse("item()")

    def __bool__(self) -> NoReturn:
        _refuse("its truth")

    def __float__(self) -> NoReturn:
        _refuse("float()")

    def __index__(self) -> NoReturn:
        _refuse("its use as an index")

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NoReturn:
        _refuse("a conversion to a NumPy array")


class _TapedBackend:
    """The kernels of the NumPy backend, each recorded as one call."""

    DEVICE = "cpu"

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in _INTO:
            return partial(_kernel_into, getattr(numpy_backend, name))
        if name in numpy_elementwise.__all__:  # the NumPy calls in these write straight into the recorded memory
            return getattr(numpy_elementwise, name)
        return partial(_kernel, getattr(numpy_backend, name))

    def square_sum(self, arrays: Any) -> Any:
        """Compute by array operations, since a NumPy number would have no memory of its own."""
        return numpy_backend.square_sum(arrays)

    def concatenate(self, xs: Any, axis: int) -> Any:
        """Join by NumPy's function, which records itself."""
        return np.concatenate(xs, axis)

    def add_at(self, out: Any, key: Any, x: Any) -> None:
        """Add x to out[key] by the ufunc, which records that `out` changes."""
        np.add.at(out, key, x)

    def to_numpy(self, a: Any) -> NoReturn:
        _refuse("numpy()")


register_type(Taped, cast("Backend", _TapedBackend()))  # its `__getattr__` provides the rest


def _kernel(function, *args):
    tape = next((a.tape for a in args if isinstance(a, Taped)), None)
    if tape is None:
        _refuse(f"{function.__name__}(), such as the numbers of a report,")
    args = _plain(args)
    results = function(*args)
    if not isinstance(results, tuple):
        return tape.fill(results, function, *args)
    tape.write(_refill_all, results, function, args)
    return tuple([tape.keep(r) for r in results])


def _kernel_into(function, *args):
    """Record a call of a kernel that can write straight into the recorded memory."""
    if any(a.dtype.kind == "c" for a in args if isinstance(a, Taped | np.ndarray)):
        return _kernel(function, *args)
    tape = next(a.tape for a in args if isinstance(a, Taped))
    result = tape.keep(np.asarray(function(*_plain(args))))
    tape.write(function, *_plain(args), out=result.array)
    return result


def _refill(target, function, args, kwargs):
    target[...] = function(*args, **kwargs)


def _refill_all(targets, function, args):
    for target, result in zip(targets, function(*args), strict=True):
        target[...] = result


_INTO = {"gate", "leaky_relu", "matmul", "normalize"}  # kernels with an argument `out`

# Functions whose results depend on types and shapes alone, not on values.
_OF_THE_TYPE = {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj}


def _plain(value: Any) -> Any:
    """Return `value` with plain arrays in place of taped ones."""
    if isinstance(value, Taped):
        return value.array
    if isinstance(value, tuple | list):
        return type(value)([_plain(v) for v in value])
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    return value


def _refuse(what: str) -> NoReturn:
    raise CaptureError(
        f"a captured step must not look at its values, but {what} was asked for: a replay runs no Python code, so it "
        "could not repeat a decision that depends on the value"
    )
