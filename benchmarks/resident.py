"""Memory of processes that is in RAM, at one moment and all the while."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["resident_bytes", "watched"]


def resident_bytes(pid: int | str = "self") -> int:
    """Memory of a process that is in RAM.

    Args:
        pid: Of the process.
    """
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def watched(
    seconds: float = 0.1, read: Callable[[], float] = resident_bytes
) -> Iterator[list[tuple[float, float]]]:
    """Looks at the memory all the while.

    Args:
        seconds: From one look to the next.
        read: Looks.

    Yields:
        A list that grows by pairs of seconds and bytes, the first from before the work.
    """
    start = time.perf_counter()
    curve = [(0.0, float(read()))]
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(seconds):
            curve.append((time.perf_counter() - start, float(read())))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield curve
    finally:
        is_over.set()
        thread.join()
