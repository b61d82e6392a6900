"""The outcomes of training steps on a GPU: numbers that the host reads later, and whether all of them are finite.

A step ends with a kernel that writes its numbers to a row of memory on the device; the row is then copied to the host,
which does not wait for it. After a step that is not finite, no step with the same `finite` changes a weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

from ..cuda.cublas import address
from ..recording import ACTIVE, CaptureError, changing, repeated
from . import launch
from .arrays import squares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...types import Array

ROWS = 32  # steps whose outcomes may be unread
TERMS = 8  # of a loss at most; TERMS of optim.cu
STRUCT = np.dtype([("count", np.int64), ("values", np.uint64, TERMS)])


class Outcomes:
    """The outcomes of the steps of one computation, which has always the same terms and gradients.

    Args:
        finite: An int32 array of shape (), 1 as long as all steps were finite; several computations may share it.
        gradients: The number of gradients.

    Attributes:
        finite: See above.
    """

    def __init__(self, finite: Array, gradients: int) -> None:
        self.finite, self._gradients, self._made = finite, gradients, 0
        shape = ROWS, 2 + TERMS + gradients
        self._rows = cupy.empty(shape)
        self._copies = np.frombuffer(cupy.cuda.alloc_pinned_memory(self._rows.nbytes), count=self._rows.size)
        self._copies = self._copies.reshape(shape)
        self._events = [cupy.cuda.Event(disable_timing=True) for _ in range(ROWS)]

    def judge(self, terms: Sequence[Array], gradients: Sequence[Array]) -> None:
        """Note the terms of a loss and the squares of its gradients, and clear `finite` if one is not finite.

        Raises:
            CaptureError: If the arrays are not of one dtype, float32 or float64, or there are too many terms.
        """
        kinds = {a.dtype.name for a in (*terms, *gradients)}
        if len(terms) > TERMS or len(kinds) > 1 or not kinds <= launch.REALS.keys():
            raise CaptureError(
                f"a step that is captured as a whole has at most {TERMS} terms, all float32 or all float64, got "
                f"{len(terms)} terms, and arrays of {', '.join(sorted(kinds))}"
            )
        repeated(self._begin, self._take_back)
        given, moved = (self._row(), None) if ACTIVE.tape is None else (0, ACTIVE.tape.numbers(self._row, 1, np.int64))
        values = [address(a) for a in terms] + [0] * (TERMS - len(terms))
        real = launch.REALS[terms[0].dtype.name]
        changing(self.finite)
        launch.kernel("optim", f"judge_{real}", real)(
            (1,), (1,),
            (np.array((len(terms), values), STRUCT), squares(gradients), self._gradients, self._rows, given, moved,
             self.finite),
        )  # fmt: skip

    def latest(self) -> Outcome:
        """Begin to copy the outcome of the latest step to the host, and return it."""
        row, stream = self._row(), cupy.cuda.get_current_stream()
        copy, event = self._copies[row], self._events[row]
        cupy.cuda.runtime.memcpyAsync(
            copy.ctypes.data, self._rows[row].data.ptr, copy.nbytes, cupy.cuda.runtime.memcpyDeviceToHost, stream.ptr
        )
        event.record(stream)
        return Outcome(copy, event)

    def _row(self):
        return (self._made - 1) % ROWS

    def _begin(self):
        self._made += 1

    def _take_back(self):
        self._made -= 1


class Outcome:
    """The outcome of a step, which is read when the host asks for it, before `most` further steps are made."""

    most: int = ROWS

    def __init__(self, copy: Array, event: Any) -> None:
        self._copy, self._event, self._read = copy, event, False

    @property
    def ready(self) -> bool:
        """True if the numbers have arrived."""
        if not self._read and self._event.done:
            self._keep()
        return self._read

    def read(self) -> Array:
        """Return (sum of squares, 1 if all is finite, `TERMS` terms, squares of the gradients), waiting for them."""
        if not self._read:
            self._event.synchronize()
            self._keep()
        return self._copy

    def _keep(self):
        self._copy, self._read = self._copy.copy(), True

    @property
    def square(self) -> float:
        """The sum of the squares of all gradients."""
        return float(self.read()[0])

    @property
    def finite(self) -> bool:
        """True if all terms and gradients are finite."""
        return bool(self.read()[1])

    def term(self, k: int) -> float:
        """Return the k-th term of the loss."""
        return float(self.read()[2 + k])

    @property
    def squares(self) -> list[float]:
        """The sums of the squares of each gradient."""
        return self.read()[2 + TERMS :].tolist()
