"""What a photographed expression gives way to: an emotion says how the whole face looks.

A portrait that smiles keeps its smile under speech alone. Asked for sadness or surprise it must
not: of every channel that the emotion has no part in, as much goes as the emotion is strong.
Neutral takes all of it away. Where the eyes look stays, and so does what opens lips and lids, which
speech and `talkgen.motion.rest` own.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.motion.emotion import GAP_SLOPES, eased_in, strengths_at
from talkgen.motion.facs import FELT, PROTOTYPES, weights_of_units
from talkgen.types import MOTION_CHANNELS, Emotion, FloatArray

STAYING = ("eyeLook", "eyeBlink", "jaw", "mouthClose", "mouthLowerDown", "mouthUpperUp", "tongue")
"""Starts of channels that never give way."""

MOST_GAP = 0.01
"""Lip gap of a channel at weight 1 (`GAP_SLOPES`), above which a speaking face keeps it: what
presses or rolls the lips of a resting mouth holds it shut."""

REST_KEPT = "rest_kept"
"""Name in `Motion.extra`: (T, 52) share in [0, 1] of the portrait's rest that a frame keeps."""

GIVING: NDArray[np.bool_] = np.array([not c.startswith(STAYING) for c in MOTION_CHANNELS])
_SPOKEN = GIVING & np.array([abs(GAP_SLOPES.get(c, 0.0)) <= MOST_GAP for c in MOTION_CHANNELS])


def given_way(strengths: FloatArray, calm: FloatArray) -> FloatArray:
    """(T, 7) strengths of `FELT` and (T,) of neutral to (T, 52): the share of each that goes."""
    gone = np.asarray(calm, np.float32)[:, None] + np.asarray(strengths, np.float32) @ _unused()
    return np.asarray(np.minimum(gone, 1.0) * GIVING, np.float32)


def rest_kept(emotion: Emotion, times: NDArray[np.floating[Any]]) -> FloatArray | None:
    """(T, 52) share of a portrait's rest that stays under an emotion at `times` (T,) in seconds of
    a speech, eased in as the emotion is; None for action units alone, which are laid over it."""
    if emotion.weights is None and emotion.valence_arousal is None:
        return None
    calm = np.zeros(len(emotion), np.float64)
    if emotion.weights is not None:
        calm += emotion.weights[:, 0]
        if emotion.intensity is not None:
            calm *= emotion.intensity
    at_times = np.interp(times, emotion.sample_times.astype(np.float64), calm) * eased_in(times)
    gone = given_way(strengths_at(emotion, times), np.asarray(at_times, np.float32))
    return np.asarray(1.0 - gone * _SPOKEN, np.float32)


@cache
def _unused() -> FloatArray:
    """(7, 52): 1 for the channels that an emotion has no part in, 0 for those that it moves."""
    rows = []
    for name in FELT:
        units = {unit: np.ones(1, np.float32) for unit in PROTOTYPES[name]}
        rows.append(weights_of_units(units)[0] <= 0)
    return np.stack(rows).astype(np.float32)
