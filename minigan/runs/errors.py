"""How a run ends before its time."""


class RunError(Exception):
    """A run folder that cannot be used, or a training that cannot go on, in one sentence."""


class Busy(RunError):
    """Another process trains in the run folder."""


class Stopped(KeyboardInterrupt):
    """Somebody asked the training to stop, by the signal `signum`, and all is saved."""

    def __init__(self, signum):
        super().__init__(signum)
        self.signum = signum
