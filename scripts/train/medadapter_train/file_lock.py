"""A lock that goes with its process, kill -9 too. Windows has no flock; there nothing is locked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def file_lock(file: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[int | None]:
    """Holds `file` alone; calls `waiting` where somebody else does, and waits.

    Yields the descriptor, which a child process may inherit to hold the lock on.
    """
    try:
        import fcntl
    except ImportError:
        yield None
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)
