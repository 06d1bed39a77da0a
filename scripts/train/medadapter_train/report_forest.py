"""A figure by name with its interval, as inline SVG: rules one below the other on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from medadapter_train.report_svg import BLUE, GREY, RIGHT, WIDTH, Axis

LEFT, ROW, FOOT = 100.0, 24.0, 40.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value within its interval. `ours`: drawn as the rule that the report is about."""

    name: str
    value: float
    low: float
    high: float
    ours: bool = False


def forest_chart(title: str, x: Axis, rows: Sequence[Estimate]) -> str:
    """Dots with bars. Ours are filled blue circles, others open grey ones."""
    right, floor = WIDTH - RIGHT, 8 + ROW * len(rows)
    parts = [f'<svg viewBox="0 0 {WIDTH:g} {floor + FOOT:g}" role="img"']
    parts.append(f' aria-label="{escape(title)}">')
    for tick in x.ticks:
        at = x.place(tick, LEFT, right)
        parts.append(
            f'<path class="grid" d="M{at:.1f} 4V{floor:g}"/>'
            f'<text x="{at:.1f}" y="{floor + 15:g}" text-anchor="middle">{x.tick(tick)}</text>'
        )
    for number, row in enumerate(rows):
        y = 4 + ROW * (number + 0.5)
        low, at, high = (x.place(v, LEFT, right) for v in (row.low, row.value, row.high))
        colour = BLUE if row.ours else GREY
        parts.append(
            f'<text x="{LEFT - 8:g}" y="{y + 4:g}" text-anchor="end">{escape(row.name)}</text>'
            f'<path d="M{low:.1f} {y:g}H{high:.1f}" stroke="{colour}" stroke-width="2"/>'
            f'<circle cx="{at:.1f}" cy="{y:g}" r="4.5" stroke="{colour}" stroke-width="2"'
            f' fill="{colour if row.ours else "#fff"}"/>'
        )
    parts.append(
        f'<path class="axis" d="M{LEFT:g} {floor:g}H{right:g}"/>'
        f'<text x="{(LEFT + right) / 2:g}" y="{floor + 34:g}" text-anchor="middle">'
        f"{escape(x.label)}</text></svg>"
    )
    return "".join(parts)
