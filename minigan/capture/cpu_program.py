"""A step on the CPU as a list of NumPy calls, which are made again without Python in between."""

from ..backend.recording import active
from .tape import Draws, Tape, Taped


class Program:
    """What `minigan.capture` makes of a step whose arrays are NumPy's."""

    def __init__(self):
        self.tape, self.calls = Tape(), []

    def stand_in(self, memory):
        """The array that a step is given in the place of its input, for which `memory` is filled before every play."""
        return Taped(memory, self.tape)

    def record(self, step):
        """step(), computed and written down.  CaptureError for one that cannot be repeated."""
        with active(self.tape):
            return step()

    @staticmethod
    def plain(output):
        """The memory of an array that the step returned."""
        return output.array if isinstance(output, Taped) else output

    def close(self, outputs):
        """End the recording; of what was made, the arrays `outputs` stay where they are."""
        self.outside, self.drawn = self.tape.outside(), self.tape.drawn
        self.calls = self.tape.close(outputs)

    def play(self):
        """Compute all again."""
        for call in self.calls:
            call()

    def play_and_run(self, step):
        """step() as it is, after a play, and from what the play began with: the same memory, the same draws."""
        before = [target.copy() for target in self.outside]
        self.play()
        for target, values in zip(self.outside, before, strict=True):
            target[...] = values
        with active(Draws(self.drawn)):
            return step()
