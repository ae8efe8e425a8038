"""How an expression comes and goes: episodes of one emotion with onset, apex and offset.

The words are FACS's: the onset phase rises from rest to the apex, the apex holds, the offset phase
falls back. They are read off probabilities over time. Speech moves the mouth some four times a
second and opens it, so while somebody speaks the curve is smoothed over whole syllables and what an
open mouth looks like (surprise, and shouting: anger) counts for less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from talkgen.errors import InputError
from talkgen.types import EMOTIONS, FloatArray

SILENT_S, SPEAKING_S = 0.08, 0.3
"""Standard deviation of the smoothing, seconds; while speaking it spans a syllable or two."""
FORGIVEN: Mapping[str, float] = {"surprise": 0.5, "anger": 0.7}
"""Share that an emotion keeps of its odds while somebody speaks."""
HIGH, LOW = 0.5, 0.3
"""An episode goes over HIGH, and lasts as long as it stays over LOW."""
LEAST_S = 0.25
"""Seconds over HIGH of the shortest episode; micro-expressions are not told from noise."""
REACH_S = 1.5
"""Seconds beyond LOW in which rest is looked for."""
EDGE = 0.1
"""Share of the way from rest to the peak at which onset begins and offset ends."""
PLATEAU = 0.9
"""Share of that way from which the apex holds."""
UNSEEN = 0.05
"""Share of the smoothing's weight under which nothing is known of a moment."""


@dataclass(frozen=True)
class Episode:
    """One emotion's coming and going, seconds from the clip's start.

    onset : it begins to rise; apex : its peak; offset : it is over
    held : from when to when it stays near the peak
    peak : the smoothed probability there
    begun, lasting : whether it was there before the first frame and after the last one; onset and
        offset are then the clip's ends
    """

    emotion: str
    onset: float
    apex: float
    offset: float
    held: tuple[float, float]
    peak: float
    begun: bool = False
    lasting: bool = False

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.offset - self.onset


def smoothed(
    probabilities: FloatArray,
    fps: float,
    speaking: NDArray[np.bool_] | None = None,
    *,
    forgiven: Mapping[str, float] = FORGIVEN,
) -> FloatArray:
    """Return (T, 8) float32 probabilities, smoothed; rows sum to 1.

    probabilities : (T, 8) over `EMOTIONS`, NaN rows where nothing was read
    speaking : (T,) whether somebody speaks; None: nobody
    forgiven : what an emotion keeps of its odds while speaking; empty where the reading has
        forgiven the open mouth already
    """
    given = _checked(probabilities, fps)
    count = len(given)
    heard = np.zeros(count) if speaking is None else np.asarray(speaking[:count], np.float64)
    if len(heard) != count:
        raise InputError(f"`speaking` has {len(heard)} frames, {count} are needed")
    keep = np.ones(len(EMOTIONS))
    for name, share in forgiven.items():
        keep[EMOTIONS.index(name)] = share
    seen = np.asarray(np.isfinite(given).all(1))
    odds = np.where(seen[:, None], given, 0.0)
    odds = odds * np.where(heard[:, None] > 0.5, keep, 1.0)
    odds = odds / np.maximum(odds.sum(1, keepdims=True), 1e-12)
    odds *= seen[:, None]
    calm, talk = (_blurred(odds, seen, s * fps) for s in (SILENT_S, SPEAKING_S))
    blend = gaussian_filter1d(heard, max(SPEAKING_S * fps / 2, 1e-3), mode="nearest")[:, None]
    # where only the wider smoothing reaches (a gap), it stands alone
    return np.asarray(np.where(np.isnan(calm), talk, (1 - blend) * calm + blend * talk), np.float32)


def episodes(
    probabilities: FloatArray,
    fps: float,
    speaking: NDArray[np.bool_] | None = None,
    *,
    high: float = HIGH,
    low: float = LOW,
    least_s: float = LEAST_S,
    forgiven: Mapping[str, float] = FORGIVEN,
) -> tuple[Episode, ...]:
    """Return the episodes of every emotion but neutral, in the order of their onsets.

    probabilities, speaking, forgiven : see `smoothed`
    high, low : probability that an episode reaches, and over which it lasts
    least_s : seconds over `high` of the shortest
    """
    if not 0 < low <= high < 1:
        raise InputError(f"`low` is {low}, `high` {high}; 0 < low <= high < 1 is needed")
    curves = smoothed(probabilities, fps, speaking, forgiven=forgiven)
    found = [
        _episode(name, curves[:, column], first, last, fps)
        for column, name in enumerate(EMOTIONS)
        if column
        for first, last in _stretches(curves[:, column], low)
        if (curves[first : last + 1, column] > high).sum() / fps >= least_s
    ]
    return tuple(sorted(found, key=lambda e: (e.onset, e.apex)))


def strongest(found: tuple[Episode, ...]) -> Episode | None:
    """Return the episode with most probability over time, None of none."""
    return max(found, key=lambda e: e.peak * e.seconds, default=None)


def _checked(probabilities: FloatArray, fps: float) -> NDArray[np.float64]:
    given = np.asarray(probabilities, np.float64)
    if given.ndim != 2 or given.shape[1] != len(EMOTIONS):
        raise InputError(f"`probabilities` has shape {given.shape}, (T, {len(EMOTIONS)}) is needed")
    if not fps > 0:
        raise InputError(f"`fps` is {fps}, a positive number is needed")
    return given


def _blurred(
    values: NDArray[np.float64], seen: NDArray[np.bool_], sigma: float
) -> NDArray[np.float64]:
    """(T, K) smoothed over seen rows alone, NaN where none is near; sigma in frames."""
    if not len(values):
        return values
    sigma = max(sigma, 1e-3)
    weight = gaussian_filter1d(seen.astype(np.float64), sigma, mode="constant")[:, None]
    total = gaussian_filter1d(values, sigma, axis=0, mode="constant")
    return np.where(weight > UNSEEN, total / np.maximum(weight, 1e-12), np.nan)


def _stretches(curve: FloatArray, low: float) -> Iterator[tuple[int, int]]:
    """First and last frames of the stretches over `low`; NaN ends one."""
    over = np.concatenate([[False], np.nan_to_num(curve) > low, [False]])
    edges = np.flatnonzero(over[1:] != over[:-1])
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        yield int(first), int(after) - 1


def _episode(name: str, curve: FloatArray, first: int, last: int, fps: float) -> Episode:
    apex = first + int(curve[first : last + 1].argmax())
    peak = float(curve[apex])
    reach = round(REACH_S * fps)
    back = _side(curve[max(0, first - reach) : apex + 1][::-1], peak)
    ahead = _side(curve[apex : min(len(curve), last + reach + 1)], peak)
    held = (apex - _leaves(back, PLATEAU), apex + _leaves(ahead, PLATEAU))
    begun = len(back) == apex + 1 and back[-1] > EDGE
    lasting = len(ahead) == len(curve) - apex and ahead[-1] > EDGE
    onset = 0.0 if begun else apex - _leaves(back, EDGE)
    offset = len(curve) - 1.0 if lasting else apex + _leaves(ahead, EDGE)
    return Episode(
        name, onset / fps, apex / fps, offset / fps, (held[0] / fps, held[1] / fps), peak, begun,
        lasting,
    )  # fmt: skip


def _side(curve: FloatArray, peak: float) -> NDArray[np.float64]:
    """One side of an apex, from it outwards to the next NaN, as share of the way from rest.

    Rest is the lowest value of that side where it comes under half the peak; else it was not
    reached and counts as 0.
    """
    values = np.asarray(curve, np.float64)
    gone = np.flatnonzero(np.isnan(values))
    values = values[: gone[0]] if len(gone) else values
    rest = float(values.min())
    rest = rest if rest < peak / 2 else 0.0
    return (values - rest) / max(peak - rest, 1e-9)


def _leaves(side: NDArray[np.float64], share: float) -> float:
    """Frames from the apex at which the side first comes under a share, between frames."""
    under = np.flatnonzero(side < share)
    if not len(under):
        return float(len(side) - 1)
    frame = int(under[0])
    before, after = side[frame - 1], side[frame]
    return frame - 1 + float((before - share) / max(before - after, 1e-9))
