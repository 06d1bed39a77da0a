"""Reads the answer that follows a marker or phrase, past words like "is most likely option".

Twin of `src/tasks/answer/reading.ts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from medadapter_train.generate.answer import lexicon
from medadapter_train.generate.answer.choices import Choices
from medadapter_train.generate.answer.expression import (
    CLOSERS,
    OPENERS,
    Found,
    is_joiner,
    read_option,
    skip,
    skip_marks,
    text_at,
    token_at,
)
from medadapter_train.generate.answer.sentence import is_sentence_end
from medadapter_train.generate.answer.tokens import Token


class Reading(NamedTuple):
    """What stands behind a marker.

    label: one option (`found`); several: more than one, up to token `next`; nothing: says that no
    option is the answer; denied: negated; unread: words that name no option; empty: nothing there.
    """

    kind: Literal["label", "several", "nothing", "denied", "unread", "empty"]
    found: Found | None = None
    next: int = 0

    @property
    def label(self) -> str | None:
        """The option's label, where there is one."""
        return self.found.label if self.found is not None else None


_LEADS = OPENERS | frozenset({":", "-", "=", ">", ".", "#", "##", "###", "####", "|", "\\boxed"})
_NAMES = frozenset({"option", "choice", "letter"})
_LIST_NAMES = frozenset({"option", "choice", "answer"})
_MAX_SKIPPED = 16
#: Answers that are followed in a list: bounds the work on "A or A or A ...".
_MAX_LINKS = 8


def read_answer(tokens: Sequence[Token], start: int, choices: Choices) -> Reading:
    """The answer that begins at token `start`; looks at most 16 tokens ahead for it."""
    named = False
    for at in range(start, min(len(tokens), start + _MAX_SKIPPED)):
        token = tokens[at]
        found = read_option(tokens, at, choices, named=named)
        if found is not None:
            return _with_others(tokens, found, choices)
        if token.kind == "line":
            if at > start and is_sentence_end(token_at(tokens, at - 1)):
                break
        elif token.kind == "mark":
            if token.text in ("</answer>", "<answer>"):
                break
            if token.text == "." and not _is_dots(tokens, at):
                break
            if token.text not in _LEADS:
                return Reading("unread")
            named = named and token.text in OPENERS
        else:
            if token.text in lexicon.NOTHING:
                return Reading("nothing")
            if token.text in lexicon.NEGATIONS:
                return Reading("denied")
            if token.text not in lexicon.FILLERS and token.text not in lexicon.COPULAS:
                return Reading("unread")
            named = token.text in _NAMES
    return Reading("empty")


def _with_others(tokens: Sequence[Token], found: Found, choices: Choices) -> Reading:
    """ "A and C", "B or D", "A, B, C": more than one answer, unless all are the same."""
    if found.rival:
        return Reading("several", next=found.next)
    place = skip(tokens, found.next, CLOSERS)
    several = False
    for _ in range(_MAX_LINKS):
        start = place
        while place < start + 3 and is_joiner(token_at(tokens, place)):
            place += 1
        if place == start:
            break
        other = skip(tokens, place, OPENERS)
        if text_at(tokens, other) in _LIST_NAMES:
            other = skip(tokens, other + 1, OPENERS)
        read = read_option(tokens, other, choices)
        if read is None or (read.by_text and not found.by_text):
            break
        several = several or read.label != found.label
        place = skip(tokens, read.next, CLOSERS)
    several = several or _list_goes_on(tokens, found, choices)
    return Reading("several", next=place) if several else Reading("label", found, found.next)


def _list_goes_on(tokens: Sequence[Token], found: Found, choices: Choices) -> bool:
    """ "- (C) text" and a next line "- (H) text", both whole: a list of answers."""
    end = skip_marks(tokens, found.next)
    token = token_at(tokens, end)
    if not found.verified or token is None or token.kind != "line":
        return False
    other = read_option(tokens, skip_marks(tokens, end + 1), choices)
    if other is None or not other.verified or other.label == found.label:
        return False
    after = token_at(tokens, skip_marks(tokens, other.next))
    return after is None or after.kind == "line"


def _is_dots(tokens: Sequence[Token], at: int) -> bool:
    return text_at(tokens, at + 1) == "." or text_at(tokens, at - 1) == "."
