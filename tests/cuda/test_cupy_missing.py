"""What a user without a GPU, or without CuPy, gets: the CPU if any device will do, one clear sentence otherwise."""

import subprocess
import sys

import pytest

import minigan as mg
from minigan import backend, cli
from minigan.backend import DeviceError
from minigan.presets import Config
from minigan.random import Generator
from minigan.trainers import load_data, trainer_for

TOLD = 'device "cuda" needs CuPy, which is not installed: pip install "minigan[cuda13]", or "minigan[cuda12]" for'


@pytest.fixture
def without_cupy(monkeypatch):
    monkeypatch.setattr(backend, "_BY_NAME", {"cpu": backend.named("cpu")})
    monkeypatch.setitem(sys.modules, "cupy", None)  # what Python takes for a module that is not there
    monkeypatch.delitem(sys.modules, "minigan.backend.cupy", raising=False)
    monkeypatch.delattr(backend, "cupy", raising=False)


ASKED = {
    "tensor": lambda: mg.tensor([1.0], device="cuda"),
    "to": lambda: mg.tensor([1.0]).to("cuda"),
    "Module.to": lambda: mg.nn.Linear(2, 2, rng=Generator(0)).to("cuda"),
    "Generator": lambda: Generator(0, "cuda"),
    "Generator.on": lambda: Generator(0).on("cuda").normal(3),
    "trainer": lambda: trainer_for(Config(data="digits-8x8", device="cuda"), load_data(Config(data="digits-8x8"))),
}


@pytest.mark.parametrize("name", ASKED)
def test_without_cupy_it_is_said_how_to_get_it(without_cupy, name):
    with pytest.raises(DeviceError) as caught:
        ASKED[name]()
    assert str(caught.value).startswith(TOLD)
    assert "\n" not in str(caught.value)


def test_without_cupy_auto_is_the_cpu(without_cupy, capsys):
    assert mg.device_count() == 0
    assert not backend.works("cuda")
    assert trainer_for(Config(data="digits-8x8"), load_data(Config(data="digits-8x8"))).device == "cpu"
    assert capsys.readouterr() == ("", "")


def test_the_command_line_says_it_in_one_line(without_cupy, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "digits", "--device", "cuda"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"minigan: {TOLD}")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_cupy_that_cannot_be_imported(without_cupy, monkeypatch, tmp_path):
    (tmp_path / "cupy.py").write_text('raise ImportError("libcudart.so: cannot open")')
    monkeypatch.delitem(sys.modules, "cupy")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DeviceError, match=r"which cannot be imported \(libcudart.so: cannot open\): pip install"):
        backend.named("cuda")


def test_an_unknown_device_is_still_unknown(without_cupy):
    with pytest.raises(ValueError, match="unknown device 'gpu': this installation has cpu"):
        mg.tensor([1.0], device="gpu")


def test_importing_minigan_imports_no_cupy():
    seen = "import sys, minigan; print([n for n in sys.modules if 'cupy' in n])"
    done = subprocess.run([sys.executable, "-W", "error", "-c", seen], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_real_cupy_without_a_gpu(capsys, recwarn):
    pytest.importorskip("cupy", reason="CuPy is not installed")
    if mg.device_count():
        pytest.skip("there is a GPU")
    with pytest.raises(DeviceError, match=r"CuPy 1[\d.]+ is installed, but no GPU works with it \(CUDARuntimeError"):
        mg.tensor([1.0], device="cuda")
    assert trainer_for(Config(data="digits-8x8"), load_data(Config(data="digits-8x8"))).device == "cpu"
    assert capsys.readouterr() == ("", "")
    assert not list(recwarn)
