"""Commands that measure: evaluate, and share, which tells `npm run eval` what to leave out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from medadapter_train.errors import TrainError


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(evaluate)
    app.command()(share)


def evaluate(
    bundle: Annotated[Path, typer.Option(help="bundle folder")],
    data: Annotated[
        list[Path] | None, typer.Option(help="candidate file, scored here; may be repeated")
    ] = None,
    more: Annotated[list[Path] | None, typer.Argument(help="more candidate files")] = None,
    scored: Annotated[
        list[Path] | None, typer.Option(help="file scored by npm run eval; may be repeated")
    ] = None,
    out: Annotated[Path | None, typer.Option("--json", help="write all figures here")] = None,
    split: Annotated[str, typer.Option(help="all, test, validation, train")] = "all",
    plots: Annotated[Path | None, typer.Option(help="write plots into this folder")] = None,
    report: Annotated[
        Path | None, typer.Option(help="write index.html and report.md into this folder")
    ] = None,
    record: Annotated[bool, typer.Option(help="put the figures into manifest and card")] = False,
    withhold: Annotated[
        str, typer.Option(help="evidence or question: what the adapter is not shown")
    ] = "",
    threads: Annotated[int, typer.Option(help="threads of onnxruntime")] = 2,
) -> None:
    """Measure a bundle on candidate files, side by side with every baseline."""
    from medadapter_train.bundle.card import record_metrics
    from medadapter_train.bundle.manifest import read_manifest
    from medadapter_train.data.candidates import check_names
    from medadapter_train.data.split import check_split
    from medadapter_train.measure.evaluate import manifest_metrics
    from medadapter_train.measure.tables import grids_of, rich_table
    from medadapter_train.measure.withhold import check_part
    from medadapter_train.system.files import write_json

    manifest = read_manifest(bundle, new_card=record)
    check_split(split)
    files = [*(data or []), *(more or [])]
    if bool(files) == bool(scored):
        raise TrainError("bad_option", "give --data or --scored")
    check_names([*files, *(scored or [])])
    if withhold:
        check_part(withhold)
        if scored or record or plots or report:
            raise TrainError("bad_option", "--withhold goes with --data and --json alone")
    measured = (
        _from_scored(scored, manifest)
        if scored
        else _score(bundle, files, split, threads, manifest, withhold)
    )
    result = {"split": split, **({"withheld": withhold} if withhold else {}), **measured}
    console = Console(width=200)
    console.print(result["adapter"], style="bold")
    if withhold:
        console.print(f"Scored without the {withhold}")
    for grid in grids_of(result):
        console.print(rich_table(grid))
    if out is not None:
        write_json(out, result)
    if plots is not None:
        from medadapter_train.measure.plots import write_plots

        write_plots(result, plots)
    if report is not None:
        from medadapter_train.measure.report_page import write_report

        write_report(result, report)
    if record:
        record_metrics(bundle, manifest, manifest_metrics(result), split)


def _score(
    bundle: Path,
    files: list[Path],
    split: str,
    threads: int,
    manifest: dict[str, Any],
    withhold: str,
) -> dict[str, Any]:
    from medadapter_train.measure.evaluate import evaluate_sets
    from medadapter_train.measure.withhold import Withholding
    from medadapter_train.model.onnx_scorer import BundleScorer
    from medadapter_train.model.scoring import score_file

    whole = BundleScorer(bundle, threads, bare=True)
    scorer = Withholding(whole, whole.encoder, withhold) if withhold else whole
    return evaluate_sets({str(p): score_file(scorer, p, split) for p in files}, manifest)


def _from_scored(files: list[Path], manifest: dict[str, Any]) -> dict[str, Any]:
    """A scored file holds the questions that were asked for: nothing is left out here."""
    from medadapter_train.measure.decided import read_scored
    from medadapter_train.measure.evaluate import evaluate_sets

    adapter = f"{manifest['name']}@{manifest['version']}"
    found = {str(p): read_scored(p, adapter) for p in files}
    questions = {name: pair[0] for name, pair in found.items()}
    return evaluate_sets(questions, manifest, {name: pair[1] for name, pair in found.items()})


def share(
    files: Annotated[list[Path], typer.Argument(help="candidate or question files")],
    split: Annotated[str, typer.Option(help="all, test, validation, train")] = "test",
    leave_out: Annotated[
        Path | None, typer.Option(help="keys of questions that are in no share, one a line")
    ] = None,
) -> None:
    """Print the numbers of each file's lines whose question is in a share, as JSON."""
    from medadapter_train.data.split import check_split, question_key, read_keys, share_of
    from medadapter_train.system.files import read_jsonl

    check_split(split)
    left_out = read_keys(leave_out) if leave_out else set()

    def asked(raw: dict[str, Any]) -> bool:
        identity = _identity(raw)
        inside = split == "all" or share_of(identity) == split
        return inside and question_key(identity) not in left_out

    lines = [
        [int(where.rpartition(":")[2]) for where, raw in read_jsonl(path) if asked(raw)]
        for path in files
    ]
    typer.echo(json.dumps(lines))


def _identity(raw: dict[str, Any]) -> str:
    """As `Record.identity`, of a line that may have no candidates."""
    from medadapter_train.data.candidates import identity_of, own_question

    context = raw.get("context") or raw.get("evidence")
    context = context if isinstance(context, str) else None
    question = own_question(str(raw.get("question")), context)
    return identity_of(question, context, str(raw.get("task") or ""))
