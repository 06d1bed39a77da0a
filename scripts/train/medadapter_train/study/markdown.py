"""Markdown of figures: cells and tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def share(figure: dict[str, Any] | None, digits: int = 1) -> str:
    """A share of questions in percent."""
    if figure is None or figure["value"] is None:
        return ""
    return f"{100 * figure['value']:.{digits}f}"


def change(figure: dict[str, Any] | None) -> str:
    """A difference in points (or a relative one in percent) with its interval."""
    if figure is None or figure["value"] is None:
        return ""
    value, low, high = (100 * figure[name] for name in ("value", "low", "high"))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def plain(figure: dict[str, Any] | None, digits: int = 3) -> str:
    """A figure with its interval."""
    if figure is None or figure["value"] is None:
        return ""
    value, low, high = (f"{figure[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column names the row, the others are figures."""
    lines = [_line(heads), "|---|" + "---:|" * (len(heads) - 1)]
    return "\n".join([*lines, *(_line(row) for row in rows)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
