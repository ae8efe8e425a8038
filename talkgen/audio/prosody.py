"""Prosody: pitch with voicing, loudness and speaking rate, frame by frame, as the sound arrives.

Pitch is the lag of the best normalised cross-correlation (Talkin 1995, RAPT, without its search
over time: a frame depends on its own sound alone). Syllables are peaks of the loudness contour in
voiced sound (Mermelstein 1975). What a stream gives does not depend on how the sound is cut.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.features import FEATURES_PER_SECOND, HOP, Resampler
from talkgen.types import ENGINE_RATE, Audio

Float32 = NDArray[np.float32]

LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0
WINDOW = 480
"""Samples that are correlated with those a lag later: 30 ms."""
LAGS = (int(ENGINE_RATE / HIGHEST_HZ), int(ENGINE_RATE / LOWEST_HZ))
SPAN = WINDOW + LAGS[1] + 2
VOICED = 0.6
"""Least correlation of a voiced frame."""
NEAR_BEST = 0.94
"""Share of the best correlation that a shorter lag needs to be taken: twice the period fits too."""
QUIET_DB = -65.0
"""Level under which nothing is voiced."""
RATE_S = 1.5
"""Seconds of the past that the speaking rate counts syllables of."""
LOOK_AHEAD = 10
"""Frames (0.1 s) that a frame waits for: what the smoothed loudness and a peak need."""
PITCH_LATE = 2
"""Frames past its own that a frame's pitch waits for: half the window and the longest lag."""
SMOOTH, APART, RISE_DB = 3, 5, 2.0
"""Half width of the smoothing, least half distance of syllables (frames), their least rise."""
_BACK = int(RATE_S * FEATURES_PER_SECOND) + 3 * LOOK_AHEAD


@dataclass(frozen=True)
class Prosody:
    """(N,) float32 each, 100 frames a second, frame k centred on (k + 0.5) * 10 ms.

    pitch : Hz, 0 where unvoiced; voicing : correlation, 0 to 1; energy : level of 30 ms, dB of full
    scale, at least -100; rate : syllables a second over the last 1.5 s
    """

    pitch: Float32
    voicing: Float32
    energy: Float32
    rate: Float32

    def __len__(self) -> int:
        return len(self.pitch)


class PitchStream:
    """Pitch, voicing and energy of sound at 16 kHz as it arrives, (3, N) rows.

    A frame comes as soon as the sound `PITCH_LATE` frames past its end has arrived.
    """

    def __init__(self) -> None:
        self._sound = np.zeros((SPAN - HOP) // 2, np.float32)

    def push(self, samples: Float32) -> Float32:
        """Return the rows of every frame that is complete now."""
        self._sound = np.concatenate([self._sound, np.asarray(samples, np.float32)])
        count = max(0, (len(self._sound) - SPAN) // HOP + 1)
        parts = [np.zeros((3, 0), np.float32)]
        for start in range(0, count, 256):  # bounds the memory of a long block
            stop = min(start + 256, count)
            part = self._sound[start * HOP : (stop - 1) * HOP + SPAN]
            parts.append(_frames(np.lib.stride_tricks.sliding_window_view(part, SPAN)[::HOP]))
        self._sound = self._sound[count * HOP :]
        return np.concatenate(parts, axis=1)


class ProsodyStream:
    """Prosody of sound at 16 kHz that arrives in blocks; rows come `LOOK_AHEAD` frames late."""

    def __init__(self) -> None:
        self._pitch = PitchStream()
        self._samples = 0
        self._rows = np.zeros((3, 0), np.float32)  # pitch, voicing, energy
        self._first = 0  # frame at which the rows begin
        self._done = 0

    def push(self, samples: Float32) -> Prosody:
        """Return the prosody of every frame that is complete now."""
        self._samples += len(samples)
        self._rows = np.concatenate([self._rows, self._pitch.push(samples)], axis=1)
        return self._take(self._first + self._rows.shape[1] - LOOK_AHEAD)

    def finish(self) -> Prosody:
        """Return the last frames: one for every started 10 ms of the sound."""
        total = -(-self._samples // HOP)
        wanted = total + LOOK_AHEAD - (self._first + self._rows.shape[1])
        early = self.push(np.zeros(max(0, wanted) * HOP + SPAN, np.float32))
        missing = total - (self._done - len(early))
        return Prosody(*(getattr(early, f.name)[: max(0, missing)] for f in fields(early)))

    def _take(self, stop: int) -> Prosody:
        start, self._done = self._done, max(self._done, stop)
        rows = self._rows
        syllable = _syllables(rows[2], rows[1])
        counts = np.cumsum(np.concatenate([[0], syllable]))
        at = np.arange(start, self._done) - self._first
        back = np.maximum(at + 1 - int(RATE_S * FEATURES_PER_SECOND), 0)
        rate = (counts[at + 1] - counts[back]) / RATE_S
        found = Prosody(rows[0, at], rows[1, at], rows[2, at], rate.astype(np.float32))
        drop = max(0, self._done - _BACK - self._first)
        self._rows, self._first = rows[:, drop:], self._first + drop
        return found


def prosody(audio: Audio) -> Prosody:
    """Return the prosody of a whole sound of any rate."""
    resampler, stream = Resampler(audio.rate), ProsodyStream()
    parts = []
    for start in range(0, len(audio.samples), 10 * audio.rate):
        block = resampler.push(audio.samples[start : start + 10 * audio.rate])
        parts.append(stream.push(block))
    parts += [stream.push(resampler.finish()), stream.finish()]
    return joined(parts)


def joined(parts: list[Prosody]) -> Prosody:
    """Return pieces of a stream as one."""
    return Prosody(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Prosody)))


def _frames(windows: NDArray[np.float32]) -> Float32:
    """Return pitch, voicing, energy (3, N) of windows (N, SPAN)."""
    sound = windows.astype(np.float64)
    sound = sound - sound.mean(1, keepdims=True)
    head = sound[:, :WINDOW]
    size = 1 << (SPAN + WINDOW - 1).bit_length()
    across = np.fft.irfft(np.conj(np.fft.rfft(head, size)) * np.fft.rfft(sound, size), size)
    squares = np.cumsum(np.pad(sound**2, ((0, 0), (1, 0))), axis=1)
    lags = np.arange(LAGS[0] - 1, LAGS[1] + 2)
    later = squares[:, lags + WINDOW] - squares[:, lags]
    own = squares[:, WINDOW : WINDOW + 1]
    like = across[:, lags] / np.sqrt(np.maximum(own * later, 1e-12))
    middle = like[:, 1:-1]
    peak = (middle >= like[:, :-2]) & (middle > like[:, 2:])
    height = np.where(peak, middle, -1.0)
    best = height.max(1)
    first = np.argmax(height >= NEAR_BEST * best[:, None], axis=1)
    rows = np.arange(len(like))
    before, top, after = (like[rows, first + k] for k in (0, 1, 2))
    bend = before - 2 * top + after
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (before - after) / np.where(bend, bend, 1), 0.0)
    centre = sound[:, (SPAN - WINDOW) // 2 :][:, :WINDOW]
    level = 10 * np.log10((centre**2).mean(1) + 1e-10)
    voicing = np.clip(top, 0.0, 1.0) * (level > QUIET_DB)
    pitch = np.where(voicing >= VOICED, ENGINE_RATE / (lags[first + 1] + shift), 0.0)
    return np.stack([pitch, voicing, level]).astype(np.float32)


def _syllables(energy: Float32, voicing: Float32) -> NDArray[np.bool_]:
    """Return the frames (N,) on which a syllable is loudest; the last `LOOK_AHEAD` are not known
    and say no."""
    count = len(energy)
    found = np.zeros(count, bool)
    if count <= 2 * LOOK_AHEAD:
        return found
    kernel = np.ones(2 * SMOOTH + 1) / (2 * SMOOTH + 1)
    padded = np.pad(np.maximum(energy, QUIET_DB).astype(np.float64), SMOOTH, mode="edge")
    smooth = np.convolve(padded, kernel, "valid")
    past = 3 * APART
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(smooth, (past, APART), constant_values=-np.inf), past + APART + 1
    )
    highest = smooth >= windows[:, past - APART :].max(1)
    dips = np.lib.stride_tricks.sliding_window_view(
        np.pad(smooth, (past, 0), constant_values=np.inf), past + 1
    ).min(1)
    found[:] = highest & (smooth - dips >= RISE_DB) & (voicing >= VOICED) & (smooth > QUIET_DB)
    found[count - LOOK_AHEAD :] = False
    return found
