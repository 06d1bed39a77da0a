"""What the loaders share: the splits, finding files, counting what was left out and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

from medadapter_train.data.questions import QuestionRecord
from medadapter_train.errors import DataError

#: Official splits; "validation" is what some sets call dev.
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(slots=True)
class Tally:
    """How many rows were left out, by reason. Filled while the records are iterated."""

    skipped: Counter[str] = field(default_factory=Counter)

    def skip(self, reason: str) -> None:
        self.skipped[reason] += 1


#: Yields the questions of one official split of the set in a folder.
Loader = Callable[[Path, Split, Tally], Iterator[QuestionRecord]]


def find(folder: Path, *names: str) -> Path:
    """The first of `names` (a file name, or the end of a path) that is in the folder, at any depth.

    Raises `DataError`: folder_missing, file_missing, ambiguous_file (several files end so).
    """
    found = find_all(folder, *names)
    if not found:
        raise DataError("file_missing", f"no {' or '.join(names)} in the folder given")
    if len(found) > 1:
        raise DataError("ambiguous_file", f"{len(found)} files named {found[0].name} in the folder")
    return found[0]


def find_all(folder: Path, *names: str) -> list[Path]:
    """All files that match the first of `names` (shell patterns) with any match, in order."""
    if not folder.is_dir():
        raise DataError("folder_missing", "the folder given does not exist")
    for name in names:
        found = sorted(path for path in folder.rglob(name) if path.is_file())
        if found:
            return found
    return []


def no_such_split(dataset: str, split: Split, why: str) -> DataError:
    """The error of a split that a set does not have."""
    return DataError("no_such_split", f"{dataset} has no official {split} split: {why}")


def read_json_object(path: Path) -> dict[str, Any]:
    """One JSON object. Raises `DataError` bad_json, not_utf8."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise DataError("not_utf8", f"{path.name}: not UTF-8") from None
    except json.JSONDecodeError as error:
        raise DataError("bad_json", f"{path.name}: not JSON (line {error.lineno})") from None
    if not isinstance(value, dict):
        raise DataError("bad_record", f"{path.name}: not an object")
    return value


def read_xml(path: Path) -> ElementTree.Element:
    """The root element. Raises `DataError` bad_xml."""
    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        line = error.position[0]
        raise DataError("bad_xml", f"{path.name}:{line}: not well-formed XML") from None


def text_of(element: ElementTree.Element, child: str) -> str:
    """A child's text with its white space folded; "" where there is none."""
    found = element.find(child)
    return " ".join("".join(found.itertext()).split()) if found is not None else ""


def lettered(texts: list[str]) -> tuple[tuple[str, str], ...]:
    """Options A, B, C, ... of the texts."""
    return tuple((chr(ord("A") + i), text) for i, text in enumerate(texts))


def closed(labels: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Options whose label is their text."""
    return tuple((label, label) for label in labels)
