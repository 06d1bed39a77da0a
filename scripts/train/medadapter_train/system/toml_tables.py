"""TOML tables to typed dataclasses and back: unknown fields and wrong types are named errors."""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from medadapter_train.errors import ConfigError

T = TypeVar("T")


def read_toml(path: Path) -> dict[str, Any]:
    """Raises `ConfigError` config_missing, bad_config."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("config_missing", f"{path.name}: no such file") from None
    except UnicodeDecodeError:
        raise ConfigError("bad_config", f"{path.name}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("bad_config", f"{path.name}: {error}") from None


def table(kind: type[T], raw: Any, where: str) -> T:
    """A dataclass from a decoded table. Fields without default must be there.

    Types known: str, int, float, bool, their `| None`, `list[...]` and `tuple[..., ...]` of them,
    dataclasses, and `dict` for a table that is checked elsewhere. Raises `ConfigError` bad_config
    naming the field, never its value.
    """
    if not isinstance(raw, dict):
        raise ConfigError("bad_config", f"{where}: not a table")
    assert dataclasses.is_dataclass(kind)
    hints = typing.get_type_hints(kind)
    known = {field.name: field for field in dataclasses.fields(kind)}
    for name in raw:
        if name not in known:
            raise ConfigError("bad_config", f"{where}.{name}: unknown field")
    values = {}
    for name, field in known.items():
        if name in raw:
            values[name] = _value(hints[name], raw[name], f"{where}.{name}")
        elif _required(field):
            raise ConfigError("bad_config", f"{where}.{name}: missing")
    return typing.cast("T", kind(**values))


def _required(field: dataclasses.Field[Any]) -> bool:
    none = dataclasses.MISSING
    return field.default is none and field.default_factory is none


def _value(hint: Any, raw: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        [inner] = [a for a in arguments if a is not type(None)]
        return _value(inner, raw, where)
    if origin is typing.Literal:
        if raw not in arguments:
            raise ConfigError("bad_config", f"{where}: one of {', '.join(map(str, arguments))}")
        return raw
    if origin in (list, tuple):
        if not isinstance(raw, list):
            raise ConfigError("bad_config", f"{where}: not a list")
        items = [_value(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(raw)]
        return items if origin is list else tuple(items)
    if origin is dict:
        if not isinstance(raw, dict):
            raise ConfigError("bad_config", f"{where}: not a table")
        return raw
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return table(hint, raw, where)
    if hint is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if not isinstance(raw, hint) or (isinstance(raw, bool) and hint is not bool):
        raise ConfigError("bad_config", f"{where}: not {hint.__name__}")
    return raw


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
