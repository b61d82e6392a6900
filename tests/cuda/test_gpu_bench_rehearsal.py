"""`minigan bench --device cuda` without a GPU: minigan on the emulator, PyTorch on the CPU in the place of CUDA."""

import json
from contextlib import nullcontext

import pytest
from fake_cupy import installed

from minigan.bench import gpu, gpu_minigan, gpu_race, gpu_worker
from minigan.bench.worker import Unable


@pytest.fixture(scope="module")
def fakes(emulator):
    with pytest.MonkeyPatch.context() as patch, installed(emulator, patch) as fakes:
        about = {"version": "0", "device": "NVIDIA Fake (80GB)"}
        patch.setattr(gpu_minigan, "begin", lambda: about)
        for name, result in (("synchronize", None), ("free_bytes", 1 << 30), ("release", None)):
            patch.setattr(gpu_minigan, name, lambda result=result: result)
        patch.setattr(gpu_worker, "WARM_UP", 1)
        yield fakes, patch


@pytest.fixture(scope="module")
def pytorch(fakes):
    """PyTorch as it is on a GPU, on the CPU."""
    torch = pytest.importorskip("torch")
    from minigan.bench import gpu_torch

    _, patch = fakes
    patch.setattr(gpu_torch, "DEVICE", "cpu")
    patch.setattr(gpu_torch, "begin", lambda: {"version": torch.__version__})
    patch.setattr(gpu_torch, "recorded", lambda function: (function, function()))
    for name, result in (("synchronize", None), ("free_bytes", 1 << 30), ("release", None)):
        patch.setattr(gpu_torch, name, lambda result=result: result)


class Inside(gpu_worker.Process):
    """A process that is none."""

    def start(self):
        pass

    def ask(self, question, *arguments):
        if self.peer == "torch_compiled":
            raise Unable("RuntimeError: no compiler here", unusable=True)
        if self.process is None:
            self.process = gpu_worker.Server(self.peer)
        return self.process.ask(question, *arguments)

    def close(self):
        self.process = None


@pytest.mark.usefixtures("pytorch")
def test_a_quick_run_prints_and_writes_everything(tmp_path, capsys):
    import time
    t = time.time()
    status = gpu.main(tmp_path, quick=True, connect=Inside)
    print("SECONDS", time.time() - t)
    printed = capsys.readouterr().out
    open("/tmp/gpubench/out.txt", "w").write(printed)
    assert status == 0
