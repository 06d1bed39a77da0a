"""MMLU's six medical subjects: CSV, no header, `question,A,B,C,D,answer` (Hendrycks et al., 2021).

Files `<subject>_{dev,val,test}.csv`. The five dev questions a subject are MMLU's own examples for
prompts and stand in as the train split; there is no other.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from medadapter_train.data.loaders.common import Split, Tally, find_all, lettered
from medadapter_train.data.questions import QuestionRecord
from medadapter_train.errors import DataError

SUBJECTS = (
    "anatomy",
    "clinical_knowledge",
    "college_biology",
    "college_medicine",
    "medical_genetics",
    "professional_medicine",
)
_SHORT = {"train": "dev", "validation": "val", "test": "test"}


def load(folder: Path, split: Split, tally: Tally) -> Iterator[QuestionRecord]:
    """Subjects whose file is not there are counted in the tally; none at all is an error.

    Raises `DataError` file_missing, bad_record, unknown_label, not_utf8.
    """
    missing = 0
    for subject in SUBJECTS:
        files = find_all(folder, f"{subject}_{_SHORT[split]}.csv")
        if len(files) != 1:
            tally.skip("subject_file_missing")
            missing += 1
            continue
        yield from _read(files[0], subject, split)
    if missing == len(SUBJECTS):
        raise DataError("file_missing", f"no file of a medical subject for {split} in the folder")


def _read(path: Path, subject: str, split: Split) -> Iterator[QuestionRecord]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            for number, row in enumerate(csv.reader(stream), start=1):
                where = f"{path.name}:{number}"
                if len(row) != 6:
                    raise DataError("bad_record", f"{where}: not six fields")
                options = lettered(row[1:5])
                if row[5] not in dict(options):
                    raise DataError("unknown_label", f"{where}: the answer is none of A to D")
                yield QuestionRecord(
                    id=f"mmlu/{subject}-{split}-{number:03d}",
                    dataset=f"MMLU-Med {split} ({subject})",
                    task="mmlu_med",
                    split=split,
                    question=row[0].strip(),
                    context=None,
                    evidence=None,
                    options=options,
                    gold=row[5],
                )
    except UnicodeDecodeError:
        raise DataError("not_utf8", f"{path.name}: not UTF-8") from None
