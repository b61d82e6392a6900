"""A captured step on the CPU: a list of NumPy calls, repeated without the Python code between them."""

from ..backend.recording import active
from .tape import Draws, Tape, Taped


class Program:
    """A step whose arrays are NumPy's, as `minigan.capture` records and replays it."""

    def __init__(self):
        self.tape, self.calls = Tape(), []

    def stand_in(self, memory):
        """Return the array that stands for an input; `memory` is filled with the input before every play."""
        return Taped(memory, self.tape)

    def record(self, step):
        """Return step(), computed and recorded; CaptureError for a step that cannot be repeated."""
        with active(self.tape):
            return step()

    @staticmethod
    def plain(output):
        """Return the memory of an array that the step returned."""
        return output.array if isinstance(output, Taped) else output

    def close(self, outputs):
        """End the recording; of the arrays that it made, `outputs` keep their memory."""
        self.outside, self.drawn = self.tape.outside(), self.tape.drawn
        self.calls = self.tape.close(outputs)

    def play(self):
        """Compute everything again."""
        for call in self.calls:
            call()

    def play_and_run(self, step):
        """Play, then return step() run normally from the state in which the play began: same memory, same draws."""
        before = [target.copy() for target in self.outside]
        self.play()
        for target, values in zip(self.outside, before, strict=True):
            target[...] = values
        with active(Draws(self.drawn)):
            return step()
