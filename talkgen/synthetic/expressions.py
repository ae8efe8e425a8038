"""Random expressions: feelings, speech, single channels and mixtures, with the eyes' gaze."""

from __future__ import annotations

import numpy as np

from talkgen.types import MOTION_CHANNELS, FloatArray

PROTOTYPES: dict[str, dict[str, float]] = {
    "happy": {"mouthSmile": 0.8, "cheekSquint": 0.6, "eyeSquint": 0.3, "mouthDimple": 0.2},
    "laugh": {"mouthSmile": 0.9, "jawOpen": 0.35, "cheekSquint": 0.8, "eyeSquint": 0.5,
              "mouthUpperUp": 0.4, "mouthLowerDown": 0.3},
    "sad": {"browInnerUp": 0.7, "mouthFrown": 0.7, "mouthShrugLower": 0.4, "browDown": 0.2},
    "anger": {"browDown": 0.9, "eyeSquint": 0.4, "eyeWide": 0.2, "noseSneer": 0.4,
              "mouthPress": 0.6, "mouthFrown": 0.3},
    "shout": {"browDown": 0.8, "noseSneer": 0.6, "jawOpen": 0.5, "mouthUpperUp": 0.6,
              "mouthLowerDown": 0.7, "mouthStretch": 0.3},
    "disgust": {"noseSneer": 0.9, "mouthUpperUp": 0.6, "browDown": 0.4, "cheekSquint": 0.5,
                "mouthFrown": 0.4, "mouthShrugLower": 0.3},
    "fear": {"browInnerUp": 0.8, "browOuterUp": 0.4, "eyeWide": 0.8, "mouthStretch": 0.7,
             "jawOpen": 0.2},
    "surprise": {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.8, "jawOpen": 0.5},
    "contempt": {"mouthSmileLeft": 0.4, "mouthDimpleLeft": 0.6, "mouthPressLeft": 0.3},
    "tongue": {"tongueOut": 0.9, "jawOpen": 0.4, "mouthLowerDown": 0.2},
    "puff": {"cheekPuff": 0.9, "mouthPress": 0.4, "mouthClose": 0.05},
    "kiss": {"mouthPucker": 0.9, "mouthFunnel": 0.2},
    "doubt": {"browDownLeft": 0.6, "browOuterUpRight": 0.7, "mouthLeft": 0.4, "mouthPress": 0.3},
    "chew": {"jawLeft": 0.6, "jawOpen": 0.15, "mouthPress": 0.4, "mouthRollLower": 0.2},
    "jut": {"jawForward": 0.9, "mouthShrugLower": 0.3},
    "shrug": {"mouthShrugLower": 0.8, "mouthShrugUpper": 0.6, "browInnerUp": 0.4,
              "mouthFrown": 0.4},
    "squint": {"eyeSquint": 0.9, "cheekSquint": 0.6, "browDown": 0.3},
}  # fmt: skip
"""Feelings and grimaces; a name without a side stands for both."""

VISEMES: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.4, "mouthLowerDown": 0.3},
    {"jawOpen": 0.2, "mouthStretch": 0.5, "mouthLowerDown": 0.3},
    {"jawOpen": 0.12, "mouthSmile": 0.3, "mouthStretch": 0.4, "mouthUpperUp": 0.2},
    {"jawOpen": 0.25, "mouthFunnel": 0.6},
    {"jawOpen": 0.1, "mouthPucker": 0.7, "mouthFunnel": 0.3},
    {"mouthRollLower": 0.5, "mouthRollUpper": 0.3, "mouthPress": 0.4},
    {"mouthRollLower": 0.6, "mouthUpperUp": 0.3, "jawOpen": 0.08},
    {"jawOpen": 0.15, "mouthClose": 0.12, "mouthPress": 0.2},
    {"jawOpen": 0.1, "mouthShrugUpper": 0.3, "mouthLowerDown": 0.4},
    {"jawOpen": 0.15, "mouthLowerDown": 0.5, "mouthUpperUp": 0.4, "mouthFunnel": 0.2},
)
"""Mouths of speech."""

UNREPORTED = (
    "cheekPuff", "cheekSquint", "noseSneer", "jawForward", "jawLeft", "jawRight", "eyeWide",
    "mouthLowerDown", "mouthFrown", "tongueOut",
)  # fmt: skip
"""Channels that the teacher of the landmark networks never reports: drawn more often."""

GAZE_PITCH, GAZE_YAW = 0.16, 0.24
"""Usual size of an eye's turn, radians."""

MOST_GAZE = 0.48
"""Radians, just under what an eyeLook weight of 1 turns."""

_INDEX = {name: i for i, name in enumerate(MOTION_CHANNELS)}
_LOOKS = frozenset(i for n, i in _INDEX.items() if n.startswith("eyeLook"))
_OPPOSED = (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"))
_SINGLES = tuple(i for i in range(len(MOTION_CHANNELS)) if i not in _LOOKS)


def spread(values: dict[str, float]) -> FloatArray:
    """Return weights (52,) of named channels, names without a side meaning both."""
    out = np.zeros(len(MOTION_CHANNELS), np.float32)
    for name, value in values.items():
        for full in (name, name + "Left", name + "Right"):
            if full in _INDEX:
                out[_INDEX[full]] = value
    return out


def _uneven(weights: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return weights with every channel at its own strength: nobody's face is exactly even."""
    return weights * np.clip(1.0 + rng.normal(0, 0.22, weights.shape), 0, 2).astype(np.float32)


def random_expression(rng: np.random.Generator) -> FloatArray:
    """Return weights (52,) in [0, 1] without gaze."""
    kind = rng.random()
    if kind < 0.30:
        weights = _feeling(rng)
    elif kind < 0.55:
        weights = spread(PROTOTYPES["happy"]) * np.float32(max(0, rng.normal(0, 0.3)))
        for viseme in rng.choice(len(VISEMES), 2, replace=False):
            weights += spread(VISEMES[viseme]) * np.float32(rng.uniform(0.0, 0.9))
    elif kind < 0.70:
        weights = _few(rng)
    else:
        weights = np.zeros(len(MOTION_CHANNELS), np.float32)
        if kind < 0.88:  # anything, sparsely
            active = rng.random(len(weights)) < 0.16
            weights[active] = rng.beta(1.1, 2.2, int(active.sum()))
        else:  # at rest
            weights[:] = 0.1 * rng.beta(0.6, 3.0, len(weights))
    if rng.random() < 0.2:
        extra = UNREPORTED[int(rng.integers(len(UNREPORTED)))]
        weights = np.maximum(weights, spread({extra: 1.0}) * np.float32(rng.uniform(0.3, 1.0)))
    return _possible(_uneven(weights, rng), rng)


def _feeling(rng: np.random.Generator) -> FloatArray:
    name = list(PROTOTYPES)[int(rng.integers(len(PROTOTYPES)))]
    weights = spread(PROTOTYPES[name]) * np.float32(rng.uniform(0.35, 1.2))
    if rng.random() < 0.4:
        viseme = VISEMES[int(rng.integers(len(VISEMES)))]
        weights += spread(viseme) * np.float32(rng.uniform(0.2, 0.8))
    return weights


def _few(rng: np.random.Generator) -> FloatArray:
    """Return one to three channels, those that the teacher never reports more often."""
    weights = np.zeros(len(MOTION_CHANNELS), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        if rng.random() < 0.5:
            both = spread({UNREPORTED[int(rng.integers(len(UNREPORTED)))]: 1.0})
            if rng.random() < 0.3 and both.sum() > 1:
                both[rng.choice(np.flatnonzero(both))] = 0
            weights = np.maximum(weights, both * np.float32(rng.uniform(0.3, 1.0)))
        else:
            weights[_SINGLES[int(rng.integers(len(_SINGLES)))]] = rng.uniform(0.3, 1.0)
    return weights


def _possible(weights: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the weights without gaze and without what no face does together."""
    weights = weights.copy()
    weights[list(_LOOKS)] = 0
    if weights[_INDEX["tongueOut"]] > 0.1:
        weights[_INDEX["jawOpen"]] = max(weights[_INDEX["jawOpen"]], rng.uniform(0.12, 0.4))
        weights[_INDEX["mouthClose"]] = 0
    for a, b in _OPPOSED:
        weaker = b if weights[_INDEX[a]] >= weights[_INDEX[b]] else a
        weights[_INDEX[weaker]] = 0
    # Closing beyond what the jaw opens would push the lips through each other.
    close = _INDEX["mouthClose"]
    weights[close] = min(weights[close], 0.9 * weights[_INDEX["jawOpen"]])
    lips = [_INDEX[n] for n in ("mouthRollLower", "mouthRollUpper")]
    weights[lips] *= min(1.0, 1.2 / max(float(weights[lips].sum()), 1.2))
    return np.clip(weights, 0, 1).astype(np.float32)


def with_eyes(weights: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the weights with blinks and with both eyes turned to one place."""
    out = weights.copy()
    blink = rng.random()
    left, right = _INDEX["eyeBlinkLeft"], _INDEX["eyeBlinkRight"]
    if blink < 0.12:  # shut
        out[[left, right]] = np.clip(1.0 + rng.normal(0, 0.03, 2), 0, 1)
    elif blink < 0.24:  # on the way
        out[[left, right]] = np.clip(rng.uniform(0.2, 0.95) + rng.normal(0, 0.05, 2), 0, 1)
    elif blink < 0.29:  # a wink
        out[left if rng.random() < 0.5 else right] = rng.uniform(0.6, 1.0)
    else:
        out[[left, right]] = np.clip(
            out[[left, right]] + max(0, rng.normal(0.02, 0.07)), 0, 1
        )
    for side in ("Left", "Right"):  # a shut lid is not wide open as well
        wide = _INDEX["eyeWide" + side]
        out[wide] *= max(0.0, 1.0 - 2.0 * out[_INDEX["eyeBlink" + side]])
    if rng.random() < 0.15:
        pitch, yaw = rng.uniform(-MOST_GAZE, MOST_GAZE, 2)
    else:
        pitch, yaw = rng.normal(0.02, GAZE_PITCH), rng.normal(0, GAZE_YAW)
    # Eyes look at one place, so inwards a little when it is near, and not perfectly together.
    converge = abs(rng.normal(0, 0.035))
    return set_gaze(
        out,
        np.array([[pitch, yaw - converge], [pitch, yaw + converge]])
        + rng.normal(0, 0.008, (2, 2)),
    )


def set_gaze(weights: FloatArray, gaze: FloatArray) -> FloatArray:
    """Return the weights with the eyes turned by `gaze` (2, 2): [right, left] x [pitch, yaw]."""
    out = weights.copy()
    gaze = np.clip(gaze, -MOST_GAZE, MOST_GAZE) / 0.5
    for (pitch, yaw), side, outward in zip(gaze, ("Right", "Left"), (1, -1), strict=True):
        out[_INDEX["eyeLookDown" + side]] = max(pitch, 0)
        out[_INDEX["eyeLookUp" + side]] = max(-pitch, 0)
        # The subject's right eye is on the left of the picture: positive yaw turns it outwards.
        out[_INDEX["eyeLookOut" + side]] = max(outward * yaw, 0)
        out[_INDEX["eyeLookIn" + side]] = max(-outward * yaw, 0)
    return out
