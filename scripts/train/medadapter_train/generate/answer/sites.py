"""Finds where a text states its answer: final markers, phrases and claims, each with its reading.

Twin of `src/tasks/answer/sites.ts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from medadapter_train.generate.answer import lexicon
from medadapter_train.generate.answer.choices import Choices
from medadapter_train.generate.answer.expression import (
    ends_sentence,
    read_option,
    skip_marks,
    text_at,
    token_at,
)
from medadapter_train.generate.answer.reading import Reading, read_answer
from medadapter_train.generate.answer.sentence import (
    FRESH,
    Sentence,
    is_hedged,
    is_sentence_end,
    is_superlative,
    listen,
    starts_line,
    starts_sentence,
)
from medadapter_train.generate.answer.tokens import Token

Strength = Literal["final", "phrase", "claim"]


class Site(NamedTuple):
    """`final`: the last one wins; `phrase`: all must agree; `claim` ("B is the best"): weakest."""

    strength: Strength
    at: int
    reading: Reading


_BRIDGED = 12
_QUOTES = frozenset("\"'")
_CLAIM_LEADS = frozenset({"option", "choice", "answer"})


def find_sites(tokens: Sequence[Token], choices: Choices) -> list[Site]:
    """Every statement of an answer, in the order of the text."""
    sites: list[Site] = []
    sentence = FRESH
    at = 0
    while at < len(tokens):
        site = _site_at(tokens, at, choices, sentence)
        if site is not None and site.reading.kind != "empty":
            sites.append(site)
        sentence = listen(sentence, tokens, at)
        if site is not None and site.reading.kind == "several":
            at = max(at, site.reading.next - 1)
        at += 1
    return _without_headings(tokens, sites)


def _without_headings(tokens: Sequence[Token], sites: list[Site]) -> list[Site]:
    """Without `####` lines that are headings.

    They count only where the last of them names an option, and they do not go through several
    options, unless the last one ends the text.
    """
    labels = {site.reading.label for site in sites if tokens[site.at].text == "####"}
    if not labels:
        return sites
    last = max(at for at, token in enumerate(tokens) if token.text == "####")
    ends = not any(token.kind == "line" for token in tokens[last:])
    kept = last if len(labels) == 1 or ends else -1
    return [site for site in sites if site.at == kept or tokens[site.at].text != "####"]


def _site_at(tokens: Sequence[Token], at: int, choices: Choices, sentence: Sentence) -> Site | None:
    token = tokens[at]
    if token.kind == "line":
        return None
    if token.kind == "mark":
        if token.text in ("<answer>", "\\boxed"):
            return Site("final", at, read_answer(tokens, at + 1, choices))
        return _hash_site(tokens, at, choices) if token.text == "####" else None
    noun = _noun_site(tokens, at, choices, sentence)
    if noun is not None:
        return noun
    if is_hedged(sentence):
        return None
    if token.text in lexicon.CHOOSING:
        return _labelled(Site("phrase", at, read_answer(tokens, at + 1, choices)))
    if token.text in lexicon.CONCLUSIONS and starts_sentence(tokens, at):
        return _concluded(tokens, at, choices)
    if token.text in lexicon.STATEMENTS or token.text in lexicon.PRONOUNS:
        return _statement(tokens, at, choices, sentence)
    return _claim_site(tokens, at, choices)


def _hash_site(tokens: Sequence[Token], at: int, choices: Choices) -> Site | None:
    """`#### B`: at the start of a line, or elsewhere where the answer ends the line."""
    site = Site("final", at, read_answer(tokens, at + 1, choices))
    if starts_line(tokens, at):
        return site if site.reading.kind == "nothing" else _labelled(site)
    found = site.reading.found
    return site if found is not None and ends_sentence(tokens, found.next) else None


def _statement(
    tokens: Sequence[Token], at: int, choices: Choices, sentence: Sentence
) -> Site | None:
    """ "the most likely diagnosis is B. text", "the closest option is (B)"."""
    reading = read_answer(tokens, at + 1, choices)
    found = reading.found
    if found is None:
        return None
    alone = found.enclosed or tokens[at].text in lexicon.PRONOUNS
    marked = alone and not found.by_text and ends_sentence(tokens, found.next)
    if found.verified or marked or (sentence.superlative and not found.by_text):
        return Site("phrase", at, reading)
    return Site("claim", at, reading) if sentence.superlative else None


def _noun_site(
    tokens: Sequence[Token], at: int, choices: Choices, sentence: Sentence
) -> Site | None:
    """ "Answer: B", "the answer is B", "the best choice would be (B)", `Answer("B")`."""
    noun = tokens[at].text
    is_answer = noun == "answer"
    is_summary = noun in lexicon.SUMMARIES
    is_other = noun in lexicon.NOUNS and _is_qualified(tokens, at)
    if not (is_answer or is_summary or is_other):
        return None
    place = at + 1
    while place < at + _BRIDGED and text_at(tokens, place) in lexicon.BRIDGES:
        place += 1
    if text_at(tokens, place) in _QUOTES and text_at(tokens, place + 1) == ":":
        place += 1
    token = token_at(tokens, place)
    if token is None:
        return None
    if token.kind == "line":
        if not is_answer or place != at + 1 or not _heads_line(tokens, at):
            return None
        return _labelled(Site("final", at, read_answer(tokens, place, choices)))
    if token.kind == "word":
        if token.text not in lexicon.COPULAS or is_hedged(sentence) or is_summary:
            return None
        strength: Strength = "final" if sentence.concluding else "phrase"
        return Site(strength, at, read_answer(tokens, place, choices))
    called = token.text == "(" and token.glued and place == at + 1
    if not called and token.text not in (":", "=", ">"):
        return None
    site = Site("final", at, read_answer(tokens, place, choices))
    return site if is_answer else _labelled(site)


def _claim_site(tokens: Sequence[Token], at: int, choices: Choices) -> Site | None:
    """ "(B) is the correct answer", "option B is correct", "B. text is the most likely cause"."""
    word = tokens[at].text
    if word not in choices.letters and word not in choices.texts.next:
        return None
    found = read_option(tokens, at, choices, named=True)
    if found is None:
        return None
    before = token_at(tokens, at - 1)
    enclosed = before is not None and before.kind == "mark" and before.text in ("(", "[")
    lead = text_at(tokens, at - 2 if enclosed else at - 1)
    stated = found.verified or enclosed or lead in _CLAIM_LEADS
    start = skip_marks(tokens, found.next)
    copula = False
    for place in range(start, min(start + 8, len(tokens))):
        token = tokens[place]
        if token.kind != "word" or token.text in lexicon.NEGATIONS:
            return None
        if token.text in lexicon.COPULAS:
            copula = True
        elif copula and (is_superlative(tokens, place) or (stated and token.text == "correct")):
            return Site("claim", at, Reading("label", found, found.next))
        elif token.text not in lexicon.FILLERS and token.text not in lexicon.QUALIFIERS:
            return None
    return None


def _concluded(tokens: Sequence[Token], at: int, choices: Choices) -> Site | None:
    """ "Therefore, yes." where nothing else stands in the sentence."""
    found = read_option(tokens, skip_marks(tokens, at + 1), choices)
    if found is None:
        return None
    after = token_at(tokens, found.next)
    if after is not None and after.kind != "line" and not is_sentence_end(after):
        return None
    return Site("phrase", at, Reading("label", found, found.next))


def _labelled(site: Site) -> Site | None:
    return site if site.reading.kind in ("label", "several") else None


def _is_qualified(tokens: Sequence[Token], at: int) -> bool:
    return any(text_at(tokens, place) in lexicon.QUALIFIERS for place in (at - 1, at - 2))


def _heads_line(tokens: Sequence[Token], at: int) -> bool:
    """Whether only marks, single signs ("C.") and qualifiers stand before it on its line."""
    for place in range(at - 1, at - 6, -1):
        token = token_at(tokens, place)
        if token is None or token.kind == "line":
            return True
        counts = token.kind == "word" and len(token.text) > 1 and token.text != "the"
        if counts and token.text not in lexicon.QUALIFIERS:
            return False
    return False
