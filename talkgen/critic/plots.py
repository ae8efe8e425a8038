"""Curves over time as SVG text, drawn without a library so that a page needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from talkgen.types import FloatArray

WIDTH, HEIGHT = 860, 170
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 10, 26
COLOURS = ("#1f6fb2", "#c8553d", "#3a8f5c", "#8a5fb0", "#b58a1b", "#4c8c99", "#a34f7a", "#6b6b6b")
MOST_POINTS = 1200
"""Points of a curve; of longer clips evenly spread frames are drawn."""


def curves(
    tracks: Mapping[str, FloatArray],
    x: FloatArray | None = None,
    *,
    fps: float = 25.0,
    unit: str = "",
    shaded: NDArray[np.bool_] | None = None,
    x_unit: str = "s",
    span: tuple[float, float] | None = None,
) -> str:
    """Return one SVG picture of curves (T,), gaps where values are NaN.

    x : (T,) places; None: frame / fps seconds; shaded : (T,) where the ground is grey
    span : lowest and highest value of the axis; None: those of the curves
    """
    count = max((len(v) for v in tracks.values()), default=0)
    if not count:
        return ""
    places = np.arange(count) / fps if x is None else np.asarray(x, np.float64)
    known = np.concatenate([np.asarray(v, np.float64)[np.isfinite(v)] for v in tracks.values()])
    low, high = span or (
        (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    )  # fmt: skip
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    frame = _Frame(float(places[0]), float(max(places[-1], places[0] + 1e-9)), low, high)
    parts = [frame.axes(unit, x_unit)]
    if shaded is not None:
        parts[:0] = [frame.shade(places, shaded)]
    for index, values in enumerate(tracks.values()):
        parts.append(frame.line(places[: len(values)], values, COLOURS[index % len(COLOURS)]))
    return _svg("".join(parts), legend(tuple(tracks)))


def bands(
    shares: FloatArray, names: Sequence[str], *, fps: float = 25.0, of: Sequence[str] = ()
) -> str:
    """Return one SVG picture of (T, K) shares from 0 to 1 as stacked bands; NaN rows are blank.

    of : names in the order of the colours, so that two pictures share them
    """
    places = np.arange(len(shares)) / fps
    frame = _Frame(0.0, float(max(places[-1], 1 / fps)), 0.0, 1.0)
    known = np.isfinite(shares).all(1)
    tops = np.cumsum(np.concatenate([np.zeros((len(shares), 1)), shares], 1), axis=1)
    steps = [t for t in _thin(len(places)) if known[t]]
    parts: list[str] = []
    shown: dict[str, str] = {}
    for k, name in enumerate(names):
        if not known.any() or shares[known, k].max() < 0.01:
            continue
        place = of.index(name) if name in of else len(shown)
        shown[name] = COLOURS[place % len(COLOURS)]
        for run in _runs(steps, known):
            over = [frame.point(places[t], tops[t, k + 1]) for t in run]
            under = [frame.point(places[t], tops[t, k]) for t in reversed(run)]
            points = " ".join(over + under)
            parts.append(f'<polygon points="{points}" fill="{shown[name]}" opacity=".75"/>')
    return _svg("".join([*parts, frame.axes("", "s")]), legend(tuple(shown), shown))


def _runs(steps: Sequence[int], known: NDArray[np.bool_]) -> list[list[int]]:
    """Drawn frames in stretches between which nothing is known."""
    out: list[list[int]] = []
    for t in steps:
        if not out or not known[out[-1][-1] : t].all():
            out.append([])
        out[-1].append(t)
    return out


def legend(names: Sequence[str], colours: Mapping[str, str] | None = None) -> str:
    """Return names, each after a mark of its colour, as HTML; `.legend i` is the mark's style."""
    own = colours or {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    return " ".join(
        f'<span><i style="background:{own[name]}"></i>{escape(name)}</span>' for name in names
    )


class _Frame:
    """Where values lie in a picture."""

    def __init__(self, x0: float, x1: float, y0: float, y1: float) -> None:
        self.x0, self.x1, self.y0, self.y1 = x0, x1, y0, y1

    def point(self, x: float, y: float) -> str:
        px = LEFT + (x - self.x0) / (self.x1 - self.x0) * (WIDTH - LEFT - RIGHT)
        py = HEIGHT - BOTTOM - (y - self.y0) / (self.y1 - self.y0) * (HEIGHT - TOP - BOTTOM)
        return f"{px:.1f},{py:.1f}"

    def line(self, x: NDArray[np.float64], values: FloatArray, colour: str) -> str:
        runs: list[list[str]] = [[]]
        sparse = np.isfinite(values).mean() < 0.9  # read on every n-th frame only
        for t in _thin(len(values)) if not sparse else range(len(values)):
            if np.isfinite(values[t]):
                runs[-1].append(self.point(float(x[t]), float(values[t])))
            elif runs[-1] and not sparse:
                runs.append([])
        return "".join(
            f'<polyline points="{" ".join(run)}" fill="none" stroke="{colour}" stroke-width="1.4"/>'
            for run in runs
            if run
        )

    def shade(self, x: NDArray[np.float64], where: NDArray[np.bool_]) -> str:
        edges = np.flatnonzero(np.diff(np.r_[0, np.asarray(where, np.int8), 0]))
        out = []
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            left = float(self.point(float(x[first]), 0).split(",")[0])
            right = float(self.point(float(x[min(last, len(x) - 1)]), 0).split(",")[0])
            out.append(
                f'<rect x="{left:.1f}" y="{TOP}" width="{max(right - left, 1):.1f}" '
                f'height="{HEIGHT - TOP - BOTTOM}" fill="#e4e4e4"/>'
            )
        return "".join(out)

    def axes(self, unit: str, x_unit: str) -> str:
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        out = [f'<path d="M{LEFT} {TOP}V{bottom}H{right}" stroke="#888" fill="none"/>']
        for value in (self.y0, (self.y0 + self.y1) / 2, self.y1):
            y = float(self.point(self.x0, value).split(",")[1])
            out.append(f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
        places = ticks(self.x0, self.x1)
        for value in places:
            px = float(self.point(value, self.y0).split(",")[0])
            last = value == places[-1]
            text = f"{value:g}{' ' + x_unit if last else ''}"
            anchor = "end" if last else "middle"
            out.append(f'<text x="{px:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{text}</text>')
        if unit:
            out.append(f'<text x="{LEFT + 4}" y="{TOP + 10}">{escape(unit)}</text>')
        return "".join(out)


def ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Return round numbers from `low` to `high`, at most `most` of them."""
    step = 10.0 ** np.floor(np.log10(max(high - low, 1e-9) / most))
    for factor in (1, 2, 5, 10):
        places = np.arange(np.ceil(low / (step * factor) - 1e-9), high / (step * factor) + 1e-9)
        if len(places) <= most:
            break
    return [round(float(p * step * factor), 9) + 0.0 for p in places]


def _thin(count: int) -> list[int]:
    """Frames that are drawn: all, or evenly spread ones."""
    if count <= MOST_POINTS:
        return list(range(count))
    return [int(t) for t in np.unique(np.linspace(0, count - 1, MOST_POINTS).astype(int))]


def _svg(inside: str, under: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-size="11" '
        f'font-family="sans-serif" fill="#333">{inside}</svg><p class="legend">{under}</p>'
    )
