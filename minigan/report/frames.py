"""The pictures that a run drew of itself, as data: URIs of bounded size, and the strip that shows them over time."""

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .markup import tag

FRAMES = 25  # of one run, in one report
SIDE = 720  # pixels
_LARGE = 128 << 10  # bytes, from which on a picture is not taken as it is
_WEBP = {"quality": 80, "method": 2}  # a quarter of a PNG's bytes for points, in a fifth of the time of method 4
_WIDE = 560  # CSS pixels, up to which small pictures are enlarged


@dataclass(frozen=True)
class Frame:
    """One picture: the step, its source as a data: URI, and its size in pixels."""

    step: int
    source: str
    width: int
    height: int


def frames(folder, most=FRAMES):
    """([Frame], how many there are): at most `most` of the pictures step-*.png in `folder`, evenly spaced.

    The last is always among them; a picture that cannot be read is left out.
    """
    paths = sorted(folder.glob("step-*.png"), key=_step)
    n, last = min(most, len(paths)), len(paths) - 1
    chosen = [paths[last - i * last // max(n - 1, 1)] for i in reversed(range(n))]
    with ThreadPoolExecutor() as pool:  # Pillow works without the interpreter's lock
        found = list(pool.map(_frame, chosen))
    return [frame for frame in found if frame], len(paths)


def strip(shown):
    """All of the frames side by side; the page's script makes one picture of them, and a slider."""
    items = [tag("li", picture(frame), tag("span", f"step {frame.step:,}")) for frame in shown]
    last = len(items) - 1
    slider = tag("input", type="range", min=0, max=last, value=last, aria_label="Step of the training")
    return tag(
        "figure", tag("ol", *items), tag("div", slider, tag("output"), class_="control"), class_="frames",
        style=f"--frame: {_shown_width(shown[-1])}px",
    )  # fmt: skip


def picture(frame, of="samples"):
    """An image element; small pictures are enlarged by a whole number, so that their pixels stay square."""
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
