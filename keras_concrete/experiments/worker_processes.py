"""Cells run side by side, each in a process of its own.

Killed at any moment and started again, each cell goes on after its last full epoch.
Several commands, of several machines if they share the folder, do each cell once: who is
at a cell holds the lock of its folder, which the operating system takes from the dead.
"""

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from keras_concrete.checks import check_positive
from keras_concrete.experiments.cell_jobs import Job, run_cell
from keras_concrete.experiments.machine import available_cores, use_threads

__all__ = ["CellsFailedError", "run_cells", "work"]

# The current folder is no place to import from (-P), so that nothing in it is run; this
# package's own place comes last.
_ROOT = str(Path(__file__).parents[2])
# Of a process that another one was before at its cell.
_TAKEN = 75
_WORK = f"import sys; sys.path.append(sys.argv[1]); from {__name__} import work; work()"


class CellsFailedError(RuntimeError):
    """Some cells ended without a result."""


def run_cells(
    jobs: Sequence[Job], num_processes: int, command: str, interval: float = 1.0
) -> Iterator[list[Job]]:
    """Runs cells side by side, each in a process of its own.

    With as many processes as cores, each is pinned to one core and uses one thread: the
    fastest way through a grid. Finished cells are not run again, and those that another
    command is at are waited for.

    Args:
        jobs: The cells.
        num_processes: How many to run at a time.
        command: The command line that asked for it, for the record.
        interval: Seconds between two looks at the processes.

    Yields:
        The jobs that are running, now and then; none at the end. A job whose process
        ended without a result has `failed` set; its `log_file` says why.
    """
    check_positive("num_processes", num_processes, int)
    waiting = [job for job in jobs if not job.is_done]
    for job in waiting:
        job.check_no_links()
    shares = _share_cores(num_processes)
    running: dict[int, tuple[subprocess.Popen, Job]] = {}
    try:
        while waiting or running:
            for place in range(num_processes):
                following = None if place in running else _next_of(waiting)
                if following is not None:
                    process = _start(following, command, shares[place])
                    running[place] = process, following
            yield [job for _, job in running.values()]
            time.sleep(interval)
            for place, (process, job) in list(running.items()):
                if process.poll() is not None:
                    _close(process)
                    if process.returncode == _TAKEN:
                        waiting.append(job)
                    else:
                        job.failed = not job.is_done
                    del running[place]
        yield []
    finally:
        for process, _ in running.values():
            process.terminate()
            process.wait()
            _close(process)


def _next_of(waiting: list[Job]) -> Job | None:
    """Takes the first cell that no other command has done or is at, if there is one."""
    waiting[:] = [job for job in waiting if not job.is_done]
    for job in waiting:
        if not job.folder.is_locked:
            waiting.remove(job)
            return job
    return None


def _share_cores(num_processes: int) -> list[list[int]]:
    """Cores for each process: all for one, one each for many."""
    cores = available_cores()
    shares = [cores[place::num_processes] for place in range(num_processes)]
    return [share or [cores[place % len(cores)]] for place, share in enumerate(shares)]


def _start(job: Job, command: str, cores: list[int]) -> subprocess.Popen:
    """Starts the process of a cell, which writes to the job's log."""
    job.log_file.parent.mkdir(parents=True, exist_ok=True)
    with job.log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _WORK, _ROOT],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    assert process.stdin is not None
    pickle.dump((job, command, cores), process.stdin)
    process.stdin.flush()
    return process


def _close(process: subprocess.Popen) -> None:
    """Closes the pipe to a process that has ended."""
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def work() -> None:
    """Runs the cell that standard input names: what the process of a cell does."""
    job, command, cores = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    use_threads(len(cores))
    try:
        run_cell(job, command)
    except BlockingIOError:
        sys.exit(_TAKEN)


def _end_with_parent() -> None:
    """A killed parent cannot stop its processes, but its end of their input closes."""
    # Not by way of sys.stdin, which the interpreter locks when it ends.
    os.read(0, 1)
    os._exit(1)
