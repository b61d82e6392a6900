"""Summaries for TensorBoard, by tensorboardX: `tensorboard --logdir RUN` shows the curves while a run goes on."""

from contextlib import contextmanager


@contextmanager
def summaries(folder, interval, step):
    """A function of (step, {name: number}) that writes every `interval`-th step, and every test, into `folder`.

    interval: 0 writes nothing.  step: where the run goes on; what was written beyond it before a crash is hidden.
    ValueError without tensorboardX.
    """
    if not interval:
        yield lambda step, report: None
        return
    writer = event_writer()(str(folder), purge_step=step + 1 if step else None)

    def write(step, report):
        for name, value in report.items():
            if step % interval == 0 or name.startswith("test_"):
                writer.add_scalar(name, value, step)

    try:
        yield write
    finally:
        writer.close()


def event_writer():
    """tensorboardX's SummaryWriter; ValueError if it is not installed."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ValueError(
            'summary_interval needs tensorboardX: pip install "minigan[tensorboard]", or give --summary-interval 0'
        ) from error
    return SummaryWriter
