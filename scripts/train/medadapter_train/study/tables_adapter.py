"""Markdown of one adapter's figures (evaluations.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medadapter_train.study.markdown import change, number, plain, share, table

Section = tuple[str, str]
#: The paper's own mean relative gains in percent, as its abstract has them (arXiv 2405.03000, v2
#: and v1): for LLMs behind an API, and for those of open weights.
PAPER = {"black_box": 10.96, "open": 18.24, "black_box_v1": 11.31, "open_v1": 25.48}


def adapter_sections(found: dict[str, Any]) -> list[Section]:
    """Titles with their tables."""
    rules = found["rules"]
    fitted = "its fitted selector" if found["fitted"] else "the sum of sigmoid(logit)"
    apart = f", without {', '.join(found['apart'])}" if found["apart"] else ""
    means = f"Mean: of the main sets{apart}."
    return [
        (
            "Rules",
            f"Adapter: {found['adapter']}; weighted vote: {fitted}. {means}\n\n{_rules(rules)}",
        ),
        ("Number of candidates", _k_curve(found["k_curve"])),
        ("Strength of the LLM", _strong(rules, found["strongest"])),
        ("Answers without their texts", _bare(found["answers_alone"])),
        ("The paper's measure", _relative(found["relative"])),
    ]


def _rules(rows: Sequence[dict[str, Any]]) -> str:
    heads = ["set", "n", "one sample", "SC@K", "best-of", "weighted vote", "best-of less SC@K"]
    heads += ["weighted vote less SC@K", "weighted vote less best-of", "AUC"]
    cells = [
        [
            row["set"],
            str(row["gain"]["n"]),
            *(share(row[rule]) for rule in ("single", "majority", "best_of", "weighted_vote")),
            *(change(row[name]) for name in ("best_of_gain", "gain", "vote_over_best_of")),
            plain(row["auc"]),
        ]
        for row in rows
    ]
    return table(heads, cells)


def _k_curve(rows: Sequence[dict[str, Any]]) -> str:
    heads = ["set", "K", "n", "SC@K", "best-of", "weighted vote", "best-of less SC@K"]
    heads += ["weighted vote less SC@K"]
    cells = [
        [
            row["set"] if row["set"] != "mean" else f"mean of {row['sets']} sets",
            str(row["k"]),
            str(row["gain"]["n"]),
            *(share(row[rule]) for rule in ("majority", "best_of", "weighted_vote")),
            change(row["best_of_gain"]),
            change(row["gain"]),
        ]
        for row in rows
        if row["set"] == "mean"
    ]
    by_set: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["set"] != "mean":
            by_set.setdefault(row["set"], []).append(row)
    sizes = sorted({row["k"] for row in rows})
    gains = []
    for name, own in by_set.items():
        known = {row["k"]: change(row["gain"]) for row in own}
        gains.append([name, *(known.get(k, "") for k in sizes)])
    parts = ["Random subsets of the candidates; a size counts the sets that have so many."]
    parts += [table(heads, cells), "Weighted vote less SC@K by set:"]
    return "\n\n".join([*parts, table(["set", *(f"K = {k}" for k in sizes)], gains)])


def _strong(rules: Sequence[dict[str, Any]], strongest: Sequence[dict[str, Any]]) -> str:
    ordered = sorted(
        (row for row in rules if row["set"] != "mean"), key=lambda row: row["single"]["value"]
    )
    heads = ["set, by accuracy of one sample", "n", "one sample", "SC@K"]
    heads += ["weighted vote less SC@K", "less one sample"]
    cells = [
        [
            row["set"],
            str(row["gain"]["n"]),
            share(row["single"]),
            share(row["majority"]),
            change(row["gain"]),
            change(row["gain_over_single"]),
        ]
        for row in ordered
    ]
    if not strongest:
        return table(heads, cells)
    own = ["set", "strongest LLM (training share)", "candidates", "n", "one sample", "SC"]
    own += ["weighted vote less SC", "weighted vote of all LLMs less one sample of it"]
    alone = [
        [
            row["set"],
            row["model"],
            number(row["candidates"], 1),
            str(row["gain"]["n"]),
            share(row["single"]),
            share(row["majority"]),
            change(row["gain"]),
            change(row["all_over_single"]),
        ]
        for row in strongest
    ]
    note = "The strongest LLM's candidates alone:"
    return "\n\n".join([table(heads, cells), note, table(own, alone)])


def _bare(rows: Sequence[dict[str, Any]]) -> str:
    heads = ["set", "n", "SC@K", "best-of, answers alone", "best-of, texts", "difference"]
    heads += ["vote, answers alone", "vote, texts", "difference", "AUC alone", "AUC, texts"]
    cells = [
        [
            row["set"],
            str(row["reading_vote"]["n"]),
            share(row["majority"]),
            share(row["bare_best_of"]),
            share(row["best_of"]),
            change(row["reading_best_of"]),
            share(row["bare_vote"]),
            share(row["weighted_vote"]),
            change(row["reading_vote"]),
            plain(row["bare_auc"]),
            plain(row["auc"]),
        ]
        for row in rows
    ]
    return table(heads, cells)


def _relative(rows: Sequence[dict[str, Any]]) -> str:
    heads = ["LLMs", "sets", "n", "rule", "over one sample, %", "the paper's, % (first version's)"]
    heads += ["less SC@K, points"]
    cells = []
    for row in rows:
        group = row["group"]
        name = {"black_box": "black-box", "open": "open weights"}[group]
        start = [name, str(len(row["sets"])), str(row["vote"]["n"])]
        theirs = f"{PAPER[group]:.2f} ({PAPER[f'{group}_v1']:.2f})"
        cells.append([*start, "SC@K", change(row["vote"]), "", ""])
        for rule, title, beside in (
            ("best_of", "best-of", theirs),
            ("weighted_vote", "weighted vote", ""),
        ):
            figures = (change(row[rule]["relative"]), beside, change(row[rule]["gain"]))
            cells.append([*start, title, *figures])
    note = (
        "Mean over sets of (rule - one sample) / one sample, by the candidates of such LLMs alone,"
        " where a question has two or more. The paper's are of other LLMs, splits and K."
    )
    return f"{note}\n\n{table(heads, cells)}"
