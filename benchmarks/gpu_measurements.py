"""The measurements of `gpu_first`: a function for each section, which returns {name: function that measures}.

Nothing is done on the device before a measurement is called, so each of them can fail by itself.
"""

from functools import partial
from unittest.mock import patch

import cupy
import numpy as np

from minigan import backend, nn, optim
from minigan.backend.cupy import conv
from minigan.random import Generator

from . import gpu_bandwidth, gpu_cases, gpu_minigan
from .gpu_bandwidth import bandwidth
from .gpu_race import PRECISIONS
from .gpu_timing import timed
from .worker import WARM_UP

PEERS = ("minigan_captured", "minigan_eager")
STEPS = ("dcgan-28-critic-64", "dcgan-28-generator-64", "toy-critic", "dcgan-64-critic-128")
CHUNKED = ("dcgan-28-critic-64", "dcgan-64-critic-128")
CHUNKS = (32, 64, 128, 256, 1024)  # MiB
MATRICES = ((25088, 64), (524288, 64), (131072, 128), (16384, 1024))  # activations of DCGAN-28 and DCGAN-64
IMAGES = ((64, 28, 64), (128, 32, 64), (128, 16, 128))  # (batch, side, channels)
SIZES = (1 << 20, 1 << 26)
TINY = {"matrices": ((40, 3),), "images": ((2, 6, 4),), "sizes": (99,)}


def device(quick):
    """Facts about the device and the libraries."""
    properties = partial(cupy.cuda.runtime.getDeviceProperties, 0)
    return {
        "libraries": gpu_minigan.begin,
        "multiprocessors": lambda: properties()["multiProcessorCount"],
        "bytes of the second-level cache": lambda: properties()["l2CacheSize"],
        "compute capability": lambda: cupy.cuda.Device().compute_capability,
        "NumPy": lambda: np.__version__,
    }


def numbers(quick):
    """Comparisons with the CPU where a kernel gets a number that is no Python float: True if it is right."""
    return {
        "Adam(betas=(0, 0.99))": partial(_alike, _trained, {"lr": 0.01, "betas": (0, 0.99)}),
        "Adam(lr=np.float32(0.01))": partial(_alike, _trained, {"lr": np.float32(0.01)}),
        "Adam(eps=np.float32(0.1))": partial(_alike, _trained, {"lr": 0.01, "eps": np.float32(0.1)}),
        "EMA(decay=0)": partial(_alike, _averaged, 0),
        "leaky_relu(slope=1)": partial(_alike, _leaky, 1),
        "leaky_relu(slope=np.float32(0.2))": partial(_alike, _leaky, np.float32(0.2)),
    }


def steps(quick):
    """Milliseconds of whole steps."""
    cases = {case.name: case for case in gpu_cases.steps(quick)}
    chosen = list(cases) if quick else STEPS
    return {
        f"{name}, {peer}, {precision}": partial(_step, cases[name], peer, precision)
        for name in chosen
        for peer in PEERS
        for precision in PRECISIONS
    }


def kernels(quick):
    """Bandwidths of kernels."""
    matrices, images, sizes = TINY.values() if quick else (MATRICES, IMAGES, SIZES)
    rows = ("column_sums", "moments", "normalize", "normalize_gradients")
    shapes = [(name, shape) for name in rows for shape in matrices]
    shapes += [(name, shape) for name in ("im2col", "col2im") for shape in images]
    shapes += [(name, (size,)) for name in ("copy", "leaky_relu", "adam") for size in sizes]
    return {
        f"{name} {'x'.join(map(str, shape))}": partial(bandwidth, getattr(gpu_bandwidth, name), *shape)
        for name, shape in shapes
    }


def chunks(quick):
    """Milliseconds of captured steps by the size of the column matrix that a convolution makes at a time."""
    cases = {case.name: case for case in gpu_cases.steps(quick)}
    chosen = list(cases) if quick else CHUNKED
    return {
        f"{name}, {size} MiB, {precision}": partial(_step_in_chunks, cases[name], precision, size << 20)
        for name in chosen
        for size in (CHUNKS[:1] if quick else CHUNKS)
        for precision in PRECISIONS
    }


def _step(case, peer, precision):
    with gpu_minigan.precision(precision):
        run = gpu_minigan.build(peer, case)
        for _ in range(WARM_UP):
            run.step()
        return timed(run.step, 0.1)


def _step_in_chunks(case, precision, size):
    with patch.object(conv, "CHUNK_BYTES", size):  # which refuses a name that does not exist
        return _step(case, "minigan_captured", precision)


def _alike(compute, *arguments):
    """Return whether compute(device, *arguments) is the same on both devices."""
    found, expected = (compute(device, *arguments) for device in (gpu_minigan.DEVICE, "cpu"))
    return bool(np.allclose(found, expected, rtol=1e-4, atol=1e-6))


def _trained(device, options):
    """Return the weights of a layer after a step of Adam."""
    layer = _layer(0, device)
    optim.Adam(layer.parameters(), **options).step([_layer(1, device).weight, _layer(1, device).bias])
    return layer.weight.numpy()


def _averaged(device, decay):
    """Return the average of the weights of two layers."""
    average = optim.EMA(_layer(0, device), decay)
    average.update(_layer(1, device))
    return average.module.weight.numpy()


def _leaky(device, slope):
    x = backend.move(np.linspace(-1, 1, 9, dtype=np.float32), device)
    return backend.move(backend.named(device).leaky_relu(x, slope), "cpu")


def _layer(seed, device):
    return nn.Linear(4, 3, rng=Generator(seed)).to(device)
