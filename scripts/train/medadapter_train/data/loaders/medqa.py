"""MedQA (USMLE): JSON lines of the authors' archive (Jin et al., 2021).

`questions/US/{train,dev,test}.jsonl` have five options, those of `questions/US/4_options/` four
(`phrases_no_exclude_{split}.jsonl`). The folder given decides: its five-option files are taken
unless it holds the four-option ones only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medadapter_train.data.loaders.common import Split, Tally, find
from medadapter_train.data.questions import QuestionRecord
from medadapter_train.errors import DataError
from medadapter_train.system.files import read_jsonl

_SHORT = {"train": "train", "validation": "dev", "test": "test"}


def load(folder: Path, split: Split, tally: Tally) -> Iterator[QuestionRecord]:
    """Raises `DataError` bad_record, unknown_label."""
    short = _SHORT[split]
    path = find(folder, f"US/{short}.jsonl", f"{short}.jsonl", f"phrases_no_exclude_{short}.jsonl")
    for number, (where, row) in enumerate(read_jsonl(path)):
        question, options = row.get("question"), row.get("options")
        if not isinstance(question, str) or not isinstance(options, dict):
            raise DataError("bad_record", f"{where}: question or options are missing")
        if not question.strip():
            tally.skip("blank_question")
            continue
        pairs = tuple((str(k), str(v)) for k, v in sorted(options.items()))
        yield QuestionRecord(
            id=f"medqa{len(pairs)}/{split}/{number:05d}",
            dataset=f"MedQA-USMLE {split} ({len(pairs)} options)",
            task="medqa",
            split=split,
            question=question.strip(),
            context=None,
            evidence=None,
            options=pairs,
            gold=_gold(row.get("answer_idx"), row.get("answer"), pairs, where),
        )


def _gold(letter: object, text: object, options: tuple[tuple[str, str], ...], where: str) -> str:
    """`answer_idx`; where a copy lacks it, the option whose text is the answer."""
    matches = [k for k, v in options if k == letter] or [k for k, v in options if v == text]
    if len(matches) != 1:
        raise DataError("unknown_label", f"{where}: the answer is none of the options")
    return matches[0]
