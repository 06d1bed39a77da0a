"""People's labels, by which our own labels are measured.

A JSONL file of `{"id", "cid", "correct"}`. `set` is needed where two sets name candidates alike
(the same questions, two LLMs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medadapter_train.data.candidates import set_name_of
from medadapter_train.errors import DataError
from medadapter_train.stats.agreement import Agreement, agreement
from medadapter_train.system.files import read_jsonl

RIGHT, WRONG = "right", "wrong"
#: A question's id and a candidate's.
CandidateKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class HumanLabel:
    """`set_name` is empty where the line names no set."""

    where: str
    key: CandidateKey
    correct: bool
    set_name: str


def read_human(path: Path) -> list[HumanLabel]:
    """Raises `DataError` bad_record, and as `read_jsonl` does."""
    found = []
    for where, raw in read_jsonl(path):
        if not isinstance(raw.get("correct"), bool):
            raise DataError("bad_record", f"{where}: field correct is missing")
        named = raw.get("set", "")
        if not isinstance(named, str):
            raise DataError("bad_record", f"{where}: field set is not text")
        key = (str(raw.get("id")), str(raw.get("cid")))
        found.append(HumanLabel(where, key, raw["correct"], set_name_of(Path(named))))
    return found


def check_matched(human: Path, sources: Sequence[Path]) -> None:
    """Every line belongs to one candidate of the candidate files `sources`.

    Raises `DataError` human_unmatched, human_ambiguous (candidates of several files).
    """
    sets: dict[CandidateKey, set[str]] = {}
    for source in sources:
        for key in candidate_keys(source):
            sets.setdefault(key, set()).add(set_name_of(source))
    for line in read_human(human):
        own = sets.get(line.key, set())
        own = own & {line.set_name} if line.set_name else own
        if not own:
            raise DataError("human_unmatched", f"{line.where}: no such candidate in any set")
        if len(own) > 1:
            message = f"{line.where}: candidates of several sets are named so; add the field set"
            raise DataError("human_ambiguous", message)


def candidate_keys(source: Path) -> set[CandidateKey]:
    """The names of a candidate file's candidates, labelled or not."""
    return {
        (str(raw.get("id", where)), str(candidate.get("cid", index)))
        for where, raw in read_jsonl(source)
        for index, candidate in enumerate(raw.get("candidates") or [])
    }


def agreement_with(
    human: Path, own: str, classes: dict[CandidateKey, str], there: set[CandidateKey] | None
) -> Agreement | None:
    """Agreement of our labels with people's, on what people labelled. Lines of candidates that are
    not `there` belong to other sets; `there` None: there are no other sets. Raises `DataError`
    human_unmatched.
    """
    pairs = []
    for line in read_human(human):
        named = line.set_name in ("", own)
        if there is not None and not (named and line.key in there):
            continue
        if not named or line.key not in classes:
            raise DataError("human_unmatched", f"{line.where}: no such candidate with a label")
        pairs.append((line.key[0], classes[line.key], RIGHT if line.correct else WRONG))
    return agreement(pairs) if pairs else None


def check_kappa(found: Agreement | None, least: float | None) -> None:
    """Raises `DataError` judge_disagrees."""
    if found is None or least is None or (found.kappa is not None and found.kappa >= least):
        return
    kappa = "undefined" if found.kappa is None else f"{found.kappa:.3f}"
    raise DataError("judge_disagrees", f"kappa with people is {kappa}, under {least:g}")
