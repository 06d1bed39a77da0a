"""Small regularised fits: Platt scaling, conditional logit over a question's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

Floats = NDArray[np.float64]


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, dtype=np.float64)))


def platt(logits: Floats, calibration: dict[str, Any] | None) -> Floats:
    """What `fit_platt` fits, applied: probabilities that candidates are right; of None the plain
    sigmoid."""
    if calibration is None:
        return np.asarray(sigmoid(logits))
    return np.asarray(sigmoid(calibration["a"] * logits + calibration["b"]))


def fit_logistic(
    x: Floats,
    y: Floats,
    weight: Floats,
    penalty: Floats,
    centre: Floats | None = None,
    least: Sequence[float] | None = None,
) -> tuple[Floats, float]:
    """Weights and bias of P(y) = sigmoid(w.x + b); `penalty` [features] pulls w to `centre`, and
    none of w is below its `least`."""
    middle = np.zeros(x.shape[1]) if centre is None else centre

    def loss(theta: Floats) -> tuple[float, Floats]:
        w, b = theta[:-1], theta[-1]
        z = x @ w + b
        p = 0.5 * (1 + np.tanh(z / 2))
        value = weight @ (np.logaddexp(0, z) - y * z) + 0.5 * penalty @ (w - middle) ** 2
        slope = weight * (p - y)
        return float(value), np.append(x.T @ slope + penalty * (w - middle), slope.sum())

    start = np.append(middle, 0.0)
    bounds = None if least is None else [(value, None) for value in (*least, -np.inf)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x[:-1]), float(found.x[-1])


def fit_platt(scores: Floats, right: Floats, weight: Floats | None = None) -> tuple[float, float]:
    """a, b of sigmoid(a * score + b), with Platt's smoothed targets (Platt 1999, section 2.2).

    The slope stays in 0.001 to 10: an adapter that knows nothing (or the opposite) must not turn
    its noise into certainty, nor a probability underflow to 0.
    """
    n_right, n_wrong = right.sum(), (1 - right).sum()
    target = np.where(right > 0, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))
    w = np.ones(len(scores)) if weight is None else weight
    a, b = fit_logistic(scores[:, None], target, w, np.array([1e-6]), np.array([1.0]))
    slope = float(np.clip(a[0], 1e-3, 10.0))
    if slope != a[0]:
        b = _best_bias(slope * scores, target, w)
    return slope, b


def fit_temperature(scores: Floats, right: Floats, weight: Floats) -> float:
    """1 / T of sigmoid(score / T) (Guo et al. 2017, section 4.2), bounded like Platt's slope.

    One number where Platt fits two: for few questions, and logits that have no bias.
    """

    def loss(log_slope: float) -> float:
        z = np.exp(log_slope) * scores
        return float(weight @ (np.logaddexp(0, z) - right * z))

    found = minimize_scalar(loss, bounds=(np.log(1e-3), np.log(10.0)), method="bounded")
    return float(np.exp(found.x))


def _best_bias(z: Floats, target: Floats, weight: Floats) -> float:
    """The bias alone, the slope given: the root of a monotone function, by bisection."""
    low, high = -50.0 - float(z.max()), 50.0 - float(z.min())
    for _ in range(100):
        middle = (low + high) / 2
        excess = weight @ (0.5 * (1 + np.tanh((z + middle) / 2)) - target)
        low, high = (low, middle) if excess > 0 else (middle, high)
    return (low + high) / 2


@dataclass(frozen=True, slots=True)
class Choice:
    """A question as the conditional logit sees it: features [units, f], which unit is right."""

    features: Floats
    right: Floats
    weight: float


def fit_choice(
    choices: Sequence[Choice], penalty: Floats, centre: Floats, positive: slice = slice(0)
) -> Floats:
    """Weights of P(unit is right) = softmax(w.f), by penalised likelihood; `penalty` pulls to
    `centre`. Weights in `positive` stay at nought or above.

    McFadden's conditional logit. Questions without a right unit, or with one unit, say nothing.
    """
    useful = [c for c in choices if c.right.sum() == 1 and len(c.right) > 1]
    if not useful:
        return centre
    sizes = np.array([len(c.right) for c in useful])
    owner = np.repeat(np.arange(len(useful)), sizes)
    x = np.concatenate([c.features for c in useful])
    y = np.concatenate([c.right for c in useful]).astype(bool)
    w_q = np.array([c.weight for c in useful])

    def loss(w: Floats) -> tuple[float, Floats]:
        z = x @ w
        top = np.full(len(useful), -np.inf)
        np.maximum.at(top, owner, z)
        e = np.exp(z - top[owner])
        total = np.bincount(owner, e)
        p = e / total[owner]
        value = -(w_q * (z[y] - top - np.log(total))).sum()
        slope = x.T @ (w_q[owner] * (p - y))
        return (
            float(value + 0.5 * penalty @ (w - centre) ** 2),
            slope + penalty * (w - centre),
        )

    bounds: list[tuple[float | None, None]] = [(None, None)] * len(centre)
    bounds[positive] = [(0.0, None)] * len(bounds[positive])
    return np.asarray(minimize(loss, centre, jac=True, method="L-BFGS-B", bounds=bounds).x)
