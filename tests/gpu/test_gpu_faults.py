"""A GPU that does not work, or is too small for a run: one clear sentence."""

import io
from dataclasses import replace

import pytest
from against_numpy import precise
from stand_in import RUNTIME

from minigan import backend
from minigan.backend import DeviceError
from minigan.presets import Config
from minigan.runs import Run, RunError, train
from minigan.trainers import load_data, trainer_for

pytestmark = pytest.mark.gpu


def fails(*args, **options):
    raise RuntimeError("no such thing\nand a long trace")


FAULTS = {  # {fault: (what is replaced, by what, what is said)}
    "no driver": ("cupy.cuda.runtime.getDeviceCount", fails, "RuntimeError: no such thing"),
    "no compiler": ("minigan.backend.cupy.launch._module", fails, "RuntimeError: no such thing"),
    "wrong sums": ("minigan.backend.cupy.matmul", lambda a, b: a, "it computes wrong sums"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_gpu_that_does_not_work(monkeypatch, fault):
    what, replacement, cause = FAULTS[fault]
    monkeypatch.setattr(backend, "_BY_NAME", {"cpu": backend.named("cpu")})
    monkeypatch.setattr(what, replacement)
    uncached = backend.cupy.launch.kernel.__wrapped__
    monkeypatch.setattr("minigan.backend.cupy.launch.kernel", uncached)
    said = rf'^device "cuda": CuPy 1[\d.]+ is installed, but no GPU works with it \({cause}\); see with nvidia-smi'
    with pytest.raises(DeviceError, match=said) as caught:
        backend.named("cuda")
    assert "\n" not in str(caught.value)


SMALL = Config(data="digits-8x8", device="cuda", batch_size=16, steps=1, generator_width=4, critic_width=4)


def test_the_trainer_asks_for_a_smaller_batch(tmp_path):
    import cupy

    def full(size):
        raise cupy.cuda.memory.OutOfMemoryError(size, 0, 0)

    trainer = trainer_for(SMALL, load_data(SMALL))
    said = r"(?s)memory is full: .*times smaller: here that is --batch-size \d, in a"
    with cupy.cuda.using_allocator(backend.cupy.memory.explained(full)), pytest.raises(RunError, match=said):
        train(trainer, Run.create(tmp_path / "run", "digits", SMALL), output=io.StringIO())


@pytest.mark.skipif(RUNTIME is None, reason="cuBLAS is free not to use TF32 for products that small")
@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_a_run_has_the_precision_that_it_asks_for(tmp_path, precision):
    config = replace(SMALL, data="ring", model="dense", output="linear", precision=precision, batch_size=4, latent=2)
    trainer, seen = trainer_for(config, load_data(config)), []
    step = trainer.step
    trainer.step = lambda: [step(), seen.append(precise())][0]
    train(trainer, Run.create(tmp_path / "run", "ring", config), output=io.StringIO())
    assert seen == [precision == "fp32"]
