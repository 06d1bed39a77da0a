"""What is withheld from the adapter, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from medadapter_train.data import Candidate, Record
from medadapter_train.errors import TrainError
from medadapter_train.scoring import Scored, scored_of
from medadapter_train.withhold import PARTS, Withholding

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
)


class Spy:
    """Keeps the records that it is shown."""

    def __init__(self) -> None:
        self.seen: list[Record] = []

    def score(self, record: Record) -> Scored:
        self.seen.append(record)
        return scored_of(record, np.array([1.0, -1.0]), np.array([0.5, -0.5]))


@pytest.mark.parametrize("part", PARTS)
def test_only_that_part_is_withheld_and_the_question_counts_as_whole(part: str) -> None:
    spy = Spy()
    found = Withholding(spy, part).score(RECORD)
    (seen,) = spy.seen
    gone = {
        "evidence": seen.context is None,
        "question": seen.question == "",
        "reasoning": all(c.text == "" for c in seen.candidates),
    }
    assert [name for name, missing in gone.items() if missing] == [part]
    assert seen.options == RECORD.options
    assert [c.answer for c in seen.candidates] == ["yes", "no"]
    whole = scored_of(RECORD, None)
    assert (found.has_context, found.unseen, found.correct) == (True, True, whole.correct)
    assert found.logits is not None
    assert found.bare is not None
    assert [*found.logits, *found.bare] == [1.0, -1.0, 0.5, -0.5]


def test_another_part_is_refused() -> None:
    with pytest.raises(TrainError, match="evidence, question, reasoning"):
        Withholding(Spy(), "answer")
