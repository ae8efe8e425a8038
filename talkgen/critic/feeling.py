"""What a clip's face shows over time, made of what the expression critic read frame by frame.

The critic's readings are `emotions` (8,), `affect` (2,), `units` (U,) and `pspi` of a frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talkgen.critic.dynamics import Episode, episodes, smoothed
from talkgen.critic.evidence import evidence
from talkgen.critic.expression_net import UNITS
from talkgen.critic.fer_clip import speaking_of
from talkgen.critic.verdict import verdict
from talkgen.critic.watch import Watched
from talkgen.types import EMOTIONS, FloatArray


@dataclass(frozen=True, eq=False)
class Feeling:
    """A clip of T frames; NaN where nothing is known.

    emotions : (T, 8) probabilities of `EMOTIONS`, smoothed, speech forgiven
    valence, arousal : (T,) in [-1, 1]; units : action units (T,) in [0, 1] by name
    episodes : emotions that come and go, with onset, apex and offset
    words, why : the clip as a whole ("happy"), and what that was read from
    """

    emotions: FloatArray
    valence: FloatArray
    arousal: FloatArray
    units: dict[str, FloatArray]
    episodes: tuple[Episode, ...] = ()
    words: str = ""
    why: str = ""
    mean: dict[str, float] = field(default_factory=dict)


def feeling_of(video: Watched) -> Feeling | None:
    """Return what was read of a clip, None where no expression critic watched it."""
    if not len(video.reading("emotions")):
        return None
    emotions = video.readings["emotions"]
    count = len(emotions)
    speaking = speaking_of(video)
    curves = smoothed(emotions, video.fps, speaking)
    units = {name: between(_column(video, "units", i, count)) for i, name in enumerate(UNITS)}
    mean = dict(zip(EMOTIONS, np.nanmean(curves, axis=0).tolist(), strict=True))
    found = verdict(mean)
    named = curves[:, [EMOTIONS.index(name) for name in found.emotions or EMOTIONS]].sum(1)
    strong = {name: _weighted(values, named) for name, values in units.items()}
    return Feeling(
        curves,
        between(_column(video, "affect", 0, count)), between(_column(video, "affect", 1, count)),
        units, episodes(emotions, video.fps, speaking), found.words,
        evidence(mean, strong, of=found.emotions or None, speaking=speaking is not None), mean,
    )  # fmt: skip


def _weighted(values: FloatArray, weights: FloatArray) -> float:
    """Mean of (T,) values where the emotion shows most; 0 where nothing is known."""
    known = np.isfinite(values) & np.isfinite(weights)
    if not known.any():
        return 0.0
    return float(np.average(values[known], weights=np.maximum(weights[known], 1e-6)))


def between(values: FloatArray) -> FloatArray:
    """Return (T,) values read on every n-th frame with straight lines between them."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < 2:
        return values
    out = np.interp(np.arange(len(values)), known, values[known])
    gaps = np.diff(known)
    usual = int(np.median(gaps))
    for start, gap in zip(known[:-1], gaps, strict=True):
        if gap > 3 * usual:  # the face was gone
            out[start + 1 : start + gap] = np.nan
    out[: known[0]] = out[known[-1] + 1 :] = np.nan
    return np.asarray(out, np.float32)


def feeling_to_dict(feeling: Feeling) -> dict[str, Any]:
    """Return plain values, ready for JSON; unknown numbers are None."""
    return {
        "clip": feeling.words, "evidence": feeling.why,
        "mean": {name: round(value, 4) for name, value in feeling.mean.items()},
        "emotions": {n: plain(feeling.emotions[:, i]) for i, n in enumerate(EMOTIONS)},
        "valence": plain(feeling.valence), "arousal": plain(feeling.arousal),
        "action_units": {name: plain(values) for name, values in feeling.units.items()},
        "episodes": [
            {"emotion": one.emotion, "onset": round(one.onset, 3), "apex": round(one.apex, 3),
             "offset": round(one.offset, 3), "peak": round(one.peak, 4),
             "there_before": bool(one.begun), "there_after": bool(one.lasting)}
            for one in feeling.episodes
        ],
    }  # fmt: skip


def plain(values: FloatArray) -> list[float | None]:
    """Return (T,) numbers rounded, None where unknown."""
    return [round(float(v), 4) if np.isfinite(v) else None for v in values]


def _column(video: Watched, name: str, column: int, count: int) -> FloatArray:
    values = video.readings.get(name)
    if values is None:
        return np.full(count, np.nan, np.float32)
    return np.asarray(values[:, column], np.float32)
