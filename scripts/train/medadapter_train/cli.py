"""`medadapter-train COMMAND`: thin commands over the stages."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from medadapter_train.errors import TrainError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _setup() -> None:
    """From labelled LLM candidates to a published adapter bundle."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="TOML file with a [train] table")],
    out: Annotated[Path, typer.Option(help="folder of the run; resumed when it holds one")],
    data: Annotated[str, typer.Option(help="folder of the candidate files")] = "",
) -> None:
    """Train an adapter on labelled candidates."""
    from dataclasses import replace

    from medadapter_train.config import load_config
    from medadapter_train.train import Trainer

    settings = load_config(config)
    if data:
        settings = replace(settings, data_folder=data)
    Trainer(settings, out).run()


def main() -> None:
    """Run a command; a named failure is one line on stderr and its exit code."""
    try:
        app()
    except TrainError as error:
        print(f"error: {error.kind}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
