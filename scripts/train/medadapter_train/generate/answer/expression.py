"""Reads one answer at one place: a letter ("B", "(B)", "B. text") or an option's whole text.

Twin of `src/tasks/answer/expression.ts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from medadapter_train.generate.answer import lexicon
from medadapter_train.generate.answer.choices import ARTICLES, Choices, is_text_token
from medadapter_train.generate.answer.tokens import Token


class Found(NamedTuple):
    """An option found at a place, up to token `next`.

    by_text: read from its text, without its letter; verified: letter and text stand together and
    agree; enclosed: the letter stands in brackets or quotes; rival: the letter is followed by the
    whole text of another option.
    """

    label: str
    by_text: bool
    verified: bool
    enclosed: bool
    rival: bool
    next: int


OPENERS = frozenset("([{\"'")
CLOSERS = frozenset({")", "]", "}", '"', "'", "</answer>"})
_SEPARATORS = CLOSERS | frozenset(".:,-=>([")
_JOINER_MARKS = frozenset(",/&+")
_LOWER_CASE_ENDS = frozenset(".,:;!")
#: Marks and line ends that may stand between two words of an option's text.
_MAX_MARKS = 4


def token_at(tokens: Sequence[Token], at: int) -> Token | None:
    """The token at `at`; None before the first and after the last."""
    return tokens[at] if 0 <= at < len(tokens) else None


def text_at(tokens: Sequence[Token], at: int) -> str:
    """The text at `at`, or nothing outside."""
    return tokens[at].text if 0 <= at < len(tokens) else ""


def read_option(
    tokens: Sequence[Token], at: int, choices: Choices, *, named: bool = False
) -> Found | None:
    """A letter or an option's text exactly at `at`; None where neither stands there."""
    text = _read_text(tokens, at, choices)
    letter = _read_letter(tokens, at, choices, named)
    if letter is None or (text is not None and text.next > letter.next):
        return None if text is None else _with_letter(tokens, text, choices)
    own = _read_text(tokens, skip(tokens, letter.next, _SEPARATORS), choices)
    if own is not None and own.label == letter.label:
        return letter._replace(verified=True, next=own.next)
    return letter._replace(rival=own is not None and ends_sentence(tokens, own.next))


def _with_letter(tokens: Sequence[Token], text: Found, choices: Choices) -> Found:
    """ "text (B)": the letter behind an option's text, where it is that option's."""
    opened = skip(tokens, text.next, OPENERS)
    if opened == text.next:
        return text
    at = opened + 1 if text_at(tokens, opened) == "option" else opened
    if choices.letters.get(text_at(tokens, at)) != text.label:
        return text
    return text._replace(verified=True, next=skip(tokens, at + 1, CLOSERS))


def ends_sentence(tokens: Sequence[Token], at: int) -> bool:
    """Whether a line or sentence ends here, closing signs apart."""
    token = token_at(tokens, skip(tokens, at, CLOSERS))
    return token is None or token.kind == "line" or token.text == "."


def _read_text(tokens: Sequence[Token], at: int, choices: Choices) -> Found | None:
    """An option's whole text at `at`, with or without an article before it."""
    after = token_at(tokens, at + 1)
    if text_at(tokens, at) in ARTICLES and after is not None and after.kind == "word":
        found = _read_words(tokens, at + 1, choices)
        if found is not None:
            return found
    return _read_words(tokens, at, choices)


def _read_words(tokens: Sequence[Token], at: int, choices: Choices) -> Found | None:
    """The longest option text that begins at `at` and ends where a phrase can end."""
    node = choices.texts
    found: Found | None = None
    marks = 0
    place = at
    while marks < _MAX_MARKS and place < len(tokens):
        token = tokens[place]
        place += 1
        if not is_text_token(token):
            if place == at + 1:
                break
            marks += 1
            continue
        child = node.next.get(token.text)
        if child is None:
            break
        node = child
        marks = 0
        if len(node.labels) == 1 and _ends_phrase(tokens, place, choices):
            (label,) = node.labels
            found = Found(label, True, False, False, False, place)
    return found


def _read_letter(tokens: Sequence[Token], at: int, choices: Choices, named: bool) -> Found | None:
    """A single label letter at `at`, told from the article "a" and from words like "B cells"."""
    token = token_at(tokens, at)
    label = choices.letters.get(token.text) if token is not None and token.kind == "word" else None
    if token is None or label is None:
        return None
    after = token_at(tokens, at + 1)
    before = token_at(tokens, at - 1)
    opened = before is not None and before.kind == "mark"
    opened = opened and (text_at(tokens, at - 1) in OPENERS or text_at(tokens, at - 1) == "\\boxed")
    enclosed = opened and text_at(tokens, at + 1) in CLOSERS
    found = Found(label, False, False, enclosed, False, at + 1)
    if after is None or after.kind == "line":
        return found
    if after.kind == "mark":
        if _is_hyphen(tokens, at + 1):
            return found if _reads(tokens, at + 2, choices, label) else None
        if after.text == "'" and not opened:
            return None
        stands = token.capital or after.text in CLOSERS or after.text in _LOWER_CASE_ENDS
        return found if stands else None
    if not token.capital:
        return None
    if named or after.text in lexicon.CONNECTORS or _reads(tokens, at + 1, choices, label):
        return found
    capital = after.capital and token.text != "a"
    return found if capital or is_joined(tokens, at + 1, choices) else None


def _reads(tokens: Sequence[Token], at: int, choices: Choices, label: str) -> bool:
    text = _read_text(tokens, at, choices)
    return text is not None and text.label == label


def is_joined(tokens: Sequence[Token], at: int, choices: Choices) -> bool:
    """Whether a list goes on here: ", B", "and (C)"."""
    if not is_joiner(token_at(tokens, at)):
        return False
    after = token_at(tokens, skip(tokens, at + 1, OPENERS))
    if after is None or after.kind != "word":
        return False
    return after.capital and after.text in choices.letters


def is_joiner(token: Token | None) -> bool:
    """ "and", "or", a comma and the like."""
    if token is None or token.kind == "line":
        return False
    return token.text in (lexicon.JOINERS if token.kind == "word" else _JOINER_MARKS)


def _ends_phrase(tokens: Sequence[Token], at: int, choices: Choices) -> bool:
    """Where an option's text may end: a mark, a line end, a word that goes on with a reason."""
    token = token_at(tokens, at)
    if token is None or token.kind == "line":
        return True
    if token.kind == "mark":
        return not _is_hyphen(tokens, at)
    if token.text not in lexicon.JOINERS:
        return token.text in lexicon.CONNECTORS
    other = text_at(tokens, skip(tokens, at + 1, OPENERS))
    return other in choices.letters or other in choices.texts.next


def _is_hyphen(tokens: Sequence[Token], at: int) -> bool:
    """A hyphen inside a compound ("B-lymphocyte"), told from a dash."""
    token, after = token_at(tokens, at), token_at(tokens, at + 1)
    if token is None or token.text != "-" or not token.glued:
        return False
    return after is not None and after.kind == "word" and after.glued


def skip(tokens: Sequence[Token], at: int, marks: frozenset[str]) -> int:
    """The first token from `at`, at most four on, that is no such mark."""
    place = at
    while place < at + 4 and place < len(tokens):
        if tokens[place].kind != "mark" or tokens[place].text not in marks:
            break
        place += 1
    return place


def skip_marks(tokens: Sequence[Token], at: int) -> int:
    """The first token from `at`, at most six on, that is no mark at all."""
    place = at
    while place < at + 6 and place < len(tokens) and tokens[place].kind == "mark":
        place += 1
    return place
