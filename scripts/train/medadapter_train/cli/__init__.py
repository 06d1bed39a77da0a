"""`medadapter-train COMMAND`: the program's table of contents."""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

import typer

from medadapter_train.cli import channels, data, fit, measure, plan, publish, run, study
from medadapter_train.errors import SystemFault, TrainError
from medadapter_train.generate.cost import GenerateError
from medadapter_train.system.files import is_full
from medadapter_train.system.processes import leave_code

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for commands in (data, fit, measure, plan, publish, channels, run, study):
    commands.register(app)


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
        if isinstance(error, GenerateError) and error.bill is not None:
            # After a failure the user wants to know what was paid.
            from medadapter_train.generate.show import show_bill

            show_bill(error.bill)
        print(f"error: {error.kind}: {error}", file=sys.stderr)
        _end(error.exit_code)
    except Exception as error:
        if is_full(error):
            # Wherever the disk was full, and whatever error a library made of it.
            print("error: disk_full: no space left on the disk", file=sys.stderr)
            _end(SystemFault.exit_code)
        if not isinstance(error, OSError):
            raise
        # A read-only disk, a folder without permission: say which, not where.
        print(f"error: system: {error.strerror or 'input or output failed'}", file=sys.stderr)
        _end(SystemFault.exit_code)


def _end(code: int) -> NoReturn:
    leave_code(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
