"""Line, bar and forest charts as inline SVG: text stays text, and no script or host is needed.

Colours are Okabe and Ito's (2008), which colour-blind readers tell apart; marks and dashes differ
too, so that colour is never alone. A chart is drawn for the width of a phone, at the size of type
that it is read in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

BLUE, VERMILLION, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#AA4499", "#767676"
WIDTH, HEIGHT = 340.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 16.0, 10.0, 40.0
LEGEND_LINE = 17.0


@dataclass(frozen=True, slots=True)
class Axis:
    """`percent`: values are shares, shown in percent."""

    label: str
    low: float
    high: float
    ticks: tuple[float, ...]
    percent: bool = False

    def place(self, value: float, start: float, end: float) -> float:
        """The value's place between two ends in SVG units."""
        return start + (end - start) * (value - self.low) / (self.high - self.low)

    def tick(self, value: float) -> str:
        """A tick's text."""
        return f"{100 * value:.0f}" if self.percent else f"{value:g}"


@dataclass(frozen=True, slots=True)
class Series:
    """Named (x, y) points, joined by a line or not. `mark`: circle, square, triangle, diamond or
    none."""

    name: str
    points: tuple[tuple[float, float], ...]
    colour: str
    mark: str = "circle"
    dash: str = ""
    joined: bool = True


@dataclass(frozen=True, slots=True)
class Bars:
    """Named counts of bins that the x axis covers evenly; `hatched`: told apart without colour."""

    name: str
    counts: tuple[int, ...]
    colour: str
    hatched: bool = False


def line_chart(title: str, x: Axis, y: Axis, series: Sequence[Series]) -> str:
    """Lines over both axes, with a legend below."""
    body = [_line(s, x, y) for s in series]
    legend = [(s.name, _stroke(s, 0, 22, 0) + _mark(s, 11, 0)) for s in series]
    return _chart(title, x, y, body, legend)


def bar_chart(title: str, x: Axis, y: Axis, groups: Sequence[Bars], unique: str) -> str:
    """Bars side by side in each bin. `unique`: an id that no other chart of the page has."""
    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
    body, legend = [_hatch(unique)], []
    for at, group in enumerate(groups):
        fill = f"url(#{unique})" if group.hatched else group.colour
        look = f'fill="{fill}" stroke="{group.colour}" stroke-width="0.7"'
        step = (right - LEFT) / len(group.counts)
        width = 0.9 * step / len(groups)
        for bin_, count in enumerate(group.counts):
            top = y.place(count, floor, TOP)
            left = LEFT + bin_ * step + 0.05 * step + at * width
            body.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}"'
                f' height="{floor - top:.1f}" {look}/>'
            )
        legend.append((group.name, f'<rect x="0" y="-5" width="22" height="10" {look}/>'))
    return _chart(title, x, y, body, legend)


def _hatch(unique: str) -> str:
    return (
        f'<defs><pattern id="{unique}" width="4" height="4" patternUnits="userSpaceOnUse"'
        f' patternTransform="rotate(45)"><rect width="4" height="4" fill="#fff"/>'
        f'<rect width="2" height="4" fill="{VERMILLION}"/></pattern></defs>'
    )


def _chart(
    title: str, x: Axis, y: Axis, body: Sequence[str], legend: Sequence[tuple[str, str]]
) -> str:
    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
    height = HEIGHT + LEGEND_LINE * len(legend)
    parts = [
        f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{escape(title)}">',
        *[_x_tick(x.place(t, LEFT, right), x.tick(t)) for t in x.ticks],
        *[_y_tick(y.place(t, floor, TOP), y.tick(t)) for t in y.ticks],
        *body,
        f'<path class="axis" d="M{LEFT:g} {TOP:g}V{floor:g}H{right:g}"/>',
        f'<text x="{(LEFT + right) / 2:g}" y="{HEIGHT - 6:g}" text-anchor="middle">'
        f"{escape(x.label)}</text>",
        f'<text transform="translate(12 {(TOP + floor) / 2:g}) rotate(-90)" text-anchor="middle">'
        f"{escape(y.label)}</text>",
    ]
    for at, (name, sign) in enumerate(legend):
        middle = HEIGHT + LEGEND_LINE * (at + 0.5)
        parts.append(
            f'<g transform="translate({LEFT:g} {middle:g})">{sign}'
            f'<text x="30" y="4">{escape(name)}</text></g>'
        )
    return "".join(parts) + "</svg>"


def _x_tick(at: float, text: str) -> str:
    floor = HEIGHT - BOTTOM
    return (
        f'<path class="grid" d="M{at:.1f} {TOP:g}V{floor:g}"/>'
        f'<text x="{at:.1f}" y="{floor + 15:g}" text-anchor="middle">{text}</text>'
    )


def _y_tick(at: float, text: str) -> str:
    return (
        f'<path class="grid" d="M{LEFT:g} {at:.1f}H{WIDTH - RIGHT:g}"/>'
        f'<text x="{LEFT - 5:g}" y="{at + 4:.1f}" text-anchor="end">{text}</text>'
    )


def _line(series: Series, x: Axis, y: Axis) -> str:
    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
    places = [(x.place(a, LEFT, right), y.place(b, floor, TOP)) for a, b in series.points]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    line = f'<polyline points="{path}" fill="none" {_look(series)}/>' if series.joined else ""
    return line + "".join(_mark(series, a, b) for a, b in places)


def _stroke(series: Series, start: float, end: float, y: float) -> str:
    return f'<path d="M{start:g} {y:g}H{end:g}" {_look(series)}/>' if series.joined else ""


def _look(series: Series) -> str:
    dash = f' stroke-dasharray="{series.dash}"' if series.dash else ""
    return f'stroke="{series.colour}" stroke-width="2"{dash}'


def _mark(series: Series, x: float, y: float) -> str:
    match series.mark:
        case "circle":
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{series.colour}"/>'
        case "square":
            corner = f'x="{x - 3:.1f}" y="{y - 3:.1f}"'
            return f'<rect {corner} width="6" height="6" fill="{series.colour}"/>'
        case "triangle":
            d = f"M{x - 4:.1f} {y + 3.2:.1f}h8l-4 -7.4z"
            return f'<path d="{d}" fill="{series.colour}"/>'
        case "diamond":
            d = f"M{x:.1f} {y - 4.5:.1f}l4.5 4.5l-4.5 4.5l-4.5 -4.5z"
            return f'<path d="{d}" fill="{series.colour}"/>'
    return ""


NAMES, ROW, FOOT = 100.0, 24.0, 40.0


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
        at = x.place(tick, NAMES, right)
        parts.append(
            f'<path class="grid" d="M{at:.1f} 4V{floor:g}"/>'
            f'<text x="{at:.1f}" y="{floor + 15:g}" text-anchor="middle">{x.tick(tick)}</text>'
        )
    for number, row in enumerate(rows):
        y = 4 + ROW * (number + 0.5)
        low, at, high = (x.place(v, NAMES, right) for v in (row.low, row.value, row.high))
        colour = BLUE if row.ours else GREY
        parts.append(
            f'<text x="{NAMES - 8:g}" y="{y + 4:g}" text-anchor="end">{escape(row.name)}</text>'
            f'<path d="M{low:.1f} {y:g}H{high:.1f}" stroke="{colour}" stroke-width="2"/>'
            f'<circle cx="{at:.1f}" cy="{y:g}" r="4.5" stroke="{colour}" stroke-width="2"'
            f' fill="{colour if row.ours else "#fff"}"/>'
        )
    parts.append(
        f'<path class="axis" d="M{NAMES:g} {floor:g}H{right:g}"/>'
        f'<text x="{(NAMES + right) / 2:g}" y="{floor + 34:g}" text-anchor="middle">'
        f"{escape(x.label)}</text></svg>"
    )
    return "".join(parts)
