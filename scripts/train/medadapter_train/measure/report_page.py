"""The report: one self-contained HTML file, and Markdown beside it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from medadapter_train.measure.plots import Plot, plots_of, svg_of
from medadapter_train.measure.tables import Grid, grids_of, markdown
from medadapter_train.system.files import write_atomic

STYLE = """
:root { color-scheme: light; --ink: #1b1b1b; --soft: #5a5a5a; --line: #d8d8d8; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; color: var(--ink); background: #fff;
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.2rem; overflow-wrap: anywhere; }
h3 { margin: 0 0 .25rem; font-size: 1rem; }
a { color: #00578a; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 0; padding: 0;
  list-style: none; }
nav a { display: inline-block; padding: .25rem 0; }
p.note, figcaption p { max-width: 46rem; margin: .25rem 0; color: var(--soft);
  font-size: .875rem; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 4px; }
.scroll:focus-visible, a:focus-visible, summary:focus-visible { outline: 2px solid #00578a; }
table { border-collapse: collapse; min-width: 100%; font-size: .875rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
tr:last-child > * { border-bottom: 0; }
thead th { background: #f3f3f3; }
th:first-child { text-align: left; position: sticky; left: 0; background: #f3f3f3;
  font-weight: 600; }
.plots { display: grid; gap: 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }
figure { margin: 0; min-width: 0; }
svg { display: block; width: 100%; max-width: 30rem; font: 12px system-ui, sans-serif; }
summary { cursor: pointer; padding: .35rem 0; font-size: .875rem; color: #00578a; }
@media (max-width: 30rem) {
  th, td { padding: .3rem .45rem; }
  th:first-child { min-width: 8rem; max-width: 8rem; white-space: normal;
    overflow-wrap: break-word; }
}
@media print { details > * { display: block; } }
"""


def write_report(result: dict[str, Any], folder: Path) -> list[Path]:
    """`index.html` and `report.md`, each written whole."""
    texts = {"index.html": page(result), "report.md": markdown(result)}
    for name, text in texts.items():
        write_atomic(folder / name, [text.encode()])
    return [folder / name for name in texts]


def page(result: dict[str, Any]) -> str:
    """The HTML: tables over all sets, then the plots of each."""
    sets = result["datasets"]
    total = sum(d["n"] for d in sets)
    share = "" if result["split"] == "all" else f", {result['split']} share"
    title = f"Evaluation of {result['adapter']}"
    panels = [(f"set-{i}", d) for i, d in enumerate(sets)]
    if result["pooled"] and len(sets) > 1:
        panels.insert(0, ("pooled", {"name": "pooled over all sets", **result["pooled"]}))
    links = [f'<li><a href="#{key}">{escape(p["name"])}</a></li>' for key, p in panels]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<header><h1>{escape(title)}</h1>",
            f"<p>{total:,} questions in {len(sets)} data set{'s' * (len(sets) != 1)}{share}."
            " K: all candidates that a question has. Intervals: 95 %, bootstrap by question."
            " Research software: not for clinical use.</p></header>",
            f'<nav aria-label="Plots by data set"><ul>{"".join(links)}</ul></nav><main>',
            *[section_of(grid) for grid in grids_of(result)],
            *[_panel(key, p) for key, p in panels],
            "</main></body></html>\n",
        ]
    )


def section_of(grid: Grid) -> str:
    head = f"<section><h2>{escape(grid.title)}</h2>"
    return f'{head}<p class="note">{escape(grid.note)}</p>{_table(grid)}</section>'


def _panel(key: str, panel: dict[str, Any]) -> str:
    figures = [
        figure_of(plot, svg_of(plot, panel["name"], f"{key}-{at}"))
        for at, plot in enumerate(plots_of(panel))
    ]
    if panel.get("confusion"):
        figures.append(_confusion(panel["confusion"]))
    head = f'<section id="{key}"><h2>{escape(panel["name"])} (n = {panel["n"]:,})</h2>'
    return f'{head}<div class="plots">{"".join(figures)}</div></section>'


def figure_of(plot: Plot, picture: str) -> str:
    note = f"<p>{escape(plot.data.note)}</p>" if plot.data.note else ""
    caption = f"<figcaption><h3>{escape(plot.data.title)}</h3>{note}</figcaption>"
    data = f"<details><summary>Data</summary>{_table(plot.data)}</details>"
    return f"<figure>{caption}{picture}{data}</figure>"


def _table(grid: Grid, shades: Sequence[Sequence[float]] | None = None) -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in grid.heads)
    rows = []
    for at, (name, *cells) in enumerate(grid.rows):
        looks = [""] * len(cells) if shades is None else [_look(s) for s in shades[at]]
        body = "".join(
            f"<td{look}>{escape(cell)}</td>" for look, cell in zip(looks, cells, strict=True)
        )
        rows.append(f'<tr><th scope="row">{_breakable(name)}</th>{body}</tr>')
    label = escape(grid.title)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _breakable(name: str) -> str:
    """Escaped; a narrow column may break it after `_` and `-`."""
    return escape(name).replace("_", "_<wbr>").replace("-", "-<wbr>")


def _confusion(counts: dict[str, dict[str, int]]) -> str:
    """The confusion as a shaded table. It needs no data table beside it."""
    heads = tuple(next(iter(counts.values())))
    rows = tuple((gold, *map(str, row.values())) for gold, row in counts.items())
    note = "Rows: right label. Columns: chosen."
    grid = Grid("Confusion", note, ("", *heads), rows)
    values = [list(row.values()) for row in counts.values()]
    most = max(max(row) for row in values)
    shades = [[v / max(1, most) for v in row] for row in values]
    caption = f"<h3>{escape(grid.title)}</h3><p>Questions. {escape(grid.note)}</p>"
    return f"<figure><figcaption>{caption}</figcaption>{_table(grid, shades)}</figure>"


def _look(shade: float) -> str:
    """A background from white to three quarters of Okabe and Ito's blue, on which dark text stays
    legible.
    """
    red, green, blue = (round(255 + 0.75 * (c - 255) * shade) for c in (0, 114, 178))
    return f' style="background:rgb({red},{green},{blue})"'
