"""PubHealth: tab-separated `train.tsv`, `dev.tsv`, `test.tsv` (Kotonya and Toni, EMNLP 2020).

Columns: claim_id, claim, date_published, explanation, fact_checkers, main_text, sources, label,
subjects; the test has a row number before them. Fields are not quoted. The article is the adapter's
evidence; `explanation` was written from the verdict and is not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medadapter_train.data.loaders.common import Split, Tally, closed, find
from medadapter_train.data.questions import QuestionRecord
from medadapter_train.errors import DataError

_SHORT = {"train": "train", "validation": "dev", "test": "test"}
_LABELS = ("true", "false", "unproven", "mixture")
_COLUMNS = 9


def load(folder: Path, split: Split, tally: Tally) -> Iterator[QuestionRecord]:
    """Rows that are cut short or have no label of the four are counted, as the set has some.

    Raises `DataError` not_utf8, bad_record (the header is not that of the set).
    """
    path = find(folder, f"{_SHORT[split]}.tsv")
    try:
        with path.open(encoding="utf-8", newline="\n") as stream:
            header = next(stream, "").rstrip("\r\n").split("\t")
            if header[-_COLUMNS:][:2] != ["claim_id", "claim"]:
                raise DataError("bad_record", f"{path.name}: not the columns of PubHealth")
            for line in stream:
                fields = line.rstrip("\r\n").split("\t")
                if len(fields) < _COLUMNS:
                    tally.skip("malformed_row")
                    continue
                claim_id, claim, _date, _why, _who, article, _sources, label, _ = fields[-_COLUMNS:]
                if label.strip().lower() not in _LABELS:
                    tally.skip("no_gold")
                elif not _unquoted(claim):
                    tally.skip("blank_question")
                else:
                    yield QuestionRecord(
                        id=f"pubhealth/{claim_id}",
                        dataset=f"PubHealth {split}",
                        task="pubhealth",
                        split=split,
                        question=_unquoted(claim),
                        context=None,
                        evidence=_unquoted(article) or None,
                        options=closed(_LABELS),
                        gold=label.strip().lower(),
                    )
    except UnicodeDecodeError:
        raise DataError("not_utf8", f"{path.name}: not UTF-8") from None


def _unquoted(text: str) -> str:
    """Some rows carry the quotes of the CSV writer that made the files."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('""', '"')
    return text.strip()
