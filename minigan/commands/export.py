"""`minigan export`: write the generator of a run for other libraries."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from .. import interchange
from ..runs import Run, RunError
from .shared import RunFolder, parse

Format = Literal["torch", "onnx"]
ENDINGS: dict[Format, str] = {"torch": ".safetensors", "onnx": ".onnx"}


@dataclass(frozen=True)
class ExportOptions:
    """Write the generator of a run's newest checkpoint for other libraries.

    A .safetensors file gets its weights under PyTorch's names and in PyTorch's layout. An .onnx file gets a graph with
    the inputs "z" (N, latent) and, for a conditional generator, "labels" (N,), and the output "samples"; images are
    (N, H, W, C).
    """

    run: RunFolder
    """The run folder."""
    out: Path
    """File to write: FILE.safetensors or FILE.onnx."""
    to: Annotated[Format | None, arg(metavar="{torch,onnx}", help_behavior_hint="")] = None
    """Format of the file; by default it follows from the ending of the file name."""


def main(arguments: list[str]) -> int:
    """Run the command and print the path of the file."""
    options = parse(ExportOptions, "export", arguments)
    endings = [ENDINGS[options.to]] if options.to else [*ENDINGS.values()]
    if options.out.suffix not in endings:
        raise ValueError(f"--out must end in {' or '.join(endings)}, got {options.out}")
    try:
        save = (interchange.layout if options.out.suffix == ENDINGS["torch"] else interchange.onnx).save
    except ImportError as error:
        raise RunError(str(error)) from error
    save(options.out, *interchange.runs.generator(Run.open(options.run)))
    print(options.out)
    return 0
