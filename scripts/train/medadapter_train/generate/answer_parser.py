"""Reads the answer that an LLM's text ends in; the same rules as `src/tasks/parse.ts`.

The rules and their measured agreement: `docs/parsing.md`. Both parsers pass the same golden table,
`test/fixtures/answers.jsonl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from medadapter_train.data.tasks import Option, Task, label_options, task_by_id
from medadapter_train.generate.answer.choices import Choices, read_choices
from medadapter_train.generate.answer.expression import Found
from medadapter_train.generate.answer.lines import last_answer, only_answer, opening, read_lines
from medadapter_train.generate.answer.sites import Site, find_sites
from medadapter_train.generate.answer.tokens import Token, tokenize

How = Literal["marker", "phrase", "bare", "option_text", "none", "conflict"]


class ParsedAnswer(NamedTuple):
    """An option's label as given, and how it was found; None for `none` and `conflict`."""

    label: str | None
    how: How


_NONE = ParsedAnswer(None, "none")
_CONFLICT = ParsedAnswer(None, "conflict")


def parse_answer(task: Task, options: Sequence[Option], text: str) -> ParsedAnswer:
    """The answer of one candidate; linear in the text's length, never raises.

    `options` may be empty for a closed task (its labels are meant); free text has no answer.
    """
    if task.kind == "free":
        return _NONE
    choices = read_choices(task, options or label_options(task))
    return _decide(_answer_part(tokenize(text)), choices)


def read_verdict(text: str) -> bool | None:
    """An LLM judge's verdict (see `tasks.judge_prompt`), or None where it gave none."""
    label = parse_answer(task_by_id("yesno"), (), text).label
    return None if label is None else label == "yes"


def _answer_part(tokens: list[Token]) -> list[Token]:
    """What stands after the last `</think>` or `<answer>` that any word follows; else the whole."""
    worded = False
    for at in range(len(tokens) - 1, 0, -1):
        token = tokens[at]
        if worded and token.text in ("</think>", "<answer>"):
            return tokens[at:]
        worded = worded or token.kind == "word"
    return tokens


def _decide(tokens: list[Token], choices: Choices) -> ParsedAnswer:
    lines = read_lines(tokens, choices)
    if not lines:
        return _NONE
    last_line = lines[-1].start
    sites = find_sites(tokens, choices)
    final = _last_final(sites, last_line)
    bare = last_answer(tokens, lines, choices)
    if final is not None and (
        bare is None or bare.label == final.reading.label or final.at >= last_line
    ):
        return _settle([final])
    if bare is not None:
        return _by_line(bare)
    for strength in ("phrase", "claim"):
        found = [site for site in sites if site.strength == strength and _is_stated(site)]
        if found:
            return _settle(found)
    alone = opening(tokens, lines, choices) or only_answer(tokens, lines)
    return _NONE if alone is None else _by_line(alone)


def _last_final(sites: list[Site], last_line: int) -> Site | None:
    """The last final marker that says something, or a phrase ("the answer is B") after it.

    A marker whose words name no option ("Answer: cannot be determined") counts only where it ends
    the text and nothing after it names one.
    """
    if not sites:
        return None
    last = sites[-1]
    if last.strength == "final" and not _is_stated(last) and last.at >= last_line:
        return last
    later: Site | None = None
    for site in reversed(sites):
        if site.strength == "final" and _is_stated(site):
            differs = later is not None and later.reading.label != site.reading.label
            return later if differs else site
        if later is None and site.strength == "phrase" and site.reading.kind == "label":
            later = site
    return None


def _is_stated(site: Site) -> bool:
    return site.reading.kind not in ("denied", "unread")


def _by_line(found: Found) -> ParsedAnswer:
    return ParsedAnswer(found.label, "option_text" if found.by_text else "bare")


def _settle(sites: list[Site]) -> ParsedAnswer:
    if any(site.reading.kind == "several" for site in sites):
        return _CONFLICT
    labels = {site.reading.label for site in sites if site.reading.label is not None}
    if not labels:
        return _NONE
    if len(labels) > 1:
        return _CONFLICT
    final = any(site.strength == "final" for site in sites)
    return ParsedAnswer(labels.pop(), "marker" if final else "phrase")
