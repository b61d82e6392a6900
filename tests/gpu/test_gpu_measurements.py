"""Every measurement of `benchmarks.gpu_first`, at a tiny size, and that the kernels take numbers of every type."""

import pytest

from benchmarks.gpu_first import SECTIONS

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_measures(section):
    from benchmarks import gpu_measurements

    found = {name: measure() for name, measure in getattr(gpu_measurements, section)(quick=True).items()}
    assert [name for name, value in found.items() if value is False] == []
    assert found


def test_the_steps_and_sizes_that_are_measured_exist():
    from benchmarks import gpu_measurements

    for section in ("steps", "chunks", "kernels"):
        assert len(getattr(gpu_measurements, section)(quick=False)) > 15
