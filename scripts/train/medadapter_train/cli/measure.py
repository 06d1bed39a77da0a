"""The command that measures: evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from medadapter_train.errors import TrainError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(evaluate)


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
    from medadapter_train.measure.withhold import check_part

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
        measure_scored(scored, manifest)
        if scored
        else _score(bundle, files, split, threads, manifest, withhold)
    )
    result = {"split": split, **({"withheld": withhold} if withhold else {}), **measured}
    show(result, out, report)
    if plots is not None:
        from medadapter_train.measure.plots import write_plots

        write_plots(result, plots)
    if record:
        record_metrics(bundle, manifest, manifest_metrics(result), split)


def show(result: dict[str, Any], out: Path | None, report: Path | None) -> None:
    """The figures as tables on stdout; all of them as JSON into `out`, and as a page with its
    Markdown into the folder `report`, where these are given."""
    from medadapter_train.measure.report_page import write_report
    from medadapter_train.measure.tables import grids_of, rich_table
    from medadapter_train.system.files import write_json

    console = Console(width=200)
    console.print(result["adapter"], style="bold")
    if result.get("withheld"):
        console.print(f"Scored without the {result['withheld']}")
    for grid in grids_of(result):
        console.print(rich_table(grid))
    if out is not None:
        write_json(out, result)
    if report is not None:
        write_report(result, report)


def measure_scored(files: list[Path], manifest: dict[str, Any]) -> dict[str, Any]:
    """The figures of scored files. They hold the questions that were asked for: nothing is left out
    here."""
    from medadapter_train.measure.decided import read_scored
    from medadapter_train.measure.evaluate import evaluate_sets

    adapter = f"{manifest['name']}@{manifest['version']}"
    found = {str(p): read_scored(p, adapter) for p in files}
    questions = {name: pair[0] for name, pair in found.items()}
    return evaluate_sets(questions, manifest, {name: pair[1] for name, pair in found.items()})


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
