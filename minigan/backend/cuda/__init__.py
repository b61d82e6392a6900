"""The text of the CUDA kernels; `kernels.cuh` is their common header. The tests run the same text on the CPU."""

from __future__ import annotations

from pathlib import Path


def source(name: str) -> str:
    """Return the text of `name`.cu, with the common header in place of its #include.

    NVRTC reads no files; and a cache of compiled kernels whose key is their text notices a change of the header.
    """
    folder = Path(__file__).parent
    text, header = (folder / f"{name}.cu").read_text(), (folder / "kernels.cuh").read_text()
    return text.replace('#include "kernels.cuh"', header)
