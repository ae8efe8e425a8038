"""Which of several motions of one speech is best: what was asked for shows, the lips fit the sound.

A motion is judged twice, the same way: by the landmarks that it would take a portrait to, before
anything is drawn, and by the frames themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkgen.critic.fer_clip import asked_share
from talkgen.motion.emotion import strengths_at
from talkgen.types import EMOTIONS, Emotion, FloatArray

LEAST_SPREAD = 0.05
"""Spread over the mean, of the emotion's probability and of confidence, that counts as one: by less
candidates differ less than by a standard score."""
LEAST_PROBABILITY = 1e-4
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


def asked_probability(
    target: Emotion, emotions: FloatArray, fps: float, known: NDArray[np.bool_]
) -> float:
    """Return the mean probability of what is asked for in each frame, weighed by how strongly.

    emotions : (K, 8) smoothed probabilities of the known frames of (T,)
    """
    share, weight = asked_share(strengths_at(target, np.flatnonzero(known) / fps))
    return float(np.average((emotions * share).sum(1), weights=weight))


def standing(found: Sequence[Seen]) -> FloatArray:
    """(N,) how each candidate stands among the others, higher is better: standard scores of the
    emotion's log probability and of the confidence, added, less what lips out of step cost.

    Logarithms, since geometry alone ranks candidates of one emotion well but is far less sure.
    """
    confidence = np.array([one.confidence for one in found], np.float64)
    least = LEAST_SPREAD * max(abs(float(confidence.mean())), 1e-6)
    out = (confidence - confidence.mean()) / max(float(confidence.std()), least)
    asked = [one.asked for one in found if one.asked is not None]
    if len(asked) == len(found):
        p = np.log(np.maximum(asked, LEAST_PROBABILITY))
        out = out + (p - p.mean()) / max(float(p.std()), LEAST_SPREAD)
    late = np.array([max(0, abs(one.offset) - IN_STEP) for one in found])
    return np.asarray(out - OUT_OF_STEP * late, np.float32)


def in_words(emotions: FloatArray, most: int = 2) -> str:
    """Return the likeliest emotions, "happy 0.91, surprise 0.05"."""
    order = np.argsort(-np.asarray(emotions))[:most]
    return ", ".join(f"{EMOTIONS[i]} {emotions[i]:.2f}" for i in order)
