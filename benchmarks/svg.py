"""Plots as SVG, by hand: bars and lines are all that the benchmarks draw, and no dependency is worth that.

They are readable on light and dark pages, and the same figures give the same bytes.
"""

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH = 720
LEFT, RIGHT = 150, 90
BAR, SPACE = 22, 10
TOP = 40
PLOT = 180
COLOURS = ("#2f6f9f", "#c0603c", "#5b8c3a", "#8a5fa8")
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.grid { stroke: #8884 }
.mark { stroke: #888; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
</style>"""

Point = tuple[float, float]


class Chart:
    """A part of a picture: its elements, and how high it is."""

    def __init__(self, height: int, elements: Sequence[str]) -> None:
        self.height = height
        self.elements = elements


def picture(*charts: Chart) -> str:
    """The charts below each other, as a document."""
    height = sum(chart.height for chart in charts)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}">', STYLE]
    at = 0
    for chart in charts:
        parts += [f'<g transform="translate(0 {at})">', *chart.elements, "</g>"]
        at += chart.height
    return "\n".join([*parts, "</svg>\n"])


def bars(title: str, values: Mapping[str, float], highlight: str = "") -> Chart:
    """One bar for each value, as long as the value is, the largest over the whole width; and the value itself."""
    longest = max(values.values()) or 1
    elements = [text(0, 20, title, "title")]
    for number, (name, value) in enumerate(values.items()):
        y = TOP + number * (BAR + SPACE)
        length = (WIDTH - LEFT - RIGHT) * value / longest
        colour = COLOURS[0] if name == highlight else "#8b949e"
        elements += [
            text(0, y + 16, name),
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>',
            text(LEFT + length + 6, y + 16, figure(value)),
        ]
    return Chart(TOP + len(values) * (BAR + SPACE) + SPACE, elements)


def lines(
    title: str, along: str, series: Mapping[str, Sequence[Point]], marks: Mapping[str, float], right: float
) -> Chart:
    """One line for each series, from zero up; `marks` are upright lines with a name. `along` says what goes from left
    to right, from 0 to `right`."""
    steps = ticks(max((y for one in series.values() for _, y in one), default=1))
    left, wide, bottom = 50, WIDTH - 60, TOP + PLOT

    def x_of(x: float) -> float:
        return left + (wide - left) * x / right

    def y_of(y: float) -> float:
        return bottom - PLOT * y / steps[-1]

    elements = [text(0, 20, title, "title")]
    for step in steps:
        y = y_of(step)
        elements.append(f'<line class="grid" x1="{left}" x2="{wide}" y1="{y:.1f}" y2="{y:.1f}"/>')
        elements.append(text(left - 8, y + 4, figure(step), anchor="end"))
    elements += [text(x_of(step), bottom + 18, figure(step), anchor="middle") for step in ticks(right) if step <= right]
    elements.append(text(wide, bottom + 36, along, anchor="end"))
    for number, (name, at) in enumerate(marks.items()):  # their names above each other, for they may be close
        x = x_of(at)
        elements.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
        elements.append(text(x + 4, bottom - 6 - 16 * number, name))
    for number, (name, one) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        joined = "L".join(f"{x_of(x):.1f} {y_of(y):.1f}" for x, y in one)
        elements.append(f'<path d="M{joined}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        elements.append(f'<rect x="{left + 150 * number}" y="{bottom + 26}" width="12" height="12" fill="{colour}"/>')
        elements.append(text(left + 150 * number + 18, bottom + 36, name))
    return Chart(bottom + 50, elements)


def ticks(top: float) -> list[float]:
    """Round numbers from 0 to at least `top`, four to seven of them."""
    rough = (top or 1) / 5
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * times for times in (1, 2, 5, 10) if size * times >= rough)
    return [step * number for number in range(math.ceil((top or 1) / step) + 1)]


def figure(value: float) -> str:
    """A number with three digits that count, or all of those before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def text(x: float, y: float, said: str, kind: str = "", anchor: str = "start") -> str:
    css = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css}>{escape(said)}</text>'
