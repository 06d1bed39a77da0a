"""Commands of plans: fit, evaluate, publish."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from medadapter_train.cli.publish import Bucket, Endpoint, Key, store_of

app = typer.Typer(
    no_args_is_help=True, help="Plans: several LLMs in stages (docs/several-llms.md)."
)
console = Console(soft_wrap=True, stderr=True)

PlanFile = Annotated[Path, typer.Argument(help="plan file (TOML), see examples/plans")]
Data = Annotated[
    list[Path], typer.Option("--data", help="candidate file, or a folder; may be repeated")
]
More = Annotated[list[Path] | None, typer.Argument(help="more candidate files")]
Bundle = Annotated[
    Path | None, typer.Option(help="adapter whose scores are looked at; without it votes alone")
]
Scores = Annotated[Path, typer.Option(help="folder of scored files and journals")]
RUNS = Path("runs") / "plan-scores"


def register(program: typer.Typer) -> None:
    """Add the commands to the program."""
    program.add_typer(app, name="plan")


@app.command()
def fit(
    plan: PlanFile,
    data: Data,
    out: Annotated[Path, typer.Option(help="the fitted plan, JSON")],
    more: More = None,
    bundle: Bundle = None,
    scores: Scores = RUNS,
    version: Annotated[str, typer.Option(help="default: year.month.day-hourminute")] = "",
) -> None:
    """Fit weights of sources, confidence by stage and thresholds on labelled candidates."""
    from medadapter_train.plan.config import files_of, load_plan
    from medadapter_train.plan.cross import cross_validated
    from medadapter_train.plan.fit import fit_plan
    from medadapter_train.plan.questions import join
    from medadapter_train.plan.scores import scores_of
    from medadapter_train.system.files import write_json

    config = load_plan(plan)
    files = files_of(config, [*data, *(more or [])])
    scored = None if bundle is None else scores_of(files, bundle, scores, unlearnt=True)
    joined = join(config, files, None if scored is None else scored.logits)
    _tell(joined.partial)
    adapter = None if scored is None else scored.adapter
    name = version or datetime.now(UTC).strftime("%Y.%m.%d-%H%M")
    fitted = fit_plan(config, joined.whole, name, adapter, console.print)
    fitted["metrics"] = cross_validated(config, joined.whole, adapter, console.print)
    write_json(out, fitted)
    for metric in fitted["metrics"]:
        interval = f"{metric['low']:.3f} to {metric['high']:.3f}"
        console.print(f"{metric['rule']:<14} {metric['value']:.3f}  ({interval})")


@app.command()
def evaluate(
    fitted: Annotated[Path, typer.Argument(help="fitted plan, JSON")],
    data: Data,
    more: More = None,
    out: Annotated[Path | None, typer.Option("--json", help="write all figures here")] = None,
    report: Annotated[
        Path | None, typer.Option(help="write index.html and report.md into this folder")
    ] = None,
    bundle: Bundle = None,
    scores: Scores = RUNS,
) -> None:
    """Measure a fitted plan beside every LLM, every vote and always asking the strong one."""
    from medadapter_train.plan.config import files_of, plan_of
    from medadapter_train.plan.evaluate import evaluate_plan, read_fit
    from medadapter_train.plan.questions import join
    from medadapter_train.plan.report import table_of, write_report
    from medadapter_train.plan.scores import scores_of
    from medadapter_train.system.files import write_json

    fit = read_fit(fitted)
    config = plan_of(fit)
    files = files_of(config, [*data, *(more or [])])
    scored = None if bundle is None else scores_of(files, bundle, scores, unlearnt=False)
    joined = join(config, files, None if scored is None else scored.logits)
    _tell(joined.partial)
    result = evaluate_plan(config, fit, joined.whole, None if scored is None else scored.adapter)
    Console(soft_wrap=True).print(table_of(result))
    if out is not None:
        write_json(out, result)
    if report is not None:
        write_report(result, report)


@app.command()
def publish(
    fitted: Annotated[Path, typer.Argument(help="fitted plan, JSON")],
    endpoint: Endpoint = "",
    bucket: Bucket = "",
    key: Key = None,
    channel: Annotated[str, typer.Option(help="also promote it; `stable`")] = "",
) -> None:
    """Upload a fitted plan, as an adapter without files: `promote`, `rollback` and `list` know it
    as plan.NAME."""
    from medadapter_train.bundle.folder import open_plan
    from medadapter_train.publish.channels import publish_to
    from medadapter_train.publish.signing import Signer

    bundle = open_plan(fitted)
    store, signer = store_of(endpoint, bucket), Signer.from_environment(key)
    publish_to(channel, store, bundle, signer, say=console.print)


def _tell(partial: int) -> None:
    if partial:
        console.print(f"{partial} questions lack candidates of some LLM, and are left out")
