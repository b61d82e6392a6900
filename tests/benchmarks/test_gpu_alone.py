"""The benchmarks of a GPU need NumPy and CuPy alone, which is a stand-in without content here."""

import pytest
from numpy_alone import run_alone, works_alone

CUPY = "import types; sys.modules['cupy'] = cupy = types.ModuleType('cupy'); cupy.ndarray = cupy.asarray = object"
MODULES = ["gpu", "gpu_cases", "gpu_first", "gpu_minigan", "gpu_race", "gpu_report", "gpu_roofline", "gpu_worker"]


def test_they_are_imported_with_numpy_alone(tmp_path):
    works_alone("\n".join(f"import benchmarks.{name}" for name in MODULES), tmp_path)


@pytest.mark.parametrize("name", ["gpu_bandwidth", "gpu_measurements", "gpu_timing"])
def test_a_module_that_measures_needs_cupy_too(name, tmp_path):
    assert "No module named 'cupy'" in run_alone(f"import benchmarks.{name}", tmp_path).stderr
    works_alone(f"{CUPY}\nimport benchmarks.{name}", tmp_path)


STEP = """
from dataclasses import replace
from benchmarks import gpu_cases, gpu_minigan

gpu_minigan.DEVICE = "cpu"
for peer in ("minigan_eager", "minigan_captured"):
    run = gpu_minigan.build(peer, replace(gpu_cases.steps(quick=True)[0], dtype="float64"))
    for _ in range(5):
        run.step()
    print(sorted(run.outcome())[0])
"""


def test_a_step_is_computed_with_numpy_alone(tmp_path):
    assert works_alone(STEP, tmp_path).split() == ["critic", "loss"] * 2


@pytest.mark.parametrize(("name", "option"), [("gpu", "--turns"), ("gpu_first", "--limit")])
def test_the_commands_need_no_other_package(name, option, tmp_path):
    assert option in works_alone(f"from benchmarks import {name}\n{name}.command(['--help'])", tmp_path)


def test_the_check_blocks_other_packages(tmp_path):
    assert "No module named 'tyro'" in run_alone("import benchmarks.command", tmp_path).stderr
