"""The sound about each frame of a video: features of a few moments before, at and after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.features import MelLeveler, MelStream, Resampler
from talkgen.audio.phonetic import PhoneticEncoder, PhoneticStream, joined_output
from talkgen.types import ENGINE_FPS, FloatArray

OFFSETS = (-2, -1, 0, 1, 2)
"""Moments about a frame, in frames of 25 a second."""
PIECE = 400
"""Features (10 ms) that are encoded at a time."""


class NearbySound:
    """Features about the frames of a video, in order, of sound that is read as far as needed.

    encoder : what hears; blocks : mono sound (N,), block by block, at `rate` Hz
    fps : frames a second
    """

    def __init__(
        self, encoder: PhoneticEncoder, blocks: Iterable[FloatArray], rate: int, fps: float
    ) -> None:
        self.fps = fps
        self._per_frame = encoder.fps / ENGINE_FPS
        self._coming = heard(encoder, blocks, rate)
        self._rows = np.zeros((0, encoder.dim), np.float16)
        self._first = 0  # moment at which the rows begin
        self._next = 0  # frame

    def take(self, count: int) -> NDArray[np.float16]:
        """Return (count, 5, D) float16 of the next frames; past its ends the sound stays as it is.

        Zeros where there is no sound at all.
        """
        rows = self._moments(np.arange(self._next, self._next + count))
        self._next += count
        self._read(int(rows.max(initial=-1)) + 1)
        if not len(self._rows):
            return np.zeros((*rows.shape, self._rows.shape[1]), np.float16)
        out = self._rows[np.clip(rows - self._first, 0, len(self._rows) - 1)]
        wanted = int(self._moments(np.array([self._next])).min())
        drop = int(np.clip(wanted - self._first, 0, len(self._rows) - 1))
        self._rows, self._first = self._rows[drop:], self._first + drop
        return out

    def _moments(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (T, 5) which of the encoder's frames lie about frames (T,) of the video."""
        at = (frames[:, None] + 0.5) * (ENGINE_FPS / self.fps) + np.asarray(OFFSETS)
        return np.maximum(np.rint(at * self._per_frame - 0.5).astype(np.int64), 0)

    def _read(self, end: int) -> None:
        """Hear the sound up to moment `end`, or its own end."""
        while self._first + len(self._rows) < end:
            piece = next(self._coming, None)
            if piece is None:
                return
            self._rows = np.concatenate([self._rows, piece.astype(np.float16)])


def heard(
    encoder: PhoneticEncoder, blocks: Iterable[FloatArray], rate: int
) -> Iterator[NDArray[np.float32]]:
    """Yield (n, D), joined what `PhoneticEncoder.encode` gives (up to rounding)."""
    resampler, mels, leveler = Resampler(rate), MelStream(), MelLeveler()
    stream = PhoneticStream(encoder)
    waiting: list[Any] = []

    def pushed(least: int) -> Iterator[NDArray[np.float32]]:
        if sum(map(len, waiting)) >= least:
            features = np.concatenate(waiting)
            waiting.clear()
            yield joined_output(stream.push(features))

    for block in blocks:
        waiting.append(leveler.push(mels.push(resampler.push(block))))
        yield from pushed(PIECE)
    waiting += [leveler.push(mels.push(resampler.finish())), leveler.push(mels.finish())]
    waiting.append(leveler.finish())
    yield from pushed(0)
    yield joined_output(stream.finish())
