"""What the analyzer would score a face that is not drawn yet, from the head's weights.

Scores and weights do not read alike (`FINDINGS.md`). Of 110 drawings (five portraits of the London
set, each emotion at three strengths over opened mouths), the score of a channel changes by so much
for each unit of its weight; channels that are not named hardly answer, or were not moved.
"""

from __future__ import annotations

import numpy as np

from talkgen.types import MOTION_CHANNELS, FloatArray

SCORE_SLOPES: dict[str, float] = {
    "eyeBlink": 0.28, "eyeSquint": 0.23, "eyeWide": 0.72, "jawOpen": 0.55, "mouthFunnel": 0.08,
    "mouthPucker": 0.12, "mouthSmile": 0.85, "mouthFrown": 0.18, "mouthDimple": 0.2,
    "mouthStretch": 0.05, "mouthPress": 0.03, "mouthLowerDown": 0.26, "mouthUpperUp": 0.42,
    "browDown": 0.18, "browInnerUp": 0.31, "browOuterUp": 0.71, "cheekSquint": 0.6,
    "noseSneer": 0.81,
}  # fmt: skip
"""By the start of the channel's name: score over weight, both against the portrait's own; least
squares, left and right averaged; r from 0.6 to 0.95, of blink, funnel, pucker and press under
0.4."""
_SLOPES = np.array(
    [next((s for n, s in SCORE_SLOPES.items() if c.startswith(n)), 0.0) for c in MOTION_CHANNELS],
    np.float32,
)


def planned_scores(own: FloatArray, rest: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the scores (T, 52) in [0, 1] that a portrait would get under weights (T, 52).

    own : (52,) scores of the portrait as it is; rest : (52,) weights of its head fit
    """
    moved = np.asarray(weights, np.float32) - np.asarray(rest, np.float32)
    return np.asarray(np.clip(own + _SLOPES * moved, 0.0, 1.0), np.float32)
