"""The task registry, prompts and judges: the Python reader of `src/tasks/registry/*.json`.

Twin of `src/tasks/{task,registry,options,prompt,judge}.ts`: same data, same texts, checked by both
test suites against `test/fixtures/prompts.golden.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

#: `src/tasks` of the repository that this package lives in.
TASKS_FOLDER = Path(__file__).resolve().parents[4] / "src" / "tasks"
#: Label and text of one option, in the order shown.
Option = tuple[str, str]
ChatMessage = dict[str, str]


@dataclass(frozen=True, slots=True)
class Demonstration:
    """The worked example of a prompt; `answer` ends with `#### label` unless the text is free."""

    question: str
    options: tuple[Option, ...]
    context: str | None
    answer: str


@dataclass(frozen=True, slots=True)
class Task:
    """One registry entry; see `src/tasks/task.ts` for the fields."""

    id: str
    name: str
    kind: Literal["closed", "lettered", "free"]
    labels: tuple[str, ...]
    options: Literal["required", "labels", "forbidden"]
    context: Literal["required", "optional", "forbidden"]
    system: str
    user: tuple[str, ...]
    demonstration: Demonstration
    aliases: Mapping[str, tuple[str, ...]]
    judge: Literal["label", "llm"]
    judge_system: str
    judge_user: str


@cache
def _registry() -> dict[str, Task]:
    paths = sorted((TASKS_FOLDER / "registry").glob("*.json"))
    tasks = [_read(json.loads(path.read_text(encoding="utf-8"))) for path in paths]
    return {task.id: task for task in tasks}


def task_ids() -> list[str]:
    """Ids of all tasks, sorted."""
    return sorted(_registry())


def task_by_id(task_id: str) -> Task:
    """The task of this id. Raises `KeyError` where there is none."""
    return _registry()[task_id]


def label_options(task: Task) -> list[Option]:
    """The options of a closed task: each label is its own text."""
    return [(label, label) for label in task.labels]


def render_option(option: Option) -> str:
    """ "A. text", or the text alone where it is the label."""
    label, text = option
    return text if label.lower() == text.lower() else f"{label}. {text}"


def render_prompt(
    task: Task, question: str, options: Sequence[Option], context: str | None
) -> list[ChatMessage]:
    """System, worked example (user, assistant), then the question verbatim: what the LLM gets."""
    example = task.demonstration
    return [
        {"role": "system", "content": task.system},
        {
            "role": "user",
            "content": _user_message(task, example.question, example.options, example.context),
        },
        {"role": "assistant", "content": example.answer},
        {"role": "user", "content": _user_message(task, question, options, context)},
    ]


def is_correct(label: str | None, gold: str) -> bool:
    """Whether a parsed label is the gold label (blanks and case apart); unparsed is wrong."""
    return label is not None and label.strip().lower() == gold.strip().lower()


def judge_prompt(
    task: Task, question: str, reference: str, candidate: str
) -> list[ChatMessage] | None:
    """The chat that asks an LLM judge about one candidate; None where the label decides."""
    if task.judge != "llm":
        return None
    fill = {"question": question, "reference": reference, "candidate": candidate}
    return [
        {"role": "system", "content": task.judge_system},
        {"role": "user", "content": _fill(task.judge_user, fill)},
    ]


def _user_message(task: Task, question: str, options: Sequence[Option], context: str | None) -> str:
    shown = label_options(task) if not options and task.kind == "closed" else options
    fill = {
        "context": context or "",
        "question": question,
        "options": "\n".join(render_option(option) for option in shown),
    }
    sections = []
    for section in task.user:
        name = section[section.index("{") + 1 : section.index("}")]
        if fill[name].strip():
            sections.append(section.replace("{" + name + "}", fill[name]))
    return "\n\n".join(sections)


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Every placeholder once, from left to right: what is filled in is not read again."""
    out: list[str] = []
    rest = template
    while rest:
        places = [(rest.find("{" + name + "}"), name) for name in values]
        found = [place for place in places if place[0] >= 0]
        if not found:
            break
        at, name = min(found)
        out += [rest[:at], values[name]]
        rest = rest[at + len(name) + 2 :]
    return "".join([*out, rest])


def _read(raw: dict[str, Any]) -> Task:
    prompt, judge = raw["prompt"], raw["judge"]
    example = prompt["demonstration"]
    return Task(
        id=raw["id"],
        name=raw["name"],
        kind=raw["kind"],
        labels=tuple(raw["labels"]),
        options=raw["options"],
        context=raw["context"],
        system=prompt["system"],
        user=tuple(prompt["user"]),
        demonstration=Demonstration(
            question=example["question"],
            options=tuple((example["options"] or {}).items()),
            context=example["context"],
            answer=example["answer"],
        ),
        aliases={label: tuple(texts) for label, texts in raw["parser"]["aliases"].items()},
        judge=judge["kind"],
        judge_system=judge.get("system", ""),
        judge_user=judge.get("user", ""),
    )


_TASKS = {
    "pubmedqa": "pubmedqa",
    "bioasq": "bioasq",
    "medmcqa": "medmcqa",
    "medqa": "medqa",
    "medqa5": "medqa",
    "mmlu": "mmlu_med",
}


def task_of(set_name: str) -> str | None:
    """By the words of its name; None where none of them tells."""
    words = set_name.lower().split("_")
    return next((_TASKS[w] for w in words if w in _TASKS), None)
