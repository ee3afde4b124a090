"""A curve of memory over calls, as an SVG for the documents and as one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

type Point = tuple[int, float]  # calls that are over, KiB

_BARS = "▁▂▃▄▅▆▇█"
_LONGEST_LINE = 60  # characters

_WIDTH, _HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 40, 44
_STEP = 20  # MiB between two lines of the grid
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #57606a }
  .title { font-size: 15px; font-weight: 600; fill: #24292f }
  .grid { stroke: #d0d7de }
  .curve { fill: none; stroke: #0969da; stroke-width: 2 }
  .back { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title { fill: #f0f6fc } .grid { stroke: #3d444d } .curve { stroke: #4493f8 }
    .back { fill: #0d1117 }
  }
"""


def sparkline(curve: Sequence[Point]) -> str:
    """The curve in a line of text, from nothing to the most; empty where there is no curve."""
    if not curve:
        return ""
    most = max(kib for _, kib in curve)
    shown = curve[:: -(-len(curve) // _LONGEST_LINE)]
    bars = "".join(_BARS[min(len(_BARS) - 1, int(len(_BARS) * kib / most))] for _, kib in shown)
    return f"{curve[0][1] / 1024:.1f} MiB {bars} {curve[-1][1] / 1024:.1f} MiB"


def svg(curve: Sequence[Point], title: str) -> str:
    """The curve on a grid that begins at zero. Raises ValueError where there is no curve."""
    calls = max(calls for calls, _ in curve)
    top = _STEP * (int(max(kib for _, kib in curve) / 1024 / _STEP) + 1)  # MiB

    def place(at: float, mib: float) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * at / calls
        y = _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * mib / top
        return round(x, 1), round(y, 1)

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="back" width="{_WIDTH}" height="{_HEIGHT}"/>',
        f'<text class="title" x="{_LEFT}" y="24">{escape(title)}</text>',
    ]
    for mib in range(0, top + 1, _STEP):
        x, y = place(0, mib)
        drawn.append(f'<path class="grid" d="M{x} {y}H{_WIDTH - _RIGHT}"/>')
        drawn.append(f'<text x="{x - 8}" y="{y + 4}" text-anchor="end">{mib} MiB</text>')
    for fifth in range(6):
        x, y = place(fifth * calls / 5, 0)
        drawn.append(f'<text x="{x}" y="{y + 20}" text-anchor="middle">{fifth * calls // 5}</text>')
    x, y = place(calls / 2, 0)
    drawn.append(f'<text x="{x}" y="{y + 38}" text-anchor="middle">calls that are over</text>')
    points = " ".join("{},{}".format(*place(at, kib / 1024)) for at, kib in curve)
    drawn.append(f'<polyline class="curve" points="{points}"/>')
    return "\n".join([*drawn, "</svg>", ""])
