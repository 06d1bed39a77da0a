"""Cuts an LLM's text into folded words, marks and line ends; twin of `src/tasks/answer/tokens.ts`.

One regular expression without nested repeats walks the text once: linear in any input.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Kind = Literal["word", "mark", "line"]


class Token(NamedTuple):
    """`capital`: begins with a capital or digit; `glued`: follows the last with nothing between."""

    kind: Kind
    text: str
    capital: bool
    glued: bool


def _pairs(signs: str, plain: str) -> dict[int, str]:
    return {ord(sign): plain for sign in signs}


_PLAIN = {
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    **{code: chr(code - 0x24B6 + 65) for code in range(0x24B6, 0x24D0)},
    **_pairs("\u201c\u201d\u201e\u201f\u00ab\u00bb\u300c\u300d", '"'),
    **_pairs("\u2018\u2019\u201a\u201b\u00b4", "'"),
    **_pairs("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **_pairs("\u2192\u21d2\u27a1", ">"),
    **_pairs("\u2026\u3002", "."),
    **_pairs("\u3001", ","),
    **_pairs("\u3010", "["),
    **_pairs("\u3011", "]"),
    **_pairs("\u2028\u2029\u0085\r\v\f", "\n"),
    **_pairs("\u00b5", "\u03bc"),
}
_FOLD = {
    code: chr(code + 32)
    for first, last in ((65, 90), (0xC0, 0xDE), (0x391, 0x3A9), (0x410, 0x42F))
    for code in range(first, last + 1)
    if code not in (0xD7, 0x3A2)
}
_W = (
    "[0-9A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u1fff\u2c00-\u2fff"
    "\u3040-\ud7ff\uf900-\ufdff]"
)
_TAGS = "answer|final_answer|final answer|finalanswer|ans|think|br"
_PIECE = re.compile(
    rf"(?P<word>{_W}+(?:'{_W}+)*)"
    r"|(?P<line>\n|\\n(?![a-z]))"
    r"|(?P<command>\\[A-Za-z]*)"
    rf"|(?P<tag><(?P<closing>/?)(?P<name>(?i:{_TAGS}))[ /]*>)"
    r"|(?P<hashes>#+)"
    r"|(?P<sign>[()\[\]{}\"':;,.!?/\-=<>|+%&@^])",
    re.ASCII,
)
_BOXES = frozenset({"boxed", "fbox"})
_LATEX_FORMATTING = frozenset(
    [
        *("text", "textbf", "textit", "textrm", "textsf", "texttt"),
        *("mathrm", "mathbf", "mathbb", "mathit", "mathsf", "mathcal", "bf", "rm", "it"),
        *("left", "right", "big", "Big", "displaystyle", "quad", "qquad"),
        *("emph", "underline", "bold", "boldsymbol"),
    ]
)


def tokenize(source: str) -> list[Token]:
    """The tokens of a text; never fails, whatever the text holds."""
    plain = source.translate(_PLAIN)
    folded = plain.translate(_FOLD)
    tokens: list[Token] = []
    glued_at = -1
    for match in _PIECE.finditer(plain):
        kind = match.lastgroup
        start, end = match.span()
        glued = start == glued_at
        if kind == "word":
            first = plain[start]
            capital = folded[start] != first or "0" <= first <= "9"
            tokens.append(Token("word", folded[start:end], capital, glued))
            glued_at = end
        elif kind == "sign":
            tokens.append(Token("mark", plain[start:end], False, glued))
            glued_at = end
        elif kind == "line":
            _add_line(tokens)
        elif kind == "hashes":
            tokens.append(Token("mark", "#" * min(end - start, 7), False, glued))
        elif kind == "command":
            _add_command(tokens, plain[start + 1 : end], glued)
        else:
            _add_tag(tokens, match["name"].lower(), match["closing"], glued)
    return tokens


def _add_line(tokens: list[Token]) -> None:
    if not tokens or tokens[-1].kind != "line":
        tokens.append(Token("line", "\n", False, False))


def _add_command(tokens: list[Token], command: str, glued: bool) -> None:
    if command in _BOXES:
        tokens.append(Token("mark", "\\boxed", False, glued))
    elif command and command not in _LATEX_FORMATTING:
        tokens.append(Token("word", command.translate(_FOLD), False, False))


def _add_tag(tokens: list[Token], name: str, closing: str, glued: bool) -> None:
    if name == "br":
        _add_line(tokens)
    else:
        kept = name if name == "think" else "answer"
        tokens.append(Token("mark", f"<{closing}{kept}>", False, glued))
