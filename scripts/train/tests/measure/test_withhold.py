"""What is withheld from the adapter, and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from medadapter_train.data.candidates import Candidate, Record
from medadapter_train.errors import TrainError
from medadapter_train.measure.withhold import WITHOUT, Withholding, check_part
from medadapter_train.model.scoring import Scored, scored_of
from medadapter_train.model.template import Encoded

RECORD = Record(
    id="q1",
    set_name="toy_x2",
    question="Does early mobilisation shorten the stay?",
    options=(("yes", "yes"), ("no", "no")),
    context="The stay was 4 days against 6.",
    gold="yes",
    candidates=(
        Candidate("It was shorter, so yes.", "yes", True, "m|cot", "m"),
        Candidate("Nothing is known, so no.", "no", False, "m|cot", "m"),
    ),
    task="pubmedqa",
    unseen=True,
    closed=True,
)


class Spy:
    """Keeps the records that it is shown."""

    def __init__(self) -> None:
        self.seen: list[Record] = []

    def score(self, record: Record) -> Scored:
        self.seen.append(record)
        return scored_of(record, np.array([1.0, -1.0]), np.array([0.5, -0.5]))


class ShortEncoder:
    """Takes questions of at most 60 characters."""

    cls = sep = mask = 0
    identity = "short"

    def prefix(
        self, question: str, options: Sequence[tuple[str, str]], context: str | None
    ) -> Encoded:
        if len(question) > 60:
            raise TrainError("question_too_long", "over the budget")
        return Encoded([0], truncated=False)

    def candidate(
        self, options: Sequence[tuple[str, str]], answer: str | None, text: str
    ) -> Encoded:
        raise NotImplementedError


@pytest.mark.parametrize("part", WITHOUT)
def test_only_that_part_is_withheld_and_the_question_counts_as_whole(part: str) -> None:
    spy = Spy()
    found = Withholding(spy, ShortEncoder(), part).score(RECORD)
    (seen,) = spy.seen
    gone = {"evidence": seen.context is None, "question": seen.question == ""}
    assert [name for name, missing in gone.items() if missing] == [part]
    assert (seen.options, seen.candidates) == (RECORD.options, RECORD.candidates)
    whole = scored_of(RECORD, None)
    assert (found.has_context, found.unseen, found.correct) == (True, True, whole.correct)
    assert found.logits is not None
    assert found.bare is not None
    assert [*found.logits, *found.bare] == [1.0, -1.0, 0.5, -0.5]


def test_a_question_that_is_too_long_stays_unscored_without_it_too() -> None:
    spy = Spy()
    long = replace(RECORD, question=RECORD.question * 2)
    assert Withholding(spy, ShortEncoder(), "question").score(long).logits is None
    assert spy.seen == []


def test_another_part_is_refused() -> None:
    with pytest.raises(TrainError, match="evidence, question"):
        check_part("answer")
