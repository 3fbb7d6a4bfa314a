"""The figures of SCPs and SCUs as bars, in an SVG that needs nothing else to be drawn.

The scale is logarithmic. txdicom's bars are coloured, and the page's own theme decides whether
they stand on white or on black.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor, log10
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.parts import PARTS
from benchmarks.table import Results, Row, cell, figure

#: What is drawn, a column each: of which figure the bars are, and what the column is called.
COLUMNS = (("rate", "a second"), ("cpu_us", "CPU µs each"))
DRAWN = ("scp", "scu")

# Pixels.
WIDTH, MARGIN, NAMES, NUMBERS = 940, 16, 112, 52
BAR, GAP, TITLE, HEADING = 13, 3, 20, 34

STYLE = """
  svg { font: 11px system-ui, sans-serif }
  .paper { fill: #ffffff } text { fill: #333333 } .grid { stroke: #dddddd }
  .bar { fill: #a9b4c0 } .own { fill: #0a67c2 } .name-own { font-weight: bold }
  .title { font-size: 12px; font-weight: 600 } .heading { font-size: 15px; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #17191c } text { fill: #d5d9dd } .grid { stroke: #3a3f45 }
    .bar { fill: #5c6670 } .own { fill: #58a6ff }
  }
"""


class Scale:
    """Where a figure stands on a line from one power of ten to another."""

    def __init__(self, values: Sequence[float], width: float) -> None:
        positive = [value for value in values if value > 0] or [1.0]
        self.low = floor(log10(min(positive)))
        self.high = max(ceil(log10(max(positive))), self.low + 1)
        self._width = width

    def __call__(self, value: float) -> float:
        """Pixels from the left, at least one."""
        if value <= 0:
            return 1.0
        return max(1.0, (log10(value) - self.low) / (self.high - self.low) * self._width)


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """A text element."""
    place = f'x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(words)}</text>"


def groups(rows: Sequence[Row], results: Results) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    """For each case its title, and of each peer that has figures one for every column."""
    for row in rows:
        if row.figure != COLUMNS[0][0]:
            continue
        of_peers = {
            peer: [figure(results, peer, row._replace(figure=name)) for name, _ in COLUMNS]
            for peer in results
        }
        yield row.title, {peer: values for peer, values in of_peers.items() if None not in values}


def panel(
    heading: str, rows: Sequence[Row], results: Results, top: float
) -> tuple[list[str], float]:
    """The bars of one part. Returns its elements and where it ends."""
    drawn = list(groups(rows, results))
    width = (WIDTH - 2 * MARGIN - NAMES) / len(COLUMNS) - NUMBERS
    lefts = [MARGIN + NAMES + n * (width + NUMBERS) for n in range(len(COLUMNS))]
    scales = [
        Scale([values[n] for _, peers in drawn for values in peers.values()], width)
        for n in range(len(COLUMNS))
    ]
    y = top + HEADING
    elements = [text(MARGIN, y - 12, heading, "heading")]
    for left, (_, words) in zip(lefts, COLUMNS, strict=True):
        elements.append(text(left, y - 12, words, "title"))
    bars = []
    for title, peers in drawn:
        bars.append(text(MARGIN, y + TITLE - 6, title, "title"))
        y += TITLE
        for number, (peer, values) in enumerate(peers.items()):
            own = number == 0
            middle = y + BAR - 3
            bars.append(text(MARGIN + 8, middle, peer, "name-own" if own else ""))
            for left, scale, value in zip(lefts, scales, values, strict=True):
                bars.append(
                    f'<rect x="{left:.1f}" y="{y}" width="{scale(value):.1f}" height="{BAR}"'
                    f' class="{"own" if own else "bar"}"/>'
                )
                bars.append(text(left + scale(value) + 4, middle, cell(value)))
            y += BAR + GAP
        y += GAP
    for left, scale in zip(lefts, scales, strict=True):
        for power in range(scale.low, scale.high + 1):
            x = left + (power - scale.low) / (scale.high - scale.low) * width
            elements.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top + HEADING}" y2="{y}" class="grid"/>'
            )
            elements.append(text(x, y + 12, f"{10.0**power:,.12g}", anchor="middle"))
    return elements + bars, y + 2 * BAR


def svg(results: dict[str, Results]) -> str:
    """The drawing, of the results of each part by its name."""
    elements: list[str] = []
    y = 0.0
    for part in PARTS:
        if part.name in DRAWN and results.get(part.name):
            more, y = panel(part.heading, part.rows, results[part.name], y)
            elements += more
    height = ceil(y + MARGIN)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
            f' width="{WIDTH}" height="{height}" role="img">',
            "<title>Echoes and associations a second, and CPU time each, logarithmic</title>",
            f"<style>{STYLE}</style>",
            f'<rect width="{WIDTH}" height="{height}" rx="6" class="paper"/>',
            *elements,
            "</svg>",
            "",
        ]
    )
