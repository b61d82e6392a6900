"""Data parallel training: K processes that mpiexec started, each with its rows of one batch.

    mpiexec -n 2 minigan train dcgan --batch-size 64        32 rows each, the very run of one process with 64

Every process holds the whole game and takes the same steps.  It draws the batch and the noise of all and keeps its own
rows; the gradients of each network, in one flat buffer, are averaged before the optimizer sees them; batch norm adds up
its sums over all processes.  So K processes compute what one would, up to rounding.

The first process alone has a run folder.  It conducts: what it has its trainer do it tells the others before.
"""

import os
import signal
import sys
import time
import traceback
from contextlib import suppress

import numpy as np
from threadpoolctl import threadpool_limits

from .. import nn, ops, optim
from ..op import op
from ..random import Generator
from ..runs import RunError
from ..tensor import wrap
from ..trainers import load_data, trainer_for

STARTERS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")  # by which a process knows that it is not alone
CONDUCTED = ("step", "load_state", "slow_down")  # all that changes a trainer
OBSERVING = ("diagnose", "cause")  # what runs networks as in training, and leaves no trace in them
PATIENCE = 2  # seconds in which the first process may tell what fails in all of them


class Alone:
    """The team of a process that nobody started together with others."""

    rank, size = 0, 1

    def trainer(self, config, dataset):
        """The trainer of `config` on `dataset`, what `load_data` gave."""
        return trainer_for(config, dataset)


class Team:
    """The processes of one MPI communicator, of which this is number `rank`.

    broken: this process failed in the middle of what all do together, so no message will reach the others any more.
    apart: the others are not doing what this process does, so it is not to wait for them.
    """

    def __init__(self, comm):
        self.comm, self.rank, self.size = comm, comm.Get_rank(), comm.Get_size()
        self.broken = self.apart = False

    def trainer(self, config, dataset):
        """That of the first process, which the others follow.  ValueError for settings that cannot be divided."""
        trainer = trainer_for(config, dataset)
        self._refuse(config, trainer.device)
        self.comm.bcast(("begin", config))
        return Conductor(join(trainer, self), self)

    def _refuse(self, config, device):
        if config.batch_size % (self.size * config.packing):
            parts = f"{self.size} processes" + (f" in packs of {config.packing}" if config.packing > 1 else "")
            raise ValueError(f"batch_size {config.batch_size} cannot be divided equally among {parts}")
        if device != "cpu":
            raise ValueError(f"several processes train on the CPU so far, not on {device!r}: give --device cpu")

    def sum(self, x):
        """The array x, added up over all processes; apart, as if all had this one's."""
        if self.apart:
            return x * self.size
        x = np.ascontiguousarray(x)
        total = np.empty_like(x)
        self.comm.Allreduce(x, total)
        return total

    def mean(self, report, gradients):
        """({name: number}, gradients) of the whole batch, from those of this process's rows: one flat all-reduce."""
        numbers = np.array([*report.values()], gradients[0].dtype)
        flat = self.sum(np.concatenate([numbers, *(g.data.ravel() for g in gradients)])) / self.size
        ends = np.cumsum([len(numbers), *(g.size for g in gradients)])
        means = [wrap(flat[a:b].reshape(g.shape), None) for a, b, g in zip(ends, ends[1:], gradients, strict=False)]
        return dict(zip(report, flat[: ends[0]].tolist(), strict=True)), means

    def mine(self, array):
        """This process's rows of an array that holds those of all."""
        n = len(array) // self.size
        return array[self.rank * n : (self.rank + 1) * n]

    def dismiss(self):
        """Tell the others that it is over."""
        if not self.broken:
            self.comm.bcast(("end", ()))


def team():
    """The `Team` of the processes that mpiexec or srun started together with this one; `Alone` if there are none.

    RunError if there are, but mpi4py is missing or knows nothing of them.
    """
    started = max(int(os.environ.get(name, 1)) for name in STARTERS)
    if started == 1:
        return Alone()
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise RunError(
            f'{started} processes were started together, which needs mpi4py: pip install "minigan[mpi]"'
        ) from error
    size = MPI.COMM_WORLD.Get_size()
    if size != started:
        raise RunError(
            f"{started} processes were started together, but mpi4py sees {size}: it belongs to another MPI than the "
            f"mpiexec in use; there may be one beside this Python, in {os.path.dirname(sys.executable)}"
        )
    threadpool_limits(max((os.cpu_count() or 1) // size, 1), "blas")
    return Team(MPI.COMM_WORLD)


def together(command):
    """`command(arguments, team)` as a function of arguments: it runs in the first process, and the others follow it."""

    def run(arguments):
        members = team()
        if members.size == 1:
            return command(arguments, members)
        return follow(members) if members.rank else _lead(members, command, arguments)

    return run


def _lead(members, command, arguments):
    try:
        return command(arguments, members)
    except BaseException as error:
        if members.broken:
            _stop(members, error)
        raise
    finally:
        members.dismiss()


def follow(members):
    """What a process does that is not the first: build the trainer it is told, and have it do what it is told.

    What fails in it alone ends all processes, with a message.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process gets both signals too, and decides
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        what, config = members.comm.bcast(None)
        if what == "begin":
            _obey(members, join(trainer_for(config, load_data(config)), members))
        return 0
    except Exception as error:
        time.sleep(PATIENCE)
        _stop(members, error)


def _obey(members, trainer):
    with threadpool_limits(trainer.config.threads or None, "blas"):
        while True:
            what, given = members.comm.bcast(None)
            if what == "end":
                return
            with suppress(FloatingPointError):  # it is in all processes, and the first decides what follows
                getattr(trainer, what)(*given)


def _stop(members, error):
    """End all processes: MPI would wait for one that failed alone, and it for the others."""
    traceback.print_exception(error)
    print(
        f"minigan: process {members.rank} of {members.size} failed, so all stop: {str(error) or type(error).__name__}. "
        "What was saved is whole: go on with --resume",
        file=sys.stderr, flush=True,
    )  # fmt: skip
    members.comm.Abort(2)


class Conductor:
    """The trainer of the first process: whatever all of them must do, the others are told to do too.

    What only looks at the game looks at that of this process: what it does next depends on what it sees.
    """

    def __init__(self, trainer, members):
        self._trainer, self._members = trainer, members

    def __getattr__(self, name):
        found = getattr(self._trainer, name)
        if name in CONDUCTED:
            return self._conducted(name, found)
        return self._apart(found) if name in OBSERVING else found

    def _apart(self, method):
        def observe(*given):
            self._members.apart = True
            try:
                return method(*given)
            finally:
                self._members.apart = False

        return observe

    def _conducted(self, name, method):
        def conduct(*given):
            self._members.comm.bcast((name, given))
            try:
                return method(*given)
            except FloatingPointError:  # in all processes
                raise
            except BaseException:
                self._members.broken = True
                raise

        return conduct


def join(trainer, members):
    """Make each part of a `BaseTrainer` do its share of the whole.  Returns the trainer."""
    trainer.loader, norm = Portion(trainer.loader, members), _norm_of(members)
    rows = _rows_of(members, trainer.config.batch_size // members.size)
    for rng in trainer.generators():
        rng.__class__ = rows  # what holds the generator keeps it
    for part in trainer.parts().values():
        if isinstance(part, optim.Optimizer):
            part.pool = members.mean
        elif isinstance(part, nn.Module):
            for layer in part.modules():
                if isinstance(layer, nn.BatchNorm):
                    layer.__class__ = norm
    return trainer


class Portion:
    """A loader of which this process keeps its rows."""

    def __init__(self, loader, members):
        self._loader, self._members = loader, members
        self.state_dict, self.load_state_dict = loader.state_dict, loader.load_state_dict

    def next_batch(self):
        """This process's rows of the next batch."""
        return tuple(self._members.mine(array) for array in self._loader.next_batch())


def _rows_of(members, share):
    """The class of generators that draw for all processes and keep the rows of this one: same state, other draws.

    share: the rows of one batch in this process; a critic that sees real and generated samples at once has two of them.
    """

    class Rows(Generator):
        __slots__ = ()

        def _draw(self, shape, *how):
            n, *rest = shape
            whole = super()._draw((n * members.size, *rest), *how)
            batches = n // share if n and n % share == 0 else 1
            return np.concatenate([members.mine(batch) for batch in np.split(whole, batches)])

    return Rows


def _norm_of(members):
    """The class of batch norms over the rows of all processes: same state, other statistics."""

    class BatchNorm(nn.BatchNorm):
        def forward(self, x):
            return self._normalised(x) if self.training else super().forward(x)

        def _normalised(self, x):
            """The formula written out, so that all its derivatives are right."""
            flat = ops.reshape(x, -1, x.shape[-1])
            rows = len(flat) * members.size
            mean = _total(ops.sum(flat, 0), members=members) / rows
            centred = flat - mean
            variance = _total(ops.sum(centred * centred, 0), members=members) / rows
            self._track(mean.data, variance.data, rows)
            return ops.reshape(centred / ops.sqrt(variance + self.eps) * self.gamma + self.beta, x.shape)

    return BatchNorm


@op(x=lambda g, members: _total(g, members=members))  # a sum over processes is its own adjoint
def _total(x, *, members):
    return members.sum(x)
