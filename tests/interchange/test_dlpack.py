"""Memory shared with other libraries, and what refuses to be shared."""

import numpy as np
import pytest

import minigan as mg


def numbers(dtype="float32"):
    return mg.tensor(np.arange(6.0).reshape(2, 3), dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "complex128"])
def test_out_and_in_without_a_copy(dtype):
    x = numbers(dtype)
    array = np.from_dlpack(x)
    assert np.shares_memory(array, x.data)
    assert np.array_equal(array, x.data)
    back = mg.from_dlpack(x)
    assert np.shares_memory(back.data, x.data)
    assert not back.requires_grad


def test_a_copy_on_request():
    x = numbers()
    assert not np.shares_memory(mg.from_dlpack(x, copy=True).data, x.data)


def test_views_keep_their_strides():
    x = np.arange(12.0).reshape(3, 4)[:, ::2].T
    assert np.array_equal(mg.from_dlpack(x).data, x)


def test_pytorch_both_ways():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    x = numbers()
    there = torch.from_dlpack(x)
    assert there.data_ptr() == x.data.ctypes.data
    assert there.shape == x.shape
    assert np.shares_memory(mg.from_dlpack(there).data, x.data)
    there[0, 0] = 7  # one memory: both see it
    assert x.data[0, 0] == 7
    with pytest.raises(BufferError, match="detach"):
        mg.from_dlpack(torch.ones(2, requires_grad=True))


def test_history_is_not_lost_silently():
    for tensor in (mg.tensor([1.0], requires_grad=True), mg.tensor([1.0], requires_grad=True) * 2, mg.Parameter([1.0])):
        with pytest.raises(BufferError, match="hand over tensor"):
            np.from_dlpack(tensor)
        assert np.shares_memory(np.from_dlpack(tensor.detach()), tensor.data)


def test_what_is_no_array_is_refused():
    with pytest.raises(TypeError, match=r"expected an array with __dlpack__, got list; mg.tensor\(...\) copies"):
        mg.from_dlpack([1.0])


def test_memory_of_a_gpu_is_refused():
    class OnGpu:
        def __dlpack__(self, **options):
            raise AssertionError("nobody may ask for it")

        def __dlpack_device__(self):
            return (2, 0)

    with pytest.raises(RuntimeError, match="not that of the CPU"):
        mg.from_dlpack(OnGpu())
