"""Commands of the model's own stages: train, choose, export, calibrate, golden."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from medadapter_train.errors import TrainError

DataFiles = Annotated[list[Path], typer.Option("--data", help="candidate file; may be repeated")]
#: `--data A B C`: what follows the first file is taken as files too.
MoreFiles = Annotated[list[Path] | None, typer.Argument(help="more candidate files")]
BundleFolder = Annotated[Path, typer.Option(help="bundle folder")]
Threads = Annotated[int, typer.Option(help="threads of onnxruntime")]
ConfigFile = Annotated[Path, typer.Argument(help="TOML file with a [train] table")]
RunFolder = Annotated[Path, typer.Option(help="folder of the training run")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (train, crossfit, choose, export, calibrate, golden):
        app.command()(command)


def train(
    config: ConfigFile,
    out: Annotated[Path, typer.Option(help="folder of the run; resumed when it holds one")],
    data: Annotated[str, typer.Option(help="folder of the candidate files")] = "",
) -> None:
    """Train an adapter on labelled candidates."""
    from medadapter_train.fit.config import load_config
    from medadapter_train.fit.train import train as run

    settings = load_config(config)
    if data:
        settings = replace(settings, data_folder=data)
    run(settings, out)


def crossfit(
    config: ConfigFile,
    out: Annotated[Path, typer.Option(help="folder of the runs; gone on with when it holds some")],
    data: Annotated[str, typer.Option(help="folder of the candidate files")] = "",
    launch: Annotated[str, typer.Option(help='what starts a run, as "torchrun ..."')] = "",
) -> None:
    """Score the questions of sets marked cross_fit by runs that left them out."""
    from medadapter_train.fit.config import load_config
    from medadapter_train.fit.crossfit import crossfit as run

    settings = load_config(config)
    if data:
        settings = replace(settings, data_folder=str(Path(data).resolve()))
    lines = run(settings, out, shlex.split(launch))
    typer.echo(f"out-of-fold.jsonl: {lines} lines")


def choose(
    run: RunFolder,
    data: DataFiles,
    more: MoreFiles = None,
) -> None:
    """Choose a run's checkpoint, or an average of the last, on the validation share."""
    from medadapter_train.fit.choose import choose as pick

    typer.echo(json.dumps(pick(run, [*data, *(more or [])])))


def export(
    config: ConfigFile,
    out: Annotated[Path, typer.Option(help="folder of the bundle; replaced when it is there")],
    run: Annotated[Path | None, typer.Option(help="run folder with best.safetensors")] = None,
    weights: Annotated[Path | None, typer.Option(help="weights (safetensors) instead")] = None,
    version: Annotated[str, typer.Option(help="version in the manifest")] = "",
    untrained: Annotated[bool, typer.Option(help="a random head: for tests only")] = False,
) -> None:
    """Write the bundle: graph, int8, .ort, tokenizer, manifest, model card."""
    from medadapter_train.bundle.export import export as write

    told = write(config, out, run=run, weights=weights, version=version, untrained=untrained)
    typer.echo(told)


def calibrate(
    bundle: BundleFolder,
    data: DataFiles,
    more: MoreFiles = None,
    split: Annotated[str, typer.Option(help="share to fit on: validation, all")] = "validation",
    out: Annotated[Path | None, typer.Option(help="write a new bundle, leave this one")] = None,
    version: Annotated[str, typer.Option(help="version of the new bundle")] = "",
    method: Annotated[str, typer.Option(help="platt, temperature: of a candidate")] = "platt",
    out_of_fold: Annotated[
        Path | None, typer.Option(help="scores that crossfit wrote, in place of the files' share")
    ] = None,
    threads: Threads = 2,
) -> None:
    """Fit probabilities, selector, confidence, abstention and stopping rule into the manifest."""
    from medadapter_train.bundle.manifest import read_manifest
    from medadapter_train.bundle.recalibrate import recalibrate
    from medadapter_train.data.split import check_split
    from medadapter_train.fit.calibrate import check_method

    if (out is None) != (version == ""):
        raise TrainError("bad_option", "--out and --version go together")
    manifest = read_manifest(bundle, new_card=True)
    if version and version == manifest["version"]:
        raise TrainError("bad_option", "--version: a bundle of this version exists; name a new one")
    check_split(split)
    check_method(method)
    files = [*data, *(more or [])]
    report = recalibrate(bundle, manifest, files, split, out, version, threads, method, out_of_fold)
    typer.echo(json.dumps(report, indent=1))


def golden(
    bundle: BundleFolder,
    out: Annotated[Path, typer.Option(help="folder of the golden files (test/fixtures)")],
    weights: Annotated[Path | None, typer.Option(help="the bundle's weights, safetensors")] = None,
    recorded: Annotated[
        list[Path] | None, typer.Option(help="recorded questions (examples/recorded/*.jsonl)")
    ] = None,
) -> None:
    """Write the golden files that the TypeScript tests reproduce."""
    from medadapter_train.bundle.golden import (
        recorded_rows,
        template_rows,
        tokenizer_rows,
        write_lines,
    )
    from medadapter_train.bundle.manifest import read_manifest
    from medadapter_train.model.template import TextEncoder

    read_manifest(bundle)
    encoder = TextEncoder.load(bundle / "tokenizer.json")
    write_lines(out / "tokenizer.golden.jsonl", tokenizer_rows(encoder))
    write_lines(out / "template.golden.jsonl", template_rows(encoder))
    if weights is not None and recorded:
        from medadapter_train.bundle.export import build_ranker
        from medadapter_train.model.base import MINILM
        from medadapter_train.model.onnx_scorer import OnnxEngine
        from medadapter_train.model.weights import load_weights

        ranker = build_ranker(MINILM, load_weights(weights))
        engine = OnnxEngine(bundle / "adapter.ort")
        rows = recorded_rows(sorted(recorded), encoder, ranker, engine)
        write_lines(out / "logits.golden.jsonl", rows)
