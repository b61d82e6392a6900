"""Libraries that only a feature needs: imports go without them, and the feature names the one that is missing."""

import subprocess
import sys

import pytest

from minigan import interchange, nn
from minigan.interchange import layout
from minigan.optional import require

ALONE = """
import sys

class NumpyAlone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {libraries}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, NumpyAlone())
import {module}
"""
LIBRARIES = {"safetensors", "matplotlib", "PIL", "onnx", "torch", "filelock", "threadpoolctl", "tqdm", "tyro"}


@pytest.mark.parametrize("module", ["minigan.interchange", "minigan.interchange.layout", "minigan.viz"])
def test_the_import_needs_numpy_alone(module):
    code = ALONE.format(libraries=LIBRARIES, module=module)
    subprocess.run([sys.executable, "-c", code], check=True)


def test_minigan_imports_nothing_of_what_is_above_it():
    above = {"minigan.experiment", "minigan.runs", "minigan.gan", "safetensors"}
    code = f"import minigan, sys; print(*{above}.intersection(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "\n"


@pytest.mark.parametrize("use", [layout.save, layout.load])
def test_a_file_without_safetensors_is_one_sentence(monkeypatch, tmp_path, use):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.delitem(sys.modules, "safetensors.numpy", raising=False)
    with pytest.raises(ImportError, match=r"a \.safetensors file needs safetensors: pip install safetensors"):
        use(tmp_path / "a.safetensors", nn.Linear(2, 3), (2,))
    assert not list(tmp_path.iterdir())


def test_a_library_that_lacks_one_of_its_own_is_not_called_missing(monkeypatch, tmp_path):
    (tmp_path / "broken_library.py").write_text("import another_library_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="another_library_that_is_not_there"):
        require("broken_library", "this test")


def test_interchange_lists_its_modules_and_nothing_else():
    assert dir(interchange) == ["from_dlpack", "layout", "onnx", "runs", "torch"]
