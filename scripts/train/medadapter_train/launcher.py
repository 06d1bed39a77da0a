"""Starting training runs, one at a time in a folder."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medadapter_train.file_lock import file_lock


@dataclass(frozen=True)
class Launcher:
    """`words` start Python in place of this one, `torchrun ...`. A run's process inherits `lock`,
    so that after kill -9 of the study alone nobody trains in its folder beside it."""

    words: Sequence[str] = ()
    lock: int | None = None

    def train(self, config: Path, out: Path) -> bool:
        """Train to the end; whether it went well."""
        words = ["-m", "medadapter_train", "train", str(config), "--out", str(out)]
        command = [*(self.words or [sys.executable]), *words]
        held = () if self.lock is None else (self.lock,)
        return subprocess.run(command, check=False, pass_fds=held).returncode == 0


@contextlib.contextmanager
def one_at_a_time(
    folder: Path, words: Sequence[str], report: Callable[[str], None]
) -> Iterator[Launcher]:
    """Waits while another study, or a run that one left behind, works in the folder."""
    with file_lock(
        folder / ".lock", lambda: report("waiting for another run in this folder to end")
    ) as lock:
        yield Launcher(words, lock)
