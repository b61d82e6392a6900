"""Process in which one library uses a GPU, so that memory pools, and errors that end a CUDA context, are not shared.

A process lives for the whole benchmark, as it takes seconds to import a library and to open the device. If it had to be
killed, the next question starts a new one.
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
SAMPLE = 1 << 16  # number of elements of an array that are compared, spread over the whole array
START, LIMIT = 60, 90  # seconds allowed for a start and for an answer; the first step of a compiler takes longest


class Server:
    """Answers to the questions of the benchmark, given inside the process of a library."""

    def __init__(self, peer):
        self.peer, self.run, self.compiled = peer, None, None
        self.library = import_module(f".{MODULES[peer]}", __package__)
        self.about = self.library.begin()

    def ask(self, question, *arguments):
        """Return the answer of the method `question`; `Unable`, with the reason, if it raises."""
        try:
            return getattr(self, question)(*arguments)
        except Exception as error:  # a library may raise anything
            self.run = None
            raise Unable(sentence(error)) from error

    def begin(self):
        """Return the versions of the library and facts about the device."""
        return self.about

    def works(self):
        """Return whether the device still works in this process; after an error of a kernel it does not."""
        try:
            self.library.synchronize()
        except Exception:  # the error of the kernel, of any type
            return False
        return True

    def outcome(self, case, precision):
        """Compute the case and return {name: NumPy array}; of a large array a part."""
        with self.library.precision(precision):
            self.run = self.library.build(self.peer, case)
            found = self.run.outcome()
        self.compiled = (case, precision) if self.peer == "torch_compiled" else None
        return {name: _part(array) for name, array in found.items()}

    def prepare(self, case, precision):
        """Build the case and run it until compilers, captures and caches are ready.

        Returns {"memory": the bytes by which the free memory of the device has shrunk}.
        """
        if self.compiled != (case, precision):  # otherwise keep it: compiling it again would take half a minute
            self.run = None
        if isinstance(case, GanStep):  # graphs of operations have many reference cycles; a collection takes 0.1 s
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
        """Return the mean seconds of a step, over as many steps as are expected to take `seconds`, at least one."""
        calls = max(1, round(seconds / self.estimate))
        with self.library.precision(self.precision):
            self._steps(max(1, calls // 4))
            return self._steps(calls) / calls

    def _steps(self, calls):
        """Return the seconds of `calls` steps, from an idle device to an idle device."""
        self.library.synchronize()
        start = time.perf_counter()
        for _ in range(calls):
            self.run.step()
        self.library.synchronize()
        return time.perf_counter() - start


class Process:
    """Connection to a `Server` in a process of its own, which is started when it is first needed."""

    def __init__(self, peer):
        self.peer, self.process, self.about = peer, None, None

    def send(self, question, *arguments):
        """Send a question, without waiting for the answer."""
        self._start()
        with suppress(ConnectionError):  # if the process has died, `answer` raises
            self.pipe.send((question, *arguments))

    def answer(self):
        """Return the answer to the question that was sent; `Unable`, with the reason, if there is none."""
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
        """Close the process, and return whether the library is unusable because it died before its first answer."""
        self.close()
        return self.about is None


def sentence(error):
    """Return an exception as one line of text."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:400]


def _serve(pipe, peer):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it
    try:
        server = Server(peer)
    except Exception as error:  # an import of a foreign library may raise anything
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
    """Return about SAMPLE elements of an array; the step is odd, to visit all positions of axes of even size."""
    flat = np.ravel(array)
    return np.array(flat[:: flat.size // SAMPLE | 1])
