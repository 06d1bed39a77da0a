"""Tokenized candidate sets on disk, memory-mapped: memory does not grow with the data."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Value, disable_progress_bars
from datasets import Sequence as Seq
from filelock import FileLock

from medadapter_train.data.candidates import Record, read_records
from medadapter_train.data.split import Share, fold_key, question_key, share_of
from medadapter_train.errors import DataError, TrainError
from medadapter_train.model.template import Encoder
from medadapter_train.system.stamps import hash_once

disable_progress_bars()
_FEATURES = Features(
    {
        "set": Value("string"),
        "prefix": Seq(Value("int32")),
        "candidates": Seq(Seq(Value("int32"))),
        "answers": Seq(Value("string")),
        "correct": Seq(Value("bool")),
        "labels": Seq(Seq(Value("int32"))),
        "gold": Value("int32"),
        "fold": Value("int64"),
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """A tokenized question. `labels`: a closed task's labels as candidates without text, of which
    number `gold` is right; empty where the task is not closed. `fold`: `split.fold_key`."""

    set_name: str
    prefix: list[int]
    candidates: list[list[int]]
    answers: list[str | None]
    correct: list[bool]
    labels: list[list[int]] = field(default_factory=list)
    gold: int = -1
    fold: int = 0


def encode_record(record: Record, encoder: Encoder) -> dict[str, Any] | None:
    """Token ids of a record; None when its question is over the budget."""
    try:
        prefix = encoder.prefix(record.question, record.options, record.context)
    except TrainError:
        return None
    names = [label for label, _ in record.options] if record.closed else []
    return {
        "set": record.set_name,
        "prefix": prefix.ids,
        "candidates": [
            encoder.candidate(record.options, c.answer, c.text).ids for c in record.candidates
        ],
        "answers": [c.answer for c in record.candidates],
        "correct": [c.correct for c in record.candidates],
        "labels": [encoder.candidate(record.options, name, "").ids for name in names],
        "gold": names.index(record.gold) if record.gold in names else -1,
        "fold": fold_key(question_key(record.identity)),
    }


def _rows(paths: list[str], share: str, encoder: Encoder) -> Iterator[dict[str, Any]]:
    for path in paths:
        for record in read_records(Path(path)):
            if share_of(record.identity) == share:
                row = encode_record(record, encoder)
                if row is not None:
                    yield row


class TokenStore:
    """Rows of one share of some files. Built once under `folder`, then opened again. `name`: its
    folder's; it follows from the files' content, not from when they were written."""

    def __init__(self, dataset: Dataset, name: str) -> None:
        self.dataset, self.name = dataset, name
        self.sets: list[str] = list(dataset["set"])
        self.folds: list[int] = list(dataset["fold"])

    @classmethod
    def build(
        cls, paths: Sequence[Path], share: Share, encoder: Encoder, folder: Path
    ) -> TokenStore:
        key = _key(paths, share, encoder)
        final = folder / f"{share}-{key}"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{final.name}.lock"):
            if not final.is_dir():
                _build(paths, share, encoder, key, final)
        return cls.open(final)

    @classmethod
    def open(cls, folder: Path) -> TokenStore:
        """One that was built before."""
        return cls(Dataset.load_from_disk(str(folder)), folder.name)

    def __len__(self) -> int:
        return len(self.sets)

    def __getitem__(self, index: int) -> Row:
        raw = self.dataset[index]
        return Row(
            raw["set"],
            raw["prefix"],
            raw["candidates"],
            raw["answers"],
            raw["correct"],
            raw["labels"],
            raw["gold"],
            raw["fold"],
        )


def _build(paths: Sequence[Path], share: Share, encoder: Encoder, key: str, final: Path) -> None:
    """Write the tokens under a scratch name, then rename them."""
    if next(_rows([str(p) for p in paths], share, encoder), None) is None:
        why = f"no question of the {share} share, or none within the token budget"
        raise DataError("empty_share", why)
    scratch = final.with_name(f".{final.name}.building")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        dataset = Dataset.from_generator(
            _rows,
            features=_FEATURES,
            cache_dir=str(scratch / "cache"),
            gen_kwargs={"paths": [str(p) for p in paths], "share": share, "encoder": encoder},
            fingerprint=key,
        )
    except Exception as error:
        cause = _data_error(error)
        if cause is None:
            raise
        raise cause from None
    dataset.save_to_disk(str(scratch / "rows"))
    (scratch / "rows").replace(final)
    shutil.rmtree(scratch, ignore_errors=True)


def _data_error(error: BaseException | None) -> DataError | None:
    """`datasets` wraps what its generator raises: our own error is somewhere down the chain."""
    while error is not None:
        if isinstance(error, DataError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _key(paths: Sequence[Path], share: str, encoder: Encoder) -> str:
    digest = hashlib.sha256(f"{share} {encoder.identity} v6".encode())
    for path in paths:
        digest.update(f"{path.name} {hash_once(path)}".encode())
    return digest.hexdigest()[:16]
