"""Mel cepstra as the published SyncNet was trained on: those of `python_speech_features`' defaults.

13 cepstra of 26 bands, 25 ms rectangular windows every 10 ms, pre-emphasis 0.97, lifter 22, the log
energy in the first place; of samples on the scale of 16-bit integers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from talkgen.types import ENGINE_RATE, FloatArray

WINDOW, HOP, FFT = 400, 160, 512
BANDS, CEPSTRA, LIFTER, EMPHASIS = 26, 13, 22, 0.97


def mfcc(samples: NDArray[np.int16]) -> FloatArray:
    """(N,) int16 at 16 kHz to (M, 13) float32, 100 a second, M = 1 + ceil((N - 400) / 160)."""
    sound = samples.astype(np.float64)
    sound = np.append(sound[:1], sound[1:] - EMPHASIS * sound[:-1])
    count = 1 + max(0, -(-(len(sound) - WINDOW) // HOP))
    sound = np.append(sound, np.zeros(max(0, (count - 1) * HOP + WINDOW - len(sound))))
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP][:count]
    tiny = np.finfo(np.float64).eps
    power = np.abs(np.fft.rfft(frames, FFT)) ** 2 / FFT
    energy = power.sum(1)
    bands = power @ _bands().T
    cepstra = dct(np.log(np.where(bands == 0, tiny, bands)), type=2, axis=1, norm="ortho")
    cepstra = cepstra[:, :CEPSTRA]
    cepstra *= 1 + (LIFTER / 2) * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)
    cepstra[:, 0] = np.log(np.where(energy == 0, tiny, energy))
    return np.asarray(cepstra, np.float32)


def _bands() -> NDArray[np.float64]:
    """(26, 257) triangles whose corners are whole bins, equally spaced on the mel scale."""
    top = 2595 * np.log10(1 + ENGINE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    corners = np.floor((FFT + 1) * hertz / ENGINE_RATE)
    at = np.arange(FFT // 2 + 1)
    low, middle, high = (corners[k : k + BANDS, None] for k in range(3))
    rise = np.where((at >= low) & (at < middle), (at - low) / np.maximum(middle - low, 1), 0.0)
    fall = np.where((at >= middle) & (at < high), (high - at) / np.maximum(high - middle, 1), 0.0)
    return np.asarray(rise + fall)
