"""The questions that the study measures on: those that no run was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medadapter_train.data import Record, read_records
from medadapter_train.errors import DataError
from medadapter_train.split import fold_key, in_share, question_key, share_of
from medadapter_train.study.config_tables import SetTable


@dataclass(frozen=True)
class Questions:
    """A set's held-out questions with their keys; of the training share only hashes, and how often
    each model is right there."""

    table: SetTable
    path: Path
    records: list[Record]
    keys: list[str]
    train_folds: list[int]
    accuracy: dict[str, float]

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def strongest(self) -> str | None:
        """The model that is right most often in the training share; None where there is one."""
        if len(self.accuracy) < 2:
            return None
        return max(self.accuracy, key=lambda name: self.accuracy[name])

    def trained(self, share: float) -> int:
        """How many questions a run of that share learns from."""
        return sum(in_share(fold, share) for fold in self.train_folds)


def load_questions(
    sets: Sequence[SetTable], data: Path, most: int = 0, shares: Sequence[str] = ()
) -> dict[str, Questions]:
    """By set. `shares`: of the split (validation and test unless given). At most `most` questions a
    set (0: all), chosen by their hash.

    Raises `DataError` of the files; empty_share where a set has no such question.
    """
    return {s.name: _load(s, data / s.file, most, shares or ("validation", "test")) for s in sets}


def _load(table: SetTable, path: Path, most: int, shares: Sequence[str]) -> Questions:
    held: list[tuple[Record, str]] = []
    folds: list[int] = []
    right: dict[str, list[int]] = {}
    for record in read_records(path):
        share, key = share_of(record.identity), question_key(record.identity)
        if share in shares:
            held.append((record, key))
        if share == "train":
            folds.append(fold_key(key))
            for candidate in record.candidates:
                count = right.setdefault(candidate.model, [0, 0])
                count[0] += candidate.correct
                count[1] += 1
    if not held:
        raise DataError("empty_share", f"{path.name}: no held-out question")
    chosen = sorted(range(len(held)), key=lambda i: fold_key(held[i][1]))[: most or None]
    kept = [held[i] for i in sorted(chosen)]
    accuracy = {name: hits / total for name, (hits, total) in sorted(right.items())}
    return Questions(table, path, [r for r, _ in kept], [k for _, k in kept], folds, accuracy)
