"""What was decided about a question: by the service's own core (a scored file), or by its twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from medadapter_train.scoring import Scored
from medadapter_train.select import Decision, best_of, first_vote, weighted_vote


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


def decided_here(scored: Scored, manifest: dict[str, Any]) -> Decided:
    """By the Python twin."""
    return Decided(weighted_vote(scored, manifest), best_of(scored, manifest), first_vote(scored))
