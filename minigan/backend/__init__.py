"""Backends: modules of kernels, one for each type of array.

One look-up by the type of an array finds its backend. `backend.interface` lists the functions that a backend provides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np

from . import numpy as numpy_backend

if TYPE_CHECKING:
    from typing import Any, Literal

    from ..types import Array, DTypeLike, Number, Shape
    from .interface import Backend, CudaBackend

# Pyright takes the function `matmul` of a backend for the submodule of the same name.
_NUMPY: Backend = numpy_backend  # pyright: ignore[reportAssignmentType]
_BY_TYPE: dict[type[Any], Backend] = {numpy_backend.ndarray: _NUMPY}
_BY_NAME: dict[str, Backend] = {"cpu": _NUMPY}
ndarray = numpy_backend.ndarray


class DeviceError(RuntimeError):
    """The error for a device that this machine does not have or cannot use."""


def register(backend: Backend, array_type: type[Any]) -> None:
    """Use `backend`, a module of kernels, for arrays of `array_type` and for the device that it names."""
    _BY_TYPE[array_type] = _BY_NAME[backend.DEVICE] = backend


def register_type(array_type: type[Any], backend: Backend) -> None:
    """Use `backend` for arrays of `array_type`, without adding a device."""
    _BY_TYPE[array_type] = backend


def of(array: Any) -> Backend:
    """Return the backend of `array`: NumPy's for scalars and for every type that no backend is registered for."""
    return _BY_TYPE.get(type(array), _NUMPY)


@overload
def named(device: Literal["cuda"]) -> CudaBackend: ...
@overload
def named(device: str) -> Backend: ...
def named(device: str) -> Any:
    """Return the backend of the device called `device`.

    Raises:
        ValueError: If no device has this name.
        DeviceError: If the device cannot be used on this machine.
    """
    if device == "cuda" and device not in _BY_NAME:
        _register_cuda()
    try:
        return _BY_NAME[device]
    except KeyError:
        hint = '; a GPU is called "cuda"' if str(device).startswith(("gpu", "cuda")) else ""
        raise ValueError(f"unknown device {device!r}: this installation has {', '.join(_BY_NAME)}{hint}") from None


def _register_cuda() -> None:
    """Import CuPy, which takes a second, and is therefore done only when it is needed."""
    try:
        from . import cupy as cupy_backend
    except ImportError as error:
        what = "is not installed" if getattr(error, "name", None) == "cupy" else f"cannot be imported ({error})"
        raise DeviceError(
            f'device "cuda" needs CuPy, which {what}: pip install "minigan[cuda13]", or "minigan[cuda12]" for a driver '
            "older than CUDA 13"
        ) from error
    cupy_backend.begin()
    register(cupy_backend, cupy_backend.ndarray)  # pyright: ignore[reportArgumentType]


def works(device: str) -> bool:
    """Return whether this machine can compute on `device`."""
    try:
        named(device)
    except (ValueError, DeviceError):
        return False
    return True


def as_array(data: Any) -> Array:
    """Return `data` itself if it is an array of some backend, otherwise a NumPy array of it."""
    return data if type(data) in _BY_TYPE else numpy_backend.asarray(data)


def device_of(array: Any) -> str:
    """Return the name of the device on which `array` lives."""
    return of(array).DEVICE


def move(array: Array, device: str) -> Array:
    """Return `array` on `device`: the array itself if it is already there, otherwise a copy made through the host."""
    here = of(array)
    return array if device == here.DEVICE else named(device).from_numpy(here.to_numpy(array))


def fill(target: Array, values: Any) -> None:
    """Overwrite the array `target` with `values`, which may live on another device."""
    target[...] = move(as_array(values), device_of(target))


def full_like(array: Array, value: Number, shape: Shape, dtype: DTypeLike | None = None) -> Array:
    """Return a new array of `shape`, filled with a number, on the device of `array`; its dtype by default."""
    filled = np.full_like(array, value, dtype, shape=shape or (1,))  # CuPy takes shape=() for the shape of `array`
    return filled if shape else filled.reshape(())


def device_count() -> int:
    """Return the number of GPUs on which this installation can compute."""
    works("cuda")
    return sum(backend.device_count() for backend in _BY_NAME.values())
