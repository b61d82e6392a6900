"""Summaries for TensorBoard, written with tensorboardX: `tensorboard --logdir RUN` shows the curves during training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..types import PathLike

__all__ = ["event_writer", "summaries"]


@contextmanager
def summaries(folder: PathLike, interval: int, step: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """Open a writer of summaries.

    Args:
        folder: Where the event files are written.
        interval: Steps from one summary to the next; 0 writes none. Losses on held-out samples are written whenever
            they are measured.
        step: The step from which the run continues; summaries of later steps, left by a crash, are hidden.

    Returns:
        A context that gives a function write(step, {name: number}).

    Raises:
        ValueError: If tensorboardX is not installed.
    """
    if not interval:
        yield lambda step, report: None
        return
    writer = event_writer()(str(folder), purge_step=step + 1 if step else None)

    def write(step, report):
        for name in report:
            if step % interval == 0 or name.startswith("test_"):
                writer.add_scalar(name, report[name], step)

    try:
        yield write
    finally:
        writer.close()


def event_writer() -> Callable[..., Any]:
    """Return tensorboardX's SummaryWriter.

    Raises:
        ValueError: If tensorboardX is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ValueError(
            'summary_interval needs tensorboardX: pip install "minigan[tensorboard]", or give --summary-interval 0'
        ) from error
    return SummaryWriter
