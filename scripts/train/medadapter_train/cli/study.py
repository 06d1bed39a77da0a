"""The command that compares the method's choices: study."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(study)


def study(
    config: Annotated[Path, typer.Argument(help="the study's file")],
    data: Annotated[Path, typer.Option(help="folder of the candidate files")],
    out: Annotated[Path, typer.Option(help="folder of runs, scores and tables; gone on with")],
    launch: Annotated[str, typer.Option(help='what starts a run, as "torchrun ..."')] = "",
    jobs: Annotated[int, typer.Option(min=1, help="runs side by side")] = 1,
    only: Annotated[
        list[str] | None,
        typer.Option(help="do this run alone; may be repeated; `bundle`: no run at all"),
    ] = None,
    more: Annotated[list[str] | None, typer.Argument(help="more names after --only")] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="measure this bundle where nothing is trained")
    ] = None,
) -> None:
    """Train small, equal runs that differ in one thing each, and write their figures and tables."""
    from medadapter_train.study.config import load_study
    from medadapter_train.study.study import study as run

    names = [*(only or []), *(more or [])]
    console = Console(stderr=True, soft_wrap=True)
    words = shlex.split(launch)
    found = run(
        load_study(config),
        data,
        out,
        console.print,
        launch=words,
        only=names,
        bundle=bundle,
        jobs=jobs,
    )
    missing = len(found["missing"])
    typer.echo(
        f"study.json, study.md: {missing} runs missing" if missing else "study.json, study.md"
    )
