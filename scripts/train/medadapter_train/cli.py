"""`medadapter-train COMMAND`: the program's table of contents."""

from __future__ import annotations

import logging
import os
import sys

import typer

from medadapter_train import cli_data, cli_model, cli_publish, cli_run
from medadapter_train.errors import TrainError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
cli_data.register(app)
cli_model.register(app)
cli_publish.register(app)
cli_run.register(app)


@app.callback()
def _setup() -> None:
    """From labelled LLM candidates to a published adapter bundle."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for noisy in ("httpx2", "transformers", "datasets", "ort_format_model"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def main() -> None:
    """Run a command; a named failure is one line on stderr and its exit code."""
    try:
        app()
    except TrainError as error:
        print(f"error: {error.kind}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        # A full or read-only disk, a folder without permission: say which, not where.
        print(f"error: system: {error.strerror or 'input or output failed'}", file=sys.stderr)
        sys.exit(9)


if __name__ == "__main__":
    main()
