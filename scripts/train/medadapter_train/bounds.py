"""What a canary must keep to, or the Worker's guard stops it. Signed with its pointer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from medadapter_train.service_errors import PublishError

STICKY = ("request", "tenant")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Rates are 0 to 1; each is judged once `min_requests` stand behind it.

    `max_abstention_difference` is between the shares of answers withheld by canary and stable,
    `min_agreement` the share of same choices among answers that both scored, `compare_share` the
    part of the canary's answers that stable scores as well.
    """

    min_requests: int = 200
    max_failure_rate: float = 0.02
    max_abstention_difference: float = 0.1
    min_agreement: float = 0.8
    compare_share: float = 0.25

    def check(self) -> Bounds:
        """Raises `PublishError` bad_bounds."""
        if not 1 <= self.min_requests <= 1_000_000:
            raise PublishError("bad_bounds", "min requests are 1 to a million")
        rates = (
            self.max_failure_rate,
            self.max_abstention_difference,
            self.min_agreement,
            self.compare_share,
        )
        # Smaller ones than 0.0001 are written differently by Python and JavaScript.
        if not all(rate == 0 or 1e-4 <= rate <= 1 for rate in rates):
            raise PublishError("bad_bounds", "rates and shares are 0, or 0.0001 to 1")
        return self

    def to_json(self) -> dict[str, Any]:
        return {
            "minRequests": self.min_requests,
            "maxFailureRate": plain(self.max_failure_rate),
            "maxAbstentionDifference": plain(self.max_abstention_difference),
            "minAgreement": plain(self.min_agreement),
            "compareShare": plain(self.compare_share),
        }


def parse_bounds(raw: dict[str, Any]) -> Bounds:
    """Raises `KeyError`, `TypeError` or `ValueError` where they cannot be read."""
    return Bounds(
        int(raw["minRequests"]),
        float(raw["maxFailureRate"]),
        float(raw["maxAbstentionDifference"]),
        float(raw["minAgreement"]),
        float(raw["compareShare"]),
    )


def plain(value: float) -> float:
    """As JavaScript writes it: 1, not 1.0."""
    return int(value) if float(value).is_integer() else value
