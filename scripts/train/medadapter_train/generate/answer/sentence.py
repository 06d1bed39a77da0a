"""What a sentence has said so far; twin of `src/tasks/answer/sentence.ts`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from medadapter_train.generate.answer import lexicon
from medadapter_train.generate.answer.expression import text_at
from medadapter_train.generate.answer.tokens import Token

_FAR = 1 << 30
_HEDGE_REACH = 5
_ENDS = frozenset(".!?")


class Sentence(NamedTuple):
    """`since_hedge`: words since "not", "another" and the like."""

    superlative: bool = False
    conditional: bool = False
    concluding: bool = False
    since_hedge: int = _FAR


FRESH = Sentence()


def listen(sentence: Sentence, tokens: Sequence[Token], at: int) -> Sentence:
    """The sentence after token `at`: ends with it or with its line, a hedge also at a comma."""
    token = tokens[at]
    if token.kind == "line":
        goes_on = text_at(tokens, at - 1) == ":"
        return FRESH._replace(superlative=goes_on and sentence.superlative)
    if token.kind == "mark":
        if token.text in _ENDS:
            return FRESH
        pause = token.text in (",", ";")
        return sentence._replace(since_hedge=_FAR) if pause else sentence
    superlative = sentence.superlative or is_superlative(tokens, at)
    if token.text in lexicon.CONCLUSIONS:
        return FRESH._replace(superlative=superlative, concluding=True)
    return Sentence(
        superlative=superlative,
        conditional=sentence.conditional or token.text in lexicon.CONDITIONS,
        concluding=sentence.concluding,
        since_hedge=0 if token.text in lexicon.HEDGES else sentence.since_hedge + 1,
    )


def is_hedged(sentence: Sentence) -> bool:
    """ "it is not clear whether it is B", "if she were older, the best option would be B"."""
    return sentence.conditional or sentence.since_hedge < _HEDGE_REACH


def is_superlative(tokens: Sequence[Token], at: int) -> bool:
    """ "best", or "most likely", "most appropriate"; also "least ..." for questions that ask so."""
    word = text_at(tokens, at)
    if word == "best":
        return True
    return word in lexicon.SUPERLATIVES and text_at(tokens, at - 1) in ("most", "least")


def is_sentence_end(token: Token | None) -> bool:
    """A full stop, exclamation or question mark."""
    return token is not None and token.kind == "mark" and token.text in _ENDS


def starts_line(tokens: Sequence[Token], at: int) -> bool:
    """Whether `at` is the first token of its line."""
    return at <= 0 or tokens[at - 1].kind == "line"


def starts_sentence(tokens: Sequence[Token], at: int) -> bool:
    """Whether `at` is the first word of its sentence ("In conclusion" counts too)."""
    if starts_line(tokens, at):
        return True
    return is_sentence_end(tokens[at - 1]) or tokens[at - 1].text == "in"
