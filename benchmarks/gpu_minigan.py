"""minigan on a GPU: the steps of `peers.minigan_eager` and their single kernels, on the device "cuda"."""

from dataclasses import replace

import minigan as mg
from minigan import backend, optim
from minigan.ops.conv import conv_geometry, transposed_geometry

from .gpu_cases import Convolve, Copy, Multiply
from .networks import Conv
from .peers import minigan_eager
from .workloads import ADAM

DEVICE = "cuda"


def begin():
    """Return the versions of the library and facts about the device; DeviceError if there is no GPU."""
    backend.named(DEVICE)
    import cupy

    runtime = cupy.cuda.runtime
    return {
        "version": mg.__version__,
        "cupy": cupy.__version__,
        "device": runtime.getDeviceProperties(0)["name"].decode(),
        "device memory": runtime.memGetInfo()[1],
        "CUDA of the driver": runtime.driverGetVersion(),
        "CUDA runtime": runtime.runtimeGetVersion(),
    }


def precision(name):
    """Return a context in which products of float32 are computed in "fp32" or "tf32"."""
    return backend.named(DEVICE).precision(name)


def build(peer, case):
    """Return an object that computes `case`, with step() and outcome(), which returns {name: NumPy array}."""
    match case:
        case Copy():
            return _Copied(case)
        case Multiply():
            return _Called(_product(case))
        case Convolve():
            return _Called(_convolution(case))
    return (CapturedRun if peer == "minigan_captured" else GameRun)(case)


def synchronize():
    """Wait for the device."""
    import cupy

    cupy.cuda.runtime.deviceSynchronize()


def free_bytes():
    """Return the number of free bytes on the device."""
    import cupy

    return cupy.cuda.runtime.memGetInfo()[0]


def release():
    """Give the memory that the library keeps for later back to the device."""
    import cupy

    cupy.get_default_memory_pool().free_all_blocks()


class GameRun(minigan_eager.GameRun):
    """Steps of a `Game` whose networks and samples are on the device."""

    def __init__(self, workload):
        super().__init__(workload)
        real, z, between = (backend.move(a, DEVICE) for a in (self.data.real, self.data.z, self.data.between))
        self.data = replace(self.data, real=real, z=z, between=between)
        for network in self.networks.values():
            network.to(DEVICE)
        self.game = self._game(lambda parameters: optim.Adam(parameters, **ADAM))  # whose moments are on the device

    def outcome(self):
        return self.gradients()


class CapturedRun(GameRun):
    """Steps of a captured `Game`: the computation of each player is one CUDA graph."""

    captured = True


class _Called:
    """A function of no arguments that computes one array."""

    def __init__(self, step):
        self.step = step

    def outcome(self):
        return {"out": backend.move(self.step(), "cpu")}


class _Copied:
    """Copy of one array into another."""

    def __init__(self, case):
        (data,) = case.operands()
        self.source = backend.move(data, DEVICE)
        self.target = backend.full_like(self.source, 0, data.shape)

    def step(self):
        self.target[...] = self.source


def _product(case):
    left, right = (backend.move(a, DEVICE) for a in case.operands())
    kind = case.product.kind
    left, right = (left.T if kind == "W" else left), (right.T if kind == "D" else right)
    matmul = backend.named(DEVICE).matmul
    return lambda: matmul(left, right)


def _convolution(case):
    """Return a function that computes the case.

    A transposed layer uses the same three kernels with its input and output exchanged.
    """
    layer, kernels = case.layer, backend.named(DEVICE)
    x, weight, y = (backend.move(a, DEVICE) for a in case.operands())
    shape = layer.inputs[:2], (layer.kernel, layer.kernel), layer.stride, layer.kernel // 2
    if isinstance(layer, Conv):
        geometry, (large, small) = conv_geometry(*shape, 1, 1), (x, y)
        into_small, into_large = "F", "D"
    else:
        geometry, (large, small) = transposed_geometry(*shape, layer.stride - 1, 1, 1), (y, x)
        into_small, into_large = "D", "F"
    return {
        into_small: lambda: kernels.conv2d(large, weight, geometry),
        into_large: lambda: kernels.conv_transpose2d(small, weight, geometry),
        "W": lambda: kernels.conv2d_weight(large, small, geometry),
    }[case.kind]
