"""The word lists of `src/tasks/answer/lexicon.json`, shared with TypeScript."""

from __future__ import annotations

import json

from medadapter_train.data.tasks import TASKS_FOLDER

_lists = json.loads((TASKS_FOLDER / "answer" / "lexicon.json").read_text(encoding="utf-8"))


def _words(name: str) -> frozenset[str]:
    return frozenset(_lists[name])


NOUNS = _words("nouns")
SUMMARIES = _words("summaries")
QUALIFIERS = _words("qualifiers")
SUPERLATIVES = _words("superlatives")
COPULAS = _words("copulas")
STATEMENTS = _words("statements")
BRIDGES = _words("bridges")
FILLERS = _words("fillers")
CONNECTORS = _words("connectors")
NEGATIONS = _words("negations")
HEDGES = _words("hedges")
CONDITIONS = _words("conditions")
NOTHING = _words("nothing")
JOINERS = _words("joiners")
CONCLUSIONS = _words("conclusions")
CHOOSING = _words("choosing")
PRONOUNS = _words("pronouns")
