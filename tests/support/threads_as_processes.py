"""An MPI communicator whose processes are threads of this one: what a team computes, tested without mpiexec."""

import threading
from concurrent.futures import ThreadPoolExecutor


class Communicator:
    """The face of an mpi4py communicator, as far as a `Team` looks at it."""

    def __init__(self, rank, size, shared):
        self.rank, self.size, self.shared = rank, size, shared

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return self.size

    def bcast(self, message):
        return self._exchanged(message)[0]

    def Allreduce(self, mine, total):
        total[...] = sum(self._exchanged(mine.copy()))

    def _exchanged(self, mine):
        """What all gave, by rank."""
        barrier, slots = self.shared
        slots[self.rank] = mine
        barrier.wait(timeout=60)
        given = list(slots)
        barrier.wait(timeout=60)
        return given


def side_by_side(work, size):
    """[work(communicator) of each of `size` threads], by rank."""
    shared = threading.Barrier(size), [None] * size

    def run(rank):
        try:
            return work(Communicator(rank, size, shared))
        except BaseException:
            shared[0].abort()  # nobody waits for one that has failed
            raise

    with ThreadPoolExecutor(size) as pool:
        running = [pool.submit(run, rank) for rank in range(size)]
        failed = [error for future in running if (error := future.exception()) is not None]
        if failed:
            raise next((e for e in failed if not isinstance(e, threading.BrokenBarrierError)), failed[0])
        return [future.result() for future in running]
