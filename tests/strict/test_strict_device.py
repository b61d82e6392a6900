"""The strict device refuses what it is there to refuse, and what it takes for CuPy's is CuPy's."""

import copy
import inspect

import numpy as np
import pytest
import strict_device
from strict_device import FUNCTIONS, StrictArray, SyncError, capturing, on_device, same_bits

import minigan as mg
from minigan import backend, ops

X = np.arange(6, dtype="float32").reshape(2, 3)

REFUSED = {
    "implicit conversion": lambda x: np.asarray(x),
    "a NumPy operand": lambda x: x + X,
    "a NumPy operand on the left": lambda x: X * x,
    "a NumPy array to write": lambda x: x.__setitem__(0, X[0]),
    "a NumPy array to write into": lambda x: np.add(x, x, out=X.copy()),
    "a NumPy array among others": lambda x: np.concatenate([x, X]),
    "a NumPy condition": lambda x: np.where(X > 1, x, 0.0),
    "a NumPy array in a kernel": lambda x: backend.of(x).matmul(x, X.T),
    "a NumPy array as an index": lambda x: x[np.array([0, 1])],
    "a NumPy mask": lambda x: x[X > 1],
    "a NumPy number": lambda x: x * np.float32(2),
    "a NumPy number that widens": lambda x: x * np.float64(2),
    "a double array": lambda x: (x > 1) * 0.5,
    "a double quotient of integers": lambda x: (x > 1).sum() / 3,
    "a double from a kernel": lambda x: backend.of(x).matmul(x > 1, (x > 1).T).mean(),
    "a function that CuPy lacks": lambda x: np.block([x, x]),
    "a function that nobody looked up": lambda x: np.trapezoid(x),
    "a ufunc that CuPy lacks": lambda x: np.spacing(x),
    "a reduction that CuPy lacks": lambda x: np.maximum.reduce(x, axis=0),
    "a keyword that CuPy lacks": lambda x: np.add(x, x, where=x > 1),
    "a shape that CuPy overlooks": lambda x: np.zeros_like(x, shape=()),
    "initial=": lambda x: x.max(0, initial=0.0),
    "numpy.max with initial=": lambda x: np.max(x, initial=0.0),
    "a method that CuPy lacks": lambda x: x.nbytes and x.to_device("cpu"),
}
WAITS = {
    "item": lambda x: x[0, 0].item(),
    "get": lambda x: x.get(),
    "numpy": lambda x: mg.Tensor(x).numpy(),
    "tolist": lambda x: x.tolist(),
    "bool": lambda x: bool((x > 1).all()),
    "float": lambda x: float(x.sum()),
    "int": lambda x: int(x.sum()),
    "index": lambda x: [1, 2][(x > 1).astype(int).max()],
    "nonzero": lambda x: x.nonzero(),
    "a mask as an index": lambda x: x[x > 1],
    "values under a mask": lambda x: x.__setitem__(x > 1, x[0, :1]),
    "a list as an index": lambda x: x[[0, 1]],
    "a copy from the host": lambda x: mg.tensor(X, device="strict"),
    "CuPy's cuBLAS": lambda x: x @ x.T,
    "nine arrays joined": lambda x: np.concatenate([x] * 9),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    said = "strict device|implicit conversion|CuPy|cupy|nothing asked for|unexpected keyword|to_device"
    with pytest.raises((TypeError, AttributeError), match=said):
        REFUSED[what](on_device(X))


@pytest.mark.parametrize("what", WAITS)
def test_refused_while_capturing_alone(what):
    WAITS[what](on_device(X))
    with capturing(), pytest.raises(SyncError, match="while the stream is being captured"):
        WAITS[what](on_device(X))
    WAITS[what](on_device(X))


def test_what_is_allowed():
    with capturing():
        x = mg.Tensor(StrictArray(X.copy()))
        x.data[x.data > 4] = 0.0
        y = ops.matmul(x, x.T).sum() * 2.0
        z = np.where(x.data > 1, 1.0, x.data) + np.zeros_like(x.data, shape=(3,))
        joined = np.concatenate([x.data] * 8)
    same_bits(y.data, np.float32(2 * (np.where(X > 4, 0, X) @ np.where(X > 4, 0, X).T).sum()))
    assert z.dtype == np.float32
    assert joined.shape == (16, 3)


def test_views_share_memory_and_know_their_owner():
    x = on_device(X)
    for view in (x[0], x[0, 1], x.T, x.reshape(3, 2), x[:, ::-1].real, x[None], np.broadcast_to(x, (4, 2, 3))):
        assert view.base is x
    x[0][1] = 7.0
    assert x[0, 1].item() == 7
    for other in (x + 1.0, x[on_device(np.array([0]))], x.copy(), copy.deepcopy(x), x.astype("float64")):
        assert other.base is None


# --- against CuPy itself, which imports without a GPU


def cupy():
    return pytest.importorskip("cupy", reason="CuPy is not installed, so its functions cannot be compared")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_cupy_has_the_function_and_its_keywords(name):
    function = getattr(cupy(), name)
    assert function is not getattr(np, name), "CuPy would refuse NumPy's own function"
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:
        pytest.skip(f"cupy.{name} is compiled and shows no signature")
    assert FUNCTIONS[name] <= parameters.keys()


def test_cupy_lacks_the_ufuncs_and_has_the_methods():
    ufuncs = {name for name in dir(np) if isinstance(getattr(np, name), np.ufunc)}
    assert {name for name in ufuncs if not hasattr(cupy(), name)} == strict_device.UFUNCS_MISSING
    public = {name for name in vars(StrictArray) if not name.startswith("_")}
    assert {name for name in public if not hasattr(cupy().ndarray, name)} == set()
