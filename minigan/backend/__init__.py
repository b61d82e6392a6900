"""Backends: modules of kernels, one for each kind of array.  The type of an array picks its backend by one look-up."""

import numpy as np

from . import numpy as numpy_backend

_BY_TYPE = {numpy_backend.ndarray: numpy_backend}
_BY_NAME = {"cpu": numpy_backend}
ndarray = numpy_backend.ndarray


class DeviceError(RuntimeError):
    """A device that this machine does not have, or cannot use."""


def register(backend, array_type):
    """Use `backend`, a module of kernels, for arrays of `array_type` and for the device that it names."""
    _BY_TYPE[array_type] = _BY_NAME[backend.DEVICE] = backend


def register_type(array_type, backend):
    """Use `backend` for arrays of `array_type`, without adding a device."""
    _BY_TYPE[array_type] = backend


def of(array):
    """Return the backend of `array`; NumPy's for scalars."""
    return _BY_TYPE.get(type(array), numpy_backend)


def named(device):
    """Return the backend called `device`; ValueError for an unknown name, DeviceError for an unavailable device."""
    if device == "cuda" and device not in _BY_NAME:
        _register_cuda()
    try:
        return _BY_NAME[device]
    except KeyError:
        raise ValueError(f"unknown device {device!r}: this installation has {', '.join(_BY_NAME)}") from None


def _register_cuda():
    """Import CuPy, which takes a second and is therefore left until it is needed."""
    try:
        from . import cupy as cupy_backend
    except ImportError as error:
        what = "is not installed" if getattr(error, "name", None) == "cupy" else f"cannot be imported ({error})"
        raise DeviceError(
            f'device "cuda" needs CuPy, which {what}: pip install "minigan[cuda13]", or "minigan[cuda12]" for a driver '
            "older than CUDA 13"
        ) from error
    cupy_backend.begin()
    register(cupy_backend, cupy_backend.ndarray)


def works(device):
    """Return whether this machine can compute on `device`."""
    try:
        named(device)
    except (ValueError, DeviceError):
        return False
    return True


def as_array(data):
    """Return `data` itself if it is an array of some backend, else a NumPy array of it."""
    return data if type(data) in _BY_TYPE else numpy_backend.asarray(data)


def device_of(array):
    """Return the name of the device on which `array` lives."""
    return of(array).DEVICE


def move(array, device):
    """Return `array` on `device`: the array itself if it is there, else a copy by way of the host."""
    here = of(array)
    return array if device == here.DEVICE else named(device).from_numpy(here.to_numpy(array))


def fill(target, values):
    """Overwrite the array `target` with `values`, wherever they live."""
    target[...] = move(as_array(values), device_of(target))


def full_like(array, value, shape, dtype=None):
    """Return a new array of `shape`, filled with a number, on the device of `array`; of its dtype by default."""
    filled = np.full_like(array, value, dtype, shape=shape or (1,))  # CuPy takes shape=() for none at all
    return filled if shape else filled.reshape(())


def device_count():
    """Return the number of GPUs on which this installation can compute."""
    works("cuda")
    return sum(backend.device_count() for backend in _BY_NAME.values())
