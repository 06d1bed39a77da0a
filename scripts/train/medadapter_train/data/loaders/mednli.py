"""MedNLI: JSON lines `mli_{train,dev,test}_v1.jsonl` (Romanov and Shivade, EMNLP 2018).

The premise (`sentence1`) is the context, the hypothesis (`sentence2`) the question.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medadapter_train.data.loaders.common import Split, Tally, closed, find
from medadapter_train.data.questions import QuestionRecord
from medadapter_train.errors import DataError
from medadapter_train.system.files import read_jsonl

_SHORT = {"train": "train", "validation": "dev", "test": "test"}
_LABELS = ("entailment", "contradiction", "neutral")


def load(folder: Path, split: Split, tally: Tally) -> Iterator[QuestionRecord]:
    """Rows without a consensus label ("-") are counted. Raises `DataError` bad_record."""
    for where, row in read_jsonl(find(folder, f"mli_{_SHORT[split]}_v1.jsonl")):
        premise, hypothesis = row.get("sentence1"), row.get("sentence2")
        if not isinstance(premise, str) or not isinstance(hypothesis, str):
            raise DataError("bad_record", f"{where}: sentence1 or sentence2 is missing")
        gold = row.get("gold_label")
        if gold == "-":
            tally.skip("no_gold")
            continue
        if gold not in _LABELS:
            raise DataError("unknown_label", f"{where}: field gold_label is not one of the three")
        yield QuestionRecord(
            id=f"mednli/{row.get('pairID', where)}",
            dataset=f"MedNLI {split}",
            task="mednli",
            split=split,
            question=hypothesis.strip(),
            context=premise.strip(),
            evidence=None,
            options=closed(_LABELS),
            gold=str(gold),
        )
