"""PyTorch on a GPU: the steps of `peers.torch_eager`, eager, as a CUDA graph and compiled, and their single kernels.

cuDNN chooses the fastest of its algorithms by measuring them, as is usual for fixed shapes.
"""

from contextlib import contextmanager

import torch

from .gpu_cases import Convolve, Copy, Multiply
from .networks import Conv
from .peers import channels_first, torch_compiled, torch_eager
from .workloads import ADAM

DEVICE = "cuda"


def begin():
    """Return the versions of the library and facts about the device; RuntimeError if there is no GPU."""
    if not torch.cuda.is_available():
        raise RuntimeError(f"PyTorch {torch.__version__} finds no GPU")
    torch.backends.cudnn.benchmark = True
    torch.zeros(1, device=DEVICE)
    return {
        "version": torch.__version__,
        "device": torch.cuda.get_device_name(),
        "CUDA": torch.version.cuda,
        "cuDNN": torch.backends.cudnn.version(),
        "cudnn.benchmark": True,
    }


@contextmanager
def precision(name):
    """Return a context in which products and convolutions of float32 are computed in "fp32" or "tf32"."""
    flags = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [flag.allow_tf32 for flag in flags]
    for flag in flags:
        flag.allow_tf32 = name == "tf32"
    try:
        yield
    finally:
        for flag, value in zip(flags, before, strict=True):
            flag.allow_tf32 = value


def build(peer, case):
    """Return an object that computes `case`, with step() and outcome(), which returns {name: NumPy array}."""
    match case:
        case Copy():
            return _Copied(case)
        case Multiply():
            return _Called(_product(case))
        case Convolve():
            return _Called(*_convolution(case))
    return {"torch_eager": EagerRun, "torch_graph": GraphRun, "torch_compiled": CompiledRun}[peer](case)


def synchronize():
    """Wait for the device."""
    torch.cuda.synchronize()


def free_bytes():
    """Return the number of free bytes on the device."""
    return torch.cuda.mem_get_info()[0]


def release():
    """Give the memory that the library keeps for later back to the device."""
    torch.cuda.empty_cache()


class EagerRun(torch_eager.GanRun):
    """Steps of networks on the device."""

    capturable = False  # whether Adam counts its steps on the device, as a graph needs it

    def __init__(self, workload):
        super().__init__(workload)
        self.real, self.z, self.between = (a.to(DEVICE) for a in (self.real, self.z, self.between))
        for player, network in self.networks.items():
            self.adam[player] = torch.optim.Adam(network.to(DEVICE).parameters(), **ADAM, capturable=self.capturable)

    def outcome(self):
        return self.gradients()


class CompiledRun(EagerRun, torch_compiled.CompiledRun):
    """Steps with compiled losses; see `peers.torch_compiled`."""


class GraphRun(EagerRun):
    """Steps as one CUDA graph each, Adam included."""

    capturable = True

    def __init__(self, workload):
        super().__init__(workload)
        self._replay = None

    def step(self):
        if self._replay is None:
            self._replay, _ = recorded(super().step)
        self._replay()

    def gradients(self):
        """Return the losses and gradients of a replay; see `peers`."""
        players = self.workload.players
        replay, losses = recorded(lambda: {player: self.backward(player) for player in players})
        replay()
        self.backward = losses.get  # the replay has computed the losses and gradients already
        return super().gradients()


def recorded(function):
    """Record function() as PyTorch's manual does on its page on CUDA graphs; return (replay, the recorded result)."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = function()
    return graph.replay, found


class _Called:
    """A function of no arguments that computes a tensor; `channels_last` are the axes that give it minigan's layout."""

    def __init__(self, step, channels_last=()):
        self.step, self.channels_last = step, channels_last

    def outcome(self):
        out = self.step()
        return {"out": (out.permute(self.channels_last) if self.channels_last else out).numpy(force=True)}


class _Copied:
    """Copy of one tensor into another."""

    def __init__(self, case):
        (data,) = case.operands()
        self.source = torch.tensor(data, device=DEVICE)
        self.target = torch.empty_like(self.source)

    def step(self):
        self.target.copy_(self.source)


def _product(case):
    left, right = (torch.tensor(a, device=DEVICE) for a in case.operands())
    kind = case.product.kind
    left, right = (left.T if kind == "W" else left), (right.T if kind == "D" else right)
    return lambda: left @ right


def _convolution(case):
    """Return (a function that computes the case, the order of axes that gives its result minigan's layout)."""
    layer, transposed = case.layer, not isinstance(case.layer, Conv)
    x, weight, y = case.operands()
    arrays = channels_first.images(x), channels_first.from_minigan(layer, weight), channels_first.images(y)
    x, weight, y = (torch.tensor(a, device=DEVICE) for a in arrays)
    sides = [layer.stride] * 2, [layer.kernel // 2] * 2, [1, 1]
    rest = *sides, transposed, [layer.stride - 1 if transposed else 0] * 2, 1
    if case.kind == "F":
        return lambda: torch.convolution(x, weight, None, *rest), (0, 2, 3, 1)
    k = {"D": 0, "W": 1}[case.kind]
    wanted = [k == 0, k == 1, False]
    backward = torch.ops.aten.convolution_backward
    return lambda: backward(y, x, weight, None, *rest, wanted)[k], ((0, 2, 3, 1), (2, 3, 1, 0))[k]
