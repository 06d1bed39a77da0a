"""Encodes what test/fuzz/bothLanguages.test.ts sends, a JSON object a line, with Python's template
and tokenizer. The first line that it writes are the characters that both can be asked about.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from medadapter_train.errors import TrainError
from medadapter_train.model.template import Budget, TextEncoder

BUNDLE = Path(__file__).resolve().parents[3] / "models" / "mini"
#: Their class in Unicode has changed since: the two tokenizers' tables are of different years.
CHANGED = frozenset({0x166D, 0x1734, 0x1885, 0x1886})


def known_characters() -> list[list[int]]:
    """Ranges [first, last] of the characters of Unicode 3.2 whose class is what it was."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.ucd_3_2_0.category(chr(code)) == "Cn" or code in CHANGED:
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return ranges


def encode(tokenizer: Tokenizer, row: dict[str, Any]) -> dict[str, Any]:
    encoder = TextEncoder(tokenizer, Budget(**row["budget"]))
    options = [(label, text) for label, text in row["options"]]
    candidate = encoder.candidate(options, row["answer"], row["text"])
    try:
        prefix = encoder.prefix(row["question"], options, row["context"])
    except TrainError:
        return {"prefix": None, "candidate": [candidate.ids, candidate.truncated]}
    return {
        "prefix": [prefix.ids, prefix.truncated],
        "candidate": [candidate.ids, candidate.truncated],
    }


def main() -> None:
    tokenizer = Tokenizer.from_file(str(BUNDLE / "tokenizer.json"))
    print(json.dumps(known_characters()), flush=True)
    for line in sys.stdin:
        print(json.dumps(encode(tokenizer, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
