"""CORD-19 (summaries): `metadata.csv` with the parses it names (Wang et al., 2020).

The body of a paper (its first paragraphs) is the context, its abstract the reference summary. The
set has no official split: a paper's share depends on nothing but its `cord_uid` (80 / 8 / 12 %), so
all versions of the corpus split alike. PMC parses go before PDF parses: they are cleaner.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from medadapter_train.data.loaders.common import Split, Tally, find, read_json_object
from medadapter_train.data.questions import QuestionRecord
from medadapter_train.errors import DataError

QUESTION = "Summarise the text."
#: About 2,000 tokens; an LLM's prompt should not be a whole paper.
BODY_CHARACTERS = 8000
_LEAST_CHARACTERS = 200


def load(folder: Path, split: Split, tally: Tally) -> Iterator[QuestionRecord]:
    """Papers without abstract or body are counted. Raises `DataError` not_utf8, bad_json."""
    path = find(folder, "metadata.csv")
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    seen: set[str] = set()
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                uid = row.get("cord_uid") or ""
                if not uid:
                    raise DataError("bad_record", f"{path.name}: a row without cord_uid")
                if share_of_paper(uid) != split:
                    continue
                if uid in seen:
                    tally.skip("duplicate_paper")
                    continue
                abstract = (row.get("abstract") or "").strip()
                body = _body(path.parent, row, abstract)
                if len(abstract) < _LEAST_CHARACTERS:
                    tally.skip("no_abstract")
                elif len(body) < _LEAST_CHARACTERS:
                    tally.skip("no_body")
                else:
                    seen.add(uid)
                    yield QuestionRecord(
                        id=f"cord19/{uid}",
                        dataset=f"CORD-19 {split}",
                        task="cord19",
                        split=split,
                        question=QUESTION,
                        context=body,
                        evidence=None,
                        options=(),
                        gold=abstract,
                    )
    except UnicodeDecodeError:
        raise DataError("not_utf8", f"{path.name}: not UTF-8") from None


def share_of_paper(uid: str) -> Split:
    """The share of a paper, by the SHA-256 of its `cord_uid`."""
    position = int(hashlib.sha256(uid.encode()).hexdigest()[:13], 16) / 16**13
    return "train" if position < 0.80 else "validation" if position < 0.88 else "test"


def _body(root: Path, row: dict[str, str | None], abstract: str) -> str:
    """The first paragraphs of the first parse that is there, the abstract's own left out."""
    for column in ("pmc_json_files", "pdf_json_files"):
        for name in (row.get(column) or "").split("; "):
            path = root / name.strip()
            if not name.strip() or ".." in path.parts or not path.is_file():
                continue
            paragraphs = read_json_object(path).get("body_text")
            texts: list[str] = []
            for paragraph in paragraphs if isinstance(paragraphs, list) else []:
                text = str(paragraph.get("text", "")).strip() if isinstance(paragraph, dict) else ""
                if text and text not in abstract:
                    texts.append(text)
                if sum(map(len, texts)) >= BODY_CHARACTERS:
                    break
            if texts:
                return "\n".join(texts)[:BODY_CHARACTERS]
    return ""
