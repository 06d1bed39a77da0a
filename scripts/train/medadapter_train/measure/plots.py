"""Plots of an evaluation: reliability, risk against coverage, accuracy against K."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

mpl.use("Agg")


def write_plots(result: dict[str, Any], folder: Path) -> list[Path]:
    """`reliability.png`, `risk-coverage.png`, `k-curve.png`: one panel a set, pooled first."""
    folder.mkdir(parents=True, exist_ok=True)
    sets = list(result["datasets"])
    pooled = result["pooled"]
    with_pooled = ([{"name": "pooled", **pooled}] if pooled else []) + sets
    return [
        _grid(folder / "reliability.png", with_pooled, _reliability),
        _grid(folder / "risk-coverage.png", with_pooled, _risk_coverage),
        _grid(folder / "k-curve.png", sets, _k_curve),
    ]


def _grid(path: Path, panels: list[dict[str, Any]], draw: Any) -> Path:
    columns = min(4, max(1, len(panels)))
    rows = math.ceil(len(panels) / columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(3.2 * columns, 2.9 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, panel in zip(axes.flat, panels, strict=False):
        axis.set_title(f"{panel['name']} (n={panel['n']})", fontsize=8)
        axis.tick_params(labelsize=7)
        draw(axis, panel)
    scratch = path.with_name(f".{path.name}.part")
    figure.savefig(scratch, dpi=110, format="png")
    plt.close(figure)
    scratch.replace(path)
    return path


def _reliability(axis: Axes, panel: dict[str, Any]) -> None:
    bins = panel["reliability"]
    axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axis.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins], "o-", markersize=3)
    axis.set_xlabel("confidence", fontsize=7)
    axis.set_ylabel("accuracy", fontsize=7)


def _risk_coverage(axis: Axes, panel: dict[str, Any]) -> None:
    rows = panel["risk_coverage"]
    axis.plot([r["coverage"] for r in rows], [1 - r["accuracy"] for r in rows], "o-", markersize=3)
    axis.set_xlabel("coverage", fontsize=7)
    axis.set_ylabel("error among answered", fontsize=7)


def _k_curve(axis: Axes, panel: dict[str, Any]) -> None:
    rows = panel["k_curve"]
    for rule in ("majority", "weighted_vote"):
        axis.plot([r["k"] for r in rows], [r[rule] for r in rows], "o-", markersize=3, label=rule)
    axis.set_xlabel("candidates", fontsize=7)
    axis.set_ylabel("accuracy", fontsize=7)
    axis.legend(fontsize=6)
