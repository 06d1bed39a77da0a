"""Measures one adapter without another training: rules, K, strong LLMs, answers alone, the paper's
measure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from medadapter_train.measure.curves import with_k
from medadapter_train.measure.evaluate import answer_only
from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import select_all
from medadapter_train.study.config_tables import ModelsTable
from medadapter_train.study.questions import Questions
from medadapter_train.study.sample import Part, Sample, part_of

#: Random subsets a question in the K-curve.
DRAWS = 8


@dataclass(frozen=True)
class Adapter:
    """An adapter's parts by set. `manifest` is empty where its rules are fitted on nothing; `main`
    names the sets of the means."""

    name: str
    manifest: dict[str, Any]
    parts: dict[str, Part]
    main: tuple[str, ...]

    def mains(self) -> list[Part]:
        return [self.parts[name] for name in self.main]


def evaluations(
    adapter: Adapter, questions: dict[str, Questions], sizes: Sequence[int], models: ModelsTable
) -> dict[str, Any]:
    """All figures of one adapter, as `study.json` has them."""
    return {
        "adapter": adapter.name,
        "fitted": bool(adapter.manifest.get("selector")),
        "apart": [name for name in adapter.parts if name not in adapter.main],
        "rules": _rows(adapter, _rules),
        "k_curve": _k_curve(adapter, sizes),
        "strongest": _strongest(adapter, questions),
        "answers_alone": _rows(_with_bare(adapter), _bare),
        "relative": _relative(adapter, models),
    }


def _rows(adapter: Adapter, figures: Callable[[Sample], dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each set and one of the mean over the main ones."""
    rows = [{"set": name, **figures(Sample([part]))} for name, part in adapter.parts.items()]
    return [*rows, {"set": "mean", **figures(Sample(adapter.mains()))}]


def _rules(sample: Sample) -> dict[str, Any]:
    rules = ("single", "majority", "best_of", "weighted_vote")
    return {
        **{rule: sample.accuracy(rule) for rule in rules},
        "best_of_gain": sample.gain("best_of"),
        "gain": sample.gain(),
        "vote_over_best_of": sample.gain("weighted_vote", "best_of"),
        "gain_over_single": sample.gain("weighted_vote", "single"),
        "auc": sample.auc(),
    }


def _k_curve(adapter: Adapter, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """By set and size, where nearly every question has so many candidates."""
    found: dict[int, dict[str, Part]] = {k: {} for k in sizes}
    for k in sizes:
        for name, part in adapter.parts.items():
            kept = [i for i, q in enumerate(part.scored) if len(q.answers) >= k]
            if len(kept) < 0.9 * len(part.scored):
                continue
            rng = np.random.default_rng(1)
            own = [part.scored[i] for i in kept]
            rules = with_k(own, adapter.manifest, k, DRAWS, rng)
            found[k][name] = Part(name, tuple(part.keys[i] for i in kept), rules)
    rows = []
    for k, parts in found.items():
        main = [part for name, part in parts.items() if name in adapter.main]
        groups = {name: [part] for name, part in parts.items()} | ({"mean": main} if main else {})
        for name, group in groups.items():
            sample = Sample(group)
            row: dict[str, Any] = {"set": name, "k": k, "sets": len(group)}
            for rule in ("majority", "best_of", "weighted_vote"):
                row[rule] = sample.accuracy(rule)
            rows.append({**row, "gain": sample.gain(), "best_of_gain": sample.gain("best_of")})
    return rows


def _only(part: Part, manifest: dict[str, Any], wanted: Callable[[str], bool]) -> Part | None:
    """The part with the candidates of some models alone, of questions with two or more of them.
    Rule `all`: the weighted vote of all candidates."""
    kept: list[tuple[int, Scored]] = []
    for i, q in enumerate(part.scored):
        indices = [n for n, model in enumerate(q.models) if wanted(model)]
        if len(indices) > 1:
            kept.append((i, q.subset(indices)))
    if not kept:
        return None
    found = part_of([part.keys[i] for i, _ in kept], [q for _, q in kept], manifest)
    whole = part.rules["weighted_vote"][[i for i, _ in kept]]
    return replace(found, rules={**found.rules, "all": whole})


def _strongest(adapter: Adapter, questions: dict[str, Questions]) -> list[dict[str, Any]]:
    """Of sets of several LLMs: the one that is best in the training share, alone."""
    rows = []
    for name, part in adapter.parts.items():
        model = questions[name].strongest
        alone = None if model is None else _only(part, adapter.manifest, model.__eq__)
        if alone is None:
            continue
        sample = Sample([alone])
        rows.append(
            {
                "set": name,
                "model": model,
                "candidates": float(np.mean([len(q.answers) for q in alone.scored])),
                "single": sample.accuracy("single"),
                "majority": sample.accuracy("majority"),
                "weighted_vote": sample.accuracy("weighted_vote"),
                "gain": sample.gain(),
                "all_over_single": sample.gain("all", "single"),
            }
        )
    return rows


def _with_bare(adapter: Adapter) -> Adapter:
    """The parts with the rules of answers without their texts."""
    parts = {}
    for name, part in adapter.parts.items():
        alone = [replace(q, logits=q.bare) for q in part.scored]
        rules = {
            "bare_best_of": answer_only(part.scored),
            "bare_vote": np.array(
                [float(d.weighted.correct) for d in select_all(alone, adapter.manifest)]
            ),
        }
        parts[name] = replace(part, rules={**part.rules, **rules})
    return replace(adapter, parts=parts)


def _bare(sample: Sample) -> dict[str, Any]:
    bare = [
        replace(part, scored=tuple(replace(q, logits=q.bare) for q in part.scored))
        for part in sample.parts
    ]
    return {
        "majority": sample.accuracy("majority"),
        "best_of": sample.accuracy("best_of"),
        "bare_best_of": sample.accuracy("bare_best_of"),
        "weighted_vote": sample.accuracy("weighted_vote"),
        "bare_vote": sample.accuracy("bare_vote"),
        "reading_best_of": sample.gain("best_of", "bare_best_of"),
        "reading_vote": sample.gain("weighted_vote", "bare_vote"),
        "auc": sample.auc(),
        "bare_auc": Sample(bare).auc(),
    }


def _named(words: Sequence[str], model: str) -> bool:
    return any(word in model.lower() for word in words)


def _relative(adapter: Adapter, models: ModelsTable) -> list[dict[str, Any]]:
    """The mean relative gain over one sample, for black-box and open-weight LLMs' candidates."""
    rows = []
    for group, names in (("black_box", models.black_box), ("open", models.open)):
        wanted = partial(_named, names)
        parts = [_only(part, adapter.manifest, wanted) for part in adapter.mains()]
        known = [part for part in parts if part is not None]
        if not known:
            continue
        sample = Sample(known)
        found = {
            rule: {"relative": sample.relative(rule), "gain": sample.gain(rule)}
            for rule in ("best_of", "weighted_vote")
        }
        vote = sample.relative("majority")
        rows.append({"group": group, "sets": [p.name for p in known], "vote": vote, **found})
    return rows
