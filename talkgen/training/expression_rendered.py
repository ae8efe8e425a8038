"""Which emotion a rendered head shows, by the weights that it was drawn with."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import nnls

from talkgen.synthetic.expressions import PROTOTYPES, VISEMES, spread
from talkgen.training.expression_data import UNKNOWN
from talkgen.types import EMOTIONS, MOTION_CHANNELS, FloatArray

FEELINGS = {
    "happy": "happy", "laugh": "happy", "sad": "sad", "anger": "anger", "shout": "anger",
    "disgust": "disgust", "fear": "fear", "surprise": "surprise", "contempt": "contempt",
}  # fmt: skip
"""Which of the studio's prototypes is which emotion."""
CLEAR = 0.45
"""Least strength of a prototype that counts."""
ALONE = 0.25
"""The most that a second one may have, and what may stay unexplained (`REST`), of the first."""
REST = 0.35
CALM = 0.25
"""Length of the weights up to which a face is neutral."""


def feelings_of(weights: FloatArray) -> Any:
    """(N, 52) weights to the (N,) emotions that they plainly show, -1 where they show none plainly.

    Non-negative least squares over the studio's prototypes, mouths of speech and blinks.
    """
    other_side = {k.replace("Left", "Right"): v for k, v in PROTOTYPES["contempt"].items()}
    named = [(name, spread(PROTOTYPES[key])) for key, name in FEELINGS.items()]
    named.append(("contempt", spread(other_side)))
    free = [spread(v) for v in VISEMES]
    free += [spread({f"eyeBlink{side}": 1.0}) for side in ("Left", "Right")]
    kept = [i for i, c in enumerate(MOTION_CHANNELS) if not c.startswith("eyeLook")]
    table = np.stack([w for _, w in named] + free).T[kept].astype(np.float64)
    out = np.full(len(weights), UNKNOWN)
    for row, given in enumerate(np.asarray(weights, np.float64)[:, kept]):
        length = float(np.linalg.norm(given))
        if length < CALM:
            out[row] = EMOTIONS.index("neutral")
            continue
        shares, rest = nnls(table, given)
        first, second = np.argsort(-shares[: len(named)])[:2]
        clear = shares[first] > CLEAR and shares[second] < ALONE * shares[first]
        if clear and rest < REST * length:
            out[row] = EMOTIONS.index(named[first][0])
    return out
