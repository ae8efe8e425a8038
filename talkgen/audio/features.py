"""Log-mel features that any length of sound gives in constant memory, chunk by chunk.

Three stages, each a small stream object with `push(block)` and `finish()`; what they return never
depends on how the sound was cut into blocks:

    Resampler   any rate to 16 kHz (soxr, high quality)
    MelStream   16 kHz sound to (N, 80) mel power, 100 frames a second
    MelLeveler  mel power to (N, 80) features over the speaker's own level and colour

A whole-clip mean (what an experiment would subtract) is not known while sound arrives, so level and
colour are running means over *active* frames, with a forgetting time of a few seconds of speech
and a glance of `LEVEL_LOOKAHEAD` frames ahead. Silence does not move them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.activity import Activity
from talkgen.types import ENGINE_RATE

Float32 = NDArray[np.float32]

NUM_MELS = 80
HOP = 160  # samples: 100 frames a second
WINDOW = 400  # samples: 25 ms
FFT = 512
FEATURES_PER_SECOND = ENGINE_RATE // HOP
LOW_HZ, HIGH_HZ = 60.0, 7600.0
LOUD_BAND = slice(7, 72)  # 210-6000 Hz: where loudness is read, above hum and rumble

FLOOR = 1e-4  # of the speaker's level: what lies 40 dB below it is silence
LEVEL_LOOKAHEAD = 10  # feature frames (0.1 s)
LEVEL_MEMORY = 400.0  # active frames (4 s of speech)
COLOUR_PRIOR = 150.0  # active frames that the average colour counts as
START_LEVEL_DB = -30.0  # level assumed before the first active frame, dB of mean mel power
ACTIVE_BELOW_LEVEL_DB = 22.0  # frames further below the level do not move it ...
PATIENCE, LEAK_DB = 200, 0.04  # ... until nothing has for 2 s; then the bar sinks 4 dB a second


@lru_cache(maxsize=4)
def mel_bank(num_mels: int = NUM_MELS, warp: float = 1.0) -> Float32:
    """(FFT // 2 + 1, num_mels) triangular filters of unit sum, equally spaced on the mel scale.

    warp : factor on all frequencies of the bank; 1.1 makes a voice sound as of a longer vocal tract
    """
    mel = 2595.0 * np.log10(1.0 + np.array([LOW_HZ, HIGH_HZ]) / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(mel[0], mel[1], num_mels + 2) / 2595.0) - 1.0) * warp
    bins = np.arange(FFT // 2 + 1) * ENGINE_RATE / FFT
    up = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0.0, np.minimum(up, down))
    bank /= np.maximum(bank.sum(0), 1e-3)
    return bank.astype(np.float32)


@lru_cache(maxsize=1)
def average_colour() -> Float32:
    """(80,) log of the average speech spectrum over its level: what the colour starts from.

    Natural log, over active frames of the `train` sounds, at every fifth band and linear between.
    """
    nodes = [0.4, 0.7, -0.4, -1.6, -3.6, -4.7, -5.2, -5.1, -5.4, -5.5, -5.4, -6.3, -6.6, -7.4,
             -7.8, -8.1, -8.2]  # fmt: skip
    return np.interp(np.arange(NUM_MELS), np.arange(17) * 5, nodes).astype(np.float32)


REPLAY_S = 0.5  # of sound that a resampler is fed again to go on where another stopped


class Resampler:
    """Sound of `rate` Hz to 16 kHz, block by block.

    The memory of soxr cannot be read, but it is short: a new one that is fed the last REPLAY_S of
    sound again, from a sample that falls on one of the output, goes on as the old one would have
    (to rounding, 1e-6 of full scale). That sound is kept, so that a stream can be saved.
    """

    def __init__(self, rate: int):
        self._same = rate == ENGINE_RATE
        self._stream: Any = None
        self._rate = rate
        if not self._same:
            self._stream = _soxr_stream(rate)
        self._recent = np.zeros(0, np.float32)  # what the stream was fed last ...
        self._start = 0  # ... from this sample of all
        self._given = 0  # samples that came out
        self._ready = np.zeros(0, np.float32)  # out of a stream that goes on, not yet given
        self._passed = 0  # samples to come out of it that were given before

    def push(self, block: Float32) -> Float32:
        """(N,) at the given rate to (M,) at 16 kHz; M may lag behind."""
        block = np.ascontiguousarray(block, np.float32)
        if self._same:
            return block
        out = self._fresh(np.asarray(self._stream.resample_chunk(block), np.float32))
        self._given += len(out)
        self._recent = np.concatenate([self._recent, block])
        period = self._rate // math.gcd(self._rate, ENGINE_RATE)
        drop = max(0, len(self._recent) - int(REPLAY_S * self._rate)) // period * period
        self._recent, self._start = self._recent[drop:].copy(), self._start + drop
        return out

    def finish(self) -> Float32:
        """The samples still inside."""
        if self._same:
            return np.zeros(0, np.float32)
        rest = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        return self._fresh(np.asarray(rest, np.float32))

    def _fresh(self, out: Float32) -> Float32:
        """(N,) out of the stream to what was not given before."""
        out = np.concatenate([self._ready, out])
        passed = min(self._passed, len(out))
        self._ready, self._passed = np.zeros(0, np.float32), self._passed - passed
        return out[passed:]

    def restored(self) -> None:
        """Go on from the attributes that another resampler had (talkgen.motion.state)."""
        if self._same:
            return
        self._stream = _soxr_stream(self._rate)
        self._ready = np.zeros(0, np.float32)
        self._passed = self._given - self._start * ENGINE_RATE // self._rate
        again = self._stream.resample_chunk(np.ascontiguousarray(self._recent, np.float32))
        self._ready = self._fresh(np.asarray(again, np.float32))


def _soxr_stream(rate: int) -> Any:
    import soxr

    return soxr.ResampleStream(rate, ENGINE_RATE, 1, "float32", quality="HQ")


class MelStream:
    """(N,) samples at 16 kHz to (M, 80) mel power; frame k is centred on (k + 0.5) * 10 ms."""

    def __init__(self, warp: float = 1.0):
        self._bank = mel_bank(NUM_MELS, warp)
        self._window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
        self._norm = 1.0 / float((self._window**2).sum())
        self._rest: Float32 = np.zeros((WINDOW - HOP) // 2, np.float32)
        self._num_samples = 0
        self._num_frames = 0

    def push(self, samples: Float32) -> Float32:
        """Mel power of every frame that is now complete."""
        self._num_samples += len(samples)
        sound = np.concatenate([self._rest, samples])
        count = max(0, (len(sound) - WINDOW) // HOP + 1)
        self._rest = sound[count * HOP :]
        self._num_frames += count
        if not count:
            return np.zeros((0, NUM_MELS), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP][:count]
        parts = []
        for start in range(0, count, 512):  # bounds the memory of a long block
            spectrum = np.fft.rfft(frames[start : start + 512] * self._window, FFT)
            power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) * self._norm
            # one product a row: a blocked product rounds differently for other numbers of rows
            parts.append(np.einsum("tf,fm->tm", power, self._bank))
        return np.concatenate(parts)

    def finish(self) -> Float32:
        """The last frames, zeros appended, so that one stands for every started 10 ms."""
        wanted = -(-self._num_samples // HOP)
        missing = wanted - self._num_frames
        if missing <= 0:
            return np.zeros((0, NUM_MELS), np.float32)
        need = (missing - 1) * HOP + WINDOW - len(self._rest)
        samples, self._num_samples = self._num_samples, 0
        tail = self.push(np.zeros(max(need, 0), np.float32))[:missing]
        self._num_samples = samples
        return tail


class MelLeveler:
    """(N, 80) mel power to (N, 80) log features over the running level and colour of the voice.

    `levels_db` beside each returned block is that running level (dB of mean mel power).
    """

    def __init__(self) -> None:
        self._decay = 1.0 - 1.0 / LEVEL_MEMORY
        self._level_sum, self._level_weight = 0.0, 0.0
        self._colour_sum = average_colour().astype(np.float64) * COLOUR_PRIOR
        self._colour_weight = COLOUR_PRIOR
        self._waiting: list[Float32] = []
        self._activity = Activity()
        self._idle = 0  # frames since the last one that moved the level

    def _observe(self, power: Float32) -> None:
        """Let one frame (80,) move level and colour if it is active."""
        mean = float(power[LOUD_BAND].mean())
        active = self._activity.push(mean)
        bar = self.level_db - ACTIVE_BELOW_LEVEL_DB - LEAK_DB * max(0, self._idle - PATIENCE)
        self._idle += 1
        if not active or (self._level_weight > 0 and self._activity.loud_db < bar):
            return
        self._idle = 0
        # the mean of power, not of decibels: loud vowels say how loud a voice is
        self._level_sum = self._level_sum * self._decay + mean
        self._level_weight = self._level_weight * self._decay + 1.0
        relative = np.log(power / (10.0 ** (self.level_db / 10.0)) + FLOOR)
        self._colour_sum = self._colour_sum * self._decay + relative
        self._colour_weight = self._colour_weight * self._decay + 1.0

    @property
    def level_db(self) -> float:
        """The running level in dB of mean mel power."""
        if self._level_weight == 0.0:
            return START_LEVEL_DB
        return float(10.0 * np.log10(self._level_sum / self._level_weight + 1e-10))

    def _emit(self) -> Float32:
        return self._feature(self._waiting.pop(0))

    def _feature(self, power: Float32) -> Float32:
        level = 10.0 ** (self.level_db / 10.0)
        feature = np.log(power / level + FLOOR) - self._colour_sum / self._colour_weight
        return feature.astype(np.float32)

    def push(self, power: Float32) -> Float32:
        """Features of the frames whose look-ahead is complete."""
        out = []
        for frame in power:
            self._waiting.append(frame)
            self._observe(frame)
            if len(self._waiting) > LEVEL_LOOKAHEAD:
                out.append(self._emit())
        return np.asarray(out, np.float32).reshape(-1, NUM_MELS)

    def peek(self) -> Float32:
        """Features of the frames still waiting, as the level stands now; they go on waiting."""
        return np.asarray([self._feature(p) for p in self._waiting], np.float32).reshape(
            -1, NUM_MELS
        )

    def finish(self) -> Float32:
        """Features of the frames still waiting."""
        out = [self._emit() for _ in range(len(self._waiting))]
        return np.asarray(out, np.float32).reshape(-1, NUM_MELS)


def mel_power(samples: Float32, rate: int = ENGINE_RATE) -> Float32:
    """(N,) samples to (M, 80) mel power, M = ceil(seconds * 100)."""
    resampler, mels = Resampler(rate), MelStream()
    parts = [mels.push(resampler.push(samples)), mels.push(resampler.finish()), mels.finish()]
    return np.concatenate(parts)


def level_features(power: Float32) -> Float32:
    """(M, 80) mel power to (M, 80) features, as `MelLeveler` gives them."""
    leveler = MelLeveler()
    return np.concatenate([leveler.push(power), leveler.finish()])
