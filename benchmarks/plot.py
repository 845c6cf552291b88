"""The plot of the figures: bars as SVG, readable on light and dark."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

WIDTH, LEFT, ROW, BAR = 720, 190, 24, 14
STYLE = """\
text { font: 13px sans-serif; fill: #1f2328 } .head { font-weight: bold } .number { fill: #59636e }
rect { fill: #8c959f } .ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .number { fill: #9198a1 } rect { fill: #656c76 } .ours { fill: #4493f8 }
}"""


def draw(result: dict[str, Any]) -> str:
    """Return the SVG: one group of bars a program, milliseconds beside them."""
    parts: list[str] = []
    y = 24
    for program, figures in result["seconds"].items():
        longest = max(figure["lowest"] for figure in figures.values())
        parts.append(f'<text class="head" x="8" y="{y}">{escape(program)}</text>')
        for name, figure in figures.items():
            y += ROW
            width = max(1, round((WIDTH - LEFT - 150) * figure["lowest"] / longest))
            ratio = figure["lowest"] / figures["bare"]["lowest"]
            kind = ' class="ours"' if name.startswith("sandbox-venv") else ""
            parts.append(f'<text x="{LEFT - 10}" y="{y}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect{kind} x="{LEFT}" y="{y - BAR + 3}" width="{width}" height="{BAR}" rx="2"/>')
            label = f"{figure['lowest'] * 1e3:.1f} ms, {ratio:.2f} × bare"
            parts.append(f'<text class="number" x="{LEFT + width + 8}" y="{y}">{label}</text>')
        y += ROW + 18
    about = result["machine"]
    words = f"the least of all runs; Linux {about['kernel']}, {about['processors']} × {about['machine']}"
    words += f", {result['binds']} binds"
    parts.append(f'<text class="number" x="8" y="{y}">{escape(words)}</text>')
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 14}" viewBox="0 0 {WIDTH} {y + 14}" '
        f'role="img" aria-label="Start-up times">\n<style>\n{STYLE}\n</style>\n{body}\n</svg>\n'
    )
