"""Commands that make training data: load, check-leak, generate, label, feedback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

console = Console(stderr=True, soft_wrap=True)
Out = Annotated[Path, typer.Option(help="file to write (.jsonl or .jsonl.gz)")]
Task = Annotated[str, typer.Option(help="task of lines that name none, e.g. medqa")]
Model = Annotated[str, typer.Option(help="model at the endpoint; folder or name with local")]
Backend = Annotated[str, typer.Option(help="openai (any compatible endpoint) or local")]
BaseUrl = Annotated[str, typer.Option(help="endpoint, up to and with /v1")]
KeyEnv = Annotated[str, typer.Option(help="environment variable with the API key")]
PromptPrice = Annotated[float, typer.Option(help="money for a million prompt tokens")]
CompletionPrice = Annotated[float, typer.Option(help="money for a million completion tokens")]
MaxMoney = Annotated[float | None, typer.Option(help="start no request once this is spent")]
Parallel = Annotated[int, typer.Option(min=1, help="requests at once")]
_LOCALHOST = "http://127.0.0.1:8788/v1"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(load)
    app.command("check-leak")(check_leak)
    app.command()(generate)
    app.command()(label)
    app.command()(feedback)


def load(
    task: Annotated[str, typer.Argument(help="medmcqa, medqa, mmlu_med, pubmedqa, ...")],
    folder: Annotated[Path, typer.Argument(help="where you unpacked the data set")],
    split: Annotated[str, typer.Option(help="train, validation or test, as its authors have it")],
    out: Out,
    candidates: Annotated[
        bool, typer.Option(help="MediQA only: its rated answers as labelled candidates")
    ] = False,
) -> None:
    """Turn a public data set's own files into a question file."""
    from medadapter_train.data.loaders.catalogue import load as read
    from medadapter_train.data.loaders.common import Tally
    from medadapter_train.data.loaders.mediqa import load_candidates
    from medadapter_train.errors import DataError
    from medadapter_train.system.files import write_jsonl

    tally = Tally()
    if candidates:
        if task != "mediqa" or split not in ("train", "validation", "test"):
            raise DataError("no_candidates", "only mediqa has rated answers in its files")
        written = write_jsonl(out, load_candidates(folder, split, tally))  # type: ignore[arg-type]
    else:
        written = write_jsonl(
            out, (record.to_json() for record in read(task, folder, split, tally))
        )
    left = ", ".join(f"{reason} {count}" for reason, count in sorted(tally.skipped.items()))
    console.print(f"{out.name}: {written} questions" + (f"; left out: {left}" if left else ""))


def check_leak(
    train: Annotated[list[Path], typer.Option(help="question or candidate files of training")],
    held_out: Annotated[list[Path], typer.Option(help="files of validation and test")],
) -> None:
    """Fail when a held-out question is also in training, in whatever spelling."""
    from medadapter_train.data.questions import check_no_leak, read_questions

    fallback = "mcq"
    checked = check_no_leak(
        (record for path in train for record in read_questions(path, fallback)),
        (record for path in held_out for record in read_questions(path, fallback)),
    )
    console.print(f"{checked} held-out questions, none of them in training")


def generate(
    questions: Annotated[Path, typer.Argument(help="question file, as `load` writes it")],
    out: Out,
    model: Model,
    k: Annotated[int, typer.Option("--k", min=1, help="candidates a question")] = 8,
    task: Task = "",
    backend: Backend = "openai",
    base_url: BaseUrl = _LOCALHOST,
    api_key_env: KeyEnv = "",
    temperature: float = 0.7,
    top_p: float = 1.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="limit of each completion")] = 512,
    seed: Annotated[int | None, typer.Option(help="sent along; candidate i gets seed + i")] = None,
    parallel: Parallel = 8,
    retries: Annotated[int, typer.Option(min=0, help="tries after the first")] = 5,
    timeout_s: float = 120.0,
    price_prompt: PromptPrice = 0.0,
    price_completion: CompletionPrice = 0.0,
    max_money: MaxMoney = None,
    expected_tokens: Annotated[
        int, typer.Option(help="length of a completion, for --dry-run")
    ] = 250,
    min_candidates: Annotated[
        int | None, typer.Option(help="leave questions with fewer out (default: an error)")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="estimate the bill and send nothing")] = False,
) -> None:
    """Let an LLM write K candidates a question; run again after any interruption."""
    from medadapter_train.data.questions import read_fitted
    from medadapter_train.generate.generate import estimate_generation
    from medadapter_train.generate.generate import generate as run
    from medadapter_train.generate.llm_settings import LlmSettings
    from medadapter_train.generate.show import show_bill, show_estimate
    from medadapter_train.system.progress import counted_progress
    from medadapter_train.system.settings import parse

    given = {
        "model": model,
        "backend": backend,
        "base_url": base_url,
        "api_key_env": api_key_env,
        "temperature": temperature,
        "top_p": top_p,
        "max_tokens": max_tokens,
        "seed": seed,
        "parallel": parallel,
        "retries": retries,
        "timeout_s": timeout_s,
        "price_prompt": price_prompt,
        "price_completion": price_completion,
        "max_money": max_money,
        "expected_tokens": expected_tokens,
    }
    settings = parse(LlmSettings, given, "llm")
    records = list(read_fitted(questions, task or None))
    if dry_run:
        show_estimate(estimate_generation(records, out, settings, k))
        return
    with counted_progress("candidates", len(records) * k) as progress:
        done = run(records, out, settings, k, min_candidates=min_candidates, progress=progress)
    console.print(
        f"{out.name}: {done.questions} questions, {done.candidates} candidates"
        f" ({done.resumed} of earlier runs); empty {done.empty}, cut {done.cut},"
        f" questions left out {done.dropped}"
    )
    show_bill(done.bill)


def label(
    source: Annotated[Path, typer.Argument(help="candidates, as `generate` writes them")],
    out: Out,
    task: Task = "",
    judge_model: Annotated[str, typer.Option(help="LLM judge for free text")] = "",
    judge_backend: Backend = "openai",
    judge_base_url: BaseUrl = _LOCALHOST,
    judge_api_key_env: KeyEnv = "",
    judge_price_prompt: PromptPrice = 0.0,
    judge_price_completion: CompletionPrice = 0.0,
    judge_max_money: MaxMoney = None,
    parallel: Parallel = 8,
    human: Annotated[
        Path | None, typer.Option(help="people's labels (JSONL id, cid, correct): agreement")
    ] = None,
    min_kappa: Annotated[
        float | None, typer.Option(help="fail when agreement with people is below")
    ] = None,
) -> None:
    """Label candidates as right or wrong by the judge of their task."""
    from medadapter_train.errors import TrainError
    from medadapter_train.generate.label import label as run
    from medadapter_train.generate.llm_settings import LlmSettings
    from medadapter_train.generate.show import show_labels
    from medadapter_train.system.settings import parse

    if min_kappa is not None and human is None:
        raise TrainError("bad_option", "--min-kappa needs people's labels, --human")
    judge = None
    if judge_model:
        given = {
            "model": judge_model,
            "backend": judge_backend,
            "base_url": judge_base_url,
            "api_key_env": judge_api_key_env,
            "temperature": 0.0,
            "parallel": parallel,
            "price_prompt": judge_price_prompt,
            "price_completion": judge_price_completion,
            "max_money": judge_max_money,
        }
        judge = parse(LlmSettings, given, "judge")
    done = run(source, out, task=task or None, judge=judge, human=human, min_kappa=min_kappa)
    show_labels(done)


def feedback(
    place: Annotated[str, typer.Argument(help="file, folder or s3://bucket/prefix")],
    out: Out,
    tenant: Annotated[str, typer.Option(help="whose feedback to take")] = "",
    all_tenants: Annotated[bool, typer.Option(help="take every tenant's")] = False,
    endpoint: Annotated[str, typer.Option(help="S3 endpoint (else the environment's)")] = "",
) -> None:
    """Turn trusted feedback into a candidate file; the rest is quarantined and counted."""
    from medadapter_train.data.feedback import write_feedback

    found = write_feedback(
        place, out, tenant or None, all_tenants=all_tenants, endpoint=endpoint or None
    )
    for line in found.told(out.name):
        console.print(line)
