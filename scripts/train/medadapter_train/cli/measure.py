"""The command that measures: evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    from medadapter_train.measure.evaluate import (
        evaluate_bundle,
        evaluate_scored,
        manifest_metrics,
    )
    from medadapter_train.measure.tables import print_tables
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
    result = (
        evaluate_scored(scored, manifest, split)
        if scored
        else evaluate_bundle(bundle, manifest, files, split, withhold=withhold, threads=threads)
    )
    print_tables(result)
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
