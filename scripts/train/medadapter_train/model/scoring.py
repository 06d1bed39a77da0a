"""Scored questions: what `calibrate` and `evaluate` work on, whoever scored them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from medadapter_train.data.candidates import Record
from medadapter_train.data.split import records_of

Logits = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """A question without its texts. `logits` [C]; None where the question is over the budget.

    `bare` [C]: logits of the candidates' answers alone, without reasoning, where they were asked
    for. `task`: empty where neither the record nor its set's name tells it. `unseen`: the
    LLM was not shown what the adapter read.
    """

    set_name: str
    labels: tuple[str, ...]
    closed: bool
    has_context: bool
    gold: str
    answers: tuple[str | None, ...]
    correct: tuple[bool, ...]
    sources: tuple[str, ...]
    models: tuple[str, ...]
    logits: Logits | None
    task: str = ""
    bare: Logits | None = None
    unseen: bool = False

    def subset(self, indices: Iterable[int]) -> Scored:
        """The same question with some of its candidates, in the order given."""
        kept = list(indices)
        return Scored(
            self.set_name,
            self.labels,
            self.closed,
            self.has_context,
            self.gold,
            tuple(self.answers[i] for i in kept),
            tuple(self.correct[i] for i in kept),
            tuple(self.sources[i] for i in kept),
            tuple(self.models[i] for i in kept),
            None if self.logits is None else self.logits[kept],
            self.task,
            None if self.bare is None else self.bare[kept],
            self.unseen,
        )


def scored_of(record: Record, logits: Logits | None, bare: Logits | None = None) -> Scored:
    """The part of a record that selection needs, with its logits [C] and `bare` [C]."""
    return Scored(
        record.set_name,
        tuple(label for label, _ in record.options),
        record.closed,
        record.context is not None,
        record.gold,
        tuple(c.answer for c in record.candidates),
        tuple(c.correct for c in record.candidates),
        tuple(c.source for c in record.candidates),
        tuple(c.model for c in record.candidates),
        logits,
        record.task,
        bare,
        record.unseen,
    )


class Scorer(Protocol):
    """Scores all candidates of a question."""

    def score(self, record: Record) -> Scored: ...


def score_file(scorer: Scorer, path: Path, split: str) -> list[Scored]:
    """Scored questions of a file's share, with a progress bar on stderr."""
    records = list(records_of(path, split))
    bar = track(records, path.name, console=Console(stderr=True), disable=not records)
    return [scorer.score(r) for r in bar]
