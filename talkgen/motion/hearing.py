"""Sound as it arrives, cut into windows of a fixed grid that the motion net reads.

The grid (`block_at`) depends on nothing but the count of frames, and a window is taken at the very
feature that completes it, so that how the sound was cut into chunks leaves no trace. The first
blocks are short: the first frame of motion needs `1 + AHEAD` frames of sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.activity import Activity
from talkgen.audio.features import LOUD_BAND, NUM_MELS, MelLeveler, MelStream, Resampler
from talkgen.audio.prosody import PITCH_LATE, SPAN, PitchStream
from talkgen.audio.vad import NEAR_PEAK_DB
from talkgen.types import ENGINE_RATE

Float32 = NDArray[np.float32]

PER_FRAME = 4  # feature frames a motion frame
AHEAD = 6  # motion frames of sound past a block's end (0.24 s)
FIRST_AHEAD = 5  # the same for the first frame of all, which comes 0.25 s after its sound begins
FIRST_BLOCKS = (1, 2, 3, 4, 5)  # motion frames; all later blocks have BLOCK
BLOCK = 8
KEEP = 100  # motion frames of features and loudness that are kept
TAIL_S = 0.8  # silence appended, so that the last frames have their look-ahead


def block_at(number: int) -> tuple[int, int]:
    """First and past-the-last motion frame of block `number` of the grid."""
    if number < len(FIRST_BLOCKS):
        return sum(FIRST_BLOCKS[:number]), sum(FIRST_BLOCKS[: number + 1])
    start = sum(FIRST_BLOCKS) + (number - len(FIRST_BLOCKS)) * BLOCK
    return start, start + BLOCK


@dataclass(frozen=True, eq=False)
class Window:
    """Sound around a block of motion frames [start, stop).

    first : motion frame at which the arrays begin
    features (4 W, 80), loud (4 W,) whether speech is heard, level (4 W,) dB
    pitch : (4 W,) Hz, 0 where unvoiced and in the last PITCH_LATE frames, where it is not known yet
    settled : features from here on (index into `features`) may still change with the level
    """

    start: int
    stop: int
    first: int
    features: Float32
    loud: NDArray[np.bool_]
    level: Float32
    pitch: Float32
    settled: int


class SoundWindows:
    """Chunks of sound of any rate to the windows of the grid."""

    def __init__(self, rate: int):
        self._resampler, self._mels = Resampler(rate), MelStream()
        self._leveler, self._activity = MelLeveler(), Activity(NEAR_PEAK_DB)
        self._queue = np.zeros((0, NUM_MELS), np.float32)  # power that no window has asked for yet
        self._features = np.zeros((0, NUM_MELS), np.float32)
        self._loud = np.zeros(0, bool)
        self._level = np.zeros(0, np.float32)
        self._melody = PitchStream()
        self._coming = np.zeros(0, np.float32)  # pitch that no window has asked for yet
        self._pitch = np.zeros(0, np.float32)
        self._first = 0  # motion frame at which the arrays begin
        self._heard = 0  # feature frames taken from the queue, of all
        self._number = 0  # of the next block

    def push(self, chunk: Float32) -> Iterator[Window]:
        """The windows that `chunk` (N,) completes."""
        yield from self._push(self._resampler.push(chunk))

    def finish(self) -> Iterator[Window]:
        """The windows that the rest of the sound and a tail of silence complete."""
        yield from self._push(self._resampler.finish())
        yield from self._push(np.zeros(int(TAIL_S * ENGINE_RATE), np.float32))
        self._sing(np.zeros(SPAN, np.float32))
        yield from self._take(self._mels.finish())

    def _push(self, sound: Float32) -> Iterator[Window]:
        self._sing(sound)
        yield from self._take(self._mels.push(sound))

    def _sing(self, sound: Float32) -> None:
        self._coming = np.concatenate([self._coming, self._melody.push(sound)[0]])

    def _take(self, power: Float32) -> Iterator[Window]:
        self._queue = np.concatenate([self._queue, power])
        while True:
            start, stop = block_at(self._number)
            ahead = AHEAD if self._number else FIRST_AHEAD
            missing = (stop + ahead) * PER_FRAME - self._heard
            if len(self._queue) < missing:
                return
            self._hear(self._queue[:missing])
            self._queue = self._queue[missing:]
            self._number += 1
            yield self._window(start, stop)

    def _hear(self, power: Float32) -> None:
        self._features = np.concatenate([self._features, self._leveler.push(power)])
        mean = power[:, LOUD_BAND].mean(1)
        loud = np.array([self._activity.push(float(value)) for value in mean], bool)
        self._loud = np.concatenate([self._loud, loud])
        self._level = np.concatenate([self._level, (10 * np.log10(mean + 1e-10)).astype("f4")])
        self._heard += len(power)
        fresh = self._heard - PITCH_LATE - self._first * PER_FRAME - len(self._pitch)
        self._pitch = np.concatenate([self._pitch, self._coming[:fresh]])
        self._coming = self._coming[fresh:]

    def _window(self, start: int, stop: int) -> Window:
        drop = (max(0, start - KEEP) - self._first) * PER_FRAME
        if drop > 0:
            self._features, self._loud = self._features[drop:], self._loud[drop:]
            self._level, self._pitch = self._level[drop:], self._pitch[drop:]
            self._first = max(0, start - KEEP)
        features = np.concatenate([self._features, self._leveler.peek()])
        pitch = np.pad(self._pitch, (0, len(self._loud) - len(self._pitch)))
        return Window(
            start, stop, self._first, features, self._loud, self._level, pitch,
            len(self._features),
        )  # fmt: skip
