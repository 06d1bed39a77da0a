"""Golden files that hold scores: logits of the recorded examples, decisions of the selector.

`logits.golden.jsonl`: `{id, candidates: [{index, torch, int8}]}` for questions of
`examples/recorded`. `selector.golden.json`: `{calibration, selector, abstention, adaptiveK, cases:
[{name, task, labels, closed, hasContext, evidenceUnseen, candidates: [{answer, logit}],
probabilities, winner, score, scores, confidence, bestOf, staysAhead, spent, answered}]}` with
invented logits, for the manifest's fields given. `spent`: candidates asked for, in their order,
until the stopping rule ends it (null without a rule); `answered`: by target error, whether the
question is answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medadapter_train.bundle.parity import onnx_logits, torch_logits
from medadapter_train.model.adaptive import leader_stays_ahead, spent_and_right
from medadapter_train.model.onnx_scorer import OnnxEngine
from medadapter_train.model.prefix import PrefixRanker
from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import decide, probabilities_of, units_of, weighted_vote
from medadapter_train.model.template import TextEncoder

CLOSED = ("yes", "no", "maybe")
LETTERED = ("A", "B", "C", "D")
#: The empty one and `other` have no selector of their own.
TASKS = ("", "pubmedqa", "bioasq", "medqa", "other")
MOST_CANDIDATES = 8


def recorded_rows(
    files: Sequence[Path], encoder: TextEncoder, ranker: PrefixRanker, engine: OnnxEngine
) -> Iterator[dict[str, Any]]:
    """Logits of the first 8 candidates of every recorded question."""
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            raw = json.loads(line)
            options = list((raw["options"] or {}).items())
            prefix = encoder.prefix(raw["question"], options, raw["context"]).ids
            texts = [
                encoder.candidate(options, c["answer"], c["text"]).ids
                for c in raw["candidates"][:MOST_CANDIDATES]
            ]
            pairs = [(prefix, ids) for ids in texts]
            both = zip(torch_logits(ranker, pairs), onnx_logits(engine, pairs), strict=True)
            candidates = [
                {"index": i, "torch": round(float(t), 6), "int8": round(float(q), 6)}
                for i, (t, q) in enumerate(both)
            ]
            yield {"id": raw["id"], "candidates": candidates}


def _question(
    labels: Sequence[str],
    has_context: bool,
    answers: Sequence[str | None],
    logits: Sequence[float],
    task: str = "",
    unseen: bool = False,
) -> Scored:
    empty = ("",) * len(answers)
    return Scored(
        set_name="",
        labels=tuple(labels),
        closed=labels == CLOSED,
        has_context=has_context,
        gold="",
        answers=tuple(answers),
        correct=(False,) * len(answers),
        sources=empty,
        models=empty,
        logits=np.array(logits, dtype=np.float64),
        task=task,
        unseen=unseen,
    )


def _cases() -> Iterator[tuple[str, Scored]]:
    q = _question
    yield "one candidate", q(CLOSED, True, ["yes"], [0.3])
    yield "all agree", q(CLOSED, True, ["no"] * 5, [1.0, 0.2, -0.4, 2.2, 0.0])
    yield "a tie of votes", q(CLOSED, True, ["yes", "no"], [0.5, 0.9])
    yield "a tie in all", q(LETTERED, False, ["B", "A"], [0.5, 0.5])
    yield "some unparsed", q(LETTERED, False, [None, "C", None, "D", "C"], [3, 0.1, 2, 1, 0])
    yield "nothing parsed", q(LETTERED, False, [None, None], [1.0, 2.0])
    yield "scores against votes", q(CLOSED, True, ["no"] * 4 + ["yes"], [-3, -3, -2, -3, 4])
    yield "large logits", q(LETTERED, False, ["A", "B", "B"], [60.0, -60.0, 59.0])
    yield "closed without context", q(CLOSED, False, ["yes", "maybe", "no"], [0.1, 0.2, 0.3])
    yield "lettered with context", q(LETTERED, True, ["A", "B", "B"], [1.0, 0.2, 0.3])
    rng = np.random.default_rng(20261123)
    for number in range(40):
        labels = CLOSED if number % 2 else LETTERED
        count = int(rng.integers(2, 17))
        choices: list[str | None] = [*labels, None]
        answers = [choices[i] for i in rng.integers(0, len(choices), count)]
        logits = [round(float(v), 4) for v in rng.normal(0, 1.5, count)]
        task = TASKS[number % len(TASKS)]
        yield f"random {number}", q(labels, number % 4 == 1, answers, logits, task)
        if number % 8 == 1:
            unseen = q(labels, True, answers, logits, task, unseen=True)
            yield f"random {number}, evidence that the LLM did not see", unseen


def selector_golden(manifest: dict[str, Any]) -> dict[str, Any]:
    """Decisions of a manifest's fitted fields on the cases above."""
    fields = {k: manifest[k] for k in ("calibration", "selector", "abstention", "adaptiveK")}
    return {**fields, "cases": [_case(name, q, manifest) for name, q in _cases()]}


def _case(name: str, question: Scored, manifest: dict[str, Any]) -> dict[str, Any]:
    assert question.logits is not None
    decision = weighted_vote(question, manifest)
    units = units_of(question, manifest["calibration"])
    best = decide(units, [float(u.probabilities.max()) for u in units]).answer if units else None
    return {
        "name": name,
        "task": question.task,
        "labels": list(question.labels),
        "closed": question.closed,
        "hasContext": question.has_context,
        "evidenceUnseen": question.unseen,
        "candidates": [
            {"answer": a, "logit": float(v)}
            for a, v in zip(question.answers, question.logits, strict=True)
        ],
        "probabilities": probabilities_of(question.logits, manifest["calibration"]).tolist(),
        "winner": decision.answer,
        "score": decision.score,
        "scores": decision.scores,
        "confidence": decision.confidence,
        "bestOf": best,
        "spent": _spent(question, manifest),
        "answered": _answered(decision.confidence, manifest),
        "staysAhead": leader_stays_ahead(question, manifest["calibration"]),
    }


def _spent(question: Scored, manifest: dict[str, Any]) -> int | None:
    rule = manifest["adaptiveK"]
    order = range(len(question.answers))
    return (
        None if rule is None else spent_and_right(question, manifest, rule["threshold"], order)[0]
    )


def _answered(confidence: float | None, manifest: dict[str, Any]) -> dict[str, bool]:
    """An error rate that nothing can promise is never answered."""
    return {
        str(entry["targetError"]): confidence is not None
        and entry["threshold"] is not None
        and confidence >= entry["threshold"]
        for entry in manifest["abstention"]
    }
