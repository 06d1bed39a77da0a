"""MedMCQA: JSON lines `train.json`, `dev.json`, `test.json` (Pal et al., CHIL 2022).

`cop` is the right option's number: 1 to 4 in the authors' release, 0 to 3 in converted copies (-1
for the test). The test's answers are secret: its questions load with gold null, and the validation
split is never taken for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medadapter_train.data.loaders.common import Split, Tally, find, lettered
from medadapter_train.data.questions import QuestionRecord
from medadapter_train.errors import DataError
from medadapter_train.system.files import read_jsonl

_FILES = {"train": "train.json*", "validation": "dev.json*", "test": "test.json*"}
_OPTIONS = ("opa", "opb", "opc", "opd")


def load(folder: Path, split: Split, tally: Tally) -> Iterator[QuestionRecord]:
    """Raises `DataError` bad_record, and unknown_label for a `cop` that names no option."""
    path = find(folder, _FILES[split])
    first = _first_number(path)
    for where, row in read_jsonl(path):
        texts = [row.get(name) for name in _OPTIONS]
        question = row.get("question")
        if not isinstance(question, str) or not all(isinstance(t, str) for t in texts):
            raise DataError("bad_record", f"{where}: question or an option is missing")
        if not question.strip():
            tally.skip("blank_question")
            continue
        options = lettered([str(text) for text in texts])
        number = row.get("cop")
        gold = None
        if isinstance(number, int) and number != -1:
            if not first <= number < first + 4:
                raise DataError("unknown_label", f"{where}: field cop is none of the options")
            gold = options[number - first][0]
        elif split != "test":
            tally.skip("no_gold")
            continue
        yield QuestionRecord(
            id=f"medmcqa/{row.get('id', where)}",
            dataset=f"MedMCQA {split}",
            task="medmcqa",
            split=split,
            question=question.strip(),
            context=None,
            evidence=None,
            options=options,
            gold=gold,
        )


def _first_number(path: Path) -> int:
    """0 where some answer of the file has the number 0, else 1."""
    return 0 if any(row.get("cop") == 0 for _where, row in read_jsonl(path)) else 1
