"""What an adapter goes by: scores of questions that a part of was withheld from it."""

from __future__ import annotations

from dataclasses import replace

from medadapter_train.data import Record
from medadapter_train.errors import TrainError
from medadapter_train.held_out import Scorer
from medadapter_train.scoring import Scored, scored_of

PARTS = ("evidence", "question", "reasoning")


def without(record: Record, part: str) -> Record:
    """The record less its evidence (or context), its question (options stay), or its candidates'
    texts (answers stay)."""
    if part == "evidence":
        return record.without_context()
    if part == "question":
        return replace(record, question="")
    return replace(record, candidates=tuple(replace(c, text="") for c in record.candidates))


class Withholding:
    """Scores without a part of the question; all else, selectors and baselines too, is as with it.

    What the scores lose is what the adapter drew from that part. Raises `TrainError` bad_option for
    none of `PARTS`.
    """

    def __init__(self, scorer: Scorer, part: str) -> None:
        if part not in PARTS:
            raise TrainError("bad_option", f"--withhold is one of {', '.join(PARTS)}")
        self.scorer, self.part = scorer, part

    def score(self, record: Record) -> Scored:
        found = self.scorer.score(without(record, self.part))
        return scored_of(record, found.logits, found.bare)
