"""K candidates a question: from a question file to a candidate file without labels.

Everything paid for is in a journal beside the output (`collect.py`); the output itself is written
in one step when it is complete, and running the same command again picks up where it stopped.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medadapter_train.data.questions import QuestionRecord
from medadapter_train.data.tasks import Asked, ChatMessage, prompts
from medadapter_train.generate.collect import Collected, Job, collect, recall
from medadapter_train.generate.cost import Bill, Estimate, GenerateError, estimate
from medadapter_train.generate.llm_settings import LlmSettings, make_writer
from medadapter_train.system.files import write_jsonl
from medadapter_train.system.journal import Journal, journal_path


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


def jobs_of(records: Sequence[QuestionRecord], wanted: int) -> list[Job]:
    """The conversations of questions. A job's key is made of id and text, so an edited question is
    a new job.

    Raises `DataError` unknown_task.
    """
    asked = [Asked(r.task, r.question, r.options, r.context) for r in records]
    return [
        Job(_key(record, messages), messages, wanted)
        for record, messages in zip(records, prompts(asked), strict=True)
    ]


def _key(record: QuestionRecord, messages: list[ChatMessage]) -> str:
    text = json.dumps([record.id, messages], ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def estimate_generation(
    records: Sequence[QuestionRecord], out: Path, settings: LlmSettings, k: int
) -> Estimate:
    """The bill of what is still missing. Sends nothing."""
    done = Collected(Bill(settings.prices))
    path = journal_path(out)
    if path.is_file():
        with Journal(path, settings.identity()) as journal:
            done = recall(journal, settings.prices)
    jobs = jobs_of(records, k)
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
    jobs = jobs_of(records, k)
    with Journal(journal_path(out), settings.identity()) as journal:
        result = asyncio.run(_collect(jobs, settings, journal, progress))
    least = k if min_candidates is None else min_candidates
    short = sum(len(result.slots.get(job.key, {})) < least for job in jobs)
    if short and min_candidates is None:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(result.failed.items()))
        message = f"{short} of {len(jobs)} questions lack candidates ({kinds}); run again"
        raise GenerateError("incomplete", message, result.bill)
    rows = [
        row
        for record, job in zip(records, jobs, strict=True)
        if len(result.slots.get(job.key, {})) >= least
        and (row := _row(record, job, result, settings))["candidates"]
    ]
    if not rows:
        raise GenerateError("incomplete", "no question has a candidate", result.bill)
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
