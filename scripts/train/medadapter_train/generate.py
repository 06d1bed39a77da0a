"""K candidates a question: from a question file to a candidate file without labels.

Everything paid for is in a journal beside the output (`collect.py`); the output itself is written
in one step when it is complete, and running the same command again picks up where it stopped.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from medadapter_train.collect import Collected, Job, Policy, collect, recall
from medadapter_train.cost import Bill, Estimate, Prices, estimate
from medadapter_train.errors import DataError
from medadapter_train.journal import Journal
from medadapter_train.jsonl import write_jsonl
from medadapter_train.openai_writer import OpenAIWriter, Sampling
from medadapter_train.questions import QuestionRecord, read_questions
from medadapter_train.service_errors import ConfigError, GenerateError
from medadapter_train.tasks import Task, render_prompt, task_by_id
from medadapter_train.writers import Writer

Backend = Literal["openai", "local"]


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """Where texts come from and what they cost.

    `api_key_env` names the environment variable with the key (empty: none). Prices are money for a
    million tokens. `n`: ask for several completions in one request where the endpoint honours it.
    """

    model: str
    backend: Backend = "openai"
    base_url: str = "http://127.0.0.1:8788/v1"
    api_key_env: str = ""
    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int | None = None
    n: bool = True
    parallel: int = 8
    retries: int = 5
    timeout_s: float = 120.0
    price_prompt: float = 0.0
    price_completion: float = 0.0
    max_money: float | None = None
    expected_tokens: int = 250

    @property
    def prices(self) -> Prices:
        return Prices(self.price_prompt, self.price_completion)

    @property
    def policy(self) -> Policy:
        return Policy(retries=self.retries, use_n=self.n, seed=self.seed, max_money=self.max_money)

    def identity(self) -> str:
        """A hash of what decides the texts: a journal of other texts is not gone on with."""
        parts = [self.backend, self.model, self.temperature, self.top_p, self.max_tokens, self.seed]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def check_backend(name: str) -> Backend:
    """The backend of that name. Raises `ConfigError` unknown_backend."""
    for backend in get_args(Backend):
        if backend == name:
            return cast("Backend", backend)
    raise ConfigError("unknown_backend", "a backend is openai or local")


def make_writer(settings: LlmSettings) -> Writer:
    """The backend that the settings name. Raises `ConfigError` key_missing, `ModelError`."""
    sampling = Sampling(settings.temperature, settings.top_p, settings.max_tokens)
    if settings.backend == "local":
        from medadapter_train.local_writer import LocalWriter

        return LocalWriter(settings.model, sampling)
    key = os.environ.get(settings.api_key_env) if settings.api_key_env else None
    if settings.api_key_env and not key:
        raise ConfigError("key_missing", f"the environment has no {settings.api_key_env}")
    return OpenAIWriter(
        settings.base_url, settings.model, sampling, key, settings.parallel, settings.timeout_s
    )


@dataclass(frozen=True, slots=True)
class Generated:
    """What a run wrote. `dropped`: questions with too few candidates; `cut`: ended by the limit."""

    questions: int
    candidates: int
    empty: int
    cut: int
    dropped: int
    failed: dict[str, int]
    resumed: int
    bill: Bill


def read_fitted(path: Path, task: str | None = None) -> Iterator[QuestionRecord]:
    """The questions as their tasks want them: a closed task's options are its labels.

    Raises `DataError` unknown_task, options_not_labels, duplicate_id and those of `read_questions`.
    """
    seen: set[str] = set()
    for record in read_questions(path, task):
        if record.id in seen:
            raise DataError("duplicate_id", f"{path.name}: an id stands there twice")
        seen.add(record.id)
        yield fit(record)


def known_task(name: str) -> Task:
    """The task of this id. Raises `DataError` unknown_task."""
    try:
        return task_by_id(name)
    except KeyError:
        raise DataError("unknown_task", "a task is named that the registry lacks") from None


def fit(record: QuestionRecord) -> QuestionRecord:
    """Options `{"A": "yes", "B": "no"}` of a closed task become `{"yes": "yes", "no": "no"}`."""
    task = known_task(record.task)
    if task.kind != "closed":
        return record
    words = {key: text.strip().lower() for key, text in record.options}
    if words and set(words.values()) != {label.lower() for label in task.labels}:
        raise DataError("options_not_labels", f"task {task.id}: options other than its labels")
    gold = None if record.gold is None else words.get(record.gold, record.gold.lower())
    return QuestionRecord(
        record.id,
        record.dataset,
        record.task,
        record.split,
        record.question,
        record.context,
        record.evidence,
        tuple((label, label) for label in task.labels),
        gold,
    )


def job_of(record: QuestionRecord, wanted: int) -> Job:
    """The conversation of a question. Its key holds id and text: edited, it is a new job."""
    task = known_task(record.task)
    messages = render_prompt(task, record.question, record.options, record.context)
    text = json.dumps([record.id, messages], ensure_ascii=True)
    return Job(hashlib.sha256(text.encode()).hexdigest()[:24], messages, wanted)


def journal_path(out: Path) -> Path:
    """The journal beside an output file."""
    return out.with_name(f"{out.name}.journal.jsonl")


def estimate_generation(
    records: Iterable[QuestionRecord], out: Path, settings: LlmSettings, k: int
) -> Estimate:
    """The bill of what is still missing. Sends nothing."""
    done = Collected(Bill(settings.prices))
    path = journal_path(out)
    if path.is_file():
        with Journal(path, settings.identity()) as journal:
            done = recall(journal, settings.prices)
    jobs = [job_of(record, k) for record in records]
    work = [(job.messages, len(slots)) for job in jobs if (slots := done.missing(job))]
    return estimate(work, settings.prices, settings.expected_tokens, settings.max_tokens)


def generate(
    records: list[QuestionRecord],
    out: Path,
    settings: LlmSettings,
    k: int,
    *,
    min_candidates: int | None = None,
    progress: Callable[[int], None] = lambda _filled: None,
) -> Generated:
    """Write `out` with `k` candidates a question; empty completions are left out and counted.

    Questions with fewer than `min_candidates` (default: `k`) filled slots are an error, or are left
    out and counted when `min_candidates` was given. Raises `GenerateError` incomplete and those of
    `collect`; the journal then holds what there is.
    """
    jobs = [job_of(record, k) for record in records]
    with Journal(journal_path(out), settings.identity()) as journal:
        result = asyncio.run(_collect(jobs, settings, journal, progress))
    least = k if min_candidates is None else min_candidates
    short = sum(len(result.slots.get(job.key, {})) < least for job in jobs)
    if short and min_candidates is None:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(result.failed.items()))
        message = f"{short} of {len(jobs)} questions lack candidates ({kinds}); run again"
        raise GenerateError("incomplete", message)
    rows = [
        row
        for record, job in zip(records, jobs, strict=True)
        if len(result.slots.get(job.key, {})) >= least
        and (row := _row(record, job, result, settings))["candidates"]
    ]
    if not rows:
        raise GenerateError("incomplete", "no question has a candidate")
    write_jsonl(out, rows)
    written = [choice for job in jobs for choice in result.slots.get(job.key, {}).values()]
    return Generated(
        questions=len(rows),
        candidates=sum(len(row["candidates"]) for row in rows),
        empty=sum(not choice.text.strip() for choice in written),
        cut=sum(choice.finish == "length" for choice in written),
        dropped=len(records) - len(rows),
        failed=result.failed,
        resumed=result.resumed,
        bill=result.bill,
    )


async def _collect(
    jobs: list[Job], settings: LlmSettings, journal: Journal, progress: Callable[[int], None]
) -> Collected:
    writer = make_writer(settings)
    try:
        return await collect(jobs, writer, journal, settings.prices, settings.policy, progress)
    finally:
        await writer.close()


def _row(
    record: QuestionRecord, job: Job, result: Collected, settings: LlmSettings
) -> dict[str, Any]:
    slots = sorted(result.slots[job.key].items())
    candidates = [
        {
            "cid": f"{job.key[:8]}-{slot}",
            "model": settings.model,
            "method": f"T={settings.temperature:g}",
            "text": choice.text,
            "finish": choice.finish,
        }
        for slot, choice in slots[: job.wanted]
        if choice.text.strip()
    ]
    return {**record.to_json(), "candidates": candidates}
