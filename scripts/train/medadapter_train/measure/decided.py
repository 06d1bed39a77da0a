"""What was decided about a question, and scored files, which hold that.

Scored files are candidate files with scores and decisions, as `npm run eval` writes them. Format:
`docs/data.md`. Their decisions are those of the service's TypeScript core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medadapter_train.data.candidates import parse_records, set_name_of
from medadapter_train.errors import DataError
from medadapter_train.model.scoring import Logits, Scored, scored_of
from medadapter_train.model.select import Decision
from medadapter_train.system.files import read_jsonl


@dataclass(frozen=True, slots=True)
class Decided:
    """`vote`: self-consistency whose ties fall to the answer that came first, as it is served.

    `k_curve`: `{k, majority, best_of, weighted_vote}`, means over random orders; `adaptive`:
    `{threshold, spent, right}`. Both empty where nobody computed them. `validated`: the service
    would tell the confidence.
    """

    weighted: Decision
    best_of: bool
    vote: bool
    k_curve: tuple[dict[str, Any], ...] = ()
    adaptive: tuple[dict[str, Any], ...] = ()
    validated: bool = False


def read_scored(path: Path, adapter: str) -> tuple[list[Scored], list[Decided]]:
    """Questions and decisions, line by line.

    `adapter`: the `name@version` whose manifest they are measured with. Raises `DataError`:
    not_scored, wrong_adapter, and what `read_records` raises.
    """
    set_name = set_name_of(path).removesuffix(".scored")
    lines = list(read_jsonl(path))
    for where, raw in lines:
        found = raw.get("scored")
        if not isinstance(found, dict):
            raise DataError("not_scored", f"{where}: field scored is missing")
        if found.get("adapter") != adapter:
            raise DataError("wrong_adapter", f"{where}: scored by another adapter than {adapter}")
    questions, decided = [], []
    for record, (where, raw) in zip(parse_records(lines, set_name), lines, strict=True):
        try:
            candidates = raw["candidates"]
            logits, bare = _column(candidates, "logit"), _column(candidates, "bare")
            decided.append(_decided(raw["scored"]))
        except (KeyError, TypeError, ValueError):
            raise DataError("not_scored", f"{where}: not as npm run eval writes it") from None
        questions.append(scored_of(record, logits, bare))
    return questions, decided


def _column(candidates: Sequence[dict[str, Any]], name: str) -> Logits | None:
    """A number of every candidate; None where the question was not scored."""
    values = [c[name] for c in candidates]
    return None if None in values else np.array(values, dtype=np.float64)


def _decided(found: dict[str, Any]) -> Decided:
    weighted = found["weighted_vote"]
    decision = Decision(
        weighted["answer"], bool(weighted["right"]), weighted["score"], weighted["confidence"]
    )
    return Decided(
        decision,
        bool(found["best_of"]["right"]),
        bool(found["vote"]["right"]),
        tuple(found["k_curve"]),
        tuple(found["adaptive"] or ()),
        bool(found["validated"]),
    )
