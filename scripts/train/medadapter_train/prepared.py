"""Questions as the selector's fit sees them: units with features, weighted by set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadapter_train.fit import Choice
from medadapter_train.scoring import Scored
from medadapter_train.select import Unit, decide, feature_rows, units_of

Floats = NDArray[np.float64]
RANKING = ["vote_share", "logit_mean"]
SURENESS = ["distinct", "entropy"]
FEATURE_NAMES = [*RANKING, *SURENESS]
#: Where the features of scores stand. Trained to be higher for what is right, they never count
#: against it.
SCORES = slice(1, len(RANKING))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question's units with features; `weight` gives each set the same say."""

    units: list[Unit]
    features: Floats
    weight: float
    group: int


@dataclass(frozen=True, slots=True)
class Winner:
    """Whom some weights choose: its score, and the part of it that candidates' scores gave, the
    question's features of sureness, and whether it is right."""

    score: float
    by_scores: float
    sureness: tuple[float, ...]
    right: float


def labels_of(questions: Sequence[Scored]) -> list[str]:
    """All labels of closed questions, in order."""
    return sorted({label for q in questions for label in q.labels})


def prepare(
    questions: Sequence[Scored], calibration: dict[str, Any], labels: Sequence[str]
) -> list[Prepared]:
    """Units, ranking features and one indicator a label (closed sets) of every question."""
    sizes: dict[str, int] = {}
    for q in questions:
        sizes[q.set_name] = sizes.get(q.set_name, 0) + 1
    mean = len(questions) / max(1, len(sizes))
    prepared = []
    for index, q in enumerate(questions):
        units = units_of(q, calibration)
        if not units:
            continue
        priors = np.array([[float(u.answer == label) for label in labels] for u in units])
        rows = np.hstack([feature_rows(units, RANKING), priors.reshape(len(units), -1)])
        prepared.append(Prepared(units, rows, mean / sizes[q.set_name], index))
    return prepared


def choices_of(items: Sequence[Prepared]) -> list[Choice]:
    """What the conditional logit needs of them."""
    return [
        Choice(i.features, np.array([float(u.correct) for u in i.units]), i.weight) for i in items
    ]


def winner_of(item: Prepared, weights: Floats) -> Winner:
    """The unit that weights [ranking features + labels] choose."""
    scores = [float(s) for s in item.features @ weights]
    unit = decide(item.units, scores)
    at = item.units.index(unit)
    by_scores = float(item.features[at, SCORES] @ weights[SCORES])
    sureness = tuple(feature_rows(item.units, SURENESS)[0].tolist())
    return Winner(scores[at], by_scores, sureness, float(unit.correct))
