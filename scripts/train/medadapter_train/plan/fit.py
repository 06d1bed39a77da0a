"""`plan fit`: weights of sources, confidence by stage, thresholds.

Weights are a conditional logit (McFadden 1974) over a question's labels, with each source's vote
share, the label's prior and, where scores are given, the adapter's term. They shrink to the mean of
their stage's sources, the priors to nought; how much is chosen by cross-validation. Sources that
err together are fitted together, so their votes count less.

The adapter's term is fitted on the questions that no adapter trained here has learnt, beside the
weights, and kept only where it makes the held-out likelihood better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadapter_train.data.split import fold_key
from medadapter_train.errors import DataError
from medadapter_train.fit.abstention import abstention_entry
from medadapter_train.plan.config import PlanConfig
from medadapter_train.plan.cost import stage_costs
from medadapter_train.plan.questions import Design, PlanQuestion, Winner, decide, designs
from medadapter_train.stats.regression import Choice, fit_choice, fit_logistic, sigmoid

Floats = NDArray[np.float64]
FOLDS = 5
#: Penalties that cross-validation chooses among: of weights about their mean, of the confidence's
#: standardised features.
WEIGHT_PENALTIES = (0.5, 2.0, 8.0, 32.0)
CONFIDENCE_PENALTIES = (1.0, 3.0, 10.0, 30.0)
#: Of a label's prior, and of the mean weight of a stage's sources.
PRIOR_PENALTY, MEAN_PENALTY = 5.0, 0.05
VOTE_FEATURES = ("log_odds", "top_share", "margin", "distinct", "unread")
SCORE_FEATURES = ("logit_mean", "logit_share")
#: Fewer questions that the adapter has not learnt say too little about its scores.
LEAST_UNLEARNT = 60


@dataclass(frozen=True, slots=True)
class Weights:
    """Of one model: by source, of the adapter's term, by label."""

    sources: dict[str, float]
    adapter: float
    priors: dict[str, float]


def fit_plan(
    plan: PlanConfig,
    questions: Sequence[PlanQuestion],
    version: str,
    adapter: str | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """The fitted plan (src/adapter/select/planFit.ts), without metrics.

    `adapter`: the `name@version` whose logits the questions have. Raises `DataError`
    too_few_questions.
    """
    if len(questions) < plan.least:
        raise DataError(
            "too_few_questions",
            f"{len(questions)} questions have candidates of every LLM; {plan.least} are needed",
        )
    groups = []
    kinds = sorted({q.closed for q in questions})
    for closed in kinds:
        own = [q for q in questions if q.closed == closed]
        say(f"{'closed' if closed else 'lettered'}: {len(own)} questions")
        stages = [_stage(plan, own, at, adapter) for at in range(len(plan.stage))]
        groups.append(("closed" if closed else "lettered", stages))
    used = any(stage["scored"] for _, stages in groups for stage in stages)
    sets = sorted({q.set_name for q in questions})
    return {
        "schema": 1,
        "name": f"plan.{plan.name}",
        "version": version,
        "createdAt": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "stages": plan.sources,
        "adapter": adapter if used else None,
        "groups": [{"labels": labels, "stages": stages} for labels, stages in groups],
        "files": [],
        "fittedOn": [
            {"set": name, "questions": sum(q.set_name == name for q in questions)} for name in sets
        ],
        "metrics": [],
        "training": asdict(plan),
    }


def _stage(
    plan: PlanConfig, questions: Sequence[PlanQuestion], at: int, adapter: str | None
) -> dict[str, Any]:
    fold = np.array([fold_key(q.key) % FOLDS for q in questions])
    rows = [row[at] for row in designs(questions, at + 1, scored=False)]
    penalty = _best_penalty(plan, questions, rows, at, fold)
    crossed: list[Winner | None] = [None] * len(questions)
    for k in range(FOLDS):
        inside = [i for i in range(len(questions)) if fold[i] != k]
        outside = [i for i in range(len(questions)) if fold[i] == k]
        if not outside:
            continue
        weights = _weights(
            plan, [questions[i] for i in inside], [rows[i] for i in inside], at, penalty
        )
        held = decide([questions[i] for i in outside], _provisional(plan, questions, weights, at))
        for i, row in zip(outside, held, strict=True):
            crossed[i] = row[at]
    weights = _weights(plan, questions, rows, at, penalty)
    right = [w is not None and w.answer == q.gold for w, q in zip(crossed, questions, strict=True)]
    confidence, values = _confidence(plan, crossed, right, fold, VOTE_FEATURES)
    last = at == len(plan.stage) - 1
    return {
        "votes": _model(plan, weights, confidence, at),
        "scored": None if adapter is None else _scored(plan, questions, weights, at),
        "thresholds": []
        if last
        else _thresholds(plan, questions, values, np.array(right, dtype=np.float64), at),
    }


def _best_penalty(
    plan: PlanConfig,
    questions: Sequence[PlanQuestion],
    rows: Sequence[Design],
    at: int,
    fold: NDArray[np.int64],
) -> float:
    """The penalty of the best held-out likelihood."""
    losses = []
    for penalty in WEIGHT_PENALTIES:
        loss = 0.0
        for k in range(FOLDS):
            inside = [i for i in range(len(rows)) if fold[i] != k]
            weights = _weights(
                plan, [questions[i] for i in inside], [rows[i] for i in inside], at, penalty
            )
            for i in np.flatnonzero(fold == k):
                loss -= _log_likelihood(questions[int(i)], rows[int(i)], weights)
        losses.append(loss)
    return WEIGHT_PENALTIES[int(np.argmin(losses))]


def _log_likelihood(question: PlanQuestion, design: Design, weights: Weights) -> float:
    scores = _scores(question, design, weights)
    top = scores.max()
    right = question.labels.index(question.gold)
    return float(scores[right] - top - np.log(np.exp(scores - top).sum()))


def _scores(question: PlanQuestion, design: Design, weights: Weights) -> Floats:
    own = np.array([weights.sources.get(source, 0.0) for source in design.sources])
    prior = np.array([weights.priors.get(label, 0.0) for label in question.labels])
    scores: Floats = design.shares @ own + weights.adapter * design.logits + prior
    return scores


def _weights(
    plan: PlanConfig,
    questions: Sequence[PlanQuestion],
    rows: Sequence[Design],
    at: int,
    penalty: float,
) -> Weights:
    """Columns: a mean for each stage, each source's difference from it, each label."""
    stages = plan.sources[: at + 1]
    names = [name for stage in stages for name in stage]
    labels = sorted({label for q in questions for label in q.labels})
    choices = []
    for question, design in zip(questions, rows, strict=True):
        columns = {source: design.shares[:, i] for i, source in enumerate(design.sources)}
        nothing = np.zeros(len(question.labels))
        shares = [columns.get(name, nothing) for name in names]
        means = [np.sum([columns.get(name, nothing) for name in stage], axis=0) for stage in stages]
        own = [np.array([float(label == one) for one in question.labels]) for label in labels]
        features = np.stack([*means, *shares, *own], axis=1)
        right = np.array([float(label == question.gold) for label in question.labels])
        choices.append(Choice(features, right, 1.0))
    penalties = np.array(
        [MEAN_PENALTY] * len(stages) + [penalty] * len(names) + [PRIOR_PENALTY] * len(labels)
    )
    found = fit_choice(choices, penalties, np.zeros(len(penalties)))
    means_of = {name: float(found[s]) for s, stage in enumerate(stages) for name in stage}
    differences = found[len(stages) : len(stages) + len(names)]
    sources = {name: means_of[name] + float(d) for name, d in zip(names, differences, strict=True)}
    priors = found[len(stages) + len(names) :]
    return Weights(sources, 0.0, dict(zip(labels, map(float, priors), strict=True)))


def _confidence(
    plan: PlanConfig,
    winners: Sequence[Winner | None],
    right: Sequence[bool],
    fold: NDArray[np.int64],
    features: Sequence[str],
) -> tuple[dict[str, Any], Floats]:
    """The logistic model in raw units, and each question's cross-validated confidence (0 where
    nobody gave an answer)."""
    sources = sorted({name for w in winners if w is not None for name in w.support})
    there = np.array([w is not None for w in winners])
    x = np.array(
        [
            [w.features[f] for f in features] + [w.support.get(s, 0.0) for s in sources]
            for w in winners
            if w is not None
        ]
    ).reshape(int(there.sum()), len(features) + len(sources))
    y = np.array([float(r) for r, w in zip(right, winners, strict=True) if w is not None])
    f = fold[there]
    best: tuple[float, float, Floats] | None = None
    for penalty in CONFIDENCE_PENALTIES:
        held = np.full(len(y), y.mean())
        for k in range(FOLDS):
            inside = f != k
            if inside.all() or not inside.any():
                continue
            held[~inside] = _predicted(_logistic(x[inside], y[inside], penalty), x[~inside])
        p = np.clip(held, 1e-6, 1 - 1e-6)
        loss = -float((y * np.log(p) + (1 - y) * np.log(1 - p)).mean())
        if best is None or loss < best[0]:
            best = (loss, penalty, held)
    if best is None:
        raise DataError("too_few_questions", "no question has an answer")
    _, penalty, held = best
    w, bias = _logistic(x, y, penalty)
    values = np.zeros(len(winners))
    values[there] = held
    fitted = {
        "bias": bias,
        "features": dict(zip(features, map(float, w[: len(features)]), strict=True)),
        "support": dict(zip(sources, map(float, w[len(features) :]), strict=True)),
    }
    return fitted, values


def _logistic(x: Floats, y: Floats, penalty: float) -> tuple[Floats, float]:
    """Weights and bias in raw units; shrunk in units of each feature's own spread."""
    centre, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    w, b = fit_logistic((x - centre) / spread, y, np.ones(len(y)), np.full(x.shape[1], penalty))
    return w / spread, float(b - (w / spread) @ centre)


def _predicted(model: tuple[Floats, float], x: Floats) -> Floats:
    w, b = model
    return np.asarray(sigmoid(x @ w + b))


def _model(
    plan: PlanConfig, weights: Weights, confidence: dict[str, Any], at: int
) -> dict[str, Any]:
    defaults = [
        float(np.mean([weights.sources[name] for name in stage]))
        for stage in plan.sources[: at + 1]
    ]
    return {
        "weights": weights.sources,
        "defaults": defaults,
        "adapter": weights.adapter,
        "priors": weights.priors,
        "confidence": confidence,
    }


def _provisional(
    plan: PlanConfig, questions: Sequence[PlanQuestion], weights: Weights, at: int
) -> dict[str, Any]:
    """A fitted plan with these weights in its every stage, for the service to decide by."""
    model = _model(plan, weights, {"bias": 0.0, "features": {}, "support": {}}, at)
    scored = model if weights.adapter else None
    stage: dict[str, Any] = {"votes": model, "scored": scored, "thresholds": []}
    kind = "closed" if questions[0].closed else "lettered"
    stages = [stage] * len(plan.stage)
    return {
        "schema": 1,
        "name": f"plan.{plan.name}",
        "version": "0",
        "createdAt": "1970-01-01T00:00:00Z",
        "stages": plan.sources,
        "adapter": "a@0" if weights.adapter else None,
        "groups": [{"labels": kind, "stages": stages}],
        "files": [],
        "fittedOn": [],
        "metrics": [],
    }


def _scored(
    plan: PlanConfig, questions: Sequence[PlanQuestion], votes: Weights, at: int
) -> dict[str, Any] | None:
    """The model with the adapter's scores; None where they do not help."""
    own = [
        q
        for q in questions
        if not q.learnt and all(vote.logit is not None for vote in q.votes if vote.stage <= at)
    ]
    if len(own) < LEAST_UNLEARNT:
        return None
    fold = np.array([fold_key(q.key) % FOLDS for q in own])
    rows = [row[at] for row in designs(own, at + 1, scored=True)]
    held = sum(_adapter_gain(own, rows, votes, fold, k) for k in range(FOLDS))
    weight = max(0.0, _adapter_weight(own, rows, votes)) if held > 0 else 0.0
    weights = Weights(votes.sources, weight, votes.priors)
    winners = [
        row[at]
        for row in decide(own, _provisional(plan, own, weights, at), "a@0" if weight else None)
    ]
    right = [w is not None and w.answer == q.gold for w, q in zip(winners, own, strict=True)]
    with_logits = _with_score_features(plan, own, weights, winners, at)
    plain, by_votes = _confidence(plan, winners, right, fold, VOTE_FEATURES)
    both, by_both = _confidence(plan, with_logits, right, fold, (*VOTE_FEATURES, *SCORE_FEATURES))
    y = np.array(right, dtype=np.float64)
    if _log_loss(by_both, y) >= _log_loss(by_votes, y):
        if weight == 0.0:
            return None
        return _model(plan, weights, plain, at)
    return _model(plan, weights, both, at)


def _with_score_features(
    plan: PlanConfig,
    questions: Sequence[PlanQuestion],
    weights: Weights,
    winners: Sequence[Winner | None],
    at: int,
) -> list[Winner | None]:
    """The same winners with the features of the adapter's scores."""
    tiny = Weights(weights.sources, weights.adapter or 1e-9, weights.priors)
    told = [row[at] for row in decide(questions, _provisional(plan, questions, tiny, at), "a@0")]
    return [
        other if other is not None and w is not None and other.answer == w.answer else w
        for w, other in zip(winners, told, strict=True)
    ]


def _log_loss(values: Floats, right: Floats) -> float:
    p = np.clip(values, 1e-6, 1 - 1e-6)
    return -float((right * np.log(p) + (1 - right) * np.log(1 - p)).mean())


def _adapter_gain(
    questions: Sequence[PlanQuestion],
    rows: Sequence[Design],
    votes: Weights,
    fold: NDArray[np.int64],
    k: int,
) -> float:
    """How much better the adapter's term makes the likelihood of a fold, fitted on the rest."""
    inside = [i for i in range(len(rows)) if fold[i] != k]
    weight = max(
        0.0, _adapter_weight([questions[i] for i in inside], [rows[i] for i in inside], votes)
    )
    more = Weights(votes.sources, weight, votes.priors)
    return sum(
        _log_likelihood(questions[int(i)], rows[int(i)], more)
        - _log_likelihood(questions[int(i)], rows[int(i)], votes)
        for i in np.flatnonzero(fold == k)
    )


def _adapter_weight(
    questions: Sequence[PlanQuestion], rows: Sequence[Design], votes: Weights
) -> float:
    """Of the adapter's term beside the weights as they are."""
    choices = [
        Choice(
            np.stack([_scores(q, row, votes), row.logits], axis=1),
            np.array([float(label == q.gold) for label in q.labels]),
            1.0,
        )
        for q, row in zip(questions, rows, strict=True)
    ]
    # The votes' score keeps its unit: its factor is held at 1.
    found = fit_choice(choices, np.array([1e6, 5.0]), np.array([1.0, 0.0]))
    return float(found[1])


def _thresholds(
    plan: PlanConfig,
    questions: Sequence[PlanQuestion],
    confidences: Floats,
    right: Floats,
    at: int,
) -> list[dict[str, Any]]:
    """Of confidence, for the wishes of the plan file, on cross-validated confidences."""
    rows: list[dict[str, Any]] = [
        {"by": "share", "value": share, "threshold": share_threshold(confidences, share)}
        for share in plan.shares
    ]
    for error in plan.errors:
        entry = abstention_entry(confidences, right, error)
        rows.append({"by": "error", "value": error, "threshold": entry["threshold"]})
    costs = stage_costs(plan, questions)
    if costs is not None and at + 1 < costs.shape[1]:
        here, more = float(costs[:, : at + 1].sum(axis=1).mean()), float(costs[:, at + 1].mean())
        for price in plan.prices:
            share = (price - here) / more if more > 0 else 1.0
            threshold = None if share < 0 else share_threshold(confidences, min(1.0, share))
            rows.append({"by": "price", "value": price, "threshold": threshold})
    return rows


def share_threshold(confidences: Floats, share: float) -> float:
    """The confidence below which so large a share of the questions lies."""
    ordered = np.sort(confidences)
    count = round(share * len(ordered))
    if count >= len(ordered):
        return 1.0
    return float(ordered[count])
