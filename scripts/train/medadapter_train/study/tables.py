"""The study as Markdown, ready for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medadapter_train.study.markdown import change, number, plain, table
from medadapter_train.study.tables_adapter import adapter_sections

_GAIN = "gain over SC@K"


def study_markdown(result: dict[str, Any]) -> str:
    """All tables that there are figures for."""
    sections = [("The study", _intro(result))]
    found = result["comparisons"]
    if found is not None:
        titles = {
            "cross": "Prefix-shared attention against a cross-encoder",
            "layers": "Size of the adapter",
            "share": "Share of the training questions",
            "train": "Settings of the training",
        }
        for kind, title in titles.items():
            rows = [row for row in found["runs"] if row["kind"] in (kind, "reference")]
            if any(row["kind"] == kind for row in rows):
                sections.append((title, _runs(rows)))
        if found["tasks"]["rows"]:
            sections.append(("Trained on one task, measured on all", _tasks(found["tasks"])))
        for grid in found["llms"]:
            title = f"Trained on one LLM's answers, measured on others' ({grid['task']})"
            sections.append((title, _llms(grid)))
    if result["evaluations"] is not None:
        sections += adapter_sections(result["evaluations"])
    if result["costs"] is not None and result["costs"]["fitting"]:
        sections += _costs(result["costs"])
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in sections) + "\n"


def _intro(result: dict[str, Any]) -> str:
    runs = result["settings"]
    lines = [
        f"Each run: {number(runs['passes'])} passes in steps of {runs['batch']}, base"
        f" `{runs['base']}`, seed {runs['seed']}, learning rates {runs['learning_rate']:g}"
        f" (encoder) and {runs['head_learning_rate']:g} (head), trained on the train share alone.",
        f"Measured on the {' and '.join(result['shares'])} share, by rules that are fitted on"
        " nothing: best-of, and the weighted vote (sum of sigmoid(logit) by answer), against SC@K"
        " with ties by expectation.",
        "Gains are in points with 95 % intervals by bootstrap over questions (2,000 draws; a"
        " question in several sets is drawn for all of them), paired where two rules or runs are"
        " compared; n: distinct questions. One seed a run: the intervals do not hold what another"
        " seed would change.",
    ]
    if result["missing"]:
        lines.append(f"Not run: {', '.join(result['missing'])}.")
    return "\n".join(lines)


def _runs(rows: Sequence[dict[str, Any]]) -> str:
    heads = ["run", "n", f"weighted vote, {_GAIN}", f"best-of, {_GAIN}", "AUC"]
    heads += ["weighted vote less the reference's", "best-of less the reference's"]
    quality = [
        [
            row["run"],
            str(row["gain"]["n"]),
            change(row["gain"]),
            change(row["best_of_gain"]),
            plain(row["auc"]),
            change(row["versus"]["weighted_vote"]) if row["versus"] else "",
            change(row["versus"]["best_of"]) if row["versus"] else "",
        ]
        for row in rows
    ]
    spent = ["run", "training questions, by set", "passes", "training, s", "weights, million"]
    spent += ["of them word embeddings", "scoring a question, ms", "n"]
    times = [[row["run"], *_spent(row)] for row in rows]
    return f"{table(heads, quality)}\n\n{table(spent, times)}"


def _spent(row: dict[str, Any]) -> list[str]:
    known = row["time"]
    cells = [number(row["trained"]), number(row["passes"]), number(row["seconds"])]
    if known is None:
        return [*cells, "", "", "", ""]
    millions = (known["weights"] / 1e6, known["of_them_word_embeddings"] / 1e6)
    words = [number(value, 2) for value in millions]
    return [*cells, *words, plain(known["ms"], 1), str(known["ms"]["n"])]


def _tasks(grid: dict[str, Any]) -> str:
    columns, rows = grid["columns"], grid["rows"]
    first = rows[0]["cells"]
    counted = [f"{task} (n {first[task]['gain']['n']})" for task in columns]
    gains = [
        [row["run"], *(change(row["cells"][task]["gain"]) for task in columns)] for row in rows
    ]
    areas = [[row["run"], *(plain(row["cells"][task]["auc"]) for task in columns)] for row in rows]
    own = [
        [row["task"], change(row["cells"][row["task"]]["versus_reference"])]
        for row in rows
        if "versus_reference" in row["cells"].get(row["task"], {})
    ]
    parts = [f"Weighted vote, {_GAIN}:", table(["trained on", *counted], gains)]
    parts += ["AUC:", table(["trained on", *columns], areas)]
    if own:
        heads = ["task", "its own adapter less the one for all, weighted vote"]
        parts += [table(heads, own)]
    return "\n\n".join(parts)


def _llms(grid: dict[str, Any]) -> str:
    columns, rows = grid["columns"], grid["rows"]
    heads = [f"{name} (n {rows[0]['cells'][name]['gain']['n']})" for name in columns]

    def cell(row: dict[str, Any], name: str, text: str) -> str:
        return f"**{text}**" if name in row["trained_on"] else text

    gains = [
        [row["run"], *(cell(row, n, change(row["cells"][n]["gain"])) for n in columns)]
        for row in rows
    ]
    areas = [
        [row["run"], *(cell(row, n, plain(row["cells"][n]["auc"])) for n in columns)]
        for row in rows
    ]
    return "\n\n".join(
        [
            f"Weighted vote, {_GAIN}; bold: the set that the run was trained on.",
            table(["trained on", *heads], gains),
            "AUC:",
            table(["trained on", *columns], areas),
        ]
    )


def _costs(found: dict[str, Any]) -> list[tuple[str, str]]:
    machines = [m["name"] for m in found["machines"]]
    currency = found["currency"]
    rows = [
        [run["run"], number(run["seconds"]), *(number(run["money"][m], 4) for m in machines)]
        for run in found["fitting"]
    ]
    heads = ["run", "training, s", *(f"{currency} on {m}" for m in machines)]
    tuned = [
        f"{one['llm']}, on one solution a pass over a question ({one['tokens'] / 1e6:.2f} million"
        f" tokens): {currency} {one['money']:.2f}."
        for one in found["tuning"]
    ]
    sections = [("Cost of fitting", "\n\n".join([table(heads, rows), *tuned]))]
    if found["answers"]:
        heads = ["LLM", "K", f"{currency}, prompt billed once", f"{currency}, prompt K times"]
        answers = [
            [a["llm"], str(a["k"]), number(a["prompt_once"], 2), number(a["prompt_each"], 2)]
            for a in found["answers"]
        ]
        scoring = [
            f"Scoring them on {name}: {currency} {value:.4f}."
            for name, value in found["scoring_1000"].items()
        ]
        read = [f"{p['name']}: {p['source']}, {p['date']}." for p in found["prices"]]
        note = (
            f"1,000 answers, K candidates of {found['completion_tokens']} tokens on a prompt of"
            f" {found['prompt_tokens']}. {' '.join([*scoring, *read])}"
        )
        sections.append(("Cost of 1,000 answers", f"{note}\n\n{table(heads, answers)}"))
    elif found["prices"]:
        read = [f"{p['name']}: {p['source']}, {p['date']}." for p in found["prices"]]
        sections[0] = (sections[0][0], f"{sections[0][1]}\n\n{' '.join(read)}")
    return sections
