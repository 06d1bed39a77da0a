"""The options of a question as the parser compares them; twin of `src/tasks/answer/choices.ts`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from medadapter_train.data.tasks import Option, Task
from medadapter_train.generate.answer.tokens import Token, tokenize

#: Longest part of an option's text that is compared, in words.
MAX_WORDS = 64
ARTICLES = frozenset({"a", "an", "the"})
_VALUE_MARKS = frozenset("<>+=/%")


@dataclass(slots=True)
class WordNode:
    """A word of one or more option texts; `labels`: the options whose text ends here."""

    next: dict[str, WordNode] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Choices:
    """`letters`: folded label to label as given, in order; `texts`: texts and aliases by word."""

    letters: dict[str, str]
    texts: WordNode


def is_text_token(token: Token) -> bool:
    """Whether a token counts in option texts: words, and the marks that change a value."""
    return token.kind == "word" or (token.kind == "mark" and token.text in _VALUE_MARKS)


def read_choices(task: Task, options: Sequence[Option]) -> Choices:
    """Labels, texts and aliases of these options. What two options share names neither."""
    letters: dict[str, str] = {}
    shared: set[str] = set()
    texts = WordNode()
    for label, text in options:
        named = _words_of(label)
        words = _words_of(text)
        key = " ".join(words)
        if len(named) == 1 and named[0] != key:
            if named[0] in letters:
                shared.add(named[0])
            letters[named[0]] = label
        _add_text(texts, label, words)
        for alias in task.aliases.get(key, ()):
            _add_text(texts, label, _words_of(alias))
    for word in shared:
        del letters[word]
    return Choices(letters, texts)


def _words_of(text: str) -> list[str]:
    return [token.text for token in tokenize(text) if is_text_token(token)]


def _add_text(root: WordNode, label: str, words: list[str]) -> None:
    if not words:
        return
    first = 1 if len(words) > 1 and words[0] in ARTICLES else 0
    node = root
    for word in words[first : first + MAX_WORDS]:
        node = node.next.setdefault(word, WordNode())
    node.labels.add(label)
