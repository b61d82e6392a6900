"""CUDA kernels, as text; `kernels.cuh` is their common header.  The tests run the same text on the CPU."""

from pathlib import Path


def source(name):
    """Return the text of `name`.cu, with the common header in place of its #include.

    NVRTC has no files; and a cache of compiled kernels that goes by the text sees a change of the header.
    """
    folder = Path(__file__).parent
    text, header = (folder / f"{name}.cu").read_text(), (folder / "kernels.cuh").read_text()
    return text.replace('#include "kernels.cuh"', header)
