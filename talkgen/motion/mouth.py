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

CLOSURE_SLOPE, CLOSURE_START = 3.0, 0.4  # gate = 1 - clip(slope * P(p, b, m) - start, 0, 1)
SHORT_PAUSE_S, LONG_PAUSE_S = 0.3, 0.8
PAUSE_GAP = 0.02  # inter-ocular distances: what may stay open in a short pause (parted is 0.03)
SURE_OF_SILENCE = 0.9
LIMIT_STEP = 0.08  # of the gap's limit, a frame
LIMIT_REACH = 4  # frames around a pause that its limit bears on
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


def closure_gate(phones: Float32) -> Float32:
    """(2 T, P) posteriors to (T,): 0 where p, b or m shuts the lips, 1 elsewhere."""
    shut = phones[:, list(BILABIALS)].sum(1).reshape(-1, 2).max(1)
    return (1.0 - np.clip(CLOSURE_SLOPE * shut - CLOSURE_START, 0.0, 1.0)).astype(np.float32)


def silence_limit(phones: Float32, loud: NDArray[np.bool_]) -> Float32:
    """(2 T, P) posteriors and (4 T,) loudness detector to (T,): the widest lip gap silence allows.

    In a pause of SHORT_PAUSE_S the lips come nearly together, in one of LONG_PAUSE_S they shut; the
    limit widens by LIMIT_STEP a frame away from it. Long pauses also end where the recogniser is
    sure of silence under noise. Speech far from any pause has a limit beyond every mouth.
    """
    frames = loud.reshape(-1, 4)
    quiet = phones[:, SILENCE].reshape(-1, 2).mean(1)
    short = silent_stretches(loud, int(SHORT_PAUSE_S * 100)).reshape(-1, 4).all(1)
    sound = frames.any(1) & (quiet < SURE_OF_SILENCE)
    long = silent_stretches(sound, int(LONG_PAUSE_S * 25))
    limit = np.where(long, 0.0, np.where(short, PAUSE_GAP, OPEN)).astype(np.float32)
    for _ in range(LIMIT_REACH):
        after = np.append(limit[1:], np.float32(OPEN))
        before = np.insert(limit[:-1], 0, np.float32(OPEN))
        limit = np.minimum(limit, np.minimum(after, before) + LIMIT_STEP)
    return limit.astype(np.float32)


def mouth_controls(
    controls: Float32,
    gap: Float32,
    phones: Float32,
    loud: NDArray[np.bool_],
    lips: LipGeometry,
    mouth_scale: float,
    brow_scale: float,
) -> Float32:
    """(T, C) controls as wanted and (T,) gap over IOD to controls that keep closures and
    silence."""
    limit = silence_limit(phones, loud)
    calm = np.clip(limit / FULL_SHAPE_GAP, 0.0, 1.0)[:, None]
    gap = np.maximum(gap, 0.0) * closure_gate(phones) * mouth_scale
    gap = np.minimum(gap, limit).astype(np.float32)
    wanted = np.clip(controls, 0.0, 1.0)
    out = np.zeros_like(wanted)
    mouth, brows = list(MOUTH_CONTROLS), list(BROW_CONTROLS)
    out[:, mouth] = (wanted * calm)[:, mouth] * mouth_scale
    out = lips.match(np.clip(out, 0.0, 1.0), gap)
    out[:, brows] = np.clip(wanted[:, brows] * brow_scale, 0.0, 1.0)
    return out.astype(np.float32)


SHORTEST_PAUSE = 28  # feature frames (0.28 s) without loudness: with less it may be a consonant
CLOSING_COURSE = (0.14, 0.08, 0.04)  # limit in the first frames of a pause: lips come together
SHUT_FROM = 14  # frames into a pause from which on the lips are shut for good
FREE = 0.5  # limit from which on it is none
NOISE_PAUSE = 20  # frames (0.8 s) of silence by the recogniser alone
GATE_SHOULDER = 0.5  # of a closure's gate that the frames beside it keep


def closing_gate(phones: Float32) -> Float32:
    """(2 T, P) posteriors to (T,): 0 where p, b or m shuts the lips, 1 elsewhere, with ramps."""
    gate = closure_gate(phones)
    padded = np.pad(gate, 1, mode="edge")
    beside = np.minimum(padded[:-2], padded[2:])
    return np.minimum(gate, 1.0 - GATE_SHOULDER * (1.0 - beside)).astype(np.float32)


def pause_limit(phones: Float32, loud: NDArray[np.bool_]) -> Float32:
    """(2 T, P) posteriors and (4 T,) loudness to (T,): the widest lip gap that pauses allow.

    In a pause the lips come together along CLOSING_COURSE, to PAUSE_GAP, and are shut after
    SHUT_FROM frames. A pause is SHORTEST_PAUSE without loudness, or NOISE_PAUSE in which the
    recogniser is sure of silence under noise. Behind a pause the limit widens by LIMIT_STEP a
    frame. Speech far from any pause has a limit beyond every mouth.
    """
    quiet = phones[:, SILENCE].reshape(-1, 2).mean(1)
    heard = loud.reshape(-1, 4).any(1)
    pause = silent_stretches(loud, SHORTEST_PAUSE).reshape(-1, 4).all(1)
    noisy = silent_stretches(heard & (quiet < SURE_OF_SILENCE), NOISE_PAUSE)
    limit = np.full(len(pause), OPEN, np.float32)
    since, before = 0, OPEN
    for t in np.arange(len(pause)):
        wanted = OPEN
        if pause[t] or noisy[t]:
            course = CLOSING_COURSE[since] if since < len(CLOSING_COURSE) else PAUSE_GAP
            wanted = 0.0 if since >= SHUT_FROM else course
            since += 1
        else:
            since = 0
        before = min(before + LIMIT_STEP, wanted) if before < FREE else wanted
        limit[t] = before
    return limit


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
