"""Feedback files as training data: trusted records of one's own tenant; the rest is quarantined.

Format: `docs/data.md`. Anyone who can send feedback could teach the adapter wrong answers. So a
record counts only when the operator has marked it trusted, and a tenant's questions train no other
tenant's adapter unless that is asked for. What is left out is counted by reason, and never echoed.
Feedback lies in a file, a folder or a bucket.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from medadapter_train.data.tasks import task_ids
from medadapter_train.errors import DataError
from medadapter_train.system.files import read_jsonl, write_atomic, write_jsonl

Reason = Literal[
    "not_trusted",
    "other_tenant",
    "malformed",
    "no_outcome",
    "gold_unknown",
    "rating_undecided",
    "replaced",
]
#: Ratings from 1 to 5: 4 and 5 are right, 1 and 2 are wrong, 3 is undecided.
RIGHT_RATING = 4
WRONG_RATING = 2


class _Quarantined(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class Feedback:
    """Records for a candidate file, by the feedback's id, and what was left out: counts by reason,
    and `(where, reason)` of each."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    quarantined: list[tuple[str, Reason]] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(reason for _where, reason in self.quarantined))

    def told(self, name: str) -> list[str]:
        """Lines for the console: how many questions `name` has, and what was left out."""
        left_out = [f"quarantined, {reason}: {n}" for reason, n in sorted(self.counts.items())]
        return [f"{name}: {len(self.records)} questions", *left_out]


def read_feedback(paths: Iterable[Path], tenant: str | None) -> Feedback:
    """Read feedback files; `tenant` None takes all tenants' records.

    A later record of the same id replaces an earlier one (people correct themselves). Raises
    `DataError` as `read_jsonl` does.
    """
    result = Feedback()
    for path in paths:
        for where, raw in read_jsonl(path):
            try:
                name, record = _convert(raw, tenant)
            except _Quarantined as left_out:
                result.quarantined.append((where, left_out.reason))
                continue
            if name in result.records:
                result.quarantined.append((where, "replaced"))
            result.records[name] = record
    return result


def _convert(raw: dict[str, Any], tenant: str | None) -> tuple[str, dict[str, Any]]:
    if raw.get("trusted") is not True:
        raise _Quarantined("not_trusted")
    owner, name = raw.get("tenant"), raw.get("id")
    if not isinstance(owner, str) or not owner or not isinstance(name, str) or not name:
        raise _Quarantined("malformed")
    if tenant is not None and owner != tenant:
        raise _Quarantined("other_tenant")
    question, options = raw.get("question"), raw.get("options") or {}
    context, evidence = raw.get("context"), raw.get("evidence")
    candidates = _candidates(raw.get("candidates"))
    if (
        not isinstance(question, str)
        or not question.strip()
        or not all(text is None or isinstance(text, str) for text in (context, evidence))
        or not isinstance(options, dict)
        or not all(isinstance(text, str) for text in options.values())
    ):
        raise _Quarantined("malformed")
    gold, kept = _judge(raw, candidates, list(options))
    model = str(raw.get("llm", ""))
    return f"{owner}/{name}", {
        "id": f"feedback/{owner}/{name}",
        "dataset": "feedback",
        "split": "feedback",
        "task": _task(raw.get("task")),
        "question": question,
        "context": context,
        "evidence": evidence,
        "options": options or None,
        "gold": gold,
        "candidates": [
            {
                "cid": str(index),
                "model": candidates[index][2] or model,
                "method": "feedback",
                "text": candidates[index][0],
                "answer": candidates[index][1],
                "correct": correct,
            }
            for index, correct in kept
        ],
    }


def _task(raw: Any) -> str:
    """The registry's id, or an empty text: a record without a known task is still useful."""
    return raw if isinstance(raw, str) and raw in task_ids() else ""


def _candidates(raw: Any) -> list[tuple[str, str | None, str]]:
    """Text, answer, and the LLM that wrote it (empty: the record's)."""
    if not isinstance(raw, list) or not raw:
        raise _Quarantined("malformed")
    found = []
    for entry in raw:
        text = entry.get("text") if isinstance(entry, dict) else None
        answer = entry.get("answer") if isinstance(entry, dict) else None
        if not isinstance(text, str) or not text.strip():
            raise _Quarantined("malformed")
        if not (answer is None or isinstance(answer, str)):
            raise _Quarantined("malformed")
        found.append((text, answer, str(entry.get("llm") or "")))
    return found


def _judge(
    raw: dict[str, Any], candidates: list[tuple[str, str | None, str]], labels: list[str]
) -> tuple[str, list[tuple[int, bool]]]:
    """The gold label ("" for free text) and `(candidate, right)` of those the outcome decides."""
    outcome, chosen = raw.get("outcome"), raw.get("chosen")
    if not isinstance(outcome, dict) or len(outcome) != 1:
        raise _Quarantined("no_outcome")
    [(kind, value)] = outcome.items()
    if kind == "gold":
        if not labels or value not in labels:
            raise _Quarantined("gold_unknown")
        return value, [(i, answer == value) for i, (_text, answer, _llm) in enumerate(candidates)]
    right = _right(kind, value)
    if not isinstance(chosen, int) or not 0 <= chosen < len(candidates):
        raise _Quarantined("malformed")
    if not labels:
        return "", [(chosen, right)]
    answer = candidates[chosen][1]
    if answer not in labels:
        raise _Quarantined("gold_unknown")
    if not right:
        # Of two options the other is right; of more, which one is right stays unknown.
        others = [label for label in labels if label != answer]
        if len(others) != 1:
            raise _Quarantined("gold_unknown")
        [answer] = others
    return answer, [(i, given == answer) for i, (_text, given, _llm) in enumerate(candidates)]


def _right(kind: str, value: Any) -> bool:
    if kind == "correct" and isinstance(value, bool):
        return value
    if kind == "rating" and isinstance(value, int) and not isinstance(value, bool):
        if RIGHT_RATING <= value <= 5:
            return True
        if 1 <= value <= WRONG_RATING:
            return False
        if value == 3:
            raise _Quarantined("rating_undecided")
    raise _Quarantined("no_outcome")


def write_feedback(
    place: str, out: Path, tenant: str | None, *, all_tenants: bool, endpoint: str | None = None
) -> Feedback:
    """Read feedback from `place` and write its candidate file.

    Raises `DataError`: tenant_missing (neither a tenant nor all of them named), no_feedback
    (nothing is left; no file is written), and those of `read_feedback` and `feedback_files`.
    """
    if (tenant is None) != all_tenants:
        raise DataError("tenant_missing", "name one tenant, or ask for all of them, not both")
    with tempfile.TemporaryDirectory() as cache:
        found = read_feedback(feedback_files(place, Path(cache), endpoint), tenant)
    if not found.records:
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(found.counts.items()))
        raise DataError("no_feedback", f"no record may be used ({why})")
    write_jsonl(out, found.records.values())
    return found


def feedback_files(place: str, cache: Path, endpoint: str | None) -> list[Path]:
    """The feedback files of a path or an `s3://bucket/prefix`; the latter are copied to `cache`.

    Raises `DataError` file_missing, and `PublishError` as the store does.
    """
    if place.startswith("s3://"):
        return _download(place, cache, endpoint)
    path = Path(place)
    if path.is_file():
        return [path]
    found = sorted([*path.glob("*.jsonl"), *path.glob("*.jsonl.gz")]) if path.is_dir() else []
    if not found:
        raise DataError("file_missing", "no feedback file (*.jsonl, *.jsonl.gz) at the place given")
    return found


def _download(place: str, cache: Path, endpoint: str | None) -> list[Path]:
    from medadapter_train.system.object_store import Store

    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    store = Store.from_environment(endpoint, bucket)
    paths = []
    for key in store.keys(prefix):
        stored = store.get(key) if key.endswith((".jsonl", ".jsonl.gz")) else None
        if stored is None:
            continue
        path = cache / key.replace("/", "__")
        # Bytes as they are: `write_atomic` would compress a .gz name a second time.
        part = path.with_name(f"{path.name}.raw")
        write_atomic(part, [stored.body])
        part.replace(path)
        paths.append(path)
    if not paths:
        raise DataError("file_missing", "no feedback file (*.jsonl, *.jsonl.gz) at the place given")
    return paths
