"""Frames and speech into an mp4 that browsers play: H.264 (yuv420p, faststart) and AAC."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from talkgen.errors import InputError, OutputError
from talkgen.io.audio import Speech, resampled
from talkgen.io.output import output_error, whole_file
from talkgen.io.video import frame_rate
from talkgen.types import FloatArray, ImageArray

CRF = 17
"""x264's constant quality: hardly to be told from the source."""
PRESET = "veryfast"
AAC_RATES = (
    8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000,
)  # fmt: skip
"""Sample rates that AAC knows; any other sound takes the next higher one (96 kHz at most)."""
AAC_LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1")
AAC_BITS_PER_SAMPLE = 4  # bits a sample and channel, at most 96 kbit/s a channel
QUEUE_FRAMES = 6
_ITU709, _LIMITED, _SRGB_TRC, _FULL = 1, 1, 13, 2


class VideoWriter:
    """Writes an mp4 in a thread of its own while the next frames are drawn.

        with VideoWriter("out.mp4", size=(512, 512), fps=25, speech=speech) as writer:
            for frame in frames:
                writer.write(frame)

    The file appears under its name when the block ends well; on any exception nothing is left.

    size : (width, height) of the frames in pixels; an odd side is widened by repeating its edge
    speech : the sound, written whole from time zero at its own rate and channels; None: silent
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        size: tuple[int, int],
        fps: float,
        speech: Speech | None = None,
    ) -> None:
        if min(size) < 2:
            raise InputError(f"`size` is {size[0]} x {size[1]}, at least 2 x 2 pixels are needed")
        self.path = Path(path)
        self.size = (int(size[0]), int(size[1]))
        self.rate = frame_rate(fps)
        self.speech = speech
        self.num_frames = 0
        self._queue: queue.Queue[ImageArray | None] = queue.Queue(QUEUE_FRAMES)
        self._fault: BaseException | None = None
        self._stop = threading.Event()
        self._stack = ExitStack()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        part = self._stack.enter_context(whole_file(self.path))
        self._thread = threading.Thread(target=self._encode, args=(part,), name="talkgen-writer")
        self._thread.start()
        return self

    def write(self, frame: ImageArray) -> None:
        """Take the next frame, (H, W, 3) uint8 RGB; waits while the encoder is behind."""
        if frame.shape != (self.size[1], self.size[0], 3) or frame.dtype != np.uint8:
            raise InputError(
                f"frame is {frame.dtype} {frame.shape}, "
                f"uint8 ({self.size[1]}, {self.size[0]}, 3) is needed"
            )
        self._put(np.array(frame))  # the renderer may use its buffer again
        self.num_frames += 1

    def _put(self, item: ImageArray | None) -> None:
        while True:
            if self._fault is not None:
                raise self._as_output_error(self._fault) from self._fault
            try:
                return self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._put(None)
            else:
                self._stop.set()
            self._join()
            if error is None and self._fault is not None:
                raise self._as_output_error(self._fault) from self._fault
        except BaseException as own:
            self._stop.set()
            self._join()
            self._stack.__exit__(type(own), own, own.__traceback__)
            raise
        self._stack.__exit__(kind, error, trace)

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def _as_output_error(self, fault: BaseException) -> BaseException:
        if isinstance(fault, OSError) and not isinstance(fault, OutputError):
            return output_error(self.path, fault)
        return fault

    def _encode(self, part: Path) -> None:
        """Run in the writer's thread: encode what comes until None or a stop."""
        try:
            with _Mp4(part, self.size, self.rate, self.speech) as file:
                while not self._stop.is_set():
                    try:
                        frame = self._queue.get(timeout=0.1)
                    except queue.Empty:
                        continue
                    if frame is None:
                        file.finish()
                        return
                    file.add(frame)
        except BaseException as error:  # handed to the caller's thread
            self._fault = error


class _Mp4:
    """The encoders and the container of one file."""

    def __init__(
        self, part: Path, size: tuple[int, int], rate: Fraction, speech: Speech | None
    ) -> None:
        import av

        self.rate = rate
        self.count = 0
        self.samples = 0
        self.odd = (size[1] % 2, size[0] % 2)
        self.container = av.open(str(part), "w", format="mp4", options={"movflags": "faststart"})
        self.video: Any = self.container.add_stream("libx264", rate=rate)
        self.video.width, self.video.height = size[0] + self.odd[1], size[1] + self.odd[0]
        self.video.pix_fmt = "yuv420p"
        self.video.options = {"crf": str(CRF), "preset": PRESET}
        self.video.codec_context.gop_size = max(1, round(float(rate) * 2))
        self.video.codec_context.time_base = 1 / rate
        self.video.codec_context.colorspace = _ITU709
        self.video.codec_context.color_primaries = _ITU709
        self.video.codec_context.color_trc = _SRGB_TRC
        self.video.codec_context.color_range = _LIMITED
        self.audio: Any = None
        self.sound: Iterator[FloatArray] = iter(())
        if speech is not None:
            self._add_audio(speech)

    def _add_audio(self, speech: Speech) -> None:
        rate = next((r for r in AAC_RATES if r >= speech.rate), AAC_RATES[-1])
        if speech.layout in AAC_LAYOUTS:
            layout, planes = speech.layout, speech.planes()
            sound = resampled(planes, speech.rate, rate)
        else:  # what AAC cannot lay out goes in as one channel
            layout = "mono"
            sound = (block[None] for block in speech.blocks(rate))
        self.audio = self.container.add_stream("aac", rate=rate, layout=layout)
        channels = self.audio.codec_context.layout.nb_channels
        self.audio.bit_rate = channels * min(96_000, AAC_BITS_PER_SAMPLE * rate)
        self.audio_rate, self.layout = rate, layout
        self.sound = sound

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()

    def add(self, frame: ImageArray) -> None:
        """Encode one picture and the sound up to its time."""
        import av

        if any(self.odd):
            frame = np.pad(frame, ((0, self.odd[0]), (0, self.odd[1]), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture = picture.reformat(
            format="yuv420p",
            src_colorspace="itu709",
            dst_colorspace="itu709",
            src_color_range=_FULL,
            dst_color_range=_LIMITED,
        )
        picture.pts, picture.time_base = self.count, 1 / self.rate
        self.container.mux(self.video.encode(picture))
        self.count += 1
        self._add_sound(self.count / self.rate)

    def _add_sound(self, until: Fraction | None) -> None:
        """Encode sound up to a time in seconds (None: all of it)."""
        import av

        if self.audio is None:
            return
        while until is None or self.samples < until * self.audio_rate:
            block = next(self.sound, None)
            if block is None:
                break
            if not block.shape[1]:
                continue
            sound = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block), format="fltp", layout=self.layout
            )
            sound.sample_rate = self.audio_rate
            sound.pts, sound.time_base = self.samples, Fraction(1, self.audio_rate)
            self.samples += block.shape[1]
            self.container.mux(self.audio.encode(sound))

    def finish(self) -> None:
        """Write what the encoders still hold, and the rest of the sound."""
        self._add_sound(None)
        self.container.mux(self.video.encode(None))
        if self.audio is not None:
            self.container.mux(self.audio.encode(None))
