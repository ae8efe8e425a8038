"""New speech over what remains of a recording when its own voice is taken down.

Where somebody speaks, the band of voices goes: in surround sound from the middle channel alone, in
stereo from what both sides share, so that music and effects at the sides stay; in mono from all of
it. In pauses the recording is heard as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from talkgen.audio.features import MelLeveler, MelStream
from talkgen.audio.phones import SILENCE
from talkgen.audio.phonetic import PHONE_FPS, PhoneticEncoder, PhoneticStream
from talkgen.io.audio import Speech, resampled
from talkgen.types import ENGINE_RATE, FloatArray

WINDOW, HOP = 2048, 512  # samples
VOICE_HZ = (90.0, 9000.0)
"""Band that a voice takes up; below it hum and bass stay, above it what little hiss there is."""
LEFT = {"FC": 0.0, "middle": 0.05, "mono": 0.10}
"""Share of the amplitude that a voice keeps in its band."""
WIDER_S, SOFTER_S = 0.15, 0.20
"""By how much a stretch of speech is widened, and over how long the band comes and goes."""
BLOCK_FEATURES = 200


def voiced(blocks: Iterable[FloatArray], encoder: PhoneticEncoder) -> FloatArray:
    """Return (N,) in [0, 1], 50 a second: how surely somebody speaks; blocks at 16 kHz."""
    stream, mels, leveler = PhoneticStream(encoder), MelStream(), MelLeveler()
    found: list[FloatArray] = []

    def hear(features: FloatArray) -> None:
        for start in range(0, len(features), BLOCK_FEATURES):
            phones = stream.push(features[start : start + BLOCK_FEATURES]).phones
            found.append(1.0 - phones.softmax(-1)[:, SILENCE].numpy())

    for block in blocks:
        hear(leveler.push(mels.push(block)))
    hear(leveler.push(mels.finish()))
    hear(leveler.finish())
    found.append(1.0 - stream.finish().phones.softmax(-1)[:, SILENCE].numpy())
    return np.concatenate(found).astype(np.float32)


def widened(sure: FloatArray, rate: float = PHONE_FPS) -> FloatArray:
    """Return where a voice is to be taken down, (N,) in [0, 1], with soft edges."""
    reach = max(1, round(WIDER_S * rate))
    padded = np.pad(sure, reach)
    most = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    kernel = np.hanning(max(3, round(SOFTER_S * rate)) + 2)
    soft = np.convolve(np.clip(2.0 * most - 0.3, 0.0, 1.0), kernel / kernel.sum(), "same")
    return np.asarray(np.clip(soft, 0.0, 1.0), np.float32)


class Underscore:
    """Speech laid over a recording without its voice, at the recording's rate and channels.

    recording : with `planes`, `rate`, `layout`; channels : names of its channels
    voice : the new speech; taken : (N,), see `widened`, 50 a second
    """

    def __init__(
        self, recording: Speech, channels: tuple[str, ...], voice: Speech, taken: FloatArray
    ) -> None:
        self.recording, self.channels = recording, channels
        self.voice, self.taken = voice, taken
        self.rate, self.layout = recording.rate, recording.layout
        hz = np.fft.rfftfreq(WINDOW, 1.0 / self.rate)
        rise = np.clip((hz - VOICE_HZ[0]) / 60.0, 0.0, 1.0)
        fall = np.clip((VOICE_HZ[1] - hz) / 1000.0, 0.0, 1.0)
        self._band = (rise * fall).astype(np.float32)

    @property
    def seconds(self) -> float:
        """Length in seconds, of the longer of both."""
        return max(self.recording.seconds, self.voice.seconds)

    def planes(self) -> Iterator[FloatArray]:
        """Yield blocks (channels, N)."""
        count = len(self.channels) or 1
        speech = _Samples(self.voice.blocks(self.rate))
        for block in self._beneath():
            yield self._over(block, speech.take(block.shape[1]))
        while len(rest := speech.take(HOP * 16)):
            yield self._over(np.zeros((count, len(rest)), np.float32), rest)

    def blocks(self, rate: int = ENGINE_RATE) -> Iterator[FloatArray]:
        """Yield mono blocks (N,) at `rate` Hz."""
        return resampled((block.mean(axis=0) for block in self.planes()), self.rate, rate)

    def _over(self, block: FloatArray, speech: FloatArray) -> FloatArray:
        """Return a block (C, N) with speech (n <= N,) in it."""
        out = block.copy()
        rows = [self.channels.index("FC")] if "FC" in self.channels else range(len(out))
        for row in rows:
            out[row, : len(speech)] += speech
        return np.clip(out, -1.0, 1.0).astype(np.float32)

    def _beneath(self) -> Iterator[FloatArray]:
        """Yield the recording without its voice."""
        window = np.sqrt(np.hanning(WINDOW + 1)[:-1]).astype(np.float32)
        scale = np.float32(HOP / (window**2).sum())
        held: FloatArray | None = None
        tail: FloatArray | None = None
        done = -(WINDOW - HOP)  # sample at which the next window begins
        left = 0
        skip, missing = WINDOW - HOP, round(self.recording.seconds * self.rate)
        for block in self._padded():
            held = block if held is None else np.concatenate([held, block], axis=1)
            if tail is None:
                tail = np.zeros((len(block), WINDOW), np.float32)
            out = []
            while held.shape[1] - left >= WINDOW:
                spectrum = np.fft.rfft(held[:, left : left + WINDOW] * window)
                changed = self._without(spectrum, (done + WINDOW / 2) / self.rate)
                tail += np.fft.irfft(changed, WINDOW).astype(np.float32) * window * scale
                out.append(tail[:, :HOP].copy())
                tail = np.concatenate([tail[:, HOP:], np.zeros((len(tail), HOP), "f4")], axis=1)
                left, done = left + HOP, done + HOP
            held, left = held[:, left:], 0
            if out:
                made = np.concatenate(out, axis=1)
                wanted = made[:, skip : skip + missing]
                yield wanted
                skip = max(0, skip - made.shape[1])
                missing -= wanted.shape[1]

    def _padded(self) -> Iterator[FloatArray]:
        """Yield the recording with silence around, so that every sample lies in all windows."""
        count, total = 0, 0
        for block in self.recording.planes():
            if not count:
                count = len(block)
                yield np.zeros((count, WINDOW - HOP), np.float32)
            total += block.shape[1]
            yield block
        yield np.zeros((max(count, 1), WINDOW + (-total) % HOP), np.float32)

    def _without(self, spectrum: np.ndarray, time: float) -> np.ndarray:
        """Return spectra (C, F) of a window about `time` seconds with the voice taken down."""
        at = int(np.clip(round(time * PHONE_FPS), 0, max(len(self.taken) - 1, 0)))
        taken = float(self.taken[at]) if len(self.taken) else 0.0
        if taken <= 0.0:
            return spectrum
        if "FC" in self.channels:
            row = self.channels.index("FC")
            spectrum[row] *= 1.0 - taken * (1.0 - LEFT["FC"]) * self._band
            return spectrum
        if len(spectrum) == 2:
            middle = 0.5 * (spectrum[0] + spectrum[1])
            return spectrum - middle * (taken * (1.0 - LEFT["middle"]) * self._band)
        return spectrum * (1.0 - taken * (1.0 - LEFT["mono"]) * self._band)


class _Samples:
    """Takes so many samples at a time from blocks."""

    def __init__(self, blocks: Iterator[FloatArray]) -> None:
        self._blocks = blocks
        self._held = np.zeros(0, np.float32)

    def take(self, count: int) -> FloatArray:
        """Return the next (count,) samples, fewer at the end."""
        parts, have = [self._held], len(self._held)
        while have < count:
            block = next(self._blocks, None)
            if block is None:
                break
            parts.append(block)
            have += len(block)
        held = np.concatenate(parts)
        self._held = held[count:]
        return np.asarray(held[:count], np.float32)
