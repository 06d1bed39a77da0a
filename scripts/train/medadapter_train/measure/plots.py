"""The plots of an evaluation, by matplotlib: inline SVG for the report, PNG panels for papers.

Each plot stands with the table that it was drawn from. Colours are Okabe and Ito's (2008), which
colour-blind readers tell apart; marks, dashes and hatching differ too, so that colour is never
alone. An SVG is as wide as a phone, with type of 12 px; its text stays text.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medadapter_train.measure.tables import NAMES, Grid, number

BLUE, VERMILLION, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#767676"
#: Of an SVG in px (its figure is 1/72 inch a px), without legend.
WIDTH, HEIGHT = 340, 250
LEGEND_LINE = 17
RULES = {
    "weighted_vote": ("weighted vote", BLUE, "o-"),
    "best_of": ("best-of", GREEN, "^:"),
    "majority": ("SC@K", GREY, "s--"),
}


@dataclass(frozen=True, slots=True)
class Plot:
    """How to draw it, and its data: `data.title` is the plot's, `data.note` its caption."""

    data: Grid
    draw: Callable[[Axes], None]


def plots_of(panel: dict[str, Any]) -> list[Plot]:
    """A set's plots, or those of all sets pooled; one that has no figures is left out."""
    found = [_rules(panel)] if "intervals" in panel else []
    if panel["reliability"]:
        found += [_reliability(panel), _risk_coverage(panel)]
    if panel.get("k_curve"):
        found.append(_k_curve(panel))
    if panel.get("histogram"):
        found.append(_histogram(panel))
    return found


def _rules(panel: dict[str, Any]) -> Plot:
    rows = [(name, panel[rule], panel["intervals"][rule]) for rule, name in NAMES.items()]
    ours = {NAMES["best_of"], NAMES["weighted_vote"]}
    cells = tuple((name, *map(number, (v, i["low"], i["high"]))) for name, v, i in rows)
    note = "Filled: the adapter. The intervals are of each rule alone; the gain's is paired."
    grid = Grid("Accuracy by rule", note, ("rule", "accuracy", "from", "to"), cells)

    def draw(axis: Axes) -> None:
        for at, (name, value, span) in enumerate(rows):
            colour = BLUE if name in ours else GREY
            axis.plot([100 * span["low"], 100 * span["high"]], [at, at], color=colour)
            fill = colour if name in ours else "white"
            axis.plot(100 * value, at, "o", color=colour, markerfacecolor=fill)
        axis.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        axis.invert_yaxis()
        axis.grid(visible=False, axis="y")
        axis.set_xlabel("accuracy, %, with its 95 % interval")

    return Plot(grid, draw)


def _reliability(panel: dict[str, Any]) -> Plot:
    bins = panel["reliability"]
    rows = tuple((number(b["confidence"]), number(b["accuracy"]), str(b["n"])) for b in bins)
    note = (
        "Above the dashed line the confidence is too low, below it too high. Bins of equal mass, of"
        " 10 questions or more where there are so many."
    )
    grid = Grid("Reliability", note, ("confidence", "accuracy", "questions"), rows)

    def draw(axis: Axes) -> None:
        axis.plot([0, 100], [0, 100], "--", color=GREY, label="perfect calibration")
        x, y = ([100 * b[name] for b in bins] for name in ("confidence", "accuracy"))
        axis.plot(x, y, "o", color=BLUE, label="answers of weighted vote, a bin each")
        axis.set(xlabel="confidence, %", ylabel="accuracy, %", xlim=(0, 100), ylim=(0, 102))

    return Plot(grid, draw)


def _risk_coverage(panel: dict[str, Any]) -> Plot:
    rows = panel["risk_coverage"]
    cells = tuple((number(r["coverage"], 1), str(r["n"]), number(1 - r["accuracy"])) for r in rows)
    note = f"Area under the curve (AURC): {number(panel['aurc'])}."
    grid = Grid("Risk and coverage", note, ("coverage", "questions", "error"), cells)

    def draw(axis: Axes) -> None:
        x, y = [100 * r["coverage"] for r in rows], [100 * (1 - r["accuracy"]) for r in rows]
        axis.plot(x, y, "o-", color=BLUE, label="weighted vote, by confidence")
        axis.set(xlabel="coverage (surest questions answered), %", ylabel="error among answered, %")
        axis.set(xlim=(0, 102), ylim=(0, max(5.0, 1.1 * max(y))))

    return Plot(grid, draw)


def _k_curve(panel: dict[str, Any]) -> Plot:
    rows, adaptive = panel["k_curve"], panel.get("adaptive_curve") or []
    rules = [rule for rule in RULES if all(rule in row for row in rows)]
    cells = [(f"k = {r['k']}", str(r["k"]), *(number(r[n]) for n in rules)) for r in rows]
    blank = ("",) * (len(rules) - 1)
    for row in adaptive:
        told = (f"auto, {row['threshold']:.2f}", f"{row['spent']:.2f}", number(row["right"]))
        cells.append((*told, *blank))
    heads = ("", "candidates", *(RULES[rule][0] for rule in rules))
    note = "The y axis does not begin at 0. Candidates are drawn at random from those there are."
    grid = Grid("Accuracy by candidates", note, heads, tuple(cells))

    def draw(axis: Axes) -> None:
        for rule in rules:
            name, colour, style = RULES[rule]
            y = [100 * row[rule] for row in rows]
            axis.plot([row["k"] for row in rows], y, style, color=colour, label=name)
        if adaptive:
            x, y = [row["spent"] for row in adaptive], [100 * row["right"] for row in adaptive]
            label = 'weighted vote, k: "auto" (by threshold)'
            axis.plot(x, y, "D-", color=VERMILLION, label=label)
        axis.set(xlabel="candidates spent, mean", ylabel="accuracy, %", xlim=(0, None))

    return Plot(grid, draw)


def _histogram(panel: dict[str, Any]) -> Plot:
    bins = panel["histogram"]
    rows = tuple(
        (f"{100 * b['low']:.0f} to {100 * b['high']:.0f} %", str(b["right"]), str(b["wrong"]))
        for b in bins
    )
    grid = Grid("Scores by outcome", "", ("probability", "right", "wrong"), rows)

    def draw(axis: Axes) -> None:
        width = 45 / len(bins)
        for at, (kind, colour, hatch) in enumerate(
            (("right", BLUE, ""), ("wrong", VERMILLION, "//////"))
        ):
            x = [50 * (b["low"] + b["high"]) + (at - 0.5) * width for b in bins]
            axis.bar(
                x,
                [b[kind] for b in bins],
                width,
                label=f"{kind} candidates",
                facecolor="white" if hatch else colour,
                edgecolor=colour,
                linewidth=0.7,
                hatch=hatch,
            )
        axis.set(xlabel="calibrated probability of a candidate, %", ylabel="candidates")
        axis.set_xlim(0, 100)

    return Plot(grid, draw)


def svg_of(plot: Plot, of: str, unique: str) -> str:
    """The plot as inline SVG. `of`: the panel's name, for screen readers; `unique`: an id on the
    page.
    """
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "medadapter", "font.size": 12}):
        figure = Figure(layout="constrained")
        axis = figure.subplots()
        _dress(axis)
        plot.draw(axis)
        lines = len(axis.get_legend_handles_labels()[1])
        figure.set_size_inches(WIDTH / 72, (HEIGHT + LEGEND_LINE * lines) / 72)
        if lines:
            figure.legend(loc="outside lower left", frameon=False, borderpad=0, labelspacing=0.2)
        written = io.StringIO()
        none = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(written, format="svg", transparent=True, metadata=none)
    return _inline(written.getvalue(), f"{plot.data.title}, {of}", unique)


def _inline(svg: str, label: str, unique: str) -> str:
    """The picture alone: no prolog, no style for the whole page, and only ids that it refers to."""
    body = re.sub(r"\s*<defs>\s*<style.*?</style>\s*</defs>", "", svg[svg.index("<svg") :], count=1)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    needed = set(re.findall(r'href="#(.*?)"', body)) | set(re.findall(r"url\(#(.*?)\)", body))

    def named(match: re.Match[str]) -> str:
        return f' id="{unique}-{match[1]}"' if match[1] in needed else ""

    body = re.sub(r' id="(.*?)"', named, body)
    body = re.sub(r'xlink:href="#', f'href="#{unique}-', body)
    body = body.replace("url(#", f"url(#{unique}-")
    body = re.sub(r"font-family: [^;\"]*", "font-family: inherit", body)
    head = f'<svg viewBox="0 0 {WIDTH} {_height(body)}" role="img" aria-label="{escape(label)}"'
    picture = re.sub(r"<svg[^>]*", head, body, count=1)
    return " ".join(picture.split())


def _height(svg: str) -> str:
    found = re.search(r'viewBox="0 0 \S+ (\S+)"', svg)
    return found[1] if found else str(HEIGHT)


def _dress(axis: Axes) -> None:
    axis.set_axisbelow(True)
    axis.grid(color="#e6e6e6")
    axis.spines[["top", "right"]].set_visible(False)


def write_plots(result: dict[str, Any], folder: Path) -> list[Path]:
    """`reliability.png`, `risk-coverage.png`, `k-curve.png`: one panel a set, pooled first."""
    folder.mkdir(parents=True, exist_ok=True)
    sets = list(result["datasets"])
    pooled = result["pooled"]
    with_pooled = ([{"name": "pooled", **pooled}] if pooled else []) + sets
    return [
        _panels(folder / "reliability.png", with_pooled, _reliability),
        _panels(folder / "risk-coverage.png", with_pooled, _risk_coverage),
        _panels(folder / "k-curve.png", sets, _k_curve),
    ]


def _panels(
    path: Path, panels: list[dict[str, Any]], plot_of: Callable[[dict[str, Any]], Plot]
) -> Path:
    columns = min(4, max(1, len(panels)))
    rows = math.ceil(len(panels) / columns)
    with mpl.rc_context({"font.size": 7, "lines.markersize": 3, "lines.linewidth": 1.2}):
        figure = Figure(figsize=(3.2 * columns, 2.9 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
        for axis in axes.flat[len(panels) :]:
            axis.set_visible(False)
        for axis, panel in zip(axes.flat, panels, strict=False):
            axis.set_title(f"{panel['name']} (n={panel['n']})", fontsize=8)
            _dress(axis)
            plot_of(panel).draw(axis)
        # Every panel has the same lines.
        axes.flat[0].legend(fontsize=6)
        scratch = path.with_name(f".{path.name}.part")
        figure.savefig(scratch, dpi=110, format="png")
    scratch.replace(path)
    return path
