"""Sound into a video file: AAC at the sound's own rate and channels, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from talkgen.io.audio import Speech, resampled
from talkgen.types import FloatArray

AAC_RATES = (
    8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000,
)  # fmt: skip
"""Sample rates that AAC knows; any other sound takes the next higher one (96 kHz at most)."""
AAC_LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1")
AAC_BITS_PER_SAMPLE = 4  # bits a sample and channel, at most 96 kbit/s a channel


class SoundTrack:
    """A sound track of an open container.

    container : PyAV's, to write; speech : the sound, written whole from time zero
    """

    def __init__(self, container: Any, speech: Speech) -> None:
        rate = next((r for r in AAC_RATES if r >= speech.rate), AAC_RATES[-1])
        sound: Iterator[FloatArray]
        if speech.layout in AAC_LAYOUTS:
            layout = speech.layout
            sound = resampled(speech.planes(), speech.rate, rate)
        else:  # what AAC cannot lay out goes in as one channel
            layout = "mono"
            sound = (block[None] for block in speech.blocks(rate))
        self.container = container
        self.stream: Any = container.add_stream("aac", rate=rate, layout=layout)
        channels = self.stream.codec_context.layout.nb_channels
        self.stream.bit_rate = channels * min(96_000, AAC_BITS_PER_SAMPLE * rate)
        self.rate, self.layout = rate, layout
        self.samples = 0
        self._sound = sound

    def write(self, until: Fraction | None) -> None:
        """Encode the sound up to a time in seconds (None: all of it)."""
        import av

        while until is None or self.samples < until * self.rate:
            block = next(self._sound, None)
            if block is None:
                break
            if not block.shape[1]:
                continue
            sound = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block), format="fltp", layout=self.layout
            )
            sound.sample_rate = self.rate
            sound.pts, sound.time_base = self.samples, Fraction(1, self.rate)
            self.samples += block.shape[1]
            self.container.mux(self.stream.encode(sound))

    def finish(self) -> None:
        """Write the rest of the sound and what the encoder still holds."""
        self.write(None)
        self.container.mux(self.stream.encode(None))
