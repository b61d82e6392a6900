"""Where arrays live.  A backend is a module of kernels; the type of an array picks it, by one dictionary look-up."""

from . import numpy_backend, tape

_BY_TYPE = {numpy_backend.ndarray: numpy_backend, tape.Taped: tape.TAPED_BACKEND}
_BY_NAME = {"cpu": numpy_backend}
ndarray = numpy_backend.ndarray


def of(array):
    """The backend that owns `array`; NumPy's for scalars."""
    return _BY_TYPE.get(type(array), numpy_backend)


def named(device):
    """The backend called `device`.  ValueError for a name that is not known."""
    try:
        return _BY_NAME[device]
    except KeyError:
        raise ValueError(f"unknown device {device!r}: this installation has {', '.join(_BY_NAME)}") from None


def as_array(data):
    """`data` itself if it is an array of some backend, else a NumPy array of it."""
    return data if type(data) in _BY_TYPE else numpy_backend.asarray(data)


def device_count():
    """How many GPUs this installation can compute on."""
    return sum(backend.device_count() for backend in _BY_NAME.values())
