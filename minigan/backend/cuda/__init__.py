"""The text of the CUDA kernels; `kernels.cuh` is their common header. The tests run the same text on the CPU."""

from __future__ import annotations

import re
from pathlib import Path


def source(name: str) -> str:
    """Return the text of `name`.cu, with the common header in place of its #include.

    NVRTC reads no files; and a cache of compiled kernels whose key is their text notices a change of the header.
    """
    folder = Path(__file__).parent
    text, header = (folder / f"{name}.cu").read_text(), (folder / "kernels.cuh").read_text()
    return text.replace('#include "kernels.cuh"', header)


def parameters(file: str, kernel: str) -> dict[str, str]:
    """Return the names of the parameters of a kernel in `file`.cu, in order, and their C types.

    Args:
        file: The name of the file.
        kernel: The name of the kernel, with or without the type of its numbers, such as "adam_float".
    """
    found = re.findall(r"^(?:PLAIN_)?KERNEL\((\w+)\)\(([^)]*)\)", source(file), re.MULTILINE)
    declared = next(text for name, text in found if kernel in (name, f"{name}_{kernel.rpartition('_')[2]}"))
    typed = [re.fullmatch(r"\s*(.+?)\s*\b(\w+)\s*", each) for each in declared.split(",")]
    return {match[2]: match[1] for match in typed if match}
