"""The model card (README.md of a bundle), written from the manifest alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medadapter_train.bundle.manifest import write_card, write_manifest

GAIN = "weighted_vote_minus_majority"
COLUMNS = {
    "single": "one sample",
    "majority": "SC@K",
    "letter_vote": "letter + vote",
    "answer_only": "answer only",
    "best_of": "best of",
    "weighted_vote": "weighted",
    "oracle": "oracle",
}


def model_card(manifest: dict[str, Any]) -> str:
    """Markdown: its data, whose outputs these are, its gains, and where it gains nothing."""
    base = manifest["base"]
    lines = [
        f"# Adapter `{manifest['name']}` {manifest['version']}",
        "",
        "Scores an LLM's candidate answers to medical questions: a logit for each, higher where",
        "the candidate is more likely right. It is a research artefact and no medical device: it",
        "ranks what an LLM wrote, it does not know medicine, and nobody should act on its word.",
        "",
        f"- Base: {base['model']}, {base['source']}, {base['licence']}",
        f"- {base['layers']} layers, hidden {base['hidden']}, prefix-shared attention, int8",
        f"- Budget: {manifest['budget']['prefixTokens']} tokens of question, options and context,",
        f"  {manifest['budget']['candidateTokens']} of candidate; English",
        "",
        *_provenance(manifest["provenance"]),
        *_metrics(manifest["metrics"], manifest["training"].get("evaluated", "")),
        *_out_of_fold(manifest["training"].get("calibration")),
        *_calibration(manifest),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _provenance(entries: list[dict[str, Any]]) -> list[str]:
    if not entries:
        return ["## Data", "", "None: untrained weights for tests.", ""]
    lines = [
        "## Data it was trained on",
        "",
        "Questions with real LLM outputs and outcome labels (right or wrong). The weights may hold",
        "traces of the questions and of these LLMs' outputs; their licences and terms apply.",
        "",
        "| set | licence | LLMs | questions trained on | note |",
        "|---|---|---|---|---|",
    ]
    for e in entries:
        row = [e["name"], e["licence"], ", ".join(e["llms"]), e["questions"], e["note"]]
        lines.append("| " + " | ".join(map(str, row)) + " |")
    return [*lines, ""]


#: What the figures are of, by the share of the split.
_SHARES = {
    "test": "Accuracy on the test share (by question, over all files): nothing was fitted on it.",
    "validation": "Accuracy on the validation share, on which selector and confidence were fitted.",
    "train": "Accuracy on the train share, which was trained on: of others it says nothing.",
    "all": "Accuracy on whole files, questions that were trained or fitted on among them, if any.",
    "": "Accuracy on held-out questions.",
}


def _metrics(metrics: list[dict[str, Any]], share: str) -> list[str]:
    if not metrics:
        return ["## Measured", "", "Nothing yet.", ""]
    by_set: dict[str, dict[str, dict[str, Any]]] = {}
    for entry in metrics:
        by_set.setdefault(entry["set"], {})[entry["rule"]] = entry
    # An earlier release measured fewer rules.
    shown = [rule for rule in COLUMNS if all(rule in rules for rules in by_set.values())]
    lines = [
        "## Measured",
        "",
        _SHARES[share],
        "Scores in int8, as served. The gain is weighted vote less self-consistency (SC@K, random",
        "ties), in points, with a 95 % bootstrap interval by question. `letter + vote` is a ranker",
        "that reads no word of the candidates, cross-validated on the very set; `answer only` the",
        "adapter on the answers without their reasoning.",
        "",
        "| set | n | " + " | ".join(COLUMNS[rule] for rule in shown) + " | gain |",
        "|---|---|" + "---|" * (len(shown) + 1),
    ]
    gains: dict[str, list[str]] = {"better": [], "even": [], "worse": []}
    for name, rules in by_set.items():
        gain = rules[GAIN]
        values = [f"{rules[rule]['value']:.3f}" for rule in shown]
        text = f"{_points(gain['value'])} ({_points(gain['low'])} to {_points(gain['high'])})"
        lines.append(f"| {name} | {gain['n']} | " + " | ".join(values) + f" | {text} |")
        kind = "better" if gain["low"] > 0 else "worse" if gain["high"] < 0 else "even"
        gains[kind].append(name)
    mean = sum(r[GAIN]["value"] for r in by_set.values()) / len(by_set)
    return [
        *lines,
        "",
        f"Macro mean of the gain: {_points(mean)} points.",
        "",
        f"- Gains (interval wholly above 0): {', '.join(gains['better']) or 'none'}",
        f"- No gain shown (interval holds 0): {', '.join(gains['even']) or 'none'}",
        f"- Loses (interval wholly below 0): {', '.join(gains['worse']) or 'none'}",
        "",
    ]


def _out_of_fold(report: dict[str, Any] | None) -> list[str]:
    """Lines from a calibration's report; none from an earlier version's."""
    rows = (report or {}).get("out_of_fold", {})
    if not rows:
        return []
    lines = [
        "## Out of fold",
        "",
        "The same gain on the questions that the selector was fitted on, each by a selector that",
        "did not see it and by weights that did not: those of the validation share, and of",
        "cross-fitted sets all but the test share's (scored by runs that left them out).",
        "",
        "| set | n | SC@K | weighted | gain |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        gain = f"{_points(row['diff'])} ({_points(row['low'])} to {_points(row['high'])})"
        values = f"{row['majority']:.3f} | {row['weighted_vote']:.3f}"
        lines.append(f"| {name} | {row['n']} | {values} | {gain} |")
    mean = sum(row["diff"] for row in rows.values()) / len(rows)
    return [*lines, "", f"Macro mean of the gain: {_points(mean)} points.", ""]


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _calibration(manifest: dict[str, Any]) -> list[str]:
    if manifest["calibration"] is None:
        return []
    pairs = [
        f"{p['llm']} on {p['task']}" + (" with evidence it did not see" if "evidence" in p else "")
        for p in manifest["validatedOn"]
    ]
    lines = [
        "## Confidence",
        "",
        f"Calibrated for: {', '.join(pairs) or 'no LLM and task'}. For anything else no confidence",
        "is given. Abstention thresholds (error among answered questions, exact binomial bound at",
        "90 %, for questions like those it was fitted on and as many candidates; of fewer it is",
        "lower, of less than three there is none):",
        "",
        "| target error | threshold | share answered |",
        "|---|---|---|",
    ]
    for entry in manifest["abstention"]:
        target = f"{100 * entry['targetError']:.0f} %"
        if entry["threshold"] is None:
            lines.append(f"| {target} | unattainable | |")
        else:
            share = f"{100 * entry['coverage']:.0f} %"
            lines.append(f"| {target} | {entry['threshold']:.3f} | {share} |")
    return [*lines, ""]


def record_metrics(
    bundle: Path, manifest: dict[str, Any], metrics: list[dict[str, Any]], split: str
) -> None:
    """Put an evaluation's figures, of a share of the split, into a bundle's manifest and card."""
    training = {**manifest["training"], "evaluated": split}
    whole = {**manifest, "training": training, "metrics": metrics}
    write_card(bundle, model_card(whole))
    write_manifest(bundle, whole)
