"""From what the net says to mouth weights: gain, closures, silence, and a lip gap that is kept.

All functions look at a window of frames at once and have no memory, so that a frame comes out the
same wherever the window began (given its context).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.phones import BILABIALS, SILENCE
from talkgen.audio.vad import silent_stretches
from talkgen.motion.controls import BROW_CONTROLS, CONTROLS, MOUTH_CONTROLS, TO_CHANNELS

if TYPE_CHECKING:
    from talkgen.face.head import HeadModel

Float32 = NDArray[np.float32]

SHORTEST_PAUSE = 28  # feature frames (0.28 s) without loudness: with less it may be a consonant
CLOSING_COURSE = (0.25, 0.16, 0.08)  # limit in the first frames of a pause: lips come together
SHUT_FROM = 14  # frames into a pause from which on the lips are shut for good
FREE = 0.5  # limit from which on it is none
NOISE_PAUSE = 20  # frames (0.8 s) of silence by the recogniser alone
SHUT_SLOPE, SHUT_START = 4.0, 0.4  # gate = 1 - clip(slope * P(p, b, m) - start, 0, 1)
PEAK_REACH = 5  # phone frames (0.1 s) around a peak of P(p, b, m) ...
FAINT, FAINTER = 0.2, 0.1  # ... which shuts the lips from here on; where speech is clear, sooner
CLEAR = 0.5  # mean of the likeliest phone's posterior over speech
GATE_SHOULDER = 0.5  # of a closure's gate that the frames beside it keep
PAUSE_GAP = 0.018  # inter-ocular distances: what may stay open in a short pause (shut is 0.02)
SURE_OF_SILENCE = 0.9
LIMIT_STEP = 0.2  # of the gap's limit, a frame
OPEN = 9.0  # no limit
FULL_SHAPE_GAP = 0.1  # limit from which on the lips take their whole shape
OPENING = tuple(CONTROLS.index(n) for n in ("jawOpen", "mouthLowerDown", "mouthUpperUp"))
OPENING_MIX = np.array([0.7, 0.5, 0.3], np.float32)  # in which shares a missing gap is opened


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


def closing_gate(phones: Float32) -> Float32:
    """(2 T, P) posteriors to (T,): 0 where p, b or m shuts the lips, 1 elsewhere, with ramps.

    Besides the posterior itself, its peaks count: a closure that is heard faintly is one frame
    long. In noise and rooms faint peaks are often wrong, so they must be higher there.
    """
    spoken = phones.argmax(1) != SILENCE
    clear = bool(spoken.any()) and float(phones[spoken].max(1).mean()) > CLEAR
    heard = phones[:, list(BILABIALS)].sum(1)
    gate = 1.0 - np.clip(SHUT_SLOPE * heard.reshape(-1, 2).max(1) - SHUT_START, 0.0, 1.0)
    padded = np.pad(heard, PEAK_REACH, constant_values=-1.0)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * PEAK_REACH + 1).max(1)
    peak = (heard >= around) & (heard > (FAINTER if clear else FAINT))
    gate[peak.reshape(-1, 2).any(1)] = 0.0
    padded = np.pad(gate, 1, mode="edge")
    beside = np.minimum(padded[:-2], padded[2:])
    return np.minimum(gate, 1.0 - GATE_SHOULDER * (1.0 - beside)).astype(np.float32)


def pause_limit(
    phones: Float32, loud: NDArray[np.bool_], *, from_start: bool = False
) -> Float32:
    """(2 T, P) posteriors and (4 T,) loudness to (T,): the widest lip gap that pauses allow.

    from_start : nothing was before the first frame; it was silent there, the lips were shut

    In a pause the lips come together along CLOSING_COURSE, to PAUSE_GAP, and are shut after
    SHUT_FROM frames. A pause is SHORTEST_PAUSE without loudness, or NOISE_PAUSE in which the
    recogniser is sure of silence under noise. Behind a pause the limit widens by LIMIT_STEP a
    frame. Speech far from any pause has a limit beyond every mouth.
    """
    quiet = phones[:, SILENCE].reshape(-1, 2).mean(1)
    before = SHUT_FROM if from_start else 0
    loud = np.concatenate([np.zeros(4 * before, bool), loud])
    quiet = np.concatenate([np.ones(before, np.float32), quiet])
    heard = loud.reshape(-1, 4).any(1)
    pause = silent_stretches(loud, SHORTEST_PAUSE).reshape(-1, 4).all(1)
    noisy = silent_stretches(heard & (quiet < SURE_OF_SILENCE), NOISE_PAUSE)
    limit = np.full(len(pause), OPEN, np.float32)
    since, last = 0, OPEN
    for t in np.arange(len(pause)):
        wanted = OPEN
        if pause[t] or noisy[t]:
            course = CLOSING_COURSE[since] if since < len(CLOSING_COURSE) else PAUSE_GAP
            wanted = 0.0 if since >= SHUT_FROM else course
            since += 1
        else:
            since = 0
        last = min(last + LIMIT_STEP, wanted) if last < FREE else wanted
        limit[t] = last
    return limit[before:]


def mouth_motion(
    controls: Float32,
    gap: Float32,
    gate: Float32,
    limit: Float32,
    lips: LipGeometry,
    mouth_scale: float,
    brow_scale: float,
) -> Float32:
    """(T, C) controls as wanted and (T,) gap over IOD to controls that keep closures (`gate`) and
    pauses (`limit`)."""
    calm = np.clip(limit / FULL_SHAPE_GAP, 0.0, 1.0)[:, None]
    gap = np.minimum(np.maximum(gap, 0.0) * gate * mouth_scale, limit).astype(np.float32)
    wanted = np.clip(controls, 0.0, 1.0)
    out = np.zeros_like(wanted)
    mouth, brows = list(MOUTH_CONTROLS), list(BROW_CONTROLS)
    out[:, mouth] = (wanted * calm)[:, mouth] * mouth_scale
    out = lips.match(np.clip(out, 0.0, 1.0), gap)
    out[:, brows] = np.clip(wanted[:, brows] * brow_scale, 0.0, 1.0)
    return out.astype(np.float32)
