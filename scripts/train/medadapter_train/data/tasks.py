"""Tasks, prompts and answers, as the service has them (`src/tasks`): asked, not stated again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from medadapter_train.core import ask, ask_each, in_chunks

#: Questions of a request.
CHUNK = 200
#: Label and text of one option, in the order shown.
Option = tuple[str, str]
ChatMessage = dict[str, str]
How = Literal["marker", "phrase", "bare", "option_text", "none", "conflict"]


@dataclass(frozen=True, slots=True)
class Task:
    """What commands read of a registry entry; see `src/tasks/task.ts` for the fields."""

    id: str
    kind: Literal["closed", "lettered", "free"]
    labels: tuple[str, ...]
    options: Literal["required", "labels", "forbidden"]
    context: Literal["required", "optional", "forbidden"]
    judge: Literal["label", "llm"]


@cache
def _registry() -> dict[str, Task]:
    rows = ask("tasks")["tasks"]
    return {row["id"]: Task(**{**row, "labels": tuple(row["labels"])}) for row in rows}


def task_ids() -> list[str]:
    """Ids of all tasks, sorted."""
    return sorted(_registry())


def task_by_id(task_id: str) -> Task:
    """The task of this id. Raises `KeyError` where there is none."""
    return _registry()[task_id]


@cache
def task_of(set_name: str) -> str | None:
    """The task of a candidate file, by the words of its name; None where none of them tells."""
    (task,) = ask("set_task", sets=[set_name])["tasks"]
    return task or None


class Asked(NamedTuple):
    """A question to be put to an LLM under a task."""

    task: str
    question: str
    options: tuple[Option, ...]
    context: str | None


def prompts(questions: Sequence[Asked]) -> list[list[ChatMessage]]:
    """What the LLM gets, by question: system, worked example (user, assistant), the question
    verbatim. Raises `DataError` unknown_task."""
    requests = ({"items": [q._asdict() for q in part]} for part in in_chunks(questions, CHUNK))
    return [chat for found in ask_each("prompt", requests) for chat in found["prompts"]]


class ToJudge(NamedTuple):
    """A candidate that an LLM is asked about."""

    task: str
    question: str
    reference: str
    candidate: str


def judge_prompts(candidates: Sequence[ToJudge]) -> list[list[ChatMessage] | None]:
    """The chat that asks an LLM judge, by candidate; None where the label decides."""
    requests = ({"items": [c._asdict() for c in part]} for part in in_chunks(candidates, CHUNK))
    return [chat for found in ask_each("judge_prompt", requests) for chat in found["prompts"]]


def verdicts(texts: Sequence[str]) -> list[bool | None]:
    """What an LLM judge said, by text; None where it gave no verdict."""
    requests = ({"texts": list(part)} for part in in_chunks(texts, CHUNK))
    return [verdict for found in ask_each("verdict", requests) for verdict in found["verdicts"]]


class ToParse(NamedTuple):
    """Candidates of one question. `options` may be empty for a closed task: its labels are meant.
    `gold` None: nothing is right."""

    task: str
    options: tuple[Option, ...]
    texts: Sequence[str]
    gold: str | None = None


class ParsedAnswer(NamedTuple):
    """An option's label as given, and how it was found; None for `none` and `conflict`. `right`:
    it is the gold label, case and blanks apart."""

    label: str | None
    how: How
    right: bool


def parse_all(questions: Sequence[ToParse]) -> list[list[ParsedAnswer]]:
    """The answers that candidates' texts end in (`docs/parsing.md`), by question and by text.

    Raises `DataError` unknown_task.
    """
    requests = (
        {"items": [{**q._asdict(), "texts": list(q.texts)} for q in part]}
        for part in in_chunks(questions, CHUNK)
    )
    return [
        [ParsedAnswer(row["label"], row["how"], row["right"]) for row in rows]
        for found in ask_each("parse", requests)
        for rows in found["items"]
    ]
