"""Reads lines that are nothing but an answer ("B", "(B) text", "YES.") and a text's opening words.

Twin of `src/tasks/answer/lines.ts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from medadapter_train.generate.answer.choices import Choices
from medadapter_train.generate.answer.expression import (
    CLOSERS,
    Found,
    read_option,
    skip_marks,
    text_at,
    token_at,
)
from medadapter_train.generate.answer.reading import read_answer
from medadapter_train.generate.answer.sentence import is_sentence_end
from medadapter_train.generate.answer.tokens import Token

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
    """The answer that the last line consists of, or else its last sentence.

    None where that line goes on a list of options.
    """
    answer = lines[-1].answer
    if answer is None:
        return _last_sentence(tokens, lines[-1], choices)
    if len(lines) < 2:
        return answer
    before = lines[-2]
    if before.answer is not None and before.answer.label != answer.label:
        return None
    listed = not answer.by_text and _goes_on_list(tokens, before, answer, choices)
    return None if listed else answer


def _goes_on_list(tokens: Sequence[Token], before: Line, answer: Found, choices: Choices) -> bool:
    """ "B. Text: too weak." and then a line "C. Text": the next of a list."""
    other = _start_of_line(tokens, before, choices)
    if other is None or other.by_text:
        return False
    after = token_at(tokens, other.next)
    marked = other.verified or (after is not None and after.kind == "mark")
    labels = list(choices.letters.values())
    place = labels.index(other.label) if other.label in labels else -1
    following = labels.index(answer.label) if answer.label in labels else -1
    return marked and place + 1 == following


def _last_sentence(tokens: Sequence[Token], line: Line, choices: Choices) -> Found | None:
    """ "The difference was significant. **Yes**": the last sentence, after a word of four."""
    end = line.end
    while end > line.start and tokens[end - 1].kind == "mark":
        end -= 1
    start = end
    while start > line.start and not is_sentence_end(tokens[start - 1]):
        start -= 1
    before = token_at(tokens, start - 2)
    if before is None or before.kind != "word" or len(before.text) < 4:
        return None
    found = _whole_line(tokens, start, line.end, choices)
    article = end == line.end and text_at(tokens, end - 1) == "a"
    return None if article else found


def opening(tokens: Sequence[Token], lines: Sequence[Line], choices: Choices) -> Found | None:
    """ "Yes, the study shows ...", "B. Text. Because ...": an answer in a text's first words."""
    start = 0
    while start < len(tokens) and tokens[start].kind != "word":
        start += 1
    found = read_option(tokens, start, choices)
    if found is None:
        return None
    after = token_at(tokens, found.next)
    if after is None or after.kind != "mark" or after.text in ("(", "/"):
        return None
    if not (found.by_text or found.verified or after.text in (",", "-")):
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
