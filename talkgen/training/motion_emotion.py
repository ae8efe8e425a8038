"""Emotions laid under tracked motion, for the flow to learn what a face in speech does with them.

No labelled emotional video is among the training data, so nothing here is measured on people who
felt something. A window of tracked motion gets a random track of emotion (one class, a mixture of
two, a cross-fade; any strength) and of it

* the FACS prototypes (talkgen.motion.facs), as `apply_emotion` lays them under speech: eased,
  drifting, a little uneven, less while somebody speaks: that the flow has to hear;
* range and pace of head and brows by arousal (the table in talkgen.motion.liveliness).

Lids and the opening of the mouth are not among the flow's outputs; closures, silence and rounded
vowels are kept by rules when motion is made (`apply_emotion`): a flow shown that a smile gives way
to a rounded vowel learned a quarter of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.motion.controls import CONTROLS, FROM_CHANNELS, PAIRS, SHAPES, UPPER
from talkgen.motion.emotion import (
    LOWER_FACE,
    SPEAKING_SHARE,
    UNEVEN,
    VARIATION,
)
from talkgen.motion.facs import FELT, VALENCE_AROUSAL, units_of_strengths, weights_of_units
from talkgen.motion.flow import CONDITION, RAISED, SHAPED, SIZE, TURN
from talkgen.motion.flow import UNEVEN as UNEVEN_PART
from talkgen.motion.liveliness import brow_range, head_range
from talkgen.types import ENGINE_FPS, MOTION_CHANNELS

Float32 = NDArray[np.float32]
Rng = np.random.Generator

MIXED, FADING = 0.2, 0.4  # chances of a mixture of two classes, and of a change within a window
WEAKEST = 0.1
FADE_S = (0.2, 1.0)
AROUSED = 0.25  # spread of arousal around that of the classes: voices differ in it

_PLACES = np.array([VALENCE_AROUSAL[name] for name in FELT], np.float32)
_LEFT = [MOTION_CHANNELS.index(n + "Left") for n in PAIRS]
_RIGHT = [MOTION_CHANNELS.index(n + "Right") for n in PAIRS]
_SIDED = [np.array([c.endswith(s) for c in MOTION_CHANNELS]) for s in ("Left", "Right")]
_SHARE = np.array(
    [next((v for p, v in SPEAKING_SHARE.items() if c.startswith(p)), 1.0) for c in MOTION_CHANNELS],
    np.float32,
)
_BROWS = [RAISED.start + i for i, c in enumerate(UPPER) if CONTROLS[c].startswith("brow")]


def random_conditions(rng: Rng, size: int, frames: int) -> Float32:
    """(B, T, CONDITION) random emotions as `talkgen.motion.emotion.condition_of` tells them."""
    out = np.zeros((size, frames, CONDITION), np.float32)
    at = np.arange(frames) / ENGINE_FPS
    for row in range(size):
        strengths = np.tile(_one(rng), (frames, 1))
        if rng.random() < FADING:
            other = np.zeros(len(FELT)) if rng.random() < 0.5 else _one(rng)
            begin = rng.uniform(-FADE_S[1], at[-1])
            share = np.clip((at - begin) / rng.uniform(*FADE_S), 0.0, 1.0)
            share = (share * share * (3 - 2 * share))[:, None]
            if rng.random() < 0.5:
                share = 1 - share
            strengths = (1 - share) * strengths + share * other
        out[row, :, 1:-2] = strengths
        strong = np.minimum(strengths.sum(1), 1.0)
        out[row, :, 0] = 1.0 - strong
        out[row, :, -2:] = strengths @ _PLACES
        out[row, :, -1] += rng.normal(0.0, AROUSED) * strong
    out[..., -2:] = np.clip(out[..., -2:], -1.0, 1.0)
    return out


def _one(rng: Rng) -> NDArray[np.float64]:
    """(7,) strengths of a class or a mixture of two."""
    out = np.zeros(len(FELT))
    first, second = rng.choice(len(FELT), 2, replace=False)
    strength, share = rng.uniform(WEAKEST, 1.0), 1.0
    if rng.random() < MIXED:
        share = rng.uniform(0.3, 1.0)
        out[second] = strength * (1 - share)
    out[first] = strength * share
    return out


def laid_offsets(conditions: Float32, speaking: Float32, rng: Rng) -> Float32:
    """(B, T, SIZE) in natural units that emotions add to what the flow draws.

    conditions : (B, T, CONDITION); speaking : (B, T) in [0, 1]
    """
    size, frames, _ = conditions.shape
    flat = np.ascontiguousarray(conditions[..., 1:-2].reshape(size * frames, -1))
    units = units_of_strengths(flat)
    weights = np.zeros((size, frames, len(MOTION_CHANNELS)), np.float32)
    if units:
        weights = weights_of_units(units).reshape(weights.shape)
    # within a window the drift of an emotion is next to a constant
    drift = 1.0 + VARIATION * 0.64 * rng.standard_normal((size, 1, 2)).clip(-1.5, 1.5)
    weights *= np.where(LOWER_FACE, drift[..., :1], drift[..., 1:]).astype(np.float32)
    tilt = np.clip(rng.normal(0.0, UNEVEN, (size, 1, 1)), -2 * UNEVEN, 2 * UNEVEN)
    weights *= (1 + tilt * _SIDED[0] - tilt * _SIDED[1]).astype(np.float32)
    weights *= 1.0 - speaking[..., None] * (1.0 - _SHARE)
    weights = np.clip(weights, 0.0, 1.0)
    out = np.zeros((size, frames, SIZE), np.float32)
    out[..., RAISED] = weights @ FROM_CHANNELS[:, UPPER]
    out[..., SHAPED] = weights @ FROM_CHANNELS[:, SHAPES]
    out[..., UNEVEN_PART] = (weights[..., _LEFT] - weights[..., _RIGHT]) / 2
    return out


def enlivened(motion: Float32, arousal: Float32) -> Float32:
    """(..., T, SIZE) tracked motion with the ranges of (..., T) arousal."""
    out = motion.copy()
    out[..., TURN] *= head_range(arousal)[..., None]
    out[..., _BROWS] *= brow_range(arousal)[..., None]
    return out


def usual_size(rng: Rng, count: int = 400) -> Float32:
    """(SIZE,) root mean square of what random emotions add."""
    conditions = random_conditions(rng, count, 1)
    still = np.zeros((count, 1), np.float32)
    return np.sqrt((laid_offsets(conditions, still, rng) ** 2).mean((0, 1)))
