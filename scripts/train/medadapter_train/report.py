"""An evaluation as the manifest's metrics."""

from __future__ import annotations

from typing import Any

from medadapter_train.evaluate import RULES


def manifest_metrics(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Entries `{set, n, rule, value, low, high}` of every set."""
    entries = []
    for d in result["datasets"]:
        for rule in RULES:
            entries.append(_entry(d, rule, {"value": d[rule], **d["intervals"][rule]}))
        paired = d["paired_vs_majority"]
        value = {"value": paired["diff"], "low": paired["low"], "high": paired["high"]}
        entries.append(_entry(d, "weighted_vote_minus_majority", value))
    return entries


def _entry(dataset: dict[str, Any], rule: str, value: dict[str, float]) -> dict[str, Any]:
    rounded = {k: round(float(v), 4) for k, v in value.items()}
    return {"set": dataset["name"], "n": dataset["n"], "rule": rule, **rounded}
