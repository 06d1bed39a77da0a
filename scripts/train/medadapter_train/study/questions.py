"""What the study measures on: questions that no run was trained on, and a run's scores of them.

Scores are kept as a file without a word of text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from medadapter_train.data.candidates import Candidate, Record, read_records
from medadapter_train.data.split import fold_key, in_share, question_key, share_of
from medadapter_train.errors import DataError
from medadapter_train.model.scoring import Logits, Scored, Scorer, scored_of
from medadapter_train.study.config_tables import SetTable
from medadapter_train.system.files import read_jsonl, write_jsonl


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


def score_with_bare(scorer: Scorer, record: Record, *, joint: bool) -> Scored:
    """The question scored, and each of its distinct answers without a text as well.

    `joint`: all in one go, which is faster where the question is encoded once for them.
    """
    answers = list(dict.fromkeys(c.answer for c in record.candidates))
    alone = tuple(Candidate("", answer, False) for answer in answers)
    count = len(record.candidates)
    if joint:
        both = scorer.score(replace(record, candidates=(*record.candidates, *alone))).logits
        texts, bare = (None, None) if both is None else (both[:count], both[count:])
    else:
        texts = scorer.score(record).logits
        bare = None if texts is None else scorer.score(replace(record, candidates=alone)).logits
    if texts is None or bare is None:
        return scored_of(record, None)
    by_answer = dict(zip(answers, bare, strict=True))
    return scored_of(record, texts, np.array([by_answer[c.answer] for c in record.candidates]))


def write_scores(
    path: Path,
    scorer: Scorer,
    sets: Sequence[Questions],
    *,
    joint: bool = True,
    bars: bool = True,
) -> int:
    """Score the sets and write the file in one step; how many questions."""

    def rows() -> Iterator[dict[str, Any]]:
        for one in sets:
            bar = track(one.records, one.name, console=Console(stderr=True), disable=not bars)
            for record in bar:
                scored = score_with_bare(scorer, record, joint=joint)
                row = {"set": one.name, "id": record.id}
                yield {**row, "logits": _listed(scored.logits), "bare": _listed(scored.bare)}

    return write_jsonl(path, rows())


def _listed(logits: Logits | None) -> list[float] | None:
    return None if logits is None else [round(float(z), 5) for z in logits]


def read_scores(path: Path, sets: Iterable[Questions]) -> dict[str, list[Scored]]:
    """By set, in the questions' order. Raises `DataError` scores_damaged."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for _, row in read_jsonl(path):
        rows.setdefault(str(row.get("set")), []).append(row)
    found: dict[str, list[Scored]] = {}
    for one in sets:
        own = rows.get(one.name, [])
        if [row.get("id") for row in own] != [record.id for record in one.records]:
            raise DataError("scores_damaged", f"{path.name}: not the questions of {one.name}")
        found[one.name] = [
            scored_of(r, _logits(row, "logits", r, path), _logits(row, "bare", r, path))
            for r, row in zip(one.records, own, strict=True)
        ]
    return found


def _logits(row: dict[str, Any], field: str, record: Record, path: Path) -> Logits | None:
    raw = row.get(field)
    if raw is None:
        return None
    if not isinstance(raw, list) or len(raw) != len(record.candidates):
        raise DataError("scores_damaged", f"{path.name}: field {field} of {record.set_name}")
    return np.array(raw, dtype=np.float64)
