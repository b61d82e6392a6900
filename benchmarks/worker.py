"""One library on one workload, in a process of its own.

A process for each, because libraries change the one they are in: minigan the allocator's thresholds, others the number
of threads, which all that run beside them would feel.
"""

import signal
from contextlib import suppress
from multiprocessing import get_context

from threadpoolctl import threadpool_info

from . import memory, peers, timing

WARM_UP = 5  # steps: compilers compile in the first, a captured step is replayed from the fourth on


class Unable(Exception):
    """This workload cannot be run by this peer, with the reason; unusable: nor can any other."""

    def __init__(self, reason, unusable=False):
        super().__init__(reason)
        self.unusable = unusable


class Worker:
    """The process, ready to be asked.  Every method raises `Unable` with the reason if the other side fails."""

    def __init__(self, peer, workload):
        context = get_context("spawn")  # a forked child would share the loaded libraries
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, peer, workload), daemon=True)
        self.process.start()
        theirs.close()  # so that a child that died is an end of file
        self.about = self._answer()

    def gradients(self, workload):
        """See `peers`; of a workload that may differ from the one that is timed."""
        return self._ask("gradients", workload)

    def warm_up(self):
        """Some steps.  Returns {"library": bytes resident once it was imported, "peak": the most at a time so far}."""
        return self._ask("warm_up")

    def turn(self, patience):
        """Mean seconds of a step, see `timing.turn`."""
        return self._ask("turn", patience)

    def close(self):
        self.pipe.close()
        self.process.join()

    def _ask(self, *question):
        with suppress(ConnectionError):  # if it has died, the answer says so
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


def _serve(pipe, peer, workload):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle; it ends and closes the pipe
    try:
        module = peers.load(peer)
    except Exception as error:  # whatever an import of another's code may raise
        pipe.send(("unusable", _sentence(error)))
        return
    try:
        _answer_all(pipe, module, workload)
    except EOFError:
        pass
    except Exception as error:
        pipe.send(("failed", _sentence(error)))


def _answer_all(pipe, module, workload):
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
    """An exception on one line."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:160]
