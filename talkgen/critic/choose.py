"""Which of several motions of one speech is best: what was asked for shows, the lips fit the sound.

A motion is judged twice, the same way: by the landmarks that it would take a portrait to, before
anything is drawn, and by the frames themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkgen.motion.facs import strengths_of
from talkgen.types import EMOTIONS, Emotion, FloatArray

LEAST_ASKED = 0.1
"""Strength from which a frame counts as asked for an emotion; below it, as asked for none."""
LEAST_SPREAD = (0.02, 0.02)
"""Spreads of the emotion's probability, and of confidence over its mean, under which candidates
count as alike."""
IN_STEP = 1
"""Frames that lips may be off the sound without being worse for it."""
OUT_OF_STEP = 2.0
"""What a frame beyond that costs, in spreads."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What critics see of one candidate.

    emotions : (8,) probabilities of `EMOTIONS` over the whole; asked : probability, 0 to 1, of what
        was asked for, where it was asked for (None: no emotion was)
    offset, confidence : of lips and sound (`talkgen.critic.report`, sync)
    """

    emotions: FloatArray | None
    asked: float | None
    offset: int
    confidence: float


def asked_classes(target: Emotion, frames: int, fps: float) -> NDArray[np.int64]:
    """(frames,) index in `EMOTIONS` of what is asked for most in each frame; -1 while it comes or
    goes, which says nothing."""
    times = np.arange(frames) / fps
    strengths = strengths_of(target)
    now = np.stack([np.interp(times, target.sample_times, s) for s in strengths.T], 1)
    out = np.where(now.max(1) >= LEAST_ASKED, now.argmax(1) + 1, 0)
    most = np.maximum(strengths.max(), LEAST_ASKED)
    faint = (out > 0) & (now.max(1) < 0.5 * most)
    return np.where(faint, -1, out)


def asked_probability(
    target: Emotion, frames: int, fps: float, pooled: Callable[[NDArray[np.bool_]], FloatArray]
) -> float:
    """Return the probability of what is asked for, each emotion over the frames that ask for it.

    pooled : takes (frames,) which ones to look at, gives their (8,) probabilities
    """
    classes = asked_classes(target, frames, fps)
    if not (classes >= 0).any():
        classes[:] = 0
    wanted, counts = np.unique(classes[classes >= 0], return_counts=True)
    shares = [float(pooled(classes == index)[index]) for index in wanted]
    return float(np.average(shares, weights=counts))


def standing(found: Sequence[Seen]) -> FloatArray:
    """(N,) how each candidate stands among the others: standard scores of the emotion's probability
    and of the confidence, added, less what lips out of step cost. Higher is better."""
    confidence = np.array([one.confidence for one in found], np.float64)
    least = LEAST_SPREAD[1] * max(abs(float(confidence.mean())), 1e-6)
    out = (confidence - confidence.mean()) / max(float(confidence.std()), least)
    asked = [one.asked for one in found]
    if all(a is not None for a in asked):
        p = np.array(asked, np.float64)
        out = out + (p - p.mean()) / max(float(p.std()), LEAST_SPREAD[0])
    late = np.array([max(0, abs(one.offset) - IN_STEP) for one in found])
    return np.asarray(out - OUT_OF_STEP * late, np.float32)


def in_words(emotions: FloatArray, most: int = 2) -> str:
    """Return the likeliest emotions, "happy 0.91, surprise 0.05"."""
    order = np.argsort(-np.asarray(emotions))[:most]
    return ", ".join(f"{EMOTIONS[i]} {emotions[i]:.2f}" for i in order)
