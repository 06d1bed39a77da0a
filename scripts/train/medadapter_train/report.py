"""An evaluation as a table for people, and as the manifest's metrics."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from medadapter_train.evaluate import RULES


def table_of(result: dict[str, Any]) -> Table:
    """One row a set, macro means last."""
    table = Table(title=result["adapter"])
    heads = ["set", "n", *RULES, "weighted - SC@K (95 %)", "auc", "ece"]
    for head in heads:
        table.add_column(head, justify="left" if head == "set" else "right")
    for d in result["datasets"]:
        paired = d["paired_vs_majority"]
        low, high = 100 * paired["low"], 100 * paired["high"]
        gain = f"{100 * paired['diff']:+.1f} ({low:+.1f} {high:+.1f})"
        ece = "" if d["ece"] is None else f"{d['ece']:.3f}"
        auc = "" if d["auc"] is None else f"{d['auc']:.3f}"
        table.add_row(d["name"], str(d["n"]), *[f"{d[r]:.3f}" for r in RULES], gain, auc, ece)
    macro = result["macro"]
    gain = f"{100 * macro['weighted_vs_majority']:+.1f}"
    table.add_row("macro mean", "", *[f"{macro[r]:.3f}" for r in RULES], gain, "", "")
    return table


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
