"""Outcome labels: the judge of each task decides which candidates are right.

Closed and lettered tasks: the parsed label against the gold label; a candidate whose answer cannot
be read is wrong, and stays a class of its own (`answer` null, `parsed` "none" or "conflict"). Free
text: an LLM compares with the reference; a verdict that cannot be read is no label, and such a
candidate is left out of the training file. Both kinds of unreadable are counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medadapter_train.data.candidates import set_name_of
from medadapter_train.data.questions import QuestionRecord, fit, known_task, parse_question
from medadapter_train.data.tasks import is_correct, judge_prompt
from medadapter_train.errors import ConfigError, DataError
from medadapter_train.generate.answer_parser import parse_answer, read_verdict
from medadapter_train.generate.collect import Collected, Job, collect
from medadapter_train.generate.cost import Bill, GenerateError
from medadapter_train.generate.human_labels import (
    RIGHT,
    WRONG,
    CandidateKey,
    agreement_with,
    check_kappa,
)
from medadapter_train.generate.llm_settings import LlmSettings, make_writer
from medadapter_train.stats.agreement import Agreement
from medadapter_train.system.files import read_jsonl, write_jsonl
from medadapter_train.system.journal import Journal, journal_path
from medadapter_train.system.progress import counted_progress

UNPARSEABLE = "unparseable"


@dataclass(slots=True)
class TaskCounts:
    """One task's labels. `parsed` counts answers (or verdicts) that could be read."""

    questions: int = 0
    candidates: int = 0
    parsed: int = 0
    right: int = 0
    some_right: int = 0
    no_gold: int = 0

    @property
    def parse_rate(self) -> float:
        return self.parsed / self.candidates if self.candidates else 0.0


@dataclass(slots=True)
class Labelled:
    """What was labelled, by task; `agreement` with people's labels where some were given."""

    tasks: dict[str, TaskCounts] = field(default_factory=dict)
    agreement: Agreement | None = None
    bill: Bill | None = None

    @property
    def candidates(self) -> int:
        return sum(counts.candidates for counts in self.tasks.values())


@dataclass(frozen=True, slots=True)
class _Row:
    record: QuestionRecord
    candidates: list[dict[str, Any]]


def label(
    source: Path,
    out: Path,
    *,
    task: str | None = None,
    judge: LlmSettings | None = None,
    human: Path | None = None,
    min_kappa: float | None = None,
    of_several: bool = False,
) -> Labelled:
    """Label the candidates of `source` (as `generate` writes it) and write a candidate file.

    `human` is a file of people's labels (human_labels.py), for the agreement; under `min_kappa`
    nothing is written (`DataError` judge_disagrees). `of_several`: it has lines of other sets too,
    and may have none of this one; there is no agreement then. Questions without gold are left out
    and counted. Raises `DataError`: no_gold (there is none at all), no_candidates, unknown_task,
    human_unmatched; `ConfigError` judge_missing (free text and no judge); those of `collect`.
    """
    rows = list(_read(source, task))
    result = Labelled()
    free = [row for row in rows if _judged_by_llm(row.record) and row.record.gold]
    verdicts: dict[str, str] = {}
    if free:
        if judge is None:
            raise ConfigError("judge_missing", "free text needs an LLM judge: name its model")
        verdicts, result.bill = _ask_judge(free, out, judge)
    classes: dict[CandidateKey, str] = {}
    labelled = [row for row in (_label_row(r, verdicts, result, classes) for r in rows) if row]
    if not labelled:
        raise DataError("no_gold", f"{source.name}: no question has a gold answer and a label")
    if human is not None:
        there = _keys(rows) if of_several else None
        result.agreement = agreement_with(human, set_name_of(source), classes, there)
        check_kappa(result.agreement, min_kappa)
    write_jsonl(out, labelled)
    return result


def _read(source: Path, task: str | None) -> Iterator[_Row]:
    for where, raw in read_jsonl(source):
        record = fit(parse_question(raw, where, task), where)
        candidates = raw.get("candidates")
        if not isinstance(candidates, list) or not candidates:
            raise DataError("no_candidates", f"{where}: field candidates is missing or empty")
        for index, candidate in enumerate(candidates):
            if not isinstance(candidate, dict) or not isinstance(candidate.get("text"), str):
                raise DataError("bad_record", f"{where}: candidates[{index}] has no text")
        yield _Row(record, candidates)


def _judged_by_llm(record: QuestionRecord) -> bool:
    return known_task(record.task).judge == "llm"


def _label_row(
    row: _Row,
    verdicts: dict[str, str],
    result: Labelled,
    classes: dict[CandidateKey, str],
) -> dict[str, Any] | None:
    record = row.record
    counts = result.tasks.setdefault(record.task, TaskCounts())
    if record.gold is None:
        counts.no_gold += 1
        return None
    free = _judged_by_llm(record)
    kept = []
    for index, candidate in enumerate(row.candidates):
        labels = _judge(record, candidate, verdicts) if free else _parse(record, candidate)
        kind = labels.pop("class")
        classes[record.id, str(candidate.get("cid", index))] = kind
        counts.candidates += 1
        counts.parsed += kind != UNPARSEABLE
        counts.right += kind == RIGHT
        if not free or kind != UNPARSEABLE:
            kept.append({**candidate, **labels})
    counts.questions += 1
    counts.some_right += any(candidate["correct"] for candidate in kept)
    return {**record.to_json(), "candidates": kept} if kept else None


def _parse(record: QuestionRecord, candidate: dict[str, Any]) -> dict[str, Any]:
    task = known_task(record.task)
    assert record.gold is not None
    answer = parse_answer(task, record.options, candidate["text"])
    right = is_correct(answer.label, record.gold)
    kind = UNPARSEABLE if answer.label is None else RIGHT if right else WRONG
    return {"answer": answer.label, "correct": right, "parsed": answer.how, "class": kind}


def _judge(
    record: QuestionRecord, candidate: dict[str, Any], verdicts: dict[str, str]
) -> dict[str, Any]:
    verdict = read_verdict(verdicts[_judge_job(record, candidate).key])
    kind = UNPARSEABLE if verdict is None else RIGHT if verdict else WRONG
    return {"answer": None, "correct": verdict is True, "parsed": "judge", "class": kind}


def _judge_job(record: QuestionRecord, candidate: dict[str, Any]) -> Job:
    task = known_task(record.task)
    question = record.question
    if record.context:
        question = f"{question}\n\n{record.context}"
    messages = judge_prompt(task, question, record.gold or "", candidate["text"])
    assert messages is not None
    text = json.dumps([record.id, messages], ensure_ascii=True)
    return Job(hashlib.sha256(text.encode()).hexdigest()[:24], messages, 1)


def _ask_judge(rows: list[_Row], out: Path, judge: LlmSettings) -> tuple[dict[str, str], Bill]:
    """One verdict text a candidate, through a journal of its own: resumed, never paid twice."""
    jobs = [_judge_job(row.record, c) for row in rows for c in row.candidates]
    unique = list({job.key: job for job in jobs}.values())
    with (
        Journal(journal_path(out), judge.identity()) as journal,
        counted_progress("verdicts", len(unique)) as progress,
    ):
        result = asyncio.run(_collect(unique, judge, journal, progress))
    missing = sum(bool(result.missing(job)) for job in unique)
    if missing:
        message = f"{missing} of {len(unique)} verdicts are missing; run again"
        raise GenerateError("incomplete", message, result.bill)
    return {job.key: result.slots[job.key][0].text for job in unique}, result.bill


async def _collect(
    jobs: list[Job], judge: LlmSettings, journal: Journal, progress: Callable[[int], None]
) -> Collected:
    writer = make_writer(judge)
    try:
        return await collect(jobs, writer, journal, judge.prices, judge.policy, progress)
    finally:
        await writer.close()


def _keys(rows: list[_Row]) -> set[CandidateKey]:
    return {(r.record.id, str(c.get("cid", i))) for r in rows for i, c in enumerate(r.candidates)}
