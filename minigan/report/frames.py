"""Pictures of a run's samples as data: URIs of limited size, and the strip that shows them over the steps."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..optional import require
from .markup import tag

if TYPE_CHECKING:
    from .markup import Html

__all__ = ["FRAMES", "SIDE", "Frame", "frames", "picture", "strip"]

FRAMES: int = 25
"""The most pictures of one run in a report."""

SIDE: int = 720
"""The most pixels of a picture along its longer side."""

_LARGE = 128 << 10  # bytes: a larger picture is encoded again
_WEBP: dict[str, Any] = {"quality": 80, "method": 2}  # a quarter of the bytes of a PNG of points; method 4 is 5x slower
_WIDE = 560  # CSS pixels: small pictures are enlarged up to this width


@dataclass(frozen=True)
class Frame:
    """One picture: its step, its source as a data: URI, and its size in pixels."""

    step: int
    source: str
    width: int
    height: int


def frames(folder: Path, most: int = FRAMES) -> tuple[list[Frame], int]:
    """Read pictures step-*.png from a folder, evenly spaced, and always the last one.

    Pictures that cannot be read are left out.

    Args:
        folder: The folder of a run's samples.
        most: The most pictures to read.

    Returns:
        The pictures, and the number of pictures in the folder.

    Raises:
        ImportError: If Pillow is not installed.
    """
    require("PIL", "a report with pictures", "Pillow")
    paths = sorted(folder.glob("step-*.png"), key=_step)
    n, last = min(most, len(paths)), len(paths) - 1
    chosen = [paths[last - i * last // max(n - 1, 1)] for i in reversed(range(n))]
    with ThreadPoolExecutor() as pool:  # Pillow releases the interpreter's lock
        found = list(pool.map(_frame, chosen))
    return [frame for frame in found if frame], len(paths)


def strip(shown: Sequence[Frame]) -> Html:
    """Return all frames side by side; the page's script turns them into one picture with a slider."""
    items = [tag("li", picture(frame), tag("span", f"step {frame.step:,}")) for frame in shown]
    last = len(items) - 1
    slider = tag("input", type="range", min=0, max=last, value=last, aria_label="Step of the training")
    return tag(
        "figure", tag("ol", *items), tag("div", slider, tag("output"), class_="control"), class_="frames",
        style=f"--frame: {_shown_width(shown[-1])}px",
    )  # fmt: skip


def picture(frame: Frame, of: str = "samples") -> Html:
    """Return an image element; small pictures are enlarged by a whole factor, so that their pixels stay square."""
    wide = _shown_width(frame)
    return tag(
        "img", src=frame.source, alt=f"{of} at step {frame.step:,}", width=wide,
        height=wide * frame.height // frame.width, class_="pixels" if wide > frame.width else None,
    )  # fmt: skip


def _shown_width(frame):
    return frame.width * max(_WIDE // frame.width, 1)


def _step(path):
    number = path.stem.removeprefix("step-")
    return int(number) if number.isdecimal() else -1


def _frame(path):
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.load()
            factor = -(-max(image.size) // SIDE)
            if factor == 1 and path.stat().st_size <= _LARGE:
                return Frame(_step(path), _uri("png", path.read_bytes()), *image.size)
            small = image.convert("RGB").reduce(factor)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return Frame(_step(path), _encoded(small), *small.size)


def _encoded(image):
    file = io.BytesIO()
    image.save(file, "webp", **_WEBP)
    return _uri("webp", file.getvalue())


def _uri(kind, content):
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
