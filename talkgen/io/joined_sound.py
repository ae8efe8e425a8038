"""Sound made of other sound: cut or lengthened to a time, and several voices at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from talkgen.io.audio import BLOCK, Speech, resampled
from talkgen.types import ENGINE_RATE, FloatArray


class Fitted:
    """Speech that lasts exactly so many seconds: cut, or followed by silence."""

    def __init__(self, speech: Speech, seconds: float) -> None:
        self.speech = speech
        self.rate, self.layout = speech.rate, speech.layout
        self.num_samples = max(1, round(seconds * speech.rate))

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.rate

    def planes(self) -> Iterator[FloatArray]:
        """Yield blocks (channels, N)."""
        left, channels = self.num_samples, 1
        for block in self.speech.planes():
            channels = len(block)
            if left <= 0:
                return
            yield block[:, :left]
            left -= block.shape[1]
        while left > 0:
            count = min(left, BLOCK)
            yield np.zeros((channels, count), np.float32)
            left -= count

    def blocks(self, rate: int = ENGINE_RATE) -> Iterator[FloatArray]:
        """Yield mono blocks (N,) at `rate` Hz."""
        left = round(self.num_samples * rate / self.rate)
        for block in self.speech.blocks(rate):
            if left <= 0:
                return
            yield block[:left]
            left -= len(block)
        while left > 0:
            count = min(left, BLOCK)
            yield np.zeros(count, np.float32)
            left -= count


class Together:
    """Several voices, each from its own time on, as one mono sound.

    parts : (speech, seconds at which it begins)
    """

    layout = "mono"

    def __init__(self, parts: Sequence[tuple[Speech, float]]) -> None:
        self.parts = list(parts)
        self.rate = max(speech.rate for speech, _ in self.parts)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return max(start + speech.seconds for speech, start in self.parts)

    def planes(self) -> Iterator[FloatArray]:
        """Yield blocks (1, N)."""
        voices = [_exact(_delayed(speech, start, self.rate)) for speech, start in self.parts]
        while voices:
            blocks = [next(voice, None) for voice in voices]
            voices = [v for v, b in zip(voices, blocks, strict=True) if b is not None]
            heard = [b for b in blocks if b is not None]
            if heard:
                out = np.zeros(max(len(b) for b in heard), np.float32)
                for block in heard:
                    out[: len(block)] += block
                yield out[None]

    def blocks(self, rate: int = ENGINE_RATE) -> Iterator[FloatArray]:
        """Yield mono blocks (N,) at `rate` Hz."""
        return resampled((block[0] for block in self.planes()), self.rate, rate)


def _delayed(speech: Speech, start: float, rate: int) -> Iterator[FloatArray]:
    """Yield mono blocks of a speech at `rate`, silence before it."""
    yield np.zeros(round(start * rate), np.float32)
    yield from speech.blocks(rate)


def _exact(blocks: Iterator[FloatArray], size: int = BLOCK) -> Iterator[FloatArray]:
    """Yield blocks of one size, but for the last."""
    held = np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= size:
            yield held[:size]
            held = held[size:]
    if len(held):
        yield held
