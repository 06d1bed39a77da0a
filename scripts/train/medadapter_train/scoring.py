"""Questions scored by a bundle: what calibrate and evaluate work on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medadapter_train.data import Record
from medadapter_train.errors import TrainError
from medadapter_train.onnx_engine import OnnxEngine
from medadapter_train.set_task import task_of
from medadapter_train.template import TextEncoder

Logits = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """A question without its texts. `logits` [C]; None where the question is over the budget.

    `bare` [C]: logits of the candidates' answers alone, without reasoning, where they were asked
    for. `task`: the record's own, or told by its set's name; empty where neither is. `unseen`: the
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
    """What selection needs of a record."""
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
        record.task or task_of(record.set_name) or "",
        bare,
        record.unseen,
    )


class BundleScorer:
    """Tokenizer and int8 graph of a bundle folder. With `bare` answers are scored alone too."""

    def __init__(self, folder: Path, threads: int = 1, *, bare: bool = False) -> None:
        self.bare = bare
        self.encoder = TextEncoder.load(folder / "tokenizer.json")
        self.engine = OnnxEngine(folder / "adapter.ort", threads)

    def score(self, record: Record) -> Scored:
        """Encode the question once, score every candidate on it."""
        try:
            prefix = self.encoder.prefix(record.question, record.options, record.context)
        except TrainError:
            return scored_of(record, None)
        texts = [
            self.encoder.candidate(record.options, c.answer, c.text).ids for c in record.candidates
        ]
        if self.bare:
            texts += [
                self.encoder.candidate(record.options, c.answer, "").ids for c in record.candidates
            ]
        logits = self.engine.score_all(prefix.ids, texts)
        count = len(record.candidates)
        return scored_of(record, logits[:count], logits[count:] if self.bare else None)

    def score_many(
        self, records: Iterable[Record], tick: Callable[[], None] | None = None
    ) -> Iterator[Scored]:
        """Scored questions as a stream; `tick` is called after each."""
        for record in records:
            yield self.score(record)
            if tick is not None:
                tick()
