"""Where somebody speaks: an energy detector that follows the noise floor, frame by frame.

It knows loudness only: music counts as speech, and the motion model's own silence posterior stands
beside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.activity import Activity
from talkgen.audio.features import LOUD_BAND, MelStream, Resampler

NEAR_PEAK_DB = 18.0
HANGOVER = 12  # frames (0.12 s) that speech outlasts its last loud frame


class SpeechDetector:
    """`Activity` with a hangover, as a stream: (N, 80) mel power to (N,) bool."""

    def __init__(self) -> None:
        self._activity = Activity(NEAR_PEAK_DB)
        self._since = HANGOVER + 1

    def push(self, power: NDArray[np.float32]) -> NDArray[np.bool_]:
        """True for each 10 ms frame that is speech or lies within the hangover after it."""
        out = np.zeros(len(power), bool)
        for index, mean in enumerate(power[:, LOUD_BAND].mean(1)):
            self._since = 0 if self._activity.push(float(mean)) else self._since + 1
            out[index] = self._since <= HANGOVER
        return out


def detect_speech(samples: NDArray[np.float32], rate: int) -> NDArray[np.bool_]:
    """(N,) samples to (M,) bool, 100 frames a second: where somebody speaks."""
    resampler, mels, detector = Resampler(rate), MelStream(), SpeechDetector()
    parts = [
        detector.push(mels.push(resampler.push(samples))),
        detector.push(mels.push(resampler.finish())),
        detector.push(mels.finish()),
    ]
    return np.concatenate(parts)


def silent_stretches(speech: NDArray[np.bool_], shortest: int) -> NDArray[np.bool_]:
    """True inside runs of at least `shortest` frames without speech."""
    out = np.zeros(len(speech), bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], speech, [True]]).astype(np.int8)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start >= shortest:
            out[start:end] = True
    return out
