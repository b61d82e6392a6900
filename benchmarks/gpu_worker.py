"""One library on a GPU, in a process of its own: libraries share neither memory pools nor an error that ends a context.

A process lives for the whole benchmark, as importing a library and opening the device take seconds; it is started anew
after one that had to be killed.
"""

import gc
import signal
import time
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context

import numpy as np

from .worker import WARM_UP, Unable
from .workloads import GanStep

MODULES = {
    "minigan_eager": "gpu_minigan",
    "minigan_captured": "gpu_minigan",
    "torch_eager": "gpu_torch",
    "torch_graph": "gpu_torch",
    "torch_compiled": "gpu_torch",
}
SAMPLE = 1 << 16  # elements of an array that are compared, spread over all of it
START, LIMIT = 60, 90  # seconds for a start, and for an answer: a compiler's first step is the longest


class Server:
    """What a library is asked; in the process itself."""

    def __init__(self, peer):
        self.peer, self.run, self.compiled = peer, None, None
        self.library = import_module(f".{MODULES[peer]}", __package__)
        self.about = self.library.begin()

    def ask(self, question, *arguments):
        """The answer of the method `question`.  `Unable`, with the reason, where there is none."""
        try:
            return getattr(self, question)(*arguments)
        except Exception as error:  # whatever a library may raise
            self.run = None
            raise Unable(sentence(error)) from error

    def begin(self):
        """What there is to know of the library and the device."""
        return self.about

    def works(self):
        """Does the device still answer?  After an error of a kernel nothing in its process does."""
        try:
            self.library.synchronize()
        except Exception:  # that of the kernel, by whatever name
            return False
        return True

    def outcome(self, case, precision):
        """{name: NumPy array}: what the case computes, of large arrays a part."""
        with self.library.precision(precision):
            self.run = self.library.build(self.peer, case)
            found = self.run.outcome()
        self.compiled = (case, precision) if self.peer == "torch_compiled" else None
        return {name: _part(array) for name, array in found.items()}

    def prepare(self, case, precision):
        """Build the case and run it until it is as fast as it gets.

        Returns {"memory": the bytes that the device has less of now}.
        """
        if self.compiled != (case, precision):  # else compiling it again would take half a minute
            self.run = None
        if isinstance(case, GanStep):  # graphs of operations are full of cycles; a collection takes a tenth of a second
            gc.collect()
        self.library.release()
        before = self.library.free_bytes()
        self.precision = precision
        with self.library.precision(precision):
            self.run = self.run or self.library.build(self.peer, case)
            self._steps(WARM_UP)
            calls = 3
            self.estimate = max(self._steps(calls) / calls, 1e-7)
        return {"memory": before - self.library.free_bytes()}

    def turn(self, seconds):
        """Mean seconds of a step, over as many as are expected to take `seconds`, at least one."""
        calls = max(1, round(seconds / self.estimate))
        with self.library.precision(self.precision):
            self._steps(max(1, calls // 4))
            return self._steps(calls) / calls

    def _steps(self, calls):
        """Seconds of so many steps, from an idle device to an idle device."""
        self.library.synchronize()
        start = time.perf_counter()
        for _ in range(calls):
            self.run.step()
        self.library.synchronize()
        return time.perf_counter() - start


class Process:
    """A `Server` in a process of its own, which is started when it is first needed."""

    def __init__(self, peer):
        self.peer, self.process, self.about = peer, None, None

    def send(self, question, *arguments):
        """Ask, without waiting for the answer."""
        self._start()
        with suppress(ConnectionError):  # if it has died, the answer says so
            self.pipe.send((question, *arguments))

    def answer(self):
        """Of the question that was sent, see `Server.ask`; unusable where the library cannot be used at all."""
        if self.about is None:
            self.about = self._received(START)
        return self._received(LIMIT)

    def _start(self):
        if self.process is None:
            context = get_context("spawn")
            self.pipe, theirs = context.Pipe()
            self.process = context.Process(target=_serve, args=(theirs, self.peer), daemon=True)
            self.process.start()
            theirs.close()
            self.about = None

    def close(self):
        if self.process is not None:
            self.pipe.close()
            self.process.kill()
            self.process.join()
            self.process = None

    def _received(self, limit):
        try:
            if not self.pipe.poll(limit):
                raise Unable(f"no answer within {limit} s", self._died())
            kind, answer = self.pipe.recv()
        except (EOFError, ConnectionError):
            raise Unable("its process was killed: was there too little memory?", self._died()) from None
        if kind == "broken":
            self.close()  # the next question starts it anew
        if kind != "answer":
            raise Unable(answer, unusable=kind == "unusable")
        return answer

    def _died(self):
        """Is the library unusable, as it died before it said anything?  The next question starts it anew."""
        self.close()
        return self.about is None


def sentence(error):
    """An exception on one line."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:400]


def _serve(pipe, peer):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle
    try:
        server = Server(peer)
    except Exception as error:  # whatever an import of another's code may raise
        pipe.send(("unusable", sentence(error)))
        return
    pipe.send(("answer", server.about))
    with suppress(EOFError):
        while True:
            try:
                pipe.send(("answer", server.ask(*pipe.recv())))
            except Unable as error:
                pipe.send(("failed" if server.works() else "broken", str(error)))


def _part(array):
    """At most about SAMPLE elements, with an odd step, so that no axis of even length is missed."""
    flat = np.ravel(array)
    return np.array(flat[:: flat.size // SAMPLE | 1])
