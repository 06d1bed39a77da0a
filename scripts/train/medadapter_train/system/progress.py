"""Progress bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def step_progress() -> Progress:
    """A bar of a run's steps with the time left; shown only on a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


@contextmanager
def counted_progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A function that is told of each new count; results of earlier runs do not count. A bar on a
    terminal, otherwise a line at every tenth.
    """
    console = Console(stderr=True, soft_wrap=True)
    looked_at, most, done = console.is_terminal, max(1, total), 0
    with Progress(console=console, transient=True, disable=not looked_at) as bar:
        row = bar.add_task(what, total=total)

        def advance(count: int) -> None:
            nonlocal done
            before, done = done, done + count
            bar.advance(row, count)
            if not looked_at and 10 * before // most < 10 * done // most:
                console.print(f"{what}: {done} of {total}")

        yield advance
