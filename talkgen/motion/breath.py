"""Breath: a quick one before speech that follows a pause, slow ones in silence.

Speakers breathe in within about half a second before a phrase and out along it (Winkworth et al.
1995, "Breathing patterns during spontaneous speech"); at rest it is about 15 breaths a minute. What
shows is the shoulders' rise, which carries the head up a little, and lips that hardly part.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

INHALE_S, EXHALE_S = 0.36, 1.6
TIDAL_INHALE_S, TIDAL_EXHALE_S = 1.3, 2.2
TIDAL_EVERY_S = (3.4, 4.8)
TIDAL_SIZE = 0.55
PAUSE_FRAMES = 9  # of silence before an onset that make it a breath
ONSET_LEAD = 6  # frames from the beginning of a breath to the sound

LIFT = 0.014  # inter-ocular distances that the head goes up with a full breath
TILT = 0.6 * np.pi / 180  # and back
PART = 0.012  # lip gap, over inter-ocular distance, on the way in


class BreathProcess:
    """How full the lungs are, frame by frame."""

    def __init__(self, rng: np.random.Generator, fps: float = 25.0):
        self._rng, self._fps = rng, fps
        self._level, self._rising = 0.0, False
        self._size, self._inhale, self._exhale = 0.0, INHALE_S, EXHALE_S
        self._phase = 0.0
        self._from = 0.0
        self._idle = float(rng.uniform(0.5, 2.0))

    def step(self, speaking: bool, onset: bool) -> float:
        """Fullness in [0, 1.2].

        onset : speech begins ONSET_LEAD frames from now after a pause
        """
        self._idle -= 1.0 / self._fps
        if onset:
            self._begin(float(self._rng.uniform(0.7, 1.15)), INHALE_S, EXHALE_S)
        elif not speaking and self._idle <= 0 and not self._rising:
            size = TIDAL_SIZE * float(self._rng.uniform(0.8, 1.2))
            self._begin(size, TIDAL_INHALE_S, TIDAL_EXHALE_S)
        if self._rising:
            self._phase = min(self._phase + 1.0 / (self._inhale * self._fps), 1.0)
            eased = (1 - np.cos(np.pi * self._phase)) / 2
            self._level = self._from + (self._size - self._from) * float(eased)
            self._rising = self._phase < 1.0
        else:
            self._level *= float(np.exp(-1.0 / (0.5 * self._exhale * self._fps)))
        return self._level

    def _begin(self, size: float, inhale: float, exhale: float) -> None:
        self._from, self._size = self._level, max(size, self._level)
        self._inhale, self._exhale, self._phase, self._rising = inhale, exhale, 0.0, True
        self._idle = float(self._rng.uniform(*TIDAL_EVERY_S))


def speech_onsets(speech: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(W,) speech detector to (W,): True ONSET_LEAD frames before speech that ends a pause."""
    out = np.zeros(len(speech), bool)
    for onset in np.flatnonzero(speech[1:] & ~speech[:-1]) + 1:
        silent = not speech[max(onset - PAUSE_FRAMES, 0) : onset].any()
        if silent and onset >= ONSET_LEAD:
            out[onset - ONSET_LEAD] = True
    return out


def breath_gap(onsets: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(W,) onsets to (W,) lip gap over inter-ocular distance of breathing in, without chance."""
    bell = PART * np.hanning(ONSET_LEAD + 2)[1:-1]
    return np.convolve(onsets.astype(np.float64), bell)[: len(onsets)].astype(np.float32)
