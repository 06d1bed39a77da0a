"""Tables for the console and in Markdown."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from medadapter_train.report_grids import Grid, grids_of


def rich_table(grid: Grid) -> Table:
    """For the console; the note stands below."""
    table = Table(title=grid.title, caption=grid.note, caption_justify="left")
    for at, head in enumerate(grid.heads):
        table.add_column(head, justify="left" if at == 0 else "right")
    for row in grid.rows:
        table.add_row(*row)
    return table


def markdown(result: dict[str, Any]) -> str:
    """All tables, for a model card."""
    total = sum(d["n"] for d in result["datasets"])
    lines = [f"## Evaluation of {result['adapter']}", "", f"{total} questions, {_share(result)}."]
    for grid in grids_of(result):
        lines += ["", f"### {grid.title}", "", grid.note, "", _row(grid.heads)]
        lines += ["|---|" + "---:|" * (len(grid.heads) - 1)]
        lines += [_row(row) for row in grid.rows]
    return "\n".join(lines) + "\n"


def _share(result: dict[str, Any]) -> str:
    return "all of the files" if result["split"] == "all" else f"the {result['split']} share"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
