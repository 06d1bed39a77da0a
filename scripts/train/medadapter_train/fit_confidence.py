"""How sure a chosen answer is: P(right) = sigmoid(slope . [score, distinct, entropy] + bias).

Fitted on held-out winners, chosen out of fold, and on those that votes and labels choose among
training questions. The latter know nothing of scores, but they are many: they keep the confidence
at what questions of the kind are like in general, where a few held-out ones were easy by chance.
All together they count as much as the held-out ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medadapter_train.fit import fit_logistic
from medadapter_train.prepared import Winner

Floats = NDArray[np.float64]
FOLDS = 8
PENALTY = np.array([0.01, 1.0, 1.0])
#: Of the slopes. The winner's score is by what it was chosen: where votes alone tell as much, it
#: still counts, so that two unanimous questions of unlike scores are not equally sure.
LEAST = (0.25, -np.inf, -np.inf)


def fit_confidence(held: Sequence[Winner], known: Sequence[Winner]) -> tuple[Floats, float]:
    """Slope [score, distinct, entropy] and bias. `known`: of training questions, may be empty."""
    shift = float(np.mean([w.by_scores for w in held]))
    rows = [(w.score, *w.sureness) for w in held] + [(w.score + shift, *w.sureness) for w in known]
    right = np.array([w.right for w in [*held, *known]])
    weight = np.ones(len(rows))
    weight[len(held) :] = min(1.0, len(held) / max(1, len(known)))
    return fit_logistic(np.array(rows), right, weight, PENALTY, least=LEAST)


def held_out_confidence(
    held: Sequence[Winner], keys: NDArray[np.int64], known: Sequence[Winner]
) -> Floats:
    """Of each winner, by a fit without the questions of its fold."""
    values = np.zeros(len(held))
    rows = np.array([(w.score, *w.sureness) for w in held])
    for fold in range(FOLDS):
        out = keys % FOLDS == fold
        if out.any():
            inside = [w for w, o in zip(held, out, strict=True) if not o]
            slope, bias = fit_confidence(inside, known)
            values[out] = 0.5 * (1 + np.tanh((rows[out] @ slope + bias) / 2))
    return values
