"""An emotion's action units moved, for one face, to where the critic sees it more surely.

The table of prototypes is the same for everybody; faces are not: brows that are low at rest, thin
lips, a mouth that points down. The gradient of the critic's log probability is taken through the
drawn face, by differences of a few frames of the very motion, and the prototype's units follow it
within bounds. What comes out is an `Emotion` whose action units are given; the lip gap stays
speech's (`talkgen.motion.emotion`). Frames that had no part in the search say whether it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from talkgen.motion.emotion import speaking_shares, strengths_at, with_gap_of
from talkgen.motion.facs import FELT, PROTOTYPES, strengths_of, weights_of_units
from talkgen.types import EMOTIONS, MOTION_CHANNELS, Emotion, FloatArray, Motion

LEAST, MOST = 0.6, 1.6
"""Bounds of a unit's intensity, in shares of the prototype's; no unit passes 1."""
PROBES = 3
"""Frames that the gradient is taken on, and as many that judge what came of it."""
ROUNDS = 3
NUDGE = 0.12
"""Step of the differences, and first step along the gradient, twice that, in those shares."""
PULL = 0.15
"""Cost of leaving the prototype, in log probability for the mean square of the shares' change."""
WORTH = 0.02
"""Probability that has to be gained for a change to be kept."""
LEAST_STRENGTH = 0.2
BLINKING = 0.3
_LIDS = [MOTION_CHANNELS.index("eyeBlinkLeft"), MOTION_CHANNELS.index("eyeBlinkRight")]

Read = Callable[[FloatArray, NDArray[np.int64]], FloatArray]
"""Takes weights (N, 52) of a motion's frames (N,), gives the critic's probabilities (N, 8)."""


@dataclass(frozen=True)
class Guidance:
    """What the search for one emotion came to.

    units : intensities at strength 1; before, after : probability in frames that had no part in it
    kept : whether it is worth it
    """

    name: str
    units: Mapping[str, float]
    before: float
    after: float
    kept: bool


def guided(emotion: Emotion, found: Mapping[str, Mapping[str, float]]) -> Emotion:
    """Return a track of classes whose action units are those of other prototypes.

    found : prototypes by emotion; emotions that are not among them keep their own
    """
    strengths = strengths_of(emotion)
    out: dict[str, FloatArray] = {}
    for column, name in enumerate(FELT):
        if not strengths[:, column].any():
            continue
        for unit, share in found.get(name, PROTOTYPES[name]).items():
            part = strengths[:, column] * np.float32(share)
            out[unit] = np.minimum(out[unit] + part if unit in out else part, 1.0)
    return replace(emotion, action_units=out) if out else emotion


def search(
    name: str, motion: Motion, emotion: Emotion, speaking: FloatArray, read: Read
) -> Guidance | None:
    """Return what guiding one emotion of a track comes to; None where it is hardly asked for.

    motion : 25 frames a second, made with `emotion`; speaking : (T,) in [0, 1]
    read : what the critic sees of weights laid over frames of the motion
    """
    column = FELT.index(name)
    strength = strengths_at(emotion, np.arange(len(motion)) / motion.fps)[:, column]
    top = float(strength.max(initial=0.0))
    frames = _probes(motion, strength)
    if top < LEAST_STRENGTH or len(frames) < 2:
        return None
    tried, judged = frames[::2], frames[1::2]
    units = list(PROTOTYPES[name])
    usual = np.array([PROTOTYPES[name][unit] for unit in units])
    ceiling = np.minimum(MOST, np.maximum(1.0, 1.0 / (top * usual)))

    def laid(shares: FloatArray, at: NDArray[np.int64]) -> FloatArray:
        change = _drawn(units, top * usual * shares) - _drawn(units, top * usual)
        given = motion.blendshapes[at]
        moved = given + change * speaking_shares(speaking[at]) * (strength[at] / top)[:, None]
        return with_gap_of(np.clip(moved, 0.0, 1.0), given)

    def worth(rows: list[FloatArray]) -> FloatArray:
        weights = np.concatenate([laid(shares, tried) for shares in rows])
        seen = read(weights, np.tile(tried, len(rows)))[:, EMOTIONS.index(name)]
        mean = np.log(np.maximum(seen, 1e-6)).reshape(len(rows), -1).mean(1)
        return np.asarray(mean - PULL * np.square(np.stack(rows) - 1).mean(1))

    shares = np.ones(len(units))
    now, step = float(worth([shares])[0]), 2 * NUDGE
    for _ in range(ROUNDS):
        nudged = [shares + NUDGE * row for row in np.eye(len(units))]
        slope = worth(nudged) - now
        if not np.abs(slope).max() > 1e-5:
            break
        way = slope / np.abs(slope).max()
        sizes = (step, step / 2, 2 * step)
        ahead = [np.clip(shares + size * way, LEAST, ceiling) for size in sizes]
        values = worth(ahead)
        best = int(np.argmax(values))
        if values[best] <= now:
            step /= 4
            continue
        shares, now = ahead[best], float(values[best])
    weights = np.concatenate([laid(one, judged) for one in (np.ones(len(units)), shares)])
    seen = read(weights, np.tile(judged, 2))[:, EMOTIONS.index(name)]
    before, after = (float(part.mean()) for part in np.split(seen, 2))
    found = dict(zip(units, np.round(usual * shares, 4).tolist(), strict=True))
    return Guidance(name, found, before, after, after - before >= WORTH)


def _drawn(units: list[str], values: FloatArray) -> FloatArray:
    """(U,) intensities to (52,) channel weights."""
    rows = {u: np.array([v], np.float32) for u, v in zip(units, np.clip(values, 0, 1), strict=True)}
    return weights_of_units(rows)[0]


def _probes(motion: Motion, strength: FloatArray) -> NDArray[np.int64]:
    """Frames, spread over the motion, in which the emotion is up and the eyes are open."""
    up = strength >= 0.9 * strength.max(initial=0.0)
    seen = np.flatnonzero(up & (motion.blendshapes[:, _LIDS].max(1) < BLINKING))
    if len(seen) <= 2 * PROBES:
        return seen
    return seen[np.linspace(0, len(seen) - 1, 2 * PROBES).round().astype(int)]
