"""Process in which one library runs one workload.

Each library has a process of its own, because libraries change settings of their process: minigan the thresholds of the
allocator, others the number of threads.
"""

import os
import signal
from contextlib import contextmanager, suppress
from multiprocessing import get_context

from . import memory, peers, timing

WARM_UP = 5  # steps: a compiler needs the first, and a captured step is only replayed from the fourth on


class Unable(Exception):
    """Error with the reason why a peer cannot run a workload; `unusable` if it cannot run any."""

    def __init__(self, reason, unusable=False):
        super().__init__(reason)
        self.unusable = unusable


class Worker:
    """A running process; every method raises `Unable`, with the reason, if the library or the process fails.

    The process may use `cores` of the cores that this one may use, and so as many threads; all if it is None.
    """

    def __init__(self, peer, workload, cores=None):
        context = get_context("spawn")  # a forked child would share the loaded libraries
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, peer, workload), daemon=True)
        with _limited(cores):  # the child has the limit before it imports anything
            self.process.start()
        theirs.close()  # so that the end of the child closes the pipe
        self.about = self._answer()

    def gradients(self, workload):
        """Return the gradients of a workload, which may be another than the one that is timed; see `peers`."""
        return self._ask("gradients", workload)

    def warm_up(self):
        """Run some steps; return {"library": resident bytes after its import, "peak": most resident bytes so far}."""
        return self._ask("warm_up")

    def turn(self, patience):
        """Return the mean seconds of a step; see `timing.turn`. Between two turns the process is stopped."""
        self._send("SIGCONT")
        try:
            return self._ask("turn", patience)
        finally:
            self._send("SIGSTOP")

    def close(self):
        self._send("SIGCONT")
        self.pipe.close()
        self.process.join()

    def _send(self, name):
        """Send a signal, where there is one of that name: waiting threads of some libraries keep a core busy."""
        if hasattr(signal, name):
            os.kill(self.process.pid, getattr(signal, name))

    def _ask(self, *question):
        with suppress(ConnectionError):  # if the process has died, _answer raises
            self.pipe.send(question)
        return self._answer()

    def _answer(self):
        try:
            kind, answer = self.pipe.recv()
        except (EOFError, ConnectionError):
            raise Unable("its process was killed: was there too little memory?") from None
        if kind != "answer":
            raise Unable(answer, unusable=kind == "unusable")
        return answer


@contextmanager
def _limited(cores):
    """A context in which this process, and every process that it starts, may use the last `cores` of its cores."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-cores:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _serve(pipe, peer, workload):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it and closes the pipe
    try:
        module = peers.load(peer)
    except Exception as error:  # an import of a foreign library may raise anything
        pipe.send(("unusable", _sentence(error)))
        return
    try:
        _answer_all(pipe, module, workload)
    except EOFError:
        pass
    except Exception as error:
        pipe.send(("failed", _sentence(error)))


def _answer_all(pipe, module, workload):
    from threadpoolctl import threadpool_info  # here, as `gpu` uses this module and needs NumPy and CuPy alone

    if reason := module.refuses(workload):
        pipe.send(("failed", reason))
        return
    library = memory.resident()
    run = module.build(workload)
    threads = {pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()}
    pipe.send(("answer", {"version": module.version(), "threads": threads}))
    while True:
        question, *arguments = pipe.recv()
        if question == "gradients":
            answer = module.build(*arguments).gradients()
        else:
            answer = _answer(run, question, *arguments, library=library)
        pipe.send(("answer", answer))


def _answer(run, question, *arguments, library):
    if question == "turn":
        return timing.turn(run.step, *arguments)
    for _ in range(WARM_UP):
        run.step()
    return {"library": library, "peak": memory.peak()}


def _sentence(error):
    """Return an exception as one line of text."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:160]
