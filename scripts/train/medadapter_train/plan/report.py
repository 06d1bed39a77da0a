"""A plan's figures as a table, and as a page with the frontier: accuracy against money."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from medadapter_train.measure.plots import BLUE, GREY, VERMILLION, Plot, svg_of
from medadapter_train.measure.report_page import STYLE, figure_of, section_of
from medadapter_train.measure.tables import Grid
from medadapter_train.system.files import write_atomic


def table_of(result: dict[str, Any]) -> str:
    """Plain text, for a terminal."""
    lines = [
        f"{result['plan']}: {result['n']} questions",
        *(f"  {name:<28} {value}" for name, value in _points_of(result)),
        *(
            f"  {row['share']:>5.0%} to the last stage       {_accuracy(row)}"
            f"   over the cheap vote {_diff(row['over_cheap'])}"
            f", over the strong {_diff(row['over_strong'])}"
            for row in result["curve"]
        ),
        f"  all weighed, over the best LLM: {_diff(result['paired_pool'])}",
    ]
    return "\n".join(lines)


def write_report(result: dict[str, Any], folder: Path) -> list[Path]:
    """`index.html` and `report.md`, each written whole."""
    texts = {"index.html": _page(result), "report.md": _markdown(result)}
    for name, text in texts.items():
        write_atomic(folder / name, [text.encode()])
    return [folder / name for name in texts]


def _points_of(result: dict[str, Any]) -> list[tuple[str, str]]:
    points = [
        ("vote of the first stage", f"{result['cheap_vote']:.3f}"),
        ("the last stage alone", f"{result['strong_alone']:.3f}"),
        ("vote of all", f"{result['pool_vote']:.3f}"),
        ("all, weighed by source", f"{result['pool_weighted']:.3f}"),
    ]
    sources = [
        (f"{name} alone", f"{own['accuracy']:.3f}") for name, own in result["sources"].items()
    ]
    return [*points, *sources]


def _accuracy(row: dict[str, Any]) -> str:
    return f"{row['accuracy']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def _diff(paired: dict[str, float]) -> str:
    return (
        f"{100 * paired['diff']:+.1f} ({100 * paired['low']:+.1f} to {100 * paired['high']:+.1f})"
    )


def _curve(result: dict[str, Any]) -> Grid:
    note = (
        "Share of the questions that went to the last stage, least sure first."
        " Differences in points, paired by question. Cost: money a question, by the plan's prices."
    )
    heads = ("share", "accuracy", "over the cheap vote", "over the strong", "cost")
    rows = tuple(
        (
            f"{row['share']:.0%}",
            _accuracy(row),
            _diff(row["over_cheap"]),
            _diff(row["over_strong"]),
            "" if row["cost"] is None else f"{row['cost']:.6f}",
        )
        for row in result["curve"]
    )
    return Grid("Accuracy by share of strong calls", note, heads, rows)


def _others(result: dict[str, Any]) -> Grid:
    note = "Votes break ties at random. A single LLM: one of its candidates."
    return Grid("Without the plan", note, ("way", "accuracy"), tuple(_points_of(result)))


def _frontier(result: dict[str, Any]) -> Plot:
    ways = [
        *((name, own["accuracy"], own["cost"]) for name, own in result["sources"].items()),
        ("vote of the first stage", result["cheap_vote"], result["costs"]["cheap"]),
        ("always strong", result["strong_alone"], result["costs"]["strong"]),
    ]
    known = [(name, accuracy, cost) for name, accuracy, cost in ways if cost is not None]
    curve = [(row["cost"], row["accuracy"]) for row in result["curve"] if row["cost"] is not None]
    rows = (
        *(
            (f"plan at {row['share']:.0%}", f"{row['accuracy']:.3f}", f"{row['cost']:.6f}")
            for row in result["curve"]
            if row["cost"] is not None
        ),
        *((name, f"{accuracy:.3f}", f"{cost:.6f}") for name, accuracy, cost in known),
    )
    note = "Up and to the left is better. Money a question, by the prices of the plan file."
    grid = Grid("The frontier", note, ("way", "accuracy", "cost"), rows)

    def draw(axis: Axes) -> None:
        axis.plot(
            [1000 * cost for cost, _ in curve],
            [100 * accuracy for _, accuracy in curve],
            "o-",
            color=BLUE,
            label="the plan, 0 to 100 % strong calls",
        )
        for name, accuracy, cost in known:
            strong = name == "always strong"
            axis.plot(
                1000 * cost,
                100 * accuracy,
                "D" if strong else "s",
                color=VERMILLION if strong else GREY,
                markerfacecolor="white",
            )
            axis.annotate(
                name,
                (1000 * cost, 100 * accuracy),
                textcoords="offset points",
                xytext=(4, -10),
                fontsize=8,
            )
        axis.set_xlabel("money for a thousand questions")
        axis.set_ylabel("accuracy, %")

    return Plot(grid, draw)


def _page(result: dict[str, Any]) -> str:
    title = f"Plan {result['plan']}"
    plot = _frontier(result)
    parts = [section_of(_curve(result))] if result["curve"] else []
    if plot.data.rows and result["curve"]:
        picture = svg_of(plot, result["plan"], "frontier")
        parts.append(
            f'<section><h2>Money</h2><div class="plots">{figure_of(plot, picture)}</div></section>'
        )
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<header><h1>{escape(title)}</h1><p>{result['n']:,} questions. Intervals: 95 %,"
            " bootstrap by question. Research software: not for clinical use.</p></header><main>",
            *parts,
            section_of(_others(result)),
            "</main></body></html>\n",
        ]
    )


def _markdown(result: dict[str, Any]) -> str:
    grids = [_curve(result)] if result["curve"] else []
    texts = [f"# Plan {result['plan']}\n\n{result['n']} questions."]
    for grid in (*grids, _others(result)):
        head = f"| {' | '.join(grid.heads)} |\n|{'---|' * len(grid.heads)}"
        rows = "\n".join(f"| {' | '.join(row)} |" for row in grid.rows)
        texts.append(f"## {grid.title}\n\n{grid.note}\n\n{head}\n{rows}")
    return "\n\n".join(texts) + "\n"
