"""A run as a picture: for every measure the share of samples up to each value, as one SVG file.

Written by hand: the format is text, and a library for it would weigh more than the whole load generator. Every panel
has a title and a description for who cannot see it, nothing is told by colour alone, and text is text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from bot.load.fleet import Run
from bot.load.measures import Findings
from bot.load.stats import Distribution

_PANEL_WIDTH, _PANEL_HEIGHT = 460, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 18, 52, 40  # around the plot in a panel
_COLUMNS = 2
_HEAD = 84
# Contrast on white: 12.6, 7.0, 5.6 and 5.9 to 1; the grid is decoration.
_INK, _GREY, _LINE, _MARK, _GRID = "#222831", "#595f69", "#1565a8", "#a63d00", "#dfe3e8"
_MARKED = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
_STYLE = (
    f"text{{font:12px system-ui,sans-serif;fill:{_INK}}}.small{{font-size:11px;fill:{_GREY}}}"
    ".title{font-size:13px;font-weight:600}.head{font-size:18px;font-weight:600}"
)


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis from `low` to `high`, logarithmic or not, over so many pixels from `start`."""

    low: float
    high: float
    start: float
    pixels: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value."""
        if self.logarithmic:
            share = (log10(max(value, self.low)) - log10(self.low)) / (log10(self.high) - log10(self.low))
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + self.pixels * min(1.0, max(0.0, share))

    def ticks(self) -> list[float]:
        """Round values within."""
        if self.logarithmic:
            first, last = floor(log10(self.low)), ceil(log10(self.high))
            steps = (1,) if last - first > 3 else (1, 2, 5)
            found = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        else:
            step = _round_step((self.high - self.low) / 4)
            found = [number * step for number in range(floor(self.low / step), ceil(self.high / step) + 1)]
        return [tick for tick in found if self.low * 0.999 <= tick <= self.high * 1.001]


def picture(run: Run, found: Findings) -> str:
    """The SVG document."""
    panels: list[Element] = []
    drawn = [measured for measured in found.distributions.values() if measured.ordered]
    for measured in drawn:
        panels.append(_distribution(measured, *_place(len(panels))))
    if run.watched is not None and len(run.watched.looks) > 2:
        looks = run.watched.looks
        pace = [
            (after.at - run.began, 100 * max(0.0, after.cpu - before.cpu) / (after.at - before.at))
            for before, after in pairwise(looks)
            if after.at > before.at
        ]
        rss = [(look.at - run.began, look.rss) for look in looks]
        panels.append(_course("CPU of the process, % of a core", pace, *_place(len(panels))))
        panels.append(_course("memory of the process (RSS), MiB", rss, *_place(len(panels))))
    rows = ceil(len(panels) / _COLUMNS) or 1
    width, height = _COLUMNS * _PANEL_WIDTH, _HEAD + rows * _PANEL_HEIGHT + 10
    svg = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "role": "img",
            "aria-labelledby": "title desc",
        },
    )
    plan, counts = run.plan, found.counts
    heading = f"{plan.calls} calls at once for {run.ended - run.began:.0f} s"
    SubElement(svg, "title", id="title").text = f"voicebot load: {heading}"
    SubElement(svg, "desc", id="desc").text = "; ".join(map(_in_words, drawn)) or "Nothing was measured."
    SubElement(svg, "style").text = _STYLE
    SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    _text(svg, 16, 32, heading, "head")
    summary = f"{counts['calls'] - counts['failed']} of {counts['calls']} calls worked"
    missing = [f"{counts[key]} {what}" for key, what in _TOLD.items() if key in counts]
    _text(svg, 16, 54, " · ".join([summary, *missing]))
    _text(svg, 16, 72, "Share of samples up to each value, in milliseconds; marked are 50, 90 and 99 %.", "small")
    svg.extend(panels)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(svg, encoding="unicode") + "\n"


_TOLD = {
    "missing_frames": "caller frames missing",
    "missing_audio": "frames of audio missing",
    "gaps": "gaps in replies",
    "unheeded": "barge-ins unheeded",
}


def _place(number: int) -> tuple[float, float]:
    return number % _COLUMNS * _PANEL_WIDTH, _HEAD + number // _COLUMNS * _PANEL_HEIGHT


def _distribution(measured: Distribution, x: float, y: float) -> Element:
    """One panel: the curve, with the percentiles as points, dropped lines and words."""
    low, high = measured.ordered[0], measured.ordered[-1]
    logarithmic = high > 20 * max(measured.statistic("p50") or 0.0, 0.01)
    if logarithmic:
        low = max(low, high / 10_000)
    elif low < 0.5 * high:
        low = min(0.0, low)
    else:
        low -= 0.1 * (high - low)
    if high - low < 1e-3:
        low, high = low - 0.5, high + 0.5
    across, up = _axes(low, high, 0.0, 1.0, logarithmic=logarithmic)
    group = _panel(x, y, measured.what, _in_words(measured))
    _grid(group, across, up, [(share, f"{100 * share:.0f} %") for share in (0.0, 0.5, 0.9, 1.0)])
    points: list[tuple[float, float]] = []
    for value, share in measured.curve():
        if points:  # a step: the share rises where the sample is
            points.append((across.at(value), points[-1][1]))
        else:
            points.append((across.at(value), up.at(0.0)))
        points.append((across.at(value), up.at(share)))
    _line(group, points)
    words = []
    for name, share in _MARKED:
        value = measured.statistic(name) or 0.0
        place = {"cx": _px(across.at(value)), "cy": _px(up.at(share))}
        SubElement(group, "circle", {**place, "r": "4", "fill": _MARK, "stroke": "#ffffff"})
        words.append(f"{name} {_short(value)}")
    words += [f"max {_short(measured.ordered[-1])}", f"n {len(measured.ordered)}"]
    _text(group, _LEFT, 38, " · ".join(words), "small")
    if logarithmic:
        _text(group, _PANEL_WIDTH - _RIGHT, _PANEL_HEIGHT - 6, "ms, logarithmic", "small", anchor="end")
    return group


def _course(title: str, samples: Sequence[tuple[float, float]], x: float, y: float) -> Element:
    """One panel: a value in the course of the run."""
    values = [value for _, value in samples]
    low, high = (0.0, max(values)) if min(values) < 0.5 * max(values) else (min(values) - 1, max(values) + 1)
    across, up = _axes(0.0, max(samples[-1][0], 1.0), low, max(high, low + 1.0))
    group = _panel(
        x, y, title, f"{title}: from {_short(values[0])} to {_short(values[-1])}, at most {_short(max(values))}"
    )
    _grid(group, across, up, [(tick, _short(tick)) for tick in up.ticks()])
    _line(group, [(across.at(at), up.at(value)) for at, value in samples if at >= 0])
    _text(group, _LEFT, 38, f"at most {_short(max(values))}, at the end {_short(values[-1])}", "small")
    _text(group, _PANEL_WIDTH - _RIGHT, _PANEL_HEIGHT - 6, "seconds", "small", anchor="end")
    return group


def _axes(left: float, right: float, bottom: float, top: float, *, logarithmic: bool = False) -> tuple[_Axis, _Axis]:
    wide, high = _PANEL_WIDTH - _LEFT - _RIGHT, _PANEL_HEIGHT - _TOP - _BOTTOM
    return _Axis(left, right, _LEFT, wide, logarithmic), _Axis(bottom, top, _TOP + high, -high)


def _panel(x: float, y: float, title: str, description: str) -> Element:
    group = Element("g", {"transform": f"translate({_px(x)} {_px(y)})", "role": "img", "aria-label": description})
    _text(group, _LEFT, 20, title, "title")
    return group


def _grid(group: Element, across: _Axis, up: _Axis, rows: Iterable[tuple[float, str]]) -> None:
    left, right = _px(across.start), _px(across.start + across.pixels)
    for value, label in rows:
        y = up.at(value)
        SubElement(group, "line", {"x1": left, "x2": right, "y1": _px(y), "y2": _px(y), "stroke": _GRID})
        _text(group, across.start - 6, y + 4, label, "small", anchor="end")
    for tick in across.ticks():
        x = _px(across.at(tick))
        SubElement(group, "line", {"x1": x, "x2": x, "y1": _px(_TOP), "y2": _px(up.start), "stroke": _GRID})
        _text(group, across.at(tick), up.start + 16, _short(tick), "small", anchor="middle")


def _line(group: Element, points: Sequence[tuple[float, float]]) -> None:
    path = " ".join(f"{_px(x)},{_px(y)}" for x, y in points)
    SubElement(group, "polyline", {"points": path, "fill": "none", "stroke": _LINE, "stroke-width": "2"})


def _text(parent: Element, x: float, y: float, words: str, kind: str = "", *, anchor: str = "start") -> None:
    element = SubElement(parent, "text", {"x": _px(x), "y": _px(y), "text-anchor": anchor})
    if kind:
        element.set("class", kind)
    element.text = words


def _in_words(measured: Distribution) -> str:
    values = ", ".join(f"{name} {_short(measured.statistic(name) or 0.0)}" for name in ("p50", "p90", "p99", "max"))
    return f"{measured.what}: {values} ms of {len(measured.ordered)}"


def _round_step(step: float) -> float:
    power = 10.0 ** floor(log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step)


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _short(value: float) -> str:
    if abs(value) >= 100 or value == round(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}"
