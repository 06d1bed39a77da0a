"""Outcome labels: the judge of each task decides which candidates are right.

Closed and lettered tasks: the parsed label against the gold label; a candidate whose answer cannot
be read is wrong, and stays a class of its own (`answer` null, `parsed` "none" or "conflict"). Free
text: an LLM compares with the reference; a verdict that cannot be read is no label, and such a
candidate is left out of the training file. Both are counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medadapter_train.data.candidates import set_name_of
from medadapter_train.data.questions import QuestionRecord, fit, known_task, parse_question
from medadapter_train.data.tasks import (
    ChatMessage,
    ToJudge,
    ToParse,
    judge_prompts,
    parse_all,
    verdicts,
)
from medadapter_train.errors import ConfigError, DataError
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
class _Outcome:
    """A candidate's label. `kind`: RIGHT, WRONG or UNPARSEABLE; `how` it was found."""

    answer: str | None
    how: str
    correct: bool
    kind: str

    @classmethod
    def of(cls, answer: str | None, how: str, right: bool | None) -> _Outcome:
        """`right` None: the answer could not be read."""
        kind = UNPARSEABLE if right is None else RIGHT if right else WRONG
        return cls(answer, how, right is True, kind)


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
    known = [row for row in rows if row.record.gold is not None]
    free = [row for row in known if _judged_by_llm(row.record)]
    if free and judge is None:
        raise ConfigError("judge_missing", "free text needs an LLM judge: name its model")
    outcomes = _parsed([row for row in known if not _judged_by_llm(row.record)])
    if free and judge is not None:
        judged, result.bill = _judged(free, out, judge)
        outcomes |= judged
    classes: dict[CandidateKey, str] = {}
    labelled = [row for row in (_label_row(r, outcomes, result, classes) for r in rows) if row]
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
    outcomes: dict[int, list[_Outcome]],
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
    for index, (candidate, found) in enumerate(zip(row.candidates, outcomes[id(row)], strict=True)):
        classes[record.id, str(candidate.get("cid", index))] = found.kind
        counts.candidates += 1
        counts.parsed += found.kind != UNPARSEABLE
        counts.right += found.kind == RIGHT
        if not free or found.kind != UNPARSEABLE:
            labels = {"answer": found.answer, "correct": found.correct, "parsed": found.how}
            kept.append({**candidate, **labels})
    counts.questions += 1
    counts.some_right += any(candidate["correct"] for candidate in kept)
    return {**record.to_json(), "candidates": kept} if kept else None


def _parsed(rows: Sequence[_Row]) -> dict[int, list[_Outcome]]:
    """Of rows that are judged by label: by the row's identity, each candidate's outcome."""
    asked = [
        ToParse(
            row.record.task,
            row.record.options,
            [candidate["text"] for candidate in row.candidates],
            row.record.gold,
        )
        for row in rows
    ]
    return {
        id(row): [_Outcome.of(a.label, a.how, None if a.label is None else a.right) for a in found]
        for row, found in zip(rows, parse_all(asked), strict=True)
    }


def _judged(
    rows: Sequence[_Row], out: Path, judge: LlmSettings
) -> tuple[dict[int, list[_Outcome]], Bill]:
    """Outcomes of free text by an LLM judge: one verdict for each candidate. They have their own
    journal, so judging is resumed and never paid for twice.
    """
    jobs = _judge_jobs(rows)
    unique = list({job.key: job for own in jobs for job in own}.values())
    with (
        Journal(journal_path(out), judge.identity()) as journal,
        counted_progress("verdicts", len(unique)) as progress,
    ):
        result = asyncio.run(_collect(unique, judge, journal, progress))
    missing = sum(bool(result.missing(job)) for job in unique)
    if missing:
        message = f"{missing} of {len(unique)} verdicts are missing; run again"
        raise GenerateError("incomplete", message, result.bill)
    texts = [result.slots[job.key][0].text for job in unique]
    read = dict(zip((job.key for job in unique), verdicts(texts), strict=True))
    outcomes = {
        id(row): [_Outcome.of(None, "judge", read[job.key]) for job in own]
        for row, own in zip(rows, jobs, strict=True)
    }
    return outcomes, result.bill


def _judge_jobs(rows: Sequence[_Row]) -> list[list[Job]]:
    """By row, a conversation for each candidate."""
    asked = [
        ToJudge(row.record.task, _shown(row.record), row.record.gold or "", candidate["text"])
        for row in rows
        for candidate in row.candidates
    ]
    chats = iter(judge_prompts(asked))
    return [[_judge_job(row.record, next(chats)) for _ in row.candidates] for row in rows]


def _shown(record: QuestionRecord) -> str:
    return f"{record.question}\n\n{record.context}" if record.context else record.question


def _judge_job(record: QuestionRecord, messages: list[ChatMessage] | None) -> Job:
    assert messages is not None
    text = json.dumps([record.id, messages], ensure_ascii=True)
    return Job(hashlib.sha256(text.encode()).hexdigest()[:24], messages, 1)


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
