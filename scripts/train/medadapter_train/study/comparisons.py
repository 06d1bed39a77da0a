"""Compares the study's runs: forms, sizes, shares of the data, tasks, LLMs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from medadapter_train.study.config import StudyConfig
from medadapter_train.study.questions import Questions, read_scores
from medadapter_train.study.runs import Run
from medadapter_train.study.sample import Part, Sample, part_of


@dataclass(frozen=True)
class Measured:
    """A finished run with its parts by set."""

    run: Run
    parts: dict[str, Part]


def measure(run: Run, sets: Sequence[Questions]) -> Measured:
    """Measure a run by the rules that are fitted on nothing. Raises `DataError` scores_damaged."""
    scored = read_scores(run.scores, sets)
    return Measured(run, {q.name: part_of(q.keys, scored[q.name], {}) for q in sets})


def comparisons(
    config: StudyConfig,
    measured: Sequence[Measured],
    questions: dict[str, Questions],
    times: dict[str, Any],
) -> dict[str, Any]:
    """`runs`: all that differ from the reference in form, size or data; `tasks` and `llms`:
    trained on one, measured on the others."""
    reference = next((m for m in measured if m.run.table.kind == "reference"), None)
    main = [s.name for s in config.sets if s.role == "main"]
    return {
        "runs": [
            _row(config, m, reference, main, questions, times)
            for m in measured
            if m.run.table.kind not in ("task", "llm")
        ],
        "spent": [{"run": m.run.table.name, "seconds": m.run.seconds()} for m in measured],
        "tasks": _tasks(config, measured, reference),
        "llms": _llms(config, measured, reference),
    }


def _row(
    config: StudyConfig,
    one: Measured,
    reference: Measured | None,
    main: Sequence[str],
    questions: dict[str, Questions],
    times: dict[str, Any],
) -> dict[str, Any]:
    table = one.run.table
    sample = Sample([one.parts[name] for name in main])
    sets = config.trained_on(table)
    row: dict[str, Any] = {
        "run": table.name,
        "kind": table.kind,
        "trained": sum(questions[s.name].trained(table.share) for s in sets),
        "passes": one.run.config.passes,
        "seconds": one.run.seconds(),
        **_figures(sample),
        "weighted_vote": sample.accuracy("weighted_vote"),
        "time": times.get(table.name),
        "versus": None,
    }
    if reference is not None and reference is not one:
        paired = [_against(one.parts[n], reference.parts[n]) for n in main]
        row["versus"] = {
            "weighted_vote": Sample(paired).gain("weighted_vote", "their weighted_vote"),
            "best_of": Sample(paired).gain("best_of", "their best_of"),
        }
    return row


def _figures(sample: Sample) -> dict[str, Any]:
    return {
        "gain": sample.gain(),
        "best_of_gain": sample.gain("best_of"),
        "auc": sample.auc(),
    }


def _against(ours: Part, theirs: Part) -> Part:
    """The part with the other's rules beside its own, question by question."""
    assert ours.keys == theirs.keys
    other = {f"their {name}": values for name, values in theirs.rules.items()}
    return replace(ours, rules={**ours.rules, **other})


def _tasks(
    config: StudyConfig, measured: Sequence[Measured], reference: Measured | None
) -> dict[str, Any]:
    """Rows: runs of one task, the reference last; columns: tasks, the mean over their main sets."""
    rows = [m for m in measured if m.run.table.kind == "task"]
    main = [s for s in config.sets if s.role == "main"]
    columns = list(dict.fromkeys(s.task for s in main))
    if not rows:
        return {"columns": columns, "rows": []}
    found = []
    for one in [*rows, *([reference] if reference else [])]:
        cells = {}
        for task in columns:
            names = [s.name for s in main if s.task == task]
            sample = Sample([one.parts[name] for name in names])
            cells[task] = _figures(sample)
            if reference is not None and one is not reference and one.run.table.task == task:
                paired = [_against(one.parts[n], reference.parts[n]) for n in names]
                versus = Sample(paired).gain("weighted_vote", "their weighted_vote")
                cells[task]["versus_reference"] = versus
        found.append({"run": one.run.table.name, "task": one.run.table.task, "cells": cells})
    return {"columns": columns, "rows": found}


def _llms(
    config: StudyConfig, measured: Sequence[Measured], reference: Measured | None
) -> list[dict[str, Any]]:
    """By task: rows are runs of one LLM's set, the reference last; columns the task's sets."""
    runs = [m for m in measured if m.run.table.kind == "llm"]
    grids = []
    for task in dict.fromkeys(config.trained_on(m.run.table)[0].task for m in runs):
        own = [m for m in runs if config.trained_on(m.run.table)[0].task == task]
        columns = [s.name for s in config.sets if s.task == task and s.role != "extra"]
        rows = []
        for one in [*own, *([reference] if reference else [])]:
            sets = config.trained_on(one.run.table) if one is not reference else []
            cells = {name: _figures(Sample([one.parts[name]])) for name in columns}
            trained = [s.name for s in sets]
            rows.append({"run": one.run.table.name, "trained_on": trained, "cells": cells})
        grids.append({"task": task, "columns": columns, "rows": rows})
    return grids
