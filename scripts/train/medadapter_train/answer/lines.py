"""Reads lines that are nothing but an answer ("B", "(B) text", "YES.") and a text's opening words.

Twin of `src/tasks/answer/lines.ts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from medadapter_train.answer.choices import Choices
from medadapter_train.answer.expression import (
    CLOSERS,
    Found,
    read_option,
    skip_marks,
    token_at,
)
from medadapter_train.answer.reading import read_answer
from medadapter_train.answer.tokens import Token

_TRAILING = CLOSERS | frozenset(".!,;|([")


class Line(NamedTuple):
    """A line by its tokens `[start, end)`, and the answer that it wholly consists of."""

    start: int
    end: int
    answer: Found | None


def read_lines(tokens: Sequence[Token], choices: Choices) -> list[Line]:
    """All lines that are not blank."""
    lines: list[Line] = []
    start = 0
    for at in range(len(tokens) + 1):
        if at < len(tokens) and tokens[at].kind != "line":
            continue
        if at > start:
            lines.append(Line(start, at, _whole_line(tokens, start, at, choices)))
        start = at + 1
    return lines


def _whole_line(tokens: Sequence[Token], start: int, end: int, choices: Choices) -> Found | None:
    first = start
    while first < end and tokens[first].kind == "mark":
        first += 1
    found = read_option(tokens, first, choices)
    if found is None or found.rival or found.next > end:
        return None
    rest = found.next
    while rest < end and tokens[rest].text in _TRAILING:
        rest += 1
    return found if rest >= end else None


def only_answer(tokens: Sequence[Token], lines: Sequence[Line]) -> Found | None:
    """The answer that stands alone on lines (no headings) before the last, where all agree."""
    plain = [line for line in lines[:-1] if not tokens[line.start].text.startswith("#")]
    found = [line.answer for line in plain if line.answer is not None]
    return found[0] if len({answer.label for answer in found}) == 1 else None


def last_answer(tokens: Sequence[Token], lines: Sequence[Line], choices: Choices) -> Found | None:
    """The answer that the last line consists of, unless that line goes on a list of options."""
    answer = lines[-1].answer
    if answer is None or len(lines) < 2:
        return answer
    before = lines[-2]
    if before.answer is not None and before.answer.label != answer.label:
        return None
    other = _start_of_line(tokens, before, choices)
    heading = any(token.text == "answer" for token in tokens[before.start : before.end])
    if other is None or heading or other.by_text or answer.by_text:
        return answer
    return answer if other.label == answer.label else None


def opening(tokens: Sequence[Token], lines: Sequence[Line], choices: Choices) -> Found | None:
    """ "Yes, the study shows ...", "B. Text. Because ...": an answer in a text's first words."""
    start = 0
    while start < len(tokens) and tokens[start].kind != "word":
        start += 1
    found = read_option(tokens, start, choices)
    if found is None or not (found.by_text or found.verified):
        return None
    after = token_at(tokens, found.next)
    if after is None or after.kind != "mark" or after.text in ("(", "/"):
        return None
    if read_answer(tokens, start, choices).kind != "label":
        return None
    for line in lines:
        other = _start_of_line(tokens, line, choices)
        if other is not None and other.label != found.label and other.by_text == found.by_text:
            return None
    return found


def _start_of_line(tokens: Sequence[Token], line: Line, choices: Choices) -> Found | None:
    return read_option(tokens, min(skip_marks(tokens, line.start), line.end), choices)
