"""Evaluation, always side by side: one sample, self-consistency, the best source, a ranker that
sees only letter and vote, the adapter on bare answers, the adapter's rules, the oracle. Intervals
are by question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadapter_train.errors import DataError
from medadapter_train.measure.curves import curves
from medadapter_train.measure.decided import Decided, read_scored
from medadapter_train.measure.outcomes import calibration_effect, confusion, score_histogram
from medadapter_train.measure.withhold import Withholding
from medadapter_train.model.scoring import Scored, score_file
from medadapter_train.model.select import Units, select_all, units_of
from medadapter_train.stats.metrics import (
    area_under_curve,
    area_under_risk_coverage,
    best_source,
    calibration_error,
    interval,
    mcnemar,
    raw_calibration_error,
    reliability,
    risk_coverage,
    summary,
)
from medadapter_train.stats.regression import Choice, fit_choice

Floats = NDArray[np.float64]
RULES = [
    "single",
    "best_source",
    "majority",
    "letter_vote",
    "answer_only",
    "best_of",
    "weighted_vote",
    "oracle",
]


def letter_vote(questions: Sequence[Scored], folds: int = 10) -> Floats:
    """Right or not, by question, for a ranker of letter and vote share fitted by cross-validation
    on these very questions: the accuracy that needs no reading of the candidates. Free text has
    neither letters nor votes: there any candidate may win.
    """
    asked: list[Units] = units_of(questions, {}, ["vote_share"])
    labels = sorted({answer for units in asked for answer in units.answers if answer})
    choices = [Choice(_letter_rows(units, labels), units.right, 1.0) for units in asked]
    fold = np.random.default_rng(1).permutation(len(questions)) % folds
    penalty = np.array([0.01, *([0.5] * len(labels))])
    centre = np.array([4.0, *([0.0] * len(labels))])
    values = np.zeros(len(questions))
    for f in range(folds):
        inside = [c for c, g in zip(choices, fold, strict=True) if g != f]
        weights = fit_choice(inside, penalty, centre)
        for i in np.flatnonzero(fold == f):
            right = choices[i].right
            if not questions[int(i)].labels:
                values[i] = right.mean()
            elif len(right):
                values[i] = right[int(np.argmax(choices[i].features @ weights))]
    return values


def _letter_rows(units: Units, labels: Sequence[str]) -> Floats:
    """[answers, vote share + labels]."""
    own = [[float(answer == label) for label in labels] for answer in units.answers]
    return np.hstack([units.features, np.array(own).reshape(len(units.answers), len(labels))])


def answer_only(questions: Sequence[Scored]) -> Floats:
    """Right or not, by question, for the answer that scores highest without a word of its
    candidates' reasoning, among those that some candidate gave: what the adapter knows by itself.
    """
    alone = [replace(question, logits=question.bare) for question in questions]
    return np.array([float(decided.best_of) for decided in select_all(alone, {})])


def evaluate_set(
    questions: Sequence[Scored], manifest: dict[str, Any], given: Sequence[Decided] | None = None
) -> dict[str, Any]:
    """All figures of one set. `given`: decisions of a scored file, by question; else they are made
    from the scores."""
    if not questions:
        raise DataError("empty_file", "a file has no question in this share")
    chosen = select_all(questions, manifest)
    decided = given or [Decided(d.weighted, d.best_of, d.vote) for d in chosen]
    decisions = [d.weighted for d in decided]
    per_question: dict[str, Floats] = {
        "single": np.array([float(np.mean(q.correct)) for q in questions]),
        "best_source": best_source([q.sources for q in questions], [q.correct for q in questions]),
        "majority": np.array([d.majority for d in chosen]),
        "letter_vote": letter_vote(questions),
        "answer_only": answer_only(questions),
        "best_of": np.array([float(d.best_of) for d in decided]),
        "weighted_vote": np.array([float(d.correct) for d in decisions]),
        "oracle": np.array([float(any(q.correct)) for q in questions]),
    }
    figures: dict[str, Any] = {k: float(v.mean()) for k, v in per_question.items()}
    figures["intervals"] = {k: interval(v) for k, v in per_question.items()}
    weighted = per_question["weighted_vote"]
    for baseline in ("majority", "letter_vote", "single"):
        diff = weighted - per_question[baseline]
        figures[f"paired_vs_{baseline}"] = {"diff": float(diff.mean()), **interval(diff)}
    votes = [d.vote for d in decided]
    figures["mcnemar_vs_vote"] = mcnemar([d.correct for d in decisions], votes)
    parsed = [a is not None for q in questions if q.labels for a in q.answers]
    scored = [q for q in questions if q.logits is not None]
    logits = np.array([float(v) for q in scored if q.logits is not None for v in q.logits])
    labels = np.array([c for q in scored for c in q.correct], dtype=np.bool_)
    sure = [(d.confidence, d.correct) for d in decisions if d.confidence is not None]
    confidences = np.array([c for c, _ in sure])
    right = np.array([float(r) for _, r in sure])
    figures |= {
        "parse_rate": float(np.mean(parsed)) if parsed else None,
        "unscored": len(questions) - len(scored),
        "auc": area_under_curve(logits, labels),
        "ece": calibration_error(confidences, right) if len(sure) else None,
        "ece_raw": raw_calibration_error(confidences, right) if len(sure) else None,
        "calibration_effect": calibration_effect(
            logits, labels.astype(np.float64), decisions, manifest
        ),
        "validated": sum(d.validated for d in decided),
        "reliability": reliability(confidences, right) if len(sure) else [],
        "risk_coverage": risk_coverage(confidences, right) if len(sure) else [],
        "aurc": area_under_risk_coverage(confidences, right) if len(sure) else None,
        "histogram": score_histogram(logits, labels, manifest) if len(scored) else [],
        "confusion": confusion(questions, decisions),
        **curves(questions, decided, manifest),
        "confidences": [[round(float(c), 5), int(r)] for c, r in sure],
    }
    ordered = {"name": questions[0].set_name, "n": len(questions), **figures}
    return summary(ordered)


def evaluate_sets(
    by_set: dict[str, list[Scored]],
    manifest: dict[str, Any],
    given: dict[str, list[Decided]] | None = None,
) -> dict[str, Any]:
    """The evaluation's JSON: every set, macro means, and what is pooled over all questions.

    `given`: decisions of scored files, by set; else they are made from the scores.
    """
    datasets = [
        evaluate_set(questions, manifest, given[name] if given else None)
        for name, questions in by_set.items()
    ]
    pooled = np.array([pair for d in datasets for pair in d["confidences"]]).reshape(-1, 2)
    macro = {rule: float(np.mean([d[rule] for d in datasets])) for rule in RULES}
    for baseline in ("majority", "letter_vote", "single"):
        macro[f"weighted_vs_{baseline}"] = macro["weighted_vote"] - macro[baseline]
    surest = [_at(d, 0.6) - _at(d, 1.0) for d in datasets if d["risk_coverage"]]
    if surest:
        macro["surest_60_gain"] = float(np.mean(surest))
    return {
        "adapter": f"{manifest['name']} {manifest['version']}",
        "datasets": datasets,
        "macro": macro,
        "pooled": _pooled(pooled[:, 0], pooled[:, 1], manifest) if len(pooled) else None,
    }


def evaluate_bundle(
    bundle: Path,
    manifest: dict[str, Any],
    files: Sequence[Path],
    split: str,
    *,
    withhold: str = "",
    threads: int = 2,
) -> dict[str, Any]:
    """All figures of a bundle on a share of candidate files, which are scored here.

    `manifest`: the bundle's, as read. `withhold`: the part that the adapter is not shown, a key of
    `withhold.WITHOUT`. `threads`: of onnxruntime. Raises `DataError`, `ModelError`.
    """
    from medadapter_train.model.onnx_scorer import BundleScorer

    whole = BundleScorer(bundle, threads, bare=True)
    scorer = Withholding(whole, whole.encoder, withhold) if withhold else whole
    scored = {str(path): score_file(scorer, path, split) for path in files}
    told = {"withheld": withhold} if withhold else {}
    return {"split": split, **told, **evaluate_sets(scored, manifest)}


def evaluate_scored(files: Sequence[Path], manifest: dict[str, Any], split: str) -> dict[str, Any]:
    """The same of files that `npm run eval` scored. They hold the questions that were asked for:
    nothing is left out here, and `split` is only told. Raises `DataError`."""
    adapter = f"{manifest['name']}@{manifest['version']}"
    found = {str(path): read_scored(path, adapter) for path in files}
    questions = {name: pair[0] for name, pair in found.items()}
    given = {name: pair[1] for name, pair in found.items()}
    return {"split": split, **evaluate_sets(questions, manifest, given)}


def _at(dataset: dict[str, Any], coverage: float) -> float:
    return next(float(r["accuracy"]) for r in dataset["risk_coverage"] if r["coverage"] == coverage)


def _pooled(confidences: Floats, right: Floats, manifest: dict[str, Any]) -> dict[str, Any]:
    thresholds = []
    for entry in manifest.get("abstention", []):
        if entry["threshold"] is None:
            thresholds.append({**entry, "measured_error": None, "measured_coverage": None})
            continue
        answered = confidences >= entry["threshold"]
        error = float(1 - right[answered].mean()) if answered.any() else None
        thresholds.append(
            {**entry, "measured_error": error, "measured_coverage": float(answered.mean())}
        )
    return {
        "n": len(right),
        "ece": calibration_error(confidences, right),
        "ece_raw": raw_calibration_error(confidences, right),
        "reliability": reliability(confidences, right),
        "risk_coverage": risk_coverage(confidences, right),
        "aurc": area_under_risk_coverage(confidences, right),
        "abstention": thresholds,
    }


def manifest_metrics(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Entries `{set, n, rule, value, low, high}` of every set."""
    entries = []
    for d in result["datasets"]:
        for rule in RULES:
            entries.append(_metric(d, rule, {"value": d[rule], **d["intervals"][rule]}))
        paired = d["paired_vs_majority"]
        value = {"value": paired["diff"], "low": paired["low"], "high": paired["high"]}
        entries.append(_metric(d, "weighted_vote_minus_majority", value))
    return entries


def _metric(dataset: dict[str, Any], rule: str, value: dict[str, float]) -> dict[str, Any]:
    rounded = {k: round(float(v), 4) for k, v in value.items()}
    return {"set": dataset["name"], "n": dataset["n"], "rule": rule, **rounded}
