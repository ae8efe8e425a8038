"""The resting face of a portrait: as photographed, but with the lips shut and the eyes open."""

from __future__ import annotations

import numpy as np
from scipy.optimize import lsq_linear

from talkgen.face.fit import HeadFit
from talkgen.face.head import HeadModel
from talkgen.types import MOTION_CHANNELS, FloatArray

LIP_PAIRS = ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402))
"""Landmarks of the inner upper lip and those under them, the middle first."""

SHUT_GAP = 0.02
"""Gap of the middle pair, in inter-ocular distances, under which a mouth counts as shut."""

RESTING_GAP = 0.004
"""Gap that shutting a mouth aims at: lips that touch, with the landmarks' own offset."""

LID_CHANNELS = (MOTION_CHANNELS.index("eyeBlinkLeft"), MOTION_CHANNELS.index("eyeBlinkRight"))
RESTING_BLINK = 0.35
"""Most that a resting lid is shut: beyond it the picture caught a blink."""

_SHUTTING_COST = {
    # What parts lips gives way first, then what presses them; a smile is the person's own.
    "jawOpen": 0.15, "mouthLowerDown": 0.15, "mouthUpperUp": 0.15, "mouthFunnel": 0.15,
    "tongueOut": 0.01, "mouthClose": 1.0, "mouthPress": 0.5, "mouthShrug": 0.7, "mouthRoll": 0.7,
    "mouthSmile": 1.5, "mouthStretch": 1.0, "mouthFrown": 1.0, "mouthDimple": 1.0,
    "mouthPucker": 2.0,
}  # fmt: skip


def lip_gaps(head: HeadModel, neutral: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the gaps of `LIP_PAIRS` as a linear function of the weights.

    Returns (P,) gaps at zero weights and (P, 52) slopes, in inter-ocular distances of the neutral
    head, signed along its vertical: lips of a mesh can pass through each other, which is negative.
    """

    def heights(field: FloatArray, index: int) -> FloatArray:
        corners = field[..., head.landmark_faces[index], 1]
        return np.asarray(corners @ head.landmark_bary[index], dtype=np.float32)

    iod = head.interocular_of(neutral)
    at_zero = [heights(neutral, low) - heights(neutral, up) for up, low in LIP_PAIRS]
    basis = head.expression_basis
    slopes = [heights(basis, low) - heights(basis, up) for up, low in LIP_PAIRS]
    return np.stack(at_zero) / iod, np.stack(slopes) / iod


def resting_weights(head: HeadModel, fit: HeadFit) -> FloatArray:
    """Return the portrait's fitted weights (52,) with the lips shut and the eyes open.

    A portrait whose lips are shut keeps its weights, so that it rests exactly as photographed.
    Otherwise the least change of the mouth's weights that makes the lips meet is taken, with
    channels that part the lips giving way first (bounded least squares, a millisecond).
    """
    weights = np.array(fit.weights, dtype=np.float32)
    gaps, slopes = lip_gaps(head, head.neutral(fit.identity))
    if gaps[0] + slopes[0] @ weights > SHUT_GAP:
        costs = {
            index: cost
            for index, name in enumerate(MOTION_CHANNELS)
            for prefix, cost in _SHUTTING_COST.items()
            if name.startswith(prefix)
        }
        moved = list(costs)
        now = gaps + slopes @ weights
        aim = np.minimum(now, RESTING_GAP) - now
        firmness = 100.0  # a hundredth of the inter-ocular distance weighs like a whole channel
        keep = np.diag(np.sqrt(list(costs.values())))
        result = lsq_linear(
            np.concatenate([firmness * slopes[:, moved], keep]),
            np.concatenate([firmness * aim, np.zeros(len(moved))]),
            bounds=(-weights[moved] - 1e-6, 1.0 - weights[moved] + 1e-6),
        )
        weights[moved] = np.clip(weights[moved] + result.x, 0.0, 1.0)
    for channel in LID_CHANNELS:
        weights[channel] = min(weights[channel], RESTING_BLINK)
    return weights
