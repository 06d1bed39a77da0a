"""Commands for a whole run from one file: init, run."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

console = Console(stderr=True, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(init)
    app.command()(run)


def init(
    path: Annotated[Path, typer.Argument(help="file to write; must not exist")] = Path("run.toml"),
) -> None:
    """Write a commented configuration for `run`."""
    from medadapter_train.errors import ConfigError

    template = resources.files("medadapter_train.run").joinpath("template.toml")
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(template.read_text(encoding="utf-8"))
    except FileExistsError:
        raise ConfigError("config_exists", f"{path.name}: there already") from None
    console.print(f"{path.name} written: edit it, then medadapter-train run {path.name}")


def run(
    config: Annotated[Path, typer.Argument(help="the run's file")],
    feedback: Annotated[
        str, typer.Option(help="path or s3://bucket/prefix: feedback as one more set")
    ] = "",
    tenant: Annotated[str, typer.Option(help="whose feedback to take")] = "",
) -> None:
    """Do all stages that are not done: generate, label, train, ... publish."""
    from medadapter_train.run.config import FeedbackTable, load_run
    from medadapter_train.run.pipeline import Run

    loaded = load_run(config)
    if tenant and not feedback and loaded.feedback is not None:
        loaded = replace(loaded, feedback=replace(loaded.feedback, tenant=tenant))
    if feedback:
        # A path on the command line is relative to the current folder.
        place = feedback if feedback.startswith("s3://") else str(Path(feedback).resolve())
        before = loaded.feedback or FeedbackTable(place)
        loaded = replace(
            loaded, feedback=replace(before, place=place, tenant=tenant or before.tenant)
        )
    Run(loaded, console.print).go()
