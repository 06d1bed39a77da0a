"""What an adapter goes by: its scores when a part of each question is withheld from it.

Scores without the candidates' reasoning are in `Scored.bare` (the column "answer only").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from medadapter_train.data.candidates import Record
from medadapter_train.errors import TrainError
from medadapter_train.model.scoring import Scored, Scorer, scored_of
from medadapter_train.model.template import Encoder

#: The record without each part; without its question the options stay.
WITHOUT: dict[str, Callable[[Record], Record]] = {
    "evidence": Record.without_context,
    "question": lambda record: replace(record, question=""),
}


def check_part(part: str) -> None:
    """Raises `TrainError` bad_option."""
    if part not in WITHOUT:
        raise TrainError("bad_option", f"--withhold is one of {', '.join(WITHOUT)}")


class Withholding:
    """A scorer that is not shown a part of the question, a key of `WITHOUT`.

    The loss of accuracy is what the adapter drew from that part. A question that is over the token
    budget as a whole stays unscored, so both measurements are on the same questions.
    """

    def __init__(self, scorer: Scorer, encoder: Encoder, part: str) -> None:
        self.scorer, self.encoder, self.without = scorer, encoder, WITHOUT[part]

    def score(self, record: Record) -> Scored:
        try:
            self.encoder.prefix(record.question, record.options, record.context)
        except TrainError:
            return scored_of(record, None)
        found = self.scorer.score(self.without(record))
        return scored_of(record, found.logits, found.bare)
