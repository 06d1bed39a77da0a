"""Commands as processes of their own, and how they ended; one process at a time in a folder."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from medadapter_train.errors import StageError

#: The environment's name of the file in which a process of ours leaves its exit code.
_EXIT_FILE = "MEDADAPTER_EXIT_FILE"


def run_process(words: Sequence[str], *command: object) -> int:
    """Run one of the program's commands to its end; its exit code.

    `words` start Python in place of this one (`torchrun ...`, `accelerate launch`). Those end with
    1 whatever happened, so the command leaves its own exit code in a file.
    """
    arguments = [*(words or [sys.executable]), "-m", "medadapter_train", *map(str, command)]
    with tempfile.TemporaryDirectory() as folder:
        left = Path(folder) / "code"
        env = {**os.environ, _EXIT_FILE: str(left)}
        code = subprocess.run(arguments, check=False, env=env).returncode
        if code:
            with contextlib.suppress(OSError, ValueError):
                return int(left.read_text())
        return code


def launch(words: Sequence[str], *command: object) -> None:
    """`run_process`, which raises `StageError` with the exit code if the command failed."""
    if code := run_process(words, *command):
        raise StageError(f"{command[0]}: see its own message above", code)


def leave_code(code: int) -> None:
    """Leave the exit code for the `run_process` that started this process, if one did."""
    if path := os.environ.get(_EXIT_FILE):
        with contextlib.suppress(OSError):
            Path(path).write_text(str(code))


@contextlib.contextmanager
def one_at_a_time(folder: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder alone; wait, and say so, while another process holds it.

    The lock goes with its process, after `kill -9` too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        # A process that was killed may hold it for a moment more.
        lock.acquire(timeout=1)
    except Timeout:
        report(f"{folder.name}: waiting for another run in this folder to end")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
