"""`minigan train` that gets SIGTERM in the middle of a step: python stopped.py STEP ARGUMENT ..."""

import os
import signal
import sys

from minigan import cli
from minigan.trainers import BaseTrainer, gan, translation, vae  # noqa: F401  so that all trainers are known


def stopping(step, at):
    """The method `step` of a trainer, during which the signal comes in step number `at`."""

    def stepping(self):
        if self.step_count + 1 == at:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self)

    return stepping


if __name__ == "__main__":
    for trainer in BaseTrainer.__subclasses__():
        trainer.step = stopping(trainer.step, int(sys.argv[1]))
    sys.exit(cli.main(["train", *sys.argv[2:]]))
