"""The model card (README.md of a bundle), written from the manifest alone."""

from __future__ import annotations

from typing import Any


def model_card(manifest: dict[str, Any]) -> str:
    """Markdown. Says what the adapter saw, whose outputs, what it gains and where it gains nothing."""
    base = manifest["base"]
    lines = [
        f"# Adapter `{manifest['name']}` {manifest['version']}",
        "",
        "Scores candidate answers of an LLM to medical questions: for each candidate a logit, higher",
        "where the candidate is more likely right. A research artefact, not a medical device: it",
        "ranks what an LLM wrote, it does not know medicine, and nobody should act on its word.",
        "",
        f"- Base: {base['model']}, {base['source']}, {base['licence']}",
        f"- {base['layers']} layers, hidden {base['hidden']}, prefix-shared attention, int8",
        f"- Budget: {manifest['budget']['prefixTokens']} tokens of question, options and context,",
        f"  {manifest['budget']['candidateTokens']} of candidate",
        "",
    ]
    lines += _provenance(manifest["provenance"])
    lines += _metrics(manifest)
    return "\n".join(lines).rstrip() + "\n"


def _provenance(entries: list[dict[str, Any]]) -> list[str]:
    if not entries:
        return ["## Data", "", "None: untrained weights for tests.", ""]
    lines = ["## Data", "", "| set | licence | LLMs whose outputs it holds | questions | note |"]
    lines.append("|---|---|---|---|---|")
    for e in entries:
        llms = ", ".join(e["llms"])
        row = [e["name"], e["licence"], llms, e["questions"], e["note"]]
        lines.append("| " + " | ".join(map(str, row)) + " |")
    return [*lines, ""]


def _metrics(manifest: dict[str, Any]) -> list[str]:
    return []
