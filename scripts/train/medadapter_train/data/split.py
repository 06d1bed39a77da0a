"""The split by question: train 76 %, validation 12 %, test 12 %, the same over all files.

The share of a question depends on nothing but its normalised text (`Record.identity`), so a
question that stands in several files (or in a file that is added later) is always in the same
share.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import Any, Literal, get_args

from medadapter_train.data.candidates import Record, identity_of, own_questions, read_records
from medadapter_train.errors import DataError, TrainError
from medadapter_train.system.files import read_jsonl

Share = Literal["train", "validation", "test"]
_BOUNDS: tuple[tuple[Share, float], ...] = (("train", 0.76), ("validation", 0.88), ("test", 1.0))
_CHOICES = re.compile(r"\banswer choices:.*$", re.DOTALL)
_NOT_WORD = re.compile(r"[\W_]+")
_KEY = re.compile(r"[0-9a-f]{64}")


def normalise_question(question: str) -> str:
    """Case, width, punctuation, spacing and an appended list of choices do not make it another."""
    text = unicodedata.normalize("NFKC", question).casefold()
    text = _CHOICES.sub("", text)
    return _NOT_WORD.sub(" ", text).strip()


def question_key(question: str) -> str:
    """SHA-256 of the normalised question, hex."""
    return hashlib.sha256(normalise_question(question).encode()).hexdigest()


def read_keys(path: Path) -> set[str]:
    """`question_key`s, one a line; `#` begins a comment. Raises `DataError`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("file_missing", f"{path.name}: cannot be read") from error
    words = [(at, line.partition("#")[0].strip()) for at, line in enumerate(lines, 1)]
    for at, word in words:
        if word and not _KEY.fullmatch(word):
            raise DataError("bad_key", f"{path.name}:{at}: not a SHA-256 in hex")
    return {word for _, word in words if word}


def share_of(question: str) -> Share:
    """The share a question belongs to."""
    return share_of_key(question_key(question))


def share_of_key(key: str) -> Share:
    """The same by its `question_key`."""
    position = int(key[:13], 16) / 16**13
    return next(share for share, bound in _BOUNDS if position < bound)


def is_trained_on(question: str, *, cross_fit: bool) -> bool:
    """Whether a run that leaves out no fold trains on it. `cross_fit`: its set is cross-fitted."""
    return share_of(question) == "train" or (cross_fit and share_of(question) == "validation")


def fold_key(key: str) -> int:
    """A number below 2^48 for folds of questions; it does not follow the split's own use of the
    hash. `key`: `question_key`."""
    return int(hashlib.sha256(f"fold/{key}".encode()).hexdigest()[:12], 16)


def in_share(fold: int, share: float) -> bool:
    """Whether a question is in that share of all, by its `fold_key`; a smaller share lies in a
    greater one."""
    return fold < share * 2**48


def check_leak(train: Iterable[Record], held_out: Iterable[Record]) -> None:
    """Raise `DataError` question_leak when a question (normalised) stands on both sides."""
    seen = {question_key(r.identity) for r in train}
    leaked = sum(question_key(r.identity) in seen for r in held_out)
    if leaked:
        raise DataError("question_leak", f"{leaked} held-out questions are also in training")


#: What commands and tables call a share: `all` is every question.
Split = Literal["all", "train", "validation", "test"]
SPLITS: tuple[str, ...] = get_args(Split)


def check_split(split: str) -> None:
    """Raises `TrainError` bad_split."""
    if split not in SPLITS:
        raise TrainError("bad_split", f"--split is one of {', '.join(SPLITS)}")


def records_of(path: Path, split: str) -> Iterator[Record]:
    """The records of one share of a file (`all`: every one)."""
    for record in read_records(path):
        if split == "all" or share_of(record.identity) == split:
            yield record


def lines_of(path: Path, split: str, left_out: Set[str]) -> list[int]:
    """Numbers, from 1, of a file's lines whose question is in a share and not `left_out` (keys).

    The lines may have no candidates. Raises `DataError` as `read_jsonl` does.
    """
    rows = [(int(where.rpartition(":")[2]), *_asked(raw)) for where, raw in read_jsonl(path)]
    own = own_questions([(question, context) for _, question, context, _ in rows])
    found = []
    for (number, _, context, task), question in zip(rows, own, strict=True):
        key = question_key(identity_of(question, context, task))
        if (split == "all" or share_of_key(key) == split) and key not in left_out:
            found.append(number)
    return found


def _asked(raw: dict[str, Any]) -> tuple[str, str | None, str]:
    context = raw.get("context") or raw.get("evidence")
    task = str(raw.get("task") or "")
    return str(raw.get("question")), context if isinstance(context, str) else None, task
