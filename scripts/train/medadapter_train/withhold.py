"""What an adapter goes by: scores of questions that a part of was withheld from it."""

from __future__ import annotations

from dataclasses import replace

from medadapter_train.data import Record
from medadapter_train.errors import TrainError
from medadapter_train.held_out import Scorer
from medadapter_train.scoring import Scored, scored_of
from medadapter_train.template import Encoder

PARTS = ("evidence", "question", "reasoning")


def check_part(part: str) -> None:
    """Raises `TrainError` bad_option."""
    if part not in PARTS:
        raise TrainError("bad_option", f"--withhold is one of {', '.join(PARTS)}")


def without(record: Record, part: str) -> Record:
    """The record less its evidence (or context), its question (options stay), or its candidates'
    texts (answers stay). Raises `TrainError` bad_option for free text without its text."""
    if part == "evidence":
        return record.without_context()
    if part == "question":
        return replace(record, question="")
    if not record.options:
        raise TrainError("bad_option", f"--withhold {part}: free text is nothing but its text")
    return replace(record, candidates=tuple(replace(c, text="") for c in record.candidates))


class Withholding:
    """Scores without a part of the question; the selector takes it for the whole one.

    What the scores lose is what the adapter drew from that part. A question that is over the token
    budget as a whole stays unscored, so that both are measured on the same ones.
    """

    def __init__(self, scorer: Scorer, encoder: Encoder, part: str) -> None:
        check_part(part)
        self.scorer, self.encoder, self.part = scorer, encoder, part

    def score(self, record: Record) -> Scored:
        try:
            self.encoder.prefix(record.question, record.options, record.context)
        except TrainError:
            return scored_of(record, None)
        found = self.scorer.score(without(record, self.part))
        return scored_of(record, found.logits, found.bare)
