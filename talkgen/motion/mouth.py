"""From what the net says to mouth weights: gain, closures, silence, and a lip gap that is kept.

All functions look at a window of frames at once and have no memory, so that a frame comes out the
same wherever the window began (given its context).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talkgen.motion.controls import CONTROLS, TO_CHANNELS
from talkgen.motion.phones import BILABIALS, SILENCE

if TYPE_CHECKING:
    from talkgen.face.head import HeadModel

Float32 = NDArray[np.float32]

CLOSURE_SLOPE, CLOSURE_START = 1.6, 0.2  # gate = 1 - clip(slope * P(p, b, m) - start), FINDINGS
SHORTEST_SILENCE = 7  # frames without speech (0.28 s) that shut the lips
RAMP = np.array([0.1, 0.25, 0.3, 0.25, 0.1], np.float32)  # how gates open and close, 5 frames
OPENING = tuple(CONTROLS.index(n) for n in ("jawOpen", "mouthLowerDown", "mouthUpperUp"))
OPENING_MIX = np.array([0.75, 0.3, 0.12], np.float32)  # in which shares a missing gap is opened


class LipGeometry:
    """What each control adds to the lip gap of the mean head, over its inter-ocular distance."""

    def __init__(self, head: HeadModel):
        corners = head.landmark_faces[[13, 14]]
        shapes = head.expression_basis[:, corners]  # (52, 2, 3, 3)
        moved = np.einsum("nk,cnkd->cnd", head.landmark_bary[[13, 14]], shapes)
        per_channel = (moved[:, 1, 1] - moved[:, 0, 1]) / head.interocular
        self.per_control: Float32 = (TO_CHANNELS @ per_channel).astype(np.float32)

    def match(self, controls: Float32, gap: Float32) -> Float32:
        """(T, C) controls changed so that their lip gap is `gap` (T,) over inter-ocular
        distance."""
        out = controls.copy()
        effect = self.per_control
        opening = list(OPENING)
        reserved = np.zeros(len(CONTROLS), bool)
        reserved[opening] = True
        own = out[:, opening] @ effect[opening]
        other = out[:, ~reserved] @ effect[~reserved]
        # first the opening controls give way, then whatever else holds the lips apart
        give = np.clip((gap - other) / np.maximum(own, 1e-6), 0.0, 1.0)
        out[:, opening] *= give[:, None]
        left = gap - out @ effect
        positive = ~reserved & (effect > 0)
        held = out[:, positive] @ effect[positive]
        keep = np.clip(1.0 + np.minimum(left, 0.0) / np.maximum(held, 1e-6), 0.0, 1.0)
        out[:, positive] *= keep[:, None]
        missing = np.maximum(gap - out @ effect, 0.0)
        out[:, opening] += (missing / float(OPENING_MIX @ effect[opening]))[:, None] * OPENING_MIX
        return np.clip(out, 0.0, 1.0)


def spread(gate: Float32) -> Float32:
    """(T,) gate smoothed over five frames, its ends held."""
    padded = np.concatenate([np.repeat(gate[:1], 2), gate, np.repeat(gate[-1:], 2)])
    return np.convolve(padded, RAMP, "valid").astype(np.float32)


def closure_gate(phones: Float32) -> Float32:
    """(2 T, P) posteriors to (T,): 0 where p, b or m shuts the lips, 1 elsewhere."""
    shut = phones[:, list(BILABIALS)].sum(1).reshape(-1, 2).max(1)
    return (1.0 - np.clip(CLOSURE_SLOPE * shut - CLOSURE_START, 0.0, 1.0)).astype(np.float32)


def speech_gate(phones: Float32, loud: NDArray[np.bool_]) -> Float32:
    """(2 T, P) posteriors and (4 T,) loudness detector to (T,): 0 in silence, 1 in speech.

    Silence is a stretch of SHORTEST_SILENCE frames in which the detector hears nothing, or in which
    the recogniser is sure of silence.
    """
    from talkgen.audio.vad import silent_stretches

    quiet = phones[:, SILENCE].reshape(-1, 2).mean(1)
    heard = loud.reshape(-1, 4).any(1)
    speech = (heard & (quiet < 0.85)) | (quiet < 0.15)
    speech &= loud.reshape(-1, 4).any(1) | (quiet < 0.02)
    silent = silent_stretches(speech, SHORTEST_SILENCE)
    return spread((~silent).astype(np.float32))
