"""Training runs as processes of their own: one at a time in a folder, and how they ended.

The lock on a folder goes with its process, after `kill -9` too.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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


#: The environment's name of the file in which a process of ours leaves its exit code.
_EXIT_FILE = "MEDADAPTER_EXIT_FILE"


def run_process(command: Sequence[str], pass_fds: Sequence[int] = ()) -> int:
    """Its exit code; the program's own where `accelerate launch` or `torchrun` stands before it and
    ends with 1 whatever happened."""
    with tempfile.TemporaryDirectory() as folder:
        left = Path(folder) / "code"
        env = {**os.environ, _EXIT_FILE: str(left)}
        code = subprocess.run(command, check=False, pass_fds=pass_fds, env=env).returncode
        if code:
            with contextlib.suppress(OSError, ValueError):
                return int(left.read_text())
        return code


def leave_code(code: int) -> None:
    """For `run_process` of the process that started this one, if one did."""
    if path := os.environ.get(_EXIT_FILE):
        with contextlib.suppress(OSError):
            Path(path).write_text(str(code))


@dataclass(frozen=True)
class Launcher:
    """`words` start Python in place of this one, `torchrun ...`. A run's process inherits `lock`,
    so that after kill -9 of the study alone nobody trains in its folder beside it."""

    words: Sequence[str] = ()
    lock: int | None = None

    def train(self, config: Path, out: Path) -> int:
        """Train to the end; the exit code, 0 where it went well."""
        words = ["-m", "medadapter_train", "train", str(config), "--out", str(out)]
        command = [*(self.words or [sys.executable]), *words]
        held = () if self.lock is None else (self.lock,)
        return run_process(command, held)


@contextlib.contextmanager
def one_at_a_time(
    folder: Path, words: Sequence[str], report: Callable[[str], None]
) -> Iterator[Launcher]:
    """Waits while another study, or a run that one left behind, works in the folder."""
    with file_lock(
        folder / ".lock", lambda: report("waiting for another run in this folder to end")
    ) as lock:
        yield Launcher(words, lock)
