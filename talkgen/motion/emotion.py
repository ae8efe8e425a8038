"""Emotion on a speaking face: prototypes of FACS laid under speech, so that the lips stay right.

Speech owns the lip gap: p, b and m stay shut, silence stays shut (but for a trace), rounded vowels
stay XX
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkgen.motion.controls import DRAWN
from talkgen.motion.emotion_text import as_emotion, parse_emotion
from talkgen.motion.facs import FELT, affect_of, strengths_of, units_of, weights_of_units
from talkgen.types import MOTION_CHANNELS, Emotion, FloatArray

__all__ = [
    "apply_emotion", "as_emotion", "condition_of", "eased_in", "emotion_offsets", "parse_emotion",
    "strengths_at",
]  # fmt: skip

ONSET_S = 0.5
"""Seconds in which an emotion comes up at the start: smiles and frowns take 0.4 to 0.8 s (Schmidt,
Cohn & Tian 2003, "Signal characteristics of spontaneous facial expressions")."""

VARIATION = 0.14
"""How far the strength drifts around what was asked for: nobody holds a smile."""

UNEVEN = 0.06
"""Spread of a person's own difference between the sides of the face."""

GAP_SLOPES: dict[str, float] = {
    "jawForward": 0.0145, "jawLeft": -0.0026, "jawRight": -0.0026, "jawOpen": 0.3673,
    "mouthClose": -0.3673, "mouthFunnel": 0.1539, "mouthPucker": -0.0058, "mouthLeft": -0.0074,
    "mouthRight": -0.0074, "mouthFrownLeft": -0.0014, "mouthFrownRight": -0.0014,
    "mouthDimpleLeft": -0.0040, "mouthDimpleRight": -0.0040, "mouthStretchLeft": -0.0017,
    "mouthStretchRight": -0.0017, "mouthRollLower": -0.0420, "mouthRollUpper": 0.0204,
    "mouthShrugLower": -0.0771, "mouthShrugUpper": 0.0589, "mouthPressLeft": -0.0142,
    "mouthPressRight": -0.0142, "mouthLowerDownLeft": 0.0379, "mouthLowerDownRight": 0.0379,
    "mouthUpperUpLeft": 0.0398, "mouthUpperUpRight": 0.0398, "cheekPuff": -0.0049,
    "cheekSquintLeft": 0.0021, "cheekSquintRight": 0.0021, "noseSneerLeft": 0.0349,
    "noseSneerRight": 0.0349, "tongueOut": 0.0881,
}  # fmt: skip
"""Lip gap over inter-ocular distance that a channel adds on the shipped mean head (a test holds
them together)."""

SPEAKING_SHARE: dict[str, float] = {
    "jawOpen": 0.3, "mouthSmile": 0.7, "mouthFrown": 0.75, "mouthDimple": 0.7, "mouthStretch": 0.6,
    "mouthUpperUp": 0.6, "mouthLowerDown": 0.6, "mouthPress": 0.4, "mouthShrug": 0.5,
    "mouthRoll": 0.3,
}  # fmt: skip
"""Share of the emotion that a channel (by the start of its name) keeps while speaking."""

SPREADING = ("mouthSmile", "mouthStretch", "mouthDimple", "mouthFrown")
SEALING = ("mouthPress", "mouthShrug", "mouthRoll")
PARTING = ("jawOpen", "mouthLowerDown", "mouthUpperUp", "mouthFunnel")
ROUND_KEEP = 0.35  # of a spread mouth's emotion that stays on a fully rounded vowel
ROUND_AT = 0.5  # pucker or funnel that counts as fully rounded
OPEN_FROM, OPEN_AT = 0.01, 0.05  # gaps at which a mouth begins to be open, and is open
SHUT = 0.02  # gap under which lips count as shut: nothing widens those
PARTED = 0.015  # gap that an emotion may leave between lips that speech has shut
OPENING_MIX = {"jawOpen": 0.7, "mouthLowerDownLeft": 0.5, "mouthLowerDownRight": 0.5,
               "mouthUpperUpLeft": 0.3, "mouthUpperUpRight": 0.3}  # fmt: skip

WIDENING = np.array(
    [{"happy": 0.15, "sad": -0.15, "surprise": 0.28, "fear": 0.15, "anger": 0.22}.get(n, 0.0)
     for n in FELT], np.float32,
)  # fmt: skip
"""How much wider an emotion of `FELT` opens a mouth that speaks (Lee et al. 2005, "An articulatory
study of emotional speech production": wider and faster in anger and joy, less in sadness)."""

Seconds = NDArray[np.floating[Any]]
_COUNT = len(MOTION_CHANNELS)
_SLOPES = np.array([GAP_SLOPES.get(c, 0.0) for c in MOTION_CHANNELS], np.float32)
_SHARE = np.ones(_COUNT, np.float32)
for _prefix, _value in SPEAKING_SHARE.items():
    _SHARE[[c.startswith(_prefix) for c in MOTION_CHANNELS]] = _value
_OPENING = np.array([OPENING_MIX.get(c, 0.0) for c in MOTION_CHANNELS], np.float32)
_CLOSE = MOTION_CHANNELS.index("mouthClose")
_ROUNDED = [MOTION_CHANNELS.index("mouthPucker"), MOTION_CHANNELS.index("mouthFunnel")]


def _named(prefixes: tuple[str, ...]) -> np.ndarray:
    return np.array([c.startswith(prefixes) for c in MOTION_CHANNELS])


LOWER_FACE = _named(("jaw", "mouth", "cheek", "nose", "tongue"))
UPPER_FACE = _named(("brow", "eyeSquint", "eyeWide", "eyeBlink"))
_SPREADING, _SEALING, _PARTING = _named(SPREADING), _named(SEALING), _named(PARTING)
_LEFT, _RIGHT = (np.array([c.endswith(s) for c in MOTION_CHANNELS]) for s in ("Left", "Right"))


class _Track(NamedTuple):
    """What a track says at its samples, float64 as np.interp wants it."""

    times: NDArray[np.float64]
    strengths: NDArray[np.float64]
    units: dict[str, NDArray[np.float64]]


@lru_cache(maxsize=8)
def _resolved(emotion: Emotion) -> _Track:
    """Kept for the emotions last used: a stream asks for every block."""
    return _Track(
        emotion.sample_times.astype(np.float64),
        strengths_of(emotion).astype(np.float64),
        {name: value.astype(np.float64) for name, value in units_of(emotion).items()},
    )


def strengths_at(emotion: Emotion, times: Seconds) -> FloatArray:
    """(T, 7) strength of every emotion of `facs.FELT` at `times` (T,) in seconds, eased in."""
    track, times = _resolved(emotion), np.asarray(times, np.float64)
    out = np.stack([np.interp(times, track.times, column) for column in track.strengths.T], 1)
    return np.asarray(out * eased_in(times)[:, None], np.float32)


@lru_cache(maxsize=8)
def _classes_of(emotion: Emotion) -> Emotion | None:
    """The emotion without action units of its own; None where it is nothing but those."""
    if emotion.weights is None and emotion.valence_arousal is None:
        return None
    return replace(emotion, action_units=None) if emotion.action_units else emotion


@lru_cache(maxsize=8)
def _affect(emotion: Emotion) -> NDArray[np.float64]:
    affect = affect_of(emotion)
    if emotion.valence_arousal is not None and emotion.intensity is not None:
        affect = affect * emotion.intensity[:, None]
    return affect.astype(np.float64)


def condition_of(emotion: Emotion, times: Seconds) -> FloatArray:
    """(T, 10) what the flow is told of an emotion at `times` (T,) in seconds, eased in.

    Neutral, then the seven of `FELT` (weight times intensity), then valence and arousal. All zero
    but neutral for a track of action units alone: those are laid under by the table.
    """
    times = np.asarray(times, np.float64)
    out = np.zeros((len(times), 3 + len(FELT)), np.float32)
    classes = _classes_of(emotion)
    if classes is not None:
        out[:, 1:-2] = strengths_at(classes, times)
        places, affect = _resolved(classes).times, _affect(classes)
        for column in (0, 1):
            out[:, column - 2] = np.interp(times, places, affect[:, column]) * eased_in(times)
    out[:, 0] = np.maximum(1.0 - out[:, 1:-2].sum(1), 0.0)
    return out


def emotion_offsets(emotion: Emotion, times: Seconds, *, seed: int = 0) -> FloatArray:
    """(T, 52) weights in [0, 1] that the emotion alone gives at `times` (T,) in seconds.

    The strength eases in over ONSET_S from the start, drifts by VARIATION, and the two sides of the
    face differ a little, both by `seed`.
    """
    track, times = _resolved(emotion), np.asarray(times, np.float64)
    units = {name: np.interp(times, track.times, value) for name, value in track.units.items()}
    if not units:
        return np.zeros((len(times), _COUNT), np.float32)
    out = weights_of_units({n: np.asarray(v, np.float32) for n, v in units.items()})
    rng = np.random.default_rng([seed, 7])
    life = [1.0 + VARIATION * _drift(times, rng) for _ in range(2)]  # upper face, lower face
    onset = eased_in(times)
    out[:, UPPER_FACE] *= (onset * life[0])[:, None].astype(np.float32)
    out[:, ~UPPER_FACE] *= (onset * life[1])[:, None].astype(np.float32)
    tilt = float(np.clip(rng.normal(0.0, UNEVEN), -2 * UNEVEN, 2 * UNEVEN))
    out[:, _LEFT] *= np.float32(1 + tilt)
    out[:, _RIGHT] *= np.float32(1 - tilt)
    return np.clip(out, 0.0, 1.0)


def apply_emotion(
    weights: FloatArray,
    emotion: Emotion,
    times: Seconds,
    closing: FloatArray,
    speaking: FloatArray,
    *,
    seed: int = 0,
    mouth_scale: float = 1.0,
    brow_scale: float = 1.0,
    drawn: FloatArray | None = None,
) -> FloatArray:
    """(T, 52) weights of speech with the emotion under them.

    weights : (T, 52) of speech alone
    times : (T,) seconds
    closing : (T,) in [0, 1], 1 where speech needs shut lips (p, b, m)
    speaking : (T,) in [0, 1], 1 while somebody speaks, smooth at its edges
    mouth_scale, brow_scale : factors on the emotion of the lower and the upper face
    drawn : (T, 52) what the flow drew of the emotion, on the channels of `controls.DRAWN`: it
        takes the place of the prototypes there (and has heard where somebody speaks), so that
        only the other channels, action units given for themselves and the lips are left to do

    The lip gap stays that of `weights`, widened while speaking as the emotion does, and at most
    PARTED where speech has shut the lips.
    """
    given = np.asarray(weights, np.float32)
    closing, speaking = (np.asarray(v, np.float32)[:, None] for v in (closing, speaking))
    offsets = emotion_offsets(emotion, times, seed=seed)
    if drawn is not None:
        classes = _classes_of(emotion)
        if classes is emotion:
            offsets[:, DRAWN] = 0.0
        elif classes is not None:
            offsets[:, DRAWN] -= emotion_offsets(classes, times, seed=seed)[:, DRAWN]
    offsets[:, LOWER_FACE] *= np.float32(mouth_scale)
    offsets[:, UPPER_FACE] *= np.float32(brow_scale)
    offsets *= speaking_shares(speaking[:, 0])
    if drawn is not None:
        scale = np.where(LOWER_FACE, mouth_scale, brow_scale) * DRAWN
        offsets += np.asarray(drawn * scale, np.float32)
    gap = (given @ _SLOPES)[:, None]
    opened = np.clip((gap - OPEN_FROM) / (OPEN_AT - OPEN_FROM), 0.0, 1.0)
    rounded = np.clip(given[:, _ROUNDED].max(1, keepdims=True) / ROUND_AT, 0.0, 1.0)
    offsets[:, _SPREADING] *= 1.0 - (1.0 - ROUND_KEEP) * rounded
    offsets[:, _SEALING] *= 1.0 - opened
    offsets[:, _PARTING] *= 1.0 - closing
    widening = (strengths_at(emotion, times) @ WIDENING)[:, None] * min(mouth_scale, 1.0)
    wanted = gap + widening * np.maximum(gap - SHUT, 0.0) * (1.0 - closing)
    most = np.maximum(wanted, np.minimum(gap + PARTED * (1.0 - closing), PARTED))
    return _with_gap(np.clip(given + offsets, 0.0, 1.0), wanted, most, opened)


def speaking_shares(speaking: FloatArray) -> FloatArray:
    """(T,) in [0, 1], 1 while somebody speaks, to the share (T, 52) that an emotion keeps."""
    return np.asarray(1.0 - speaking[:, None] * (1.0 - _SHARE), np.float32)


def with_gap_of(weights: FloatArray, given: FloatArray) -> FloatArray:
    """Weights (T, 52) changed so that their lip gap is that of `given` (T, 52)."""
    gap = (given @ _SLOPES)[:, None]
    return _with_gap(weights, gap, np.maximum(gap, 0.0), np.ones_like(gap))


def _with_gap(
    weights: FloatArray, wanted: FloatArray, most: FloatArray, opened: FloatArray
) -> FloatArray:
    """Weights (T, 52) whose lip gap is at most `most` (T, 1), and where open at least `wanted`."""
    out = weights.copy()
    excess = np.maximum(out @ _SLOPES - most[:, 0], 0.0)
    parting = out[:, _PARTING] @ _SLOPES[_PARTING]
    out[:, _PARTING] *= np.clip(1.0 - excess / np.maximum(parting, 1e-6), 0.0, 1.0)[:, None]
    excess = np.maximum(out @ _SLOPES - most[:, 0], 0.0)
    out[:, _CLOSE] += excess / -_SLOPES[_CLOSE]  # what a raised upper lip still leaves open
    missing = np.maximum(wanted[:, 0] - out @ _SLOPES, 0.0) * opened[:, 0]
    out += (missing / float(_OPENING @ _SLOPES))[:, None] * _OPENING
    return np.clip(out, 0.0, 1.0)


def eased_in(times: Seconds) -> FloatArray:
    """(T,) in [0, 1]: how far an emotion has come up at `times` (T,) in seconds of a speech."""
    rise = np.clip(np.asarray(times, np.float64) / ONSET_S, 0.0, 1.0)
    return np.asarray(rise * rise * (3 - 2 * rise))


def _drift(times: Seconds, rng: np.random.Generator) -> FloatArray:
    """(T,) slow waves in about [-1, 1]: a function of time, so that nothing is remembered."""
    hertz, phase = rng.uniform(0.05, 0.45, 4), rng.uniform(0, 2 * np.pi, 4)
    waves = np.sin(2 * np.pi * np.asarray(times)[:, None] * hertz + phase)
    return np.asarray(waves.sum(1) / 2.2)
