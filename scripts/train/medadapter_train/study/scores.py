"""Held-out scores of a run, kept as a file without a word of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from medadapter_train.data import Candidate, Record
from medadapter_train.errors import DataError
from medadapter_train.held_out import Scorer
from medadapter_train.jsonl import read_jsonl, write_jsonl
from medadapter_train.scoring import Logits, Scored, scored_of
from medadapter_train.study.questions import Questions


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
