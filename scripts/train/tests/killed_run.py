"""`python killed_run.py RUN.toml STAGE@NAME[#N] ...`: a run that is killed at each point.

A process for every point, forked from one that has imported everything once. It dies by kill -9
when its stage is about to give a file, folder or stored object its final NAME (for the N-th time),
or, for the name `stamp`, when the stage has done its work and only its stamp is missing. The last
process is left alone. Prints each one's exit code.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from medadapter_train.run.config import load_run
from medadapter_train.run.pipeline import Run
from medadapter_train.system import stamps
from medadapter_train.system.object_store import Store


class Killer:
    """Watches a run and ends its own process at one point."""

    def __init__(self, point: str) -> None:
        self.stage, _, rest = point.partition("@")
        self.name, _, number = rest.partition("#")
        self.left = int(number or 1)
        self.running = ""

    def report(self, line: str) -> None:
        self.running = line.split(":")[0]

    def about_to_name(self, target: Any) -> None:
        if self.running == self.stage and Path(str(target)).name == self.name:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def run(path: Path, point: str | None) -> None:
    """A whole run, but for the point."""
    if point is None:
        Run(load_run(path), lambda _line: None).go()
        return
    killer = Killer(point)
    replace, rename, put, keep = os.replace, os.rename, Store.put, stamps.keep_stamp

    def watched_replace(source: Any, target: Any, **more: Any) -> None:
        killer.about_to_name(target)
        replace(source, target, **more)

    def watched_rename(source: Any, target: Any, **more: Any) -> None:
        killer.about_to_name(target)
        rename(source, target, **more)

    def watched_put(self: Store, key: str, *more: Any, **named: Any) -> Any:
        killer.about_to_name(key)
        return put(self, key, *more, **named)

    def watched_keep(file: Path, *more: Any) -> None:
        killer.about_to_name("stamp")
        keep(file, *more)

    os.replace, os.rename = watched_replace, watched_rename
    Store.put = watched_put  # type: ignore[method-assign]
    stamps.keep_stamp = watched_keep
    Run(load_run(path), killer.report).go()


for each in [*sys.argv[2:], None]:
    child = os.fork()
    if child == 0:
        sys.stdout = sys.stderr
        run(Path(sys.argv[1]), each)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
