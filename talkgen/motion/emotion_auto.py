"""Emotion from the voice itself: what `--emotion auto` lays under the speech."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from talkgen.audio.voice_emotion import VoiceEmotion, VoiceReading
from talkgen.types import EMOTIONS, Emotion, FloatArray

STRONGEST = 0.6
"""Most intensity: a third of what the reader says is wrong (its card), so little is shown."""
SURE = 0.35
"""Share of feeling (all that is not neutral) from which on any is shown."""


def emotion_of_voice(
    blocks: Iterable[FloatArray], rate: int, model: VoiceEmotion | None = None
) -> Emotion:
    """Return the emotion track that a voice sounds like, two samples a second.

    blocks : (N,) float32 sound at `rate` Hz, in any pieces; memory does not grow with them but for
        the track (100 bytes a second)
    """
    stream = (model or VoiceEmotion.from_pretrained("voice_emotion")).stream(rate)
    parts = [stream.push(block) for block in blocks]
    parts.append(stream.finish())
    return track_of(VoiceReading.of(parts))


def track_of(reading: VoiceReading) -> Emotion:
    """Return a reading as a track: the likeliest feeling leads, faint ones are left out."""
    if not len(reading):
        return Emotion(weights=np.eye(1, len(EMOTIONS), dtype=np.float32))
    times = np.maximum.accumulate(reading.times.astype(np.float64))
    keep = np.concatenate([[True], np.diff(times) > 1e-3])
    weights = reading.weights[keep].astype(np.float64)
    felt = weights.copy()
    felt[:, 0] = 0.0
    total = felt.sum(1)
    # Sharpened: a mixture of all feelings is no face.
    lead = felt**2
    lead[:, 0] = np.where(total > 0, 0.0, 1.0)
    lead /= np.maximum(lead.sum(1, keepdims=True), 1e-9)
    intensity = STRONGEST * np.clip((total - SURE) / (1 - SURE), 0.0, 1.0)
    return Emotion(
        weights=lead.astype(np.float32),
        intensity=intensity.astype(np.float32),
        times=times[keep].astype(np.float32),
    )
