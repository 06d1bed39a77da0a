"""The plots of one set, each with the table that it was drawn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from medadapter_train.measure import report_svg as svg
from medadapter_train.measure.report_svg import Axis, Bars, Estimate, Series, forest_chart
from medadapter_train.measure.tables import NAMES, Grid, number

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Plot:
    """An SVG and its data. `data.title` is the plot's, `data.note` its caption."""

    picture: str
    data: Grid


def plots_of(panel: dict[str, Any], unique: str) -> list[Plot]:
    """Of a set, or of all pooled: what there are figures for. `unique`: an id on the page."""
    found = [_rules(panel)] if "intervals" in panel else []
    if panel["reliability"]:
        found += [_reliability(panel), _risk_coverage(panel)]
    if panel.get("k_curve"):
        found.append(_k_curve(panel))
    if panel.get("histogram"):
        found.append(_histogram(panel, f"{unique}-hatch"))
    return found


def _rules(panel: dict[str, Any]) -> Plot:
    ours = ("best_of", "weighted_vote")
    rows = [
        Estimate(name, panel[rule], **panel["intervals"][rule], ours=rule in ours)
        for rule, name in NAMES.items()
    ]
    low, high = _span(min(r.low for r in rows), max(r.high for r in rows))
    x = Axis("accuracy, %, with its 95 % interval", low, high, _steps(low, high), percent=True)
    cells = tuple((r.name, number(r.value), number(r.low), number(r.high)) for r in rows)
    note = "Filled: the adapter. The intervals are of each rule alone; the gain's is paired."
    grid = Grid("Accuracy by rule", note, ("rule", "accuracy", "from", "to"), cells)
    return Plot(forest_chart(f"Accuracy by rule, {panel['name']}", x, rows), grid)


def _reliability(panel: dict[str, Any]) -> Plot:
    bins = panel["reliability"]
    points = tuple((b["confidence"], b["accuracy"]) for b in bins)
    x = Axis("confidence, %", 0, 1, SHARES, percent=True)
    y = Axis("accuracy, %", 0, 1, SHARES, percent=True)
    even = Series("perfect calibration", ((0, 0), (1, 1)), svg.GREY, "none", "4 3")
    ours = Series("answers of weighted vote, a bin each", points, svg.BLUE, joined=False)
    rows = tuple((number(b["confidence"]), number(b["accuracy"]), str(b["n"])) for b in bins)
    note = (
        "Above the dashed line the confidence is too low, below it too high. Bins of equal mass, of"
        " 10 questions or more where there are so many."
    )
    grid = Grid("Reliability", note, ("confidence", "accuracy", "questions"), rows)
    return Plot(svg.line_chart(f"Reliability, {panel['name']}", x, y, [even, ours]), grid)


def _risk_coverage(panel: dict[str, Any]) -> Plot:
    rows = panel["risk_coverage"]
    points = tuple((r["coverage"], 1 - r["accuracy"]) for r in rows)
    high = _round_up(max(0.05, *(risk for _, risk in points)))
    x = Axis("coverage (surest questions answered), %", 0, 1, SHARES, percent=True)
    y = Axis("error among answered, %", 0, high, _steps(0, high), percent=True)
    line = Series("weighted vote, by confidence", points, svg.BLUE)
    cells = tuple((number(r["coverage"], 1), str(r["n"]), number(1 - r["accuracy"])) for r in rows)
    note = f"Area under the curve (AURC): {number(panel['aurc'])}."
    grid = Grid("Risk and coverage", note, ("coverage", "questions", "error"), cells)
    return Plot(svg.line_chart(f"Risk and coverage, {panel['name']}", x, y, [line]), grid)


def _k_curve(panel: dict[str, Any]) -> Plot:
    rows, adaptive = panel["k_curve"], panel["adaptive_curve"]
    looks = {
        "weighted_vote": ("weighted vote", svg.BLUE, "circle", ""),
        "best_of": ("best-of", svg.GREEN, "triangle", "2 2"),
        "majority": ("SC@K", svg.GREY, "square", "5 3"),
    }
    series = [
        Series(name, tuple((r["k"], r[rule]) for r in rows), colour, mark, dash)
        for rule, (name, colour, mark, dash) in looks.items()
        if all(rule in r for r in rows)
    ]
    if adaptive:
        points = tuple((r["spent"], r["right"]) for r in adaptive)
        name = 'weighted vote, k: "auto" (by threshold)'
        series.append(Series(name, points, svg.VERMILLION, "diamond"))
    values = [v for s in series for _, v in s.points]
    low, high = _span(min(values), max(values))
    most = max(r["k"] for r in rows)
    x = Axis("candidates spent, mean", 0, most, _steps(0, most))
    y = Axis("accuracy, %", low, high, _steps(low, high), percent=True)
    names = [rule for rule in looks if rule in rows[0]]
    cells = [(f"k = {r['k']}", str(r["k"]), *(number(r[n]) for n in names)) for r in rows]
    blank = ("",) * (len(names) - 1)
    for r in adaptive:
        cells.append(
            (f"auto, {r['threshold']:.2f}", f"{r['spent']:.2f}", number(r["right"]), *blank)
        )
    heads = ("", "candidates", *(looks[n][0] for n in names))
    note = "The y axis does not begin at 0. Candidates are drawn at random from those there are."
    grid = Grid("Accuracy by candidates", note, heads, tuple(cells))
    return Plot(svg.line_chart(f"Accuracy by candidates, {panel['name']}", x, y, series), grid)


def _histogram(panel: dict[str, Any], unique: str) -> Plot:
    bins = panel["histogram"]
    high = float(_round_count(max(max(b["right"], b["wrong"]) for b in bins)))
    x = Axis("calibrated probability of a candidate, %", 0, 1, SHARES, percent=True)
    y = Axis("candidates", 0, high, _steps(0, high))
    groups = [
        Bars("right candidates", tuple(b["right"] for b in bins), svg.BLUE),
        Bars("wrong candidates", tuple(b["wrong"] for b in bins), svg.VERMILLION, hatched=True),
    ]
    rows = tuple(
        (f"{100 * b['low']:.0f} to {100 * b['high']:.0f} %", str(b["right"]), str(b["wrong"]))
        for b in bins
    )
    grid = Grid("Scores by outcome", "", ("probability", "right", "wrong"), rows)
    picture = svg.bar_chart(f"Scores by outcome, {panel['name']}", x, y, groups, unique)
    return Plot(picture, grid)


def _steps(low: float, high: float) -> tuple[float, ...]:
    """Four to six round ticks."""
    step = _round_up((high - low) / 5)
    first = math.ceil(low / step - 1e-9)
    return tuple(i * step for i in range(first, math.floor(high / step + 1e-9) + 1))


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5, 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= value * (1 - 1e-9))


def _round_count(most: int) -> int:
    return max(5, int(_round_up(most)))


def _span(low: float, high: float) -> tuple[float, float]:
    """A little more than the values take, within 0 to 1."""
    room = max(0.02, 0.1 * (high - low))
    down, up = math.floor((low - room) * 50) / 50, math.ceil((high + room) * 50) / 50
    return max(0.0, down), min(1.0, up)


def confusion_grid(counts: dict[str, dict[str, int]]) -> tuple[Grid, Sequence[Sequence[int]]]:
    """Rows: gold label; columns: label chosen."""
    heads = tuple(next(iter(counts.values())))
    values = [list(row.values()) for row in counts.values()]
    rows = tuple((gold, *map(str, row.values())) for gold, row in counts.items())
    return Grid("Confusion", "Rows: right label. Columns: chosen.", ("", *heads), rows), values
