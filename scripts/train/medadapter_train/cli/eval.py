"""`npm run eval` (`scripts/eval.mjs`): candidate files in, figures and a report out.

Python splits and measures. The engine, the choices and the stopping rule are the service's own:
`scripts/core.ts` scores and decides, and writes scored files, which are measured here.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from medadapter_train.core import ROOT, ask
from medadapter_train.errors import TrainError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
_Files = list[Path] | None


@app.command()
def evaluate(
    data: Annotated[_Files, typer.Option(help="candidate files (docs/data.md)")] = None,
    more: Annotated[_Files, typer.Argument(help="more of them, after one --data")] = None,
    bundle: Annotated[
        Path, typer.Option(help="the adapter; with --url the one that the service has")
    ] = ROOT / "models" / "mini",
    engine: Annotated[
        str,
        typer.Option(
            help="node (the default): the engine in this machine's Node, on all cores; "
            "worker: HTTP against a local workerd, or against --url"
        ),
    ] = "",
    url: Annotated[
        str, typer.Option(help="a running service, its key in MEDADAPTER_KEY: --engine worker")
    ] = "",
    k: Annotated[str, typer.Option(help="sizes of the K-curve")] = "1,2,4,8,16,32",
    json_file: Annotated[Path | None, typer.Option("--json", help="all figures")] = None,
    report: Annotated[Path | None, typer.Option(help="folder of index.html and report.md")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="scored files and journals: the same command goes on where it was stopped; "
            "runs/eval/ADAPTER@VERSION-ENGINE by default"
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="only this share of the split: train, validation, test")
    ] = "all",
    leave_out: Annotated[
        Path | None, typer.Option(help="keys of questions that are in no share, one a line")
    ] = None,
    threads: Annotated[str, typer.Option(help="of the Node engine; one a core by default")] = "",
) -> None:
    """Score labelled candidates and choose answers as the service does, and measure it all."""
    from medadapter_train.data.split import check_split

    files = [*(data or []), *(more or [])]
    if not files:
        raise TrainError("bad_option", "--data is needed: one candidate file or more")
    check_split(split)
    scored = ask(
        "score",
        data=_lines(files, split, leave_out),
        bundle=str(bundle.resolve()),
        engine=_engine(engine, url),
        url=url.rstrip("/") or None,
        threads=_counts(threads, "--threads")[0] if threads else None,
        ks=_counts(k, "--k"),
        out=None if out is None else str(out.resolve()),
    )
    # Loaded late: libraries of seconds, and scoring may say that it has nothing to measure.
    from medadapter_train.bundle.manifest import read_manifest
    from medadapter_train.measure.evaluate import evaluate_scored
    from medadapter_train.measure.report_page import write_report
    from medadapter_train.measure.tables import print_tables
    from medadapter_train.system.files import write_json

    result = evaluate_scored([Path(file) for file in scored["files"]], read_manifest(bundle), split)
    print_tables(result)
    if json_file is not None:
        write_json(json_file, result)
    if report is not None:
        write_report(result, report)


def _engine(engine: str, url: str) -> str:
    chosen = engine or ("worker" if url else "node")
    if chosen not in ("node", "worker"):
        raise TrainError("bad_option", "--engine is node or worker")
    if url and chosen == "node":
        raise TrainError("bad_option", "--url goes with --engine worker")
    return chosen


def _counts(text: str, option: str) -> list[int]:
    words = text.split(",")
    if not all(word.isascii() and word.isdigit() and int(word) > 0 for word in words):
        raise TrainError("bad_option", f"{option} takes whole numbers from 1")
    return [int(word) for word in words]


def _lines(files: list[Path], split: str, leave_out: Path | None) -> list[dict[str, Any]]:
    """The files, each with the lines that are in the share; None: all of them."""
    from medadapter_train.data.split import lines_of, read_keys

    whole = split == "all" and leave_out is None
    left_out = read_keys(leave_out) if leave_out else set()
    return [
        {
            "file": str(file.resolve()),
            "lines": None if whole else lines_of(file, split, left_out),
        }
        for file in files
    ]


def _stop(number: int, _frame: FrameType | None) -> None:
    print("\neval: stopped; the same command goes on from here", file=sys.stderr)
    sys.exit(128 + number)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; what is wrong is one line on stderr. The exit code."""
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        app(arguments, prog_name="npm run eval --", standalone_mode=False)
    except (typer.TyperException, TrainError) as error:
        print(f"eval: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
