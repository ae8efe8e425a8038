"""The one table of the face: emotions, action units of FACS, ARKit channels, valence and arousal.

Each row says what the literature says; everything else here turns one part of an `Emotion` into the
others.

* Emotion to action units: the EMFACS prototypes (Friesen & Ekman 1983, "EMFACS-7"; Ekman, Friesen &
  Hager 2002, "FACS Investigator's Guide", table 10-2): happy 6+12(+7, 14), sad 1+4+15(+17),
  surprise 1+2+5+26, fear 1+2+4+5+20+25, disgust 9+10+17(+4, 7), anger 4+5+7+17+24(+10), contempt
  12+14 of one side. Intensities are those of a strong, still ordinary expression, chosen by eye on
  rendered portraits (AU5 low: much white above the iris is not in the photograph).
* Action units to channels: the FACS manual's muscles against Apple's descriptions of the channels.
* Valence and arousal: means of Russell & Mehrabian 1977 ("Evidence for a three-factor theory of
  emotions"), which lie on the circumplex of Russell 1980. Sources disagree about contempt; its
  place is a choice.

What the plane of valence and arousal cannot tell apart (anger, fear, disgust differ by dominance;
contempt lies among them) comes back as the mixture of its two neighbours on the circle.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import nnls

from talkgen.types import EMOTIONS, MOTION_CHANNELS, Emotion, FloatArray

ACTION_UNITS: dict[str, tuple[tuple[str, float], ...]] = {
    "AU1": (("browInnerUp", 1.0),),
    "AU2": (("browOuterUpLeft", 1.0), ("browOuterUpRight", 1.0)),
    "AU4": (("browDownLeft", 1.0), ("browDownRight", 1.0)),
    "AU5": (("eyeWideLeft", 1.0), ("eyeWideRight", 1.0)),
    "AU6": (("cheekSquintLeft", 1.0), ("cheekSquintRight", 1.0)),
    "AU7": (("eyeSquintLeft", 1.0), ("eyeSquintRight", 1.0)),
    "AU9": (("noseSneerLeft", 1.0), ("noseSneerRight", 1.0)),
    "AU10": (("mouthUpperUpLeft", 1.0), ("mouthUpperUpRight", 1.0)),
    "AU12": (("mouthSmileLeft", 1.0), ("mouthSmileRight", 1.0)),
    "AU14": (("mouthDimpleLeft", 1.0), ("mouthDimpleRight", 1.0)),
    "AU15": (("mouthFrownLeft", 1.0), ("mouthFrownRight", 1.0)),
    "AU16": (("mouthLowerDownLeft", 1.0), ("mouthLowerDownRight", 1.0)),
    "AU17": (("mouthShrugLower", 1.0), ("mouthShrugUpper", 0.5)),
    "AU18": (("mouthPucker", 1.0),),
    "AU19": (("tongueOut", 1.0),),
    "AU20": (("mouthStretchLeft", 1.0), ("mouthStretchRight", 1.0)),
    "AU22": (("mouthFunnel", 1.0),),
    "AU24": (("mouthPressLeft", 1.0), ("mouthPressRight", 1.0)),
    "AU25": (("jawOpen", 2.0), ("mouthLowerDownLeft", 0.8), ("mouthUpperUpLeft", 0.8),
             ("mouthFunnel", 0.8)),
    "AU26": (("jawOpen", 2.0),),
    "AU27": (("jawOpen", 1.0),),
    "AU28": (("mouthRollLower", 1.0), ("mouthRollUpper", 1.0)),
    "AU29": (("jawForward", 1.0),),
    "AU30": (("jawLeft", 1.0), ("jawRight", 1.0)),
    "AU34": (("cheekPuff", 1.0),),
    "AU43": (("eyeBlinkLeft", 1.0), ("eyeBlinkRight", 1.0)),
    "AU61": (("eyeLookOutLeft", 1.0), ("eyeLookInRight", 1.0)),
    "AU62": (("eyeLookOutRight", 1.0), ("eyeLookInLeft", 1.0)),
    "AU63": (("eyeLookUpLeft", 1.0), ("eyeLookUpRight", 1.0)),
    "AU64": (("eyeLookDownLeft", 1.0), ("eyeLookDownRight", 1.0)),
}  # fmt: skip
"""Action unit: the channels that show it, and its intensity where one of them has weight 1.

A unit is as strong as the strongest of its channels says, left and right taken as the stronger
side. Units that no channel expresses (AU38, AU39) are left out; AU23 shows as AU24.
"""

_DRAWN: dict[str, tuple[tuple[str, float], ...]] = {
    "AU17": (("mouthShrugLower", 1.0),),  # shrugging the upper lip too would part the lips
    "AU25": (("mouthLowerDownLeft", 1.0), ("mouthLowerDownRight", 1.0),
             ("mouthUpperUpLeft", 0.5), ("mouthUpperUpRight", 0.5)),
    "AU26": (("jawOpen", 0.5),),
    "AU30": (("jawLeft", 1.0),),
}  # fmt: skip
"""Weights that draw a unit at intensity 1 where they are not plainly its channels at 1."""

PROTOTYPES: dict[str, dict[str, float]] = {
    "happy": {"AU6": 0.75, "AU7": 0.15, "AU12": 0.9, "AU14": 0.15},
    "sad": {"AU1": 0.95, "AU4": 0.4, "AU15": 0.85, "AU17": 0.45, "AU43": 0.16},
    "surprise": {"AU1": 0.95, "AU2": 0.75, "AU5": 0.4, "AU26": 0.5},
    "fear": {"AU1": 1.0, "AU2": 0.5, "AU4": 0.45, "AU5": 0.45, "AU20": 0.8, "AU25": 0.25},
    "disgust": {"AU4": 0.4, "AU7": 0.4, "AU9": 0.9, "AU10": 0.5, "AU15": 0.3, "AU17": 0.3},
    "anger": {"AU4": 1.0, "AU5": 0.15, "AU7": 0.6, "AU10": 0.3, "AU17": 0.4, "AU24": 0.8},
    "contempt": {"AU12R": 0.6, "AU14R": 0.9, "AU2L": 0.3},
}
"""Emotion at strength 1: action units and their intensities; L, R: that side of the face alone."""

VALENCE_AROUSAL: dict[str, tuple[float, float]] = {
    "neutral": (0.0, 0.0),
    "happy": (0.81, 0.51),
    "sad": (-0.63, -0.27),
    "surprise": (0.40, 0.67),
    "fear": (-0.64, 0.60),
    "disgust": (-0.60, 0.35),
    "anger": (-0.51, 0.59),
    "contempt": (-0.45, 0.20),
}
"""Emotion at strength 1: pleasure and excitement in [-1, 1]."""

FELT: tuple[str, ...] = EMOTIONS[1:]
"""Every emotion but neutral, in the order of `strengths_of`."""

_INDEX = {name: i for i, name in enumerate(MOTION_CHANNELS)}
_ON_CIRCLE = tuple(name for name in FELT if name != "contempt")
_SIDES = ("L", "R")
_CLOSED_BY = _INDEX["mouthClose"]


def strengths_of(emotion: Emotion) -> FloatArray:
    """(T, 7) strength in [0, 1] of every emotion of `FELT` at the samples of a track.

    Classes come from `weights`, else from `valence_arousal`, else from the action units;
    `intensity` scales them.
    """
    if emotion.weights is not None:
        out = emotion.weights[:, 1:]
    elif emotion.valence_arousal is not None:
        out = strengths_of_affect(emotion.valence_arousal)
    else:
        out = strengths_of_units(emotion.action_units or {})
    if emotion.intensity is not None:
        out = out * emotion.intensity[:, None]
    return np.asarray(out, np.float32)


def units_of(emotion: Emotion) -> dict[str, FloatArray]:
    """Action units to (T,) of a track: those given, beside those that its classes bring."""
    given = emotion.action_units or {}
    out: dict[str, FloatArray] = {}
    if emotion.weights is not None or emotion.valence_arousal is not None:
        out = units_of_strengths(strengths_of(emotion))
        for name in given:  # what is given for a unit replaces every side of it
            for other in [n for n in out if n.rstrip("LR") == name.rstrip("LR")]:
                del out[other]
        return {**out, **given}
    scale = 1.0 if emotion.intensity is None else emotion.intensity
    return {name: np.asarray(value * scale, np.float32) for name, value in given.items()}


def affect_of(emotion: Emotion) -> FloatArray:
    """(T, 2) valence and arousal of a track: as given, else those of its classes."""
    if emotion.valence_arousal is not None:
        return emotion.valence_arousal
    places = np.array([VALENCE_AROUSAL[name] for name in FELT], np.float32)
    return np.asarray(np.clip(strengths_of(emotion) @ places, -1, 1), np.float32)


def resolved(emotion: Emotion) -> Emotion:
    """The same track with every part filled in; what was given stays as it was."""
    strengths = strengths_of(emotion)
    total = np.minimum(strengths.sum(1), 1.0)
    weights, intensity = emotion.weights, emotion.intensity
    if weights is None:
        shares = strengths / np.maximum(strengths.sum(1, keepdims=True), 1e-9)
        calm = (total < 1e-6).astype(np.float32)
        weights = np.concatenate([calm[:, None], shares * (1 - calm[:, None])], 1)
        intensity = total
    elif intensity is None:
        intensity = np.ones(len(emotion), np.float32)
    return Emotion(
        weights, intensity, affect_of(emotion), units_of(emotion), emotion.times, emotion.fps
    )


def units_of_strengths(strengths: FloatArray) -> dict[str, FloatArray]:
    """(T, 7) strengths to action units and their (T,) intensities, summed and at most 1."""
    out: dict[str, FloatArray] = {}
    for column, name in enumerate(FELT):
        if not strengths[:, column].any():
            continue
        for unit, share in PROTOTYPES[name].items():
            part = strengths[:, column] * np.float32(share)
            out[unit] = np.minimum(out[unit] + part, 1.0) if unit in out else part
    return out


def strengths_of_units(units: Mapping[str, FloatArray]) -> FloatArray:
    """Action units to (T, 7): the mixture of prototypes nearest to them (least squares, >= 0)."""
    rows = _sided(units)
    known = sorted({key for name in FELT for key in _sided_names(PROTOTYPES[name])} | set(rows))
    table = np.array([[_sided_names(PROTOTYPES[n]).get(k, 0.0) for n in FELT] for k in known])
    count = len(next(iter(rows.values())))
    seen = np.array([rows.get(k, np.zeros(count)) for k in known])
    out = np.stack([nnls(table, seen[:, t].astype(np.float64))[0] for t in range(count)])
    return np.asarray(np.minimum(out, 1.0), np.float32)


def strengths_of_affect(affect: FloatArray) -> FloatArray:
    """(T, 2) valence and arousal to (T, 7): the two neighbours on the circle that add up to it.

    Calm, where no emotion of the table lies (between sad and happy through low arousal), is told by
    valence alone. Contempt is never told: its direction belongs to others.
    """
    out = np.zeros((len(affect), len(FELT)), np.float32)
    places = sorted(
        (float(np.arctan2(*VALENCE_AROUSAL[name][::-1]) % (2 * np.pi)), name)
        for name in _ON_CIRCLE
    )
    for row, (valence, arousal) in zip(out, np.asarray(affect, np.float64), strict=True):
        if np.hypot(valence, arousal) < 1e-6:
            continue
        angle = float(np.arctan2(arousal, valence) % (2 * np.pi))
        low = max((p for p in places if p[0] <= angle + 1e-7), default=None)
        high = min((p for p in places if p[0] > angle + 1e-7), default=None)
        if low is None or high is None:
            name = "happy" if valence > 0 else "sad"
            row[FELT.index(name)] = min(valence / VALENCE_AROUSAL[name][0], 1.0)
            continue
        basis = np.array([VALENCE_AROUSAL[low[1]], VALENCE_AROUSAL[high[1]]]).T
        shares = np.linalg.solve(basis, np.array([valence, arousal]))
        shares = np.maximum(shares, 0.0) / max(1.0, float(shares.sum()))
        row[FELT.index(low[1])], row[FELT.index(high[1])] = shares
    return out


def weights_of_units(units: Mapping[str, FloatArray]) -> FloatArray:
    """Action units to (T, 52) channel weights in [0, 1] that draw them."""
    count = len(next(iter(units.values()))) if units else 0
    out = np.zeros((count, len(MOTION_CHANNELS)), np.float32)
    for name, value in units.items():
        unit = name.rstrip("LR")
        for channel, share in drawn(unit):
            if name == unit or not channel.endswith(("Left", "Right")) or (
                channel.endswith("Left") == name.endswith("L")
            ):
                out[:, _INDEX[channel]] += share * np.asarray(value, np.float32)
    return np.clip(out, 0.0, 1.0)


def drawn(unit: str) -> tuple[tuple[str, float], ...]:
    """Channels and weights that draw a unit at intensity 1; none for a unit without channels."""
    return _DRAWN.get(unit, ACTION_UNITS.get(unit, ()))


def action_units_of(weights: FloatArray) -> dict[str, float]:
    """Return the intensity in [0, 1] of every unit under ARKit weights (52,).

    mouthClose takes away from AU25 (lips apart) what it closes of an open jaw.
    """
    out = {}
    for unit, channels in ACTION_UNITS.items():
        value = max(share * float(weights[_INDEX[c]]) for c, share in channels)
        if unit == "AU25":
            value -= 2.0 * float(weights[_CLOSED_BY])
        out[unit] = min(max(value, 0.0), 1.0)
    return out


def _sided(units: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Units with both sides told apart: AU12 is AU12L and AU12R."""
    out: dict[str, FloatArray] = {}
    for name, value in units.items():
        for key in (name,) if name.endswith(_SIDES) else (name + "L", name + "R"):
            out[key] = np.asarray(value, np.float32)
    return out


def _sided_names(units: Mapping[str, float]) -> dict[str, float]:
    one = _sided({name: np.array([value], np.float32) for name, value in units.items()})
    return {name: float(value[0]) for name, value in one.items()}
