"""Everything that is fitted on held-out questions goes into the manifest here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadapter_train.data.split import fold_key, share_of_key
from medadapter_train.errors import DataError, TrainError
from medadapter_train.fit.abstention import abstention_entry
from medadapter_train.fit.confidence import less_sure, with_few
from medadapter_train.fit.groups import Groups
from medadapter_train.fit.held_out import HeldOut
from medadapter_train.fit.prepared import FEATURE_NAMES, with_features
from medadapter_train.fit.stopping import fit_threshold
from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import select_all
from medadapter_train.stats.metrics import calibration_error, interval
from medadapter_train.stats.regression import fit_platt, fit_temperature

TARGET_ERRORS = (0.05, 0.10, 0.20)
LEAST_QUESTIONS = 40
MAIN_LLM_SHARE = 0.7
METHODS = ("platt", "temperature")


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The manifest's fitted `fields`, and a `report` of the fit, by cross-validation."""

    fields: dict[str, Any]
    report: dict[str, Any]


def check_method(method: str) -> None:
    """Raises `TrainError` bad_option."""
    if method not in METHODS:
        raise TrainError("bad_option", f"the method is one of {', '.join(METHODS)}")


def calibrate(
    held_out: Sequence[HeldOut],
    method: str = "platt",
    votes: Sequence[Scored] = (),
    crossed: frozenset[str] = frozenset(),
) -> Calibrated:
    """Fit candidate probability, selector, confidence, abstention and stopping rule.

    `votes`: questions of the training share, unscored, for what votes and labels are worth.
    `crossed`: names of the cross-fitted sets; their kinds learn that from their own questions.
    `method` is how logits become candidate probabilities: `platt` (slope and bias) or `temperature`
    (the slope alone; the same formula with bias 0, so the manifest calls it by the same name).
    Raises `DataError` too_few_questions, one_class.
    """
    usable = [h for h in held_out if h.scored.logits is not None]
    genuine = [h.scored for h in usable if not h.reduced]
    if len(genuine) < LEAST_QUESTIONS:
        raise DataError(
            "too_few_questions", f"{len(genuine)} held-out questions; {LEAST_QUESTIONS} are needed"
        )
    calibration = _candidate_probability(genuine, method)
    groups: list[dict[str, Any]] = []
    pulls: dict[str, float] = {}
    confidences = np.full(len(usable), np.nan)
    right = np.zeros(len(usable))
    keys = [fold_key(h.key) for h in usable]
    featured = with_features([*(h.scored for h in usable), *votes], calibration)
    fitting = Groups(featured[: len(usable)], keys, featured[len(usable) :], crossed)
    for kind, members, fitted in fitting.fit(LEAST_QUESTIONS):
        groups.append(fitted.entry)
        pulls[kind.name] = fitted.pull
        own = np.array(members)[fitted.questions]
        confidences[own], right[own] = fitted.confidences, fitted.right
    if not groups:
        raise DataError("too_few_questions", "no kind of question has enough held-out questions")
    fields: dict[str, Any] = {
        "calibration": calibration,
        "selector": {"features": FEATURE_NAMES, "groups": groups},
        "validatedOn": validated_pairs(genuine),
    }
    fields["selector"] = with_few(fields, [h.scored for h in usable], genuine)
    real = np.array([not h.reduced for h in usable]) & ~np.isnan(confidences)
    confidences = less_sure(confidences, [h.scored for h in usable], fields)
    told = real & ~np.isnan(confidences)
    # The bound counts independent questions, so a question in several sets counts once. Of
    # cross-fitted sets only the validation share counts, as of the others; otherwise they would
    # dominate the mixture.
    even = [h.scored.set_name not in crossed or share_of_key(h.key) == "validation" for h in usable]
    once = _first_of_each([h.key for h in usable], told & np.array(even))
    fields["abstention"] = [
        abstention_entry(confidences[once], right[once], target) for target in TARGET_ERRORS
    ]
    fields["adaptiveK"] = fit_threshold(genuine, fields)
    held = _out_of_fold([u.scored for u in usable], right, real)
    report = {
        "questions": len(genuine),
        "method": method,
        "pulls": pulls,
        "ece_out_of_fold": calibration_error(confidences[told], right[told]),
        "out_of_fold": held,
    }
    return Calibrated(fields, report)


def _first_of_each(keys: Sequence[str], among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """One of the entries `among` for every key, chosen by hash, so that no set is preferred."""
    chosen = np.zeros(len(keys), dtype=bool)
    seen: set[str] = set()
    for i in sorted(np.flatnonzero(among).tolist(), key=lambda i: fold_key(f"{keys[i]}/{i}")):
        chosen[i] = keys[i] not in seen
        seen.add(keys[i])
    return chosen


def _out_of_fold(
    questions: Sequence[Scored], right: NDArray[np.float64], real: NDArray[np.bool_]
) -> dict[str, dict[str, float]]:
    """By set, on held-out questions: n, SC@K, weighted vote, and their paired difference with its
    95 % interval. The selector did not see the question either."""
    by_set: dict[str, list[tuple[float, float]]] = {}
    told = [(q, good) for q, good, counts in zip(questions, right, real, strict=True) if counts]
    votes = [decided.majority for decided in select_all([q for q, _ in told], {})]
    for (question, good), vote in zip(told, votes, strict=True):
        by_set.setdefault(question.set_name, []).append((vote, float(good)))
    found = {}
    for name, pairs in by_set.items():
        values = np.array(pairs)
        gain = values[:, 1] - values[:, 0]
        found[name] = {
            "n": len(pairs),
            "majority": float(values[:, 0].mean()),
            "weighted_vote": float(values[:, 1].mean()),
            "diff": float(gain.mean()),
            **interval(gain),
        }
    return found


def _candidate_probability(questions: Sequence[Scored], method: str) -> dict[str, Any]:
    logits = np.concatenate([q.logits for q in questions if q.logits is not None])
    right = np.concatenate([np.array(q.correct, dtype=np.float64) for q in questions])
    if right.min() == right.max():
        raise DataError("one_class", "held-out candidates are all right, or all wrong")
    weight = np.concatenate([np.full(len(q.correct), 1 / len(q.correct)) for q in questions])
    if method == "temperature":
        return {"kind": "platt", "a": fit_temperature(logits, right, weight), "b": 0.0}
    a, b = fit_platt(logits, right, weight)
    return {"kind": "platt", "a": a, "b": b}


def validated_pairs(questions: Sequence[Scored]) -> list[dict[str, str]]:
    """LLM and task of every set that one LLM wrote at least 70 % of. A mixture of LLMs validates
    the confidence for none of them alone, and fewer than 40 questions validate nothing. With
    `evidence` where the LLM did not see what the adapter read: that is another kind of question.
    """
    sets: dict[tuple[str, str, bool], list[Scored]] = {}
    for q in questions:
        sets.setdefault((q.set_name, q.task, q.unseen), []).append(q)
    found: Counter[tuple[str, str, bool]] = Counter()
    for (_, task, unseen), own in sets.items():
        models = Counter(model for q in own for model in q.models)
        llm, most = models.most_common(1)[0]
        if llm and task and most >= MAIN_LLM_SHARE * models.total():
            found[llm, task, unseen] += len(own)
    pairs = [pair for pair, count in found.items() if count >= LEAST_QUESTIONS]
    return [
        {"llm": llm, "task": task} | ({"evidence": "unseen"} if unseen else {})
        for llm, task, unseen in sorted(pairs)
    ]
