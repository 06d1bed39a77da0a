"""TOML tables as typed settings and back, checked by pydantic.

Settings are pydantic dataclasses with `STRICT`; their fields have the types below, so that no text
passes for a number. What is wrong is named in plain English by its field, with the values that are
allowed. A value itself is never told: it may be a secret.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AllowInfNan, ConfigDict, Field, Strict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from medadapter_train.errors import ConfigError, TrainError

T = TypeVar("T")

#: The configuration of every settings dataclass: an unknown field is an error.
STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)
Text = Annotated[str, Strict()]
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), AllowInfNan(False)]
#: 1 or more; 0 or more (whole, or not); 0 to 1.
Count = Annotated[int, Strict(), Field(ge=1)]
CountOrNone = Annotated[int, Strict(), Field(ge=0)]
Amount = Annotated[float, Strict(), AllowInfNan(False), Field(ge=0)]
Share = Annotated[float, Strict(), AllowInfNan(False), Field(ge=0, le=1)]
#: A list in TOML.
Texts = tuple[Text, ...]


def read_toml(path: Path, error: type[TrainError] = ConfigError) -> dict[str, Any]:
    """The decoded file. Raises `error` config_missing, bad_config."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error("config_missing", f"{path.name}: no such file") from None
    except UnicodeDecodeError:
        raise error("bad_config", f"{path.name}: not UTF-8") from None
    except tomllib.TOMLDecodeError as fault:
        raise error("bad_config", f"{path.name}: {fault}") from None


def parse(kind: type[T], raw: Any, where: str = "", error: type[TrainError] = ConfigError) -> T:
    """Settings from a decoded table called `where` ("": the whole file).

    Raises `error` bad_config: `where.field: what is allowed there`.
    """
    try:
        return TypeAdapter(kind).validate_python(raw)
    except ValidationError as fault:
        [first, *_] = fault.errors(include_url=False, include_input=False)
        raise error("bad_config", _told(where, first)) from None


def _told(where: str, fault: ErrorDetails) -> str:
    """One line: the field, and what is allowed. A validator's own message may begin with a field
    (`passes: at least one batch`), which is then part of the name."""
    place, reason = _place(where, fault["loc"]), _reason(fault)
    field, colon, rest = reason.partition(": ")
    if colon and field.isidentifier():
        return f"{place}.{field}: {rest}"
    if not where and len(fault["loc"]) == 1:
        # A table of the file.
        name = fault["loc"][0]
        if fault["type"] in ("list_type", "tuple_type"):
            return f"[[{name}]]: written with two brackets"
        return f"[{name}]: {reason.replace('field', 'table')}"
    return f"{place}: {reason}"


def _place(where: str, parts: tuple[int | str, ...]) -> str:
    place = where
    for part in parts:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place


def _reason(fault: ErrorDetails) -> str:
    context: dict[str, Any] = fault.get("ctx", {})
    match fault["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden":
            return "unknown field"
        case "missing":
            return "missing"
        case "string_type":
            return "not text"
        case "int_type":
            return "not a whole number"
        case "float_type":
            return "not a number"
        case "finite_number":
            return "not a finite number"
        case "bool_type":
            return "not true or false"
        case "list_type" | "tuple_type":
            return "not a list"
        case "dict_type" | "dataclass_type":
            return "not a table"
        case "literal_error":
            allowed = str(context["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
            return f"one of {', '.join(filter(None, allowed))}"
        case "greater_than_equal":
            return f"{context['ge']:g} or more"
        case "greater_than":
            return f"above {context['gt']:g}"
        case "less_than_equal":
            return f"{context['le']:g} or less"
        case "too_short":
            return "an empty list"
        case "value_error":
            return str(context["error"])
    return fault["msg"]


def to_toml(name: str, values: dict[str, Any]) -> str:
    """One table as TOML text ("": before all tables). Lists of tables become inline tables; None is
    left out."""
    lines = [f"[{name}]"] if name else []
    lines += [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # A JSON text is a TOML basic string, but for DEL, which TOML wants escaped.
        return json.dumps(value).replace("\x7f", "\\u007f")
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        inner = ", ".join(f"{k} = {_toml(v)}" for k, v in value.items() if v is not None)
        return "{ " + inner + " }"
    raise TypeError("no TOML form")
