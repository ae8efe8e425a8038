"""How a person carries an emotion, and how persons differ: head, gaze, blinks, accents.

Directions are the literature's, sizes are modest and chosen by eye:

* head: lowered in sadness, raised in joy and surprise (Livingstone & Palmer 2016, "Head movements
  encode emotions during speech and song"); lowered and forward in anger (Witkower & Tracy 2019);
  raised and tilted in contempt, drawn back in fear and disgust (Wallbott 1998, "Bodily expression
  of emotion").
* liveliness of the head: more in joy and anger, less in sadness (Busso et al. 2007, "Rigid head
  motion in expressive speech animation").
* gaze: direct in joy and anger, averted in fear and sadness, which also looks down (Adams & Kleck
  2005).
* blinks: more under fear (Harrigan & O'Connell 1996, "How do you look when feeling anxious?"), held
  back while the eyes are wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkgen.motion.facs import FELT
from talkgen.types import FloatArray

DEGREE = np.pi / 180


@dataclass(frozen=True)
class Manner:
    """One frame's manner.

    lean : (3,) radians added to pitch (positive: down), yaw, roll
    forward : inter-ocular distances that the head comes nearer
    sway, accent, blink : factors on head motion, on nods and raised brows, on the blink rate
    averted : in [-1, 1], less or more often looking away
    lowered : radians that the eyes look down
    """

    lean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    forward: float = 0.0
    sway: float = 1.0
    accent: float = 1.0
    blink: float = 1.0
    averted: float = 0.0
    lowered: float = 0.0


PLAIN = Manner()
_COLUMNS = ("pitch", "yaw", "roll", "forward", "sway", "accent", "blink", "averted", "lowered")
_TABLE: dict[str, dict[str, float]] = {
    "happy": {"pitch": -1.5, "sway": 0.2, "accent": 0.25, "averted": -0.2},
    "sad": {"pitch": 5.0, "roll": 1.0, "sway": -0.45, "accent": -0.6, "averted": 0.35,
            "lowered": 0.05},
    "surprise": {"pitch": -2.0, "forward": -0.03, "accent": 0.3, "blink": -0.5, "averted": -0.2},
    "fear": {"pitch": 0.5, "forward": -0.06, "sway": 0.15, "blink": 0.4, "averted": 0.25},
    "disgust": {"pitch": -1.0, "yaw": 2.0, "forward": -0.04, "averted": 0.2},
    "anger": {"pitch": 3.0, "forward": 0.06, "sway": 0.3, "accent": 0.4, "blink": -0.3,
              "averted": -0.3},
    "contempt": {"pitch": -3.0, "roll": 2.0, "sway": -0.15, "averted": 0.1},
}  # fmt: skip
"""Emotion at strength 1: degrees, inter-ocular distances, logarithms of factors, radians."""

_MATRIX = np.array([[_TABLE[name].get(c, 0.0) for c in _COLUMNS] for name in FELT])


def manner_of(strengths: FloatArray) -> Manner:
    """The manner of one frame's strengths (7,) of `FELT`."""
    if not np.any(strengths):
        return PLAIN
    row = dict(zip(_COLUMNS, (np.asarray(strengths, np.float64) @ _MATRIX).tolist(), strict=True))
    return Manner(
        lean=(row["pitch"] * DEGREE, row["yaw"] * DEGREE, row["roll"] * DEGREE),
        forward=row["forward"],
        sway=float(np.exp(row["sway"])),
        accent=float(np.exp(row["accent"])),
        blink=float(np.exp(row["blink"])),
        averted=float(np.clip(row["averted"], -1, 1)),
        lowered=row["lowered"],
    )


@dataclass(frozen=True)
class Style:
    """A person's habits, as factors on what people do on average.

    blink : blink rate; head : size of head motion; tempo : its speed
    nod, brow : how often and how far accents move head and brows; gaze : how far eyes wander
    """

    blink: float = 1.0
    head: float = 1.0
    tempo: float = 1.0
    nod: float = 1.0
    brow: float = 1.0
    gaze: float = 1.0


STYLE_SPREAD = {"blink": 0.4, "head": 0.3, "tempo": 0.15, "nod": 0.3, "brow": 0.4, "gaze": 0.25}
"""Standard deviation over people of the logarithm of each factor."""


def style_of(seed: int) -> Style:
    """The habits of the person that a seed stands for; the average person comes with no seed."""
    rng = np.random.default_rng([seed, 11])
    drawn = {
        name: float(np.exp(np.clip(rng.normal(0.0, spread), -1.8 * spread, 1.8 * spread)))
        for name, spread in STYLE_SPREAD.items()
    }
    return Style(**drawn)
