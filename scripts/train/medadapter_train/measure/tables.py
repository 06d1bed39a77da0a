"""An evaluation as tables, once: console, Markdown and HTML show the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

#: The names of rules in reports.
NAMES = {
    "single": "one sample",
    "best_source": "best source",
    "majority": "SC@K",
    "letter_vote": "letter + vote",
    "answer_only": "answer only",
    "best_of": "best-of",
    "weighted_vote": "weighted vote",
    "oracle": "oracle",
}
COVERAGES = (1.0, 0.8, 0.6, 0.4)


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of texts. `note`: what its columns mean. The first column names the row."""

    title: str
    note: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def grids_of(result: dict[str, Any]) -> list[Grid]:
    """Accuracy, gain, calibration, selective answering, candidates spent; empty ones left out."""
    sets = result["datasets"]
    grids = [
        _accuracy(sets, result["macro"]),
        _intervals(sets),
        _gain(sets),
        _calibration(sets),
        _selective(sets, result["pooled"]),
        _k_curve(sets),
        _adaptive(sets),
    ]
    return [grid for grid in grids if grid.rows]


def number(value: float | None, digits: int = 3) -> str:
    """The value with so many decimals; an empty text for None."""
    return "" if value is None else f"{value:.{digits}f}"


def points(value: float) -> str:
    """A difference of shares in percentage points."""
    return f"{100 * value:+.1f}"


def p_value(p: float) -> str:
    """p with three decimals, or `< .001`."""
    return "< .001" if p < 0.001 else f"{p:.3f}"


def _accuracy(sets: list[dict[str, Any]], macro: dict[str, float]) -> Grid:
    rows = [
        (d["name"], str(d["n"]), number(d["parse_rate"]), *(number(d[r]) for r in NAMES))
        for d in sets
    ]
    rows.append(("macro mean", "", "", *(number(macro[r]) for r in NAMES)))
    note = (
        "Share of questions answered right. SC@K: self-consistency, ties at random. Best source:"
        " the LLM and prompt that is right most often. Letter + vote: a ranker that reads no word,"
        " cross-validated here. Answer only: the adapter on answers without their reasoning."
    )
    return Grid("Accuracy", note, ("set", "n", "parse rate", *NAMES.values()), tuple(rows))


def _intervals(sets: list[dict[str, Any]]) -> Grid:
    def span(found: dict[str, float]) -> str:
        return f"{100 * found['low']:.1f} to {100 * found['high']:.1f}"

    rows = tuple((d["name"], *(span(d["intervals"][r]) for r in NAMES)) for d in sets)
    note = (
        "95 %, bootstrap by question, in percent. Each of a rule alone: compare rules by the gain."
    )
    return Grid("Intervals of the accuracies", note, ("set", *NAMES.values()), rows)


def _gain(sets: list[dict[str, Any]]) -> Grid:
    rows = []
    for d in sets:
        paired, test = d["paired_vs_majority"], d["mcnemar_vs_vote"]
        letters = d["paired_vs_letter_vote"]
        rows.append(
            (
                d["name"],
                f"{points(paired['diff'])} ({points(paired['low'])} to {points(paired['high'])})",
                f"{test['gained']} / {test['lost']}",
                p_value(test["p"]),
                f"{points(letters['diff'])} ({points(letters['low'])} to"
                f" {points(letters['high'])})",
            )
        )
    note = (
        "Weighted vote less the baseline, paired by question, in percentage points with a 95 %"
        " bootstrap interval. McNemar: questions that only weighted vote / only the vote has right,"
        " exact two-sided p; there the vote's ties fall to the answer that came first, as served."
    )
    heads = ("set", "less SC@K", "gained / lost", "McNemar p", "less letter + vote")
    return Grid("Gain over self-consistency", note, heads, tuple(rows))


def _calibration(sets: list[dict[str, Any]]) -> Grid:
    def pair(effect: dict[str, float] | None) -> tuple[str, str]:
        return (number(effect["before"]), number(effect["after"])) if effect else ("", "")

    rows = [
        (
            d["name"],
            number(d["auc"]),
            *pair(d["calibration_effect"]["candidates"]),
            *pair(d["calibration_effect"]["answers"]),
            number(d["ece"]),
            f"{d['validated']} of {d['n']}",
            str(d["unscored"]),
        )
        for d in sets
    ]
    note = (
        "AUC: chance that a right candidate scores above a wrong one. ECE: 15 bins of equal mass;"
        " candidates: sigmoid(logit), then Platt-scaled; answers: sigmoid(answer score), then the"
        " confidence. Corrected: less what perfect calibration shows by chance. Told: questions"
        " whose confidence the service would tell, having been validated for LLM and task."
        " Unscored: too long for the adapter, left to the vote."
    )
    heads = (
        "set",
        "AUC",
        "ECE of candidates",
        "calibrated",
        "ECE of answers",
        "calibrated",
        "corrected",
        "told",
        "unscored",
    )
    return Grid("Scores and calibration", note, heads, tuple(rows))


def _selective(sets: list[dict[str, Any]], pooled: dict[str, Any] | None) -> Grid:
    shown = [d for d in sets if d["risk_coverage"]]
    if pooled and len(shown) > 1:
        shown = [*shown, {"name": "pooled", **pooled}]
    rows = []
    for d in shown:
        by_coverage = {row["coverage"]: row["accuracy"] for row in d["risk_coverage"]}
        rows.append((d["name"], *(number(by_coverage[c]) for c in COVERAGES), number(d["aurc"])))
    heads = ("set", *(f"{100 * c:.0f} %" for c in COVERAGES), "AURC")
    note = (
        "Accuracy among the surest share of the questions, by confidence. AURC: area under risk"
        " (error) against coverage, lower is better."
    )
    return Grid("Answering only the surest", note, heads, tuple(rows))


def _k_curve(sets: list[dict[str, Any]]) -> Grid:
    sizes = sorted({row["k"] for d in sets for row in d["k_curve"]})
    rows = []
    for d in sets:
        for rule in ("majority", "best_of", "weighted_vote"):
            by_k = {row["k"]: row.get(rule) for row in d["k_curve"]}
            if any(v is not None for v in by_k.values()):
                values = (number(by_k.get(k)) for k in sizes)
                rows.append((d["name"], NAMES[rule], *values))
    note = "Accuracy with k candidates, drawn at random from those there are."
    return Grid("Accuracy by candidates", note, ("set", "rule", *map(str, sizes)), tuple(rows))


def _adaptive(sets: list[dict[str, Any]]) -> Grid:
    thresholds = sorted({row["threshold"] for d in sets for row in d["adaptive_curve"]})
    rows = []
    for d in sets:
        found = {row["threshold"]: row for row in d["adaptive_curve"]}
        if found:
            cells = (
                f"{row['spent']:.1f}: {row['right']:.3f}" if (row := found.get(t)) else ""
                for t in thresholds
            )
            rows.append((d["name"], *cells))
    note = (
        'Candidates asked for (mean), and accuracy of weighted vote, where k: "auto" stops at this'
        " probability that the leader stays ahead."
    )
    heads = ("set", *(f"{t:.2f}" for t in thresholds))
    return Grid("Stopping early", note, heads, tuple(rows))


def print_tables(result: dict[str, Any]) -> None:
    """All tables on the console."""
    console = Console(width=200)
    console.print(result["adapter"], style="bold")
    if "withheld" in result:
        console.print(f"Scored without the {result['withheld']}")
    for grid in grids_of(result):
        console.print(rich_table(grid))


def rich_table(grid: Grid) -> Table:
    """For the console; the note stands below."""
    table = Table(title=grid.title, caption=grid.note, caption_justify="left")
    for at, head in enumerate(grid.heads):
        table.add_column(head, justify="left" if at == 0 else "right")
    for row in grid.rows:
        table.add_row(*row)
    return table


def markdown(result: dict[str, Any]) -> str:
    """All tables, for a model card."""
    total = sum(d["n"] for d in result["datasets"])
    lines = [f"## Evaluation of {result['adapter']}", "", f"{total} questions, {_share(result)}."]
    for grid in grids_of(result):
        lines += ["", f"### {grid.title}", "", grid.note, "", _row(grid.heads)]
        lines += ["|---|" + "---:|" * (len(grid.heads) - 1)]
        lines += [_row(row) for row in grid.rows]
    return "\n".join(lines) + "\n"


def _share(result: dict[str, Any]) -> str:
    return "all of the files" if result["split"] == "all" else f"the {result['split']} share"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
