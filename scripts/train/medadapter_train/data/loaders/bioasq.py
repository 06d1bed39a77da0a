"""BioASQ Task B, yes/no questions: `training*b.json`, `*_golden.json` (Tsatsaronis et al., 2015).

Each year's training file contains the golden sets of the years before. So the train split leaves
out every question that is in a golden file of the folder, by id and by its normalised text.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medadapter_train.data.loaders.common import (
    Split,
    Tally,
    closed,
    find,
    find_all,
    no_such_split,
    read_json_object,
)
from medadapter_train.data.questions import QuestionRecord
from medadapter_train.data.split import question_key
from medadapter_train.errors import DataError

_TRAINING = ("training*b.json", "BioASQ-training*b.json", "trainin*.json")


def load(folder: Path, split: Split, tally: Tally) -> Iterator[QuestionRecord]:
    """Raises `DataError` no_such_split (validation), bad_record, unknown_label."""
    if split == "validation":
        raise no_such_split("BioASQ", split, "hold out a part of train by question")
    golden = find_all(folder, "*_golden.json")
    if split == "test" and not golden:
        raise DataError("file_missing", "no *_golden.json in the folder given")
    files = golden if split == "test" else [find(folder, *_TRAINING)]
    tested = {} if split == "test" else dict(_identities(golden))
    seen: set[str] = set()
    for path in files:
        for where, row in _questions(path):
            if row.get("type") != "yesno":
                tally.skip("not_yes_no")
                continue
            record = _record(where, row, split)
            key = question_key(record.question)
            if key in tested or record.id in tested.values():
                tally.skip("in_golden_test_set")
            elif key in seen:
                tally.skip("duplicate_question")
            else:
                seen.add(key)
                yield record


def _questions(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = read_json_object(path).get("questions")
    if not isinstance(rows, list):
        raise DataError("bad_record", f"{path.name}: no list of questions")
    for number, row in enumerate(rows):
        where = f"{path.name}: questions[{number}]"
        if not isinstance(row, dict) or not isinstance(row.get("body"), str):
            raise DataError("bad_record", f"{where}: no body")
        yield where, row


def _identities(paths: list[Path]) -> Iterator[tuple[str, str]]:
    """(key of the text, id) of every question in the golden files, of whatever type."""
    for path in paths:
        for where, row in _questions(path):
            yield question_key(row["body"]), f"bioasq/{row.get('id', where)}"


def _record(where: str, row: dict[str, Any], split: Split) -> QuestionRecord:
    answer = row.get("exact_answer")
    answer = answer[0] if isinstance(answer, list) and answer else answer
    gold = str(answer).strip().lower().rstrip(".")
    if gold not in ("yes", "no"):
        raise DataError("unknown_label", f"{where}: exact_answer is not yes or no")
    texts = [s.get("text", "") for s in row.get("snippets") or [] if isinstance(s, dict)]
    return QuestionRecord(
        id=f"bioasq/{row.get('id', where)}",
        dataset=f"BioASQ yes/no {split}",
        task="bioasq",
        split=split,
        question=row["body"].strip(),
        context="\n".join(dict.fromkeys(text for text in texts if text)) or None,
        evidence=None,
        options=closed(("yes", "no")),
        gold=gold,
    )
