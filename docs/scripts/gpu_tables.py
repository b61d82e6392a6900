"""The computed tables of docs/gpu.md: the roofline of every step, and the chunks of every convolution.

    python docs/scripts/gpu_tables.py

prints them; a test compares them with the page.
"""

import sys
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks import arithmetic, gpu_cases, gpu_roofline, networks
from minigan.backend.cuda.columns import CHUNK_BYTES, chunks

FP32, TF32, BYTES = 50e12, 300e12, 4.8e12  # per second: assumed, not measured
TILE = 128  # rows and columns of the result that one multiprocessor computes at a time
BEFORE = 32 << 20
CONVOLUTIONS = networks.Conv | networks.ConvTranspose


def roofline():
    """Yield the lines of the table of steps."""
    yield "| step | GFLOP | MB | fp32, ms | TF32, ms | memory, ms | columns, ms | measured |"
    yield "|---|---|---|---|---|---|---|---|"
    for step in gpu_cases.steps():
        work, moved = gpu_cases.flops(step), gpu_roofline.moved(step)
        times = [1e3 * t for t in (work / FP32, work / TF32, moved / BYTES, _columns(step) / BYTES)]
        cells = [step.name, f"{work / 1e9:.4g}", f"{moved / 1e6:.4g}", *(f"{t:.3g}" for t in times), ""]
        yield "| " + " | ".join(cells) + " |"


def chunked():
    """Yield the lines of the table of chunks."""
    yield "| layer | images | chunks of 32 MiB, tiles each | of 128 MiB, tiles each | wide | weight |"
    yield "|---|---|---|---|---|---|"
    for name, batch in (("dcgan-28", 64), ("dcgan-64", 128), ("dcgan-64", 256)):
        step = next(s for s in gpu_cases.steps() if s.name == f"{name}-critic-{batch}")
        for player, images in (("critic", 2 * batch), ("generator", batch)):
            layers = [layer for layer in getattr(step, player) if isinstance(layer, CONVOLUTIONS)]
            for k, layer in enumerate(layers, 1):
                yield _chunked(f"{name} {player} {k}", layer, images)


def tiles(rows, columns):
    """Return how many tiles cover a matrix."""
    return -(-rows // TILE) * -(-columns // TILE)


def _chunked(name, layer, images):
    rows, narrow, wide = _sides(layer)
    each = gpu_cases.column_bytes(layer)
    cells = [_sizes(chunks_before(images, each), rows, narrow), _sizes(_lengths(images, each), rows, narrow)]
    largest = max(_lengths(images, each))
    return f"| {name} | {images} | {' | '.join(cells)} | {tiles(largest * rows, wide)} | {tiles(wide, narrow)} |"


def chunks_before(images, bytes_each):
    """Return the sizes of the chunks of the first version: as many images as fit, and the rest."""
    most = max(BEFORE // bytes_each, 1)
    return [min(most, images - start) for start in range(0, images, most)]


def _lengths(images, bytes_each):
    return [part.stop - part.start for part in chunks(images, bytes_each, CHUNK_BYTES)]


def _sizes(lengths, rows, narrow):
    """Return "3 x 53: 21, 11: 5" for three chunks of 53 images and one of 11, with the tiles of each."""
    runs = [(size, len([*same])) for size, same in groupby(sorted(lengths, reverse=True))]
    return ", ".join(f"{f'{n} x ' if n > 1 else ''}{size}: {tiles(size * rows, narrow)}" for size, n in runs)


def _sides(layer):
    """Return the rows of the column matrix of an image, its columns, and the columns of the other operand first."""
    g = layer.gemm(1)
    return (g.rows, g.columns, g.inner) if isinstance(layer, networks.Conv) else (g.rows, g.inner, g.columns)


def _columns(step):
    """Return the bytes of all column matrices of a step, each of which is written once and read once."""
    layers = {player: tuple(map(_Columns, _products(getattr(step, player)))) for player in ("generator", "critic")}
    return sum(2 * product.gemm for product in arithmetic.products(replace(step, **layers)))


def _products(network):
    return [layer for layer in network if hasattr(layer, "gemm")]


@dataclass(frozen=True)
class _Columns:
    """Stand-in for a layer, whose `gemm` returns the bytes of the column matrix."""

    layer: networks.Dense | CONVOLUTIONS

    def gemm(self, batch):
        return batch * gpu_cases.column_bytes(self.layer)


if __name__ == "__main__":
    print(*roofline(), "", *chunked(), sep="\n")
