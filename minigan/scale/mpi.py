"""Data parallel training: K processes, started by mpiexec, each with its rows of every batch.

    mpiexec -n 2 minigan train dcgan --batch-size 64        32 rows each; equal to one process with 64 rows

Every process holds both networks and takes the same steps. It draws the batch and the noise of all processes and keeps
its own rows; the gradients of each network, in one flat buffer, are averaged before the optimizer sees them; batch norm
adds up its sums over all processes. So K processes compute the same as one process, up to rounding.

Only the first process has a run folder. Before it calls a method that changes the trainer, it announces the call to
the others, which call the same method.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from .. import nn, ops, optim
from ..cores import threads
from ..op import op
from ..runs import RunError
from ..tensor import wrap
from ..trainers import load_data, trainer_for

if TYPE_CHECKING:
    from ..presets import Config
    from ..tensor import Tensor
    from ..trainers import BaseTrainer
    from ..types import Array

STARTERS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")  # hold the number of processes of a job
CONDUCTED = ("step", "load_state", "slow_down")  # the methods that change a trainer
OBSERVING = ("diagnose", "cause")  # methods that run networks in training mode, without changing them
PATIENCE = 2  # seconds in which the first process may report an error that all processes meet


class Alone:
    """Team of a single process."""

    rank, size = 0, 1

    def trainer(self, config: Config, dataset: Any) -> BaseTrainer:
        """Return a new trainer of `config` on `dataset`, which `load_data` returned."""
        return trainer_for(config, dataset)


class Team:
    """The processes of one MPI communicator.

    Args:
        comm: An mpi4py communicator.

    Attributes:
        comm: The communicator.
        rank: The number of this process.
        size: The number of processes.
        broken: Whether this process failed during a joint step, so that messages no longer reach the others.
        apart: Whether this process computes something that the others do not, so that it must not wait for them.
    """

    def __init__(self, comm: Any) -> None:
        self.comm, self.rank, self.size = comm, comm.Get_rank(), comm.Get_size()
        self.broken = self.apart = False

    def trainer(self, config: Config, dataset: Any) -> Conductor:
        """Return a new trainer whose changes the other processes follow.

        Raises:
            ValueError: If the batch cannot be divided among the processes, or the device is a GPU.
        """
        trainer = trainer_for(config, dataset)
        self._refuse(config, trainer.device)
        self.comm.bcast(("begin", config))
        return Conductor(join(trainer, self), self)

    def _refuse(self, config: Config, device: str) -> None:
        if config.batch_size % (self.size * config.packing):
            parts = f"{self.size} processes" + (f" in packs of {config.packing}" if config.packing > 1 else "")
            raise ValueError(f"batch_size {config.batch_size} cannot be divided equally among {parts}")
        if device != "cpu":
            raise ValueError(f"several processes train on the CPU so far, not on {device!r}: give --device cpu")

    def sum(self, x: Array) -> Array:
        """Return x summed over all processes; while `apart`, as if every process had the same x."""
        if self.apart:
            return x * self.size
        x = np.ascontiguousarray(x)
        total = np.empty_like(x)
        self.comm.Allreduce(x, total)
        return total

    def mean(self, report: dict[str, float], gradients: Sequence[Tensor]) -> tuple[dict[str, float], list[Tensor]]:
        """Average the report and the gradients of all processes, in one all-reduce."""
        numbers = np.array([*report.values()], gradients[0].dtype)
        flat = self.sum(np.concatenate([numbers, *(g.data.ravel() for g in gradients)])) / self.size
        ends = np.cumsum([len(numbers), *(g.size for g in gradients)])
        means = [wrap(flat[a:b].reshape(g.shape), None) for a, b, g in zip(ends, ends[1:], gradients, strict=False)]
        return dict(zip(report, flat[: ends[0]].tolist(), strict=True)), means

    def mine(self, array: Array) -> Array:
        """Return this process's part of an array that holds the rows of all processes."""
        n = len(array) // self.size
        return array[self.rank * n : (self.rank + 1) * n]

    def dismiss(self) -> None:
        """Tell the other processes that training has ended."""
        if not self.broken:
            self.comm.bcast(("end", ()))


def team() -> Alone | Team:
    """Return the `Team` of the processes that mpiexec or srun started together; `Alone` if there is only this one.

    Raises:
        RunError: If there are other processes, and mpi4py is missing or belongs to another MPI.
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


def together(command: Callable[[list[str], Any], int]) -> Callable[[list[str]], int]:
    """Turn command(arguments, team) into a function of the arguments: the first process runs it, the others follow."""

    def run(arguments: list[str]) -> int:
        members = team()
        if not isinstance(members, Team):
            return command(arguments, members)
        return follow(members) if members.rank else _lead(members, command, arguments)

    return run


def _lead(members: Team, command: Callable[[list[str], Any], int], arguments: list[str]) -> int:
    try:
        return command(arguments, members)
    except BaseException as error:
        if members.broken:
            _stop(members, error)
        raise
    finally:
        members.dismiss()


def follow(members: Team) -> int:
    """Build the trainer that the first process announces, call the methods that it announces, and return a status.

    An error that only this process meets ends all processes, with a message.
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
        return 2


def _obey(members: Team, trainer: BaseTrainer) -> None:
    number = trainer.config.threads or None
    with threadpool_limits(number, "blas"), threads(number):
        while True:
            what, given = members.comm.bcast(None)
            if what == "end":
                return
            with suppress(FloatingPointError):  # raised in all processes; the first one decides how to continue
                getattr(trainer, what)(*given)


def _stop(members: Team, error: BaseException) -> None:
    """End all processes; otherwise the others would wait forever for the one that failed."""
    traceback.print_exception(error)
    print(
        f"minigan: process {members.rank} of {members.size} failed, so all stop: {str(error) or type(error).__name__}. "
        "What was saved is whole: go on with --resume",
        file=sys.stderr, flush=True,
    )  # fmt: skip
    members.comm.Abort(2)


class Conductor:
    """Trainer of the first process, which announces the methods that change a trainer to the other processes.

    Methods that only observe run in this process alone.
    """

    def __init__(self, trainer: BaseTrainer, members: Team) -> None:
        self._trainer, self._members = trainer, members

    def __getattr__(self, name: str) -> Any:
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


def join(trainer: BaseTrainer, members: Team) -> BaseTrainer:
    """Make a trainer compute this process's part of every batch, and return the trainer.

    Its loader and its generators keep the rows of this process; its optimizers and batch norms average over all
    processes.
    """
    trainer.loader = Portion(trainer.loader, members)
    rows, norm = _rows_of(members, trainer.config.batch_size // members.size), _norm_over(members)
    for rng in trainer.generators():
        rng.divide = rows
    for part in trainer.parts().values():
        if isinstance(part, optim.Optimizer):
            part.pool = members.mean
        elif isinstance(part, nn.Module):
            for layer in part.modules():
                if isinstance(layer, nn.BatchNorm):
                    layer.pool = norm
    return trainer


class Portion:
    """Loader that keeps this process's rows of every batch."""

    def __init__(self, loader: Any, members: Team) -> None:
        self._loader, self._members = loader, members
        self.state_dict, self.load_state_dict = loader.state_dict, loader.load_state_dict

    def next_batch(self) -> tuple[Array, ...]:
        """Return this process's rows of the next batch."""
        return tuple(self._members.mine(array) for array in self._loader.next_batch())


def _rows_of(members: Team, count: int) -> Callable[..., Array]:
    """Return a function that draws for all processes and keeps the rows of this one.

    Args:
        members: The team.
        count: Rows of one batch in this process; a critic that gets real and generated samples at once has two batches.
    """

    def rows(draw: Callable[[tuple[int, ...]], Array], shape: tuple[int, ...]) -> Array:
        n, *rest = shape
        whole = draw((n * members.size, *rest))
        batches = n // count if n and n % count == 0 else 1
        return np.concatenate([members.mine(batch) for batch in np.split(whole, batches)])

    return rows


def _norm_over(members: Team) -> Callable[[nn.BatchNorm, Tensor | Array], Tensor]:
    """Return a batch norm with the statistics of all processes, which can be differentiated to any order."""

    def normalised(layer: nn.BatchNorm, x: Tensor | Array) -> Tensor:
        flat = ops.reshape(x, -1, x.shape[-1])
        rows = len(flat) * members.size
        mean = _total(ops.sum(flat, 0), members=members) / rows
        centred = flat - mean
        variance = _total(ops.sum(centred * centred, 0), members=members) / rows
        layer.track(mean.data, variance.data, rows)
        return ops.reshape(centred / ops.sqrt(variance + layer.eps) * layer.gamma + layer.beta, x.shape)

    return normalised


@op(x=lambda g, members: _total(g, members=members))  # type: ignore[has-type]  # a sum over processes is its own adjoint
def _total(x, *, members):
    return members.sum(x)
