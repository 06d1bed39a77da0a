"""The plan's questions: the same question over several files, with the candidates of all its LLMs.

Questions are joined by their normalised text. Labels of a further file are those of the first
file's options of the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadapter_train.core import ask_each, in_chunks
from medadapter_train.data.candidates import QUESTIONS, Record, read_records
from medadapter_train.data.split import question_key, share_of_key
from medadapter_train.errors import DataError
from medadapter_train.generate.cost import estimate_text
from medadapter_train.plan.config import PlanConfig

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Vote:
    """One candidate, without its text. `tokens` of prompt and completion are estimates."""

    source: str
    stage: int
    answer: str | None
    logit: float | None
    tokens: tuple[int, int]


@dataclass(slots=True)
class PlanQuestion:
    """One question, with the candidates of all stages. `key`: `question_key`."""

    key: str
    set_name: str
    labels: tuple[str, ...]
    closed: bool
    task: str
    gold: str
    votes: list[Vote] = field(default_factory=list)

    @property
    def learnt(self) -> bool:
        """An adapter that was trained here may have seen the question: its scores tell nothing."""
        return share_of_key(self.key) == "train"

    def wire(self, *, scored: bool) -> dict[str, Any]:
        """As `scripts/core/plans.ts` takes it."""
        return {
            "labels": list(self.labels),
            "closed": self.closed,
            "task": self.task,
            "candidates": [
                {
                    "source": vote.source,
                    "stage": vote.stage,
                    "answer": vote.answer,
                    "logit": vote.logit if scored else None,
                }
                for vote in self.votes
            ],
        }


#: Logits of the candidates of a line: by file and line's number.
Scores = dict[tuple[str, str], list[float] | None]


@dataclass(frozen=True, slots=True)
class Joined:
    """`whole`: questions with candidates of every source. `partial`: how many lack some."""

    whole: list[PlanQuestion]
    partial: int


def join(plan: PlanConfig, files: Sequence[Path], scores: Scores | None = None) -> Joined:
    """The plan's questions in these files, in the order of the first.

    Raises what `read_records` raises, and `DataError` no_questions where none is whole.
    """
    found: dict[str, PlanQuestion] = {}
    texts: dict[str, dict[str, str]] = {}
    for path in files:
        for record in read_records(path):
            key = question_key(record.identity)
            question = found.get(key)
            if question is None:
                labels = tuple(label for label, _ in record.options)
                if len(labels) < 2:
                    continue
                question = PlanQuestion(
                    key, record.set_name, labels, record.closed, record.task, record.gold
                )
                found[key] = question
                texts[key] = {text.strip().casefold(): label for label, text in record.options}
            rename = {
                label: texts[key].get(text.strip().casefold()) for label, text in record.options
            }
            logits = None if scores is None else scores.get((record.set_name, record.id))
            question.votes += _votes(plan, record, rename, logits, question.votes)
    wanted = {name for stage in plan.sources for name in stage}
    whole = [q for q in found.values() if wanted <= {vote.source for vote in q.votes}]
    if not whole:
        raise DataError("no_questions", "no question has candidates of every LLM of the plan")
    return Joined(whole, len(found) - len(whole))


def _votes(
    plan: PlanConfig,
    record: Record,
    rename: dict[str, str | None],
    logits: list[float] | None,
    before: Sequence[Vote],
) -> list[Vote]:
    asked = estimate_text(record.question + (record.context or ""))
    asked += sum(estimate_text(text) for _, text in record.options)
    votes: list[Vote] = []
    for at, stage in enumerate(plan.stage):
        for llm in stage.llm:
            own = [i for i, c in enumerate(record.candidates) if llm.wrote(c.source)]
            there = sum(vote.source == llm.name for vote in before)
            most = max(0, llm.candidates - there) if llm.candidates else len(own)
            for i in own[:most]:
                candidate = record.candidates[i]
                answer = None if candidate.answer is None else rename.get(candidate.answer)
                logit = None if logits is None else logits[i]
                tokens = (asked, estimate_text(candidate.text))
                votes.append(Vote(llm.name, at, answer, logit, tokens))
    return votes


@dataclass(frozen=True, slots=True)
class Design:
    """Up to one stage: `shares` [labels, sources] of votes, `logits` [labels] of the adapter."""

    sources: tuple[str, ...]
    shares: Floats
    logits: Floats


def designs(questions: Sequence[PlanQuestion], stages: int, *, scored: bool) -> list[list[Design]]:
    """By question and stage: what a conditional logit is fitted on, as the service computes it."""
    requests = (
        {"stages": stages, "questions": [q.wire(scored=scored) for q in part]}
        for part in in_chunks(questions, QUESTIONS)
    )
    return [
        [
            Design(
                tuple(stage["sources"]),
                np.array(stage["shares"], dtype=np.float64).reshape(-1, len(stage["sources"])),
                np.array(stage["logits"], dtype=np.float64),
            )
            for stage in row
        ]
        for reply in ask_each("plan_design", requests)
        for row in reply["questions"]
    ]


@dataclass(frozen=True, slots=True)
class Winner:
    """What the service would answer after a stage. `confidence`: None where a source is missing."""

    answer: str
    confidence: float | None
    features: dict[str, float]
    support: dict[str, float]


def decide(
    questions: Sequence[PlanQuestion], fit: dict[str, Any], adapter: str | None = None
) -> list[list[Winner | None]]:
    """By question and stage: the service's own decision; None: nobody gave an answer."""
    requests = (
        {
            "fit": fit,
            "adapter": adapter,
            "questions": [q.wire(scored=adapter is not None) for q in part],
        }
        for part in in_chunks(questions, QUESTIONS)
    )
    return [
        [
            None
            if stage is None
            else Winner(stage["answer"], stage["confidence"], stage["features"], stage["support"])
            for stage in row
        ]
        for reply in ask_each("plan_decide", requests)
        for row in reply["questions"]
    ]
