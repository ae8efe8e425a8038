"""Frames and speech into an mp4 that browsers play: H.264 (yuv420p, faststart) and AAC."""

from __future__ import annotations

import os
import queue
import threading
from abc import ABC, abstractmethod
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from talkgen.errors import InputError, OutputError
from talkgen.io.audio import Speech
from talkgen.io.output import output_error, whole_file
from talkgen.io.soundtrack import SoundTrack
from talkgen.io.video import frame_rate
from talkgen.types import ImageArray

CRF = 17
"""x264's constant quality: hardly to be told from the source."""
PRESET = "veryfast"
QUEUE_FRAMES = 6
_ITU709, _LIMITED, _SRGB_TRC, _FULL = 1, 1, 13, 2


class Encoder(Protocol):
    """Takes pictures into a file; entered before the first, left after the last."""

    def __enter__(self) -> Self:
        """Open the file."""

    def __exit__(self, *_: object) -> None:
        """Close the file."""

    def add(self, frame: Any) -> None:
        """Encode one picture and the sound up to its time."""

    def finish(self) -> None:
        """Write the rest."""


class ThreadedWriter(ABC):
    """Gives pictures to an encoder in a thread of its own; the file appears whole or not at all.

    path : of the file; subclasses say in `_encoder` what writes it
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.num_frames = 0
        self._queue: queue.Queue[Any] = queue.Queue(QUEUE_FRAMES)
        self._fault: BaseException | None = None
        self._stop = threading.Event()
        self._stack = ExitStack()
        self._thread: threading.Thread | None = None

    @abstractmethod
    def _encoder(self, part: Path) -> Encoder:
        """Return what writes the file `part`."""

    def __enter__(self) -> Self:
        part = self._stack.enter_context(whole_file(self.path))
        self._thread = threading.Thread(target=self._encode, args=(part,), name="talkgen-writer")
        self._thread.start()
        return self

    def _put(self, item: Any) -> None:
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
            with self._encoder(part) as file:
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


class VideoWriter(ThreadedWriter):
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
        super().__init__(path)
        self.size = (int(size[0]), int(size[1]))
        self.rate = frame_rate(fps)
        self.speech = speech

    def _encoder(self, part: Path) -> Encoder:
        return _Mp4(part, self.size, self.rate, self.speech)

    def write(self, frame: ImageArray) -> None:
        """Take the next frame, (H, W, 3) uint8 RGB; waits while the encoder is behind."""
        if frame.shape != (self.size[1], self.size[0], 3) or frame.dtype != np.uint8:
            raise InputError(
                f"frame is {frame.dtype} {frame.shape}, "
                f"uint8 ({self.size[1]}, {self.size[0]}, 3) is needed"
            )
        self._put(np.array(frame))  # the renderer may use its buffer again
        self.num_frames += 1


class _Mp4:
    """The encoders and the container of one file."""

    def __init__(
        self, part: Path, size: tuple[int, int], rate: Fraction, speech: Speech | None
    ) -> None:
        import av

        self.rate = rate
        self.count = 0
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
        self.sound = None if speech is None else SoundTrack(self.container, speech)

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
        if self.sound is not None:
            self.sound.write(self.count / self.rate)

    def finish(self) -> None:
        """Write what the encoders still hold, and the rest of the sound."""
        if self.sound is not None:
            self.sound.write(None)
        self.container.mux(self.video.encode(None))
        if self.sound is not None:
            self.sound.finish()
