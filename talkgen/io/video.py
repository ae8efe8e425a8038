"""Frames of a video, by their time stamps, upright, one at a time."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.errors import InputError, MediaError
from talkgen.io.audio import open_container
from talkgen.io.image import MAX_PIXELS, is_image
from talkgen.types import ImageArray

DEFAULT_FPS = 25.0
MAX_FPS = 240.0


@dataclass(frozen=True)
class VideoFile:
    """A video that is decoded anew on each pass.

    size : (width, height) in pixels as shown, after the rotation that the file asks for
    fps : frames a second, the file's average
    seconds : length as stated by the file, 0 where it does not say
    has_sound : whether there is a sound track
    """

    path: Path
    size: tuple[int, int]
    fps: float
    seconds: float
    has_sound: bool

    @property
    def num_frames(self) -> int:
        """Number of frames at the file's own rate as far as it can be told beforehand."""
        return max(1, round(self.seconds * self.fps))

    def frames(self, fps: float | None = None) -> Iterator[ImageArray]:
        """Yield (H, W, 3) uint8 RGB frames at a constant rate (default: the file's own).

        Frame n is the picture on show at n / fps seconds after the first one: pictures are left
        out or repeated where the rates differ or the file's rate varies.
        """
        rate = fps or self.fps
        early = 0.5 * min(1.0, rate / self.fps)  # frames by which time stamps may be rounded
        index = 0
        shown: ImageArray | None = None
        start: float | None = None
        for time, image in _pictures(self.path):
            if start is None:
                start = time
            if shown is not None:
                # the earlier picture stays on show until this one's time comes
                while index < (time - start) * rate - early + 1e-6:
                    yield shown
                    index += 1
            shown = image
        if shown is not None:
            last = index + 1
            if rate != self.fps and self.seconds:
                last = max(index, round(self.seconds * rate), 1)
            while index < last:
                yield shown
                index += 1


def open_video(path: str | os.PathLike[str]) -> VideoFile:
    """Return a video file, its first picture decoded.

    Raises MediaError when the file is missing, no video, without pictures, damaged or over
    100 megapixels.
    """
    path = Path(path)
    name = repr(str(path))
    with closing(open_container(path)) as container:
        stream = picture_stream(container, path)
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > MAX_PIXELS:
            raise MediaError(
                f"{name} has {width} x {height} pixels, more than 100 megapixels; scale it down"
            )
        fps = float(stream.average_rate or stream.guessed_rate or DEFAULT_FPS)
        if not 0 < fps <= MAX_FPS:
            fps = DEFAULT_FPS
        seconds = float(stream.duration * stream.time_base) if stream.duration else 0.0
        if not seconds and container.duration:
            seconds = container.duration / 1e6
        has_sound = bool(container.streams.audio)
    _, first = next(_pictures(path))
    return VideoFile(path, (first.shape[1], first.shape[0]), fps, seconds, has_sound)


def open_clip(path: str | os.PathLike[str], name: str = "video") -> VideoFile:
    """Return what `open_video` does; raise MediaError for a single picture, too.

    name : of the argument, for the message
    """
    if os.path.isfile(path) and is_image(path):
        raise MediaError(f"`{name}` is the picture {os.fspath(path)!r}, a video is needed")
    return open_video(path)


def _is_cover(stream: Any) -> bool:
    """Return whether a stream is a still picture attached to music."""
    return bool(int(stream.disposition) & 0x400)


def picture_stream(container: Any, path: Path) -> Any:
    """Return the stream of a container that holds its pictures; raise MediaError without one."""
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        raise MediaError(f"{str(path)!r} has no pictures; give an image or a video")
    return streams[0]


def _pictures(path: Path) -> Iterator[tuple[float, ImageArray]]:
    """Yield (seconds, upright RGB picture) of each decodable frame, in the order of show."""
    for time, picture in decoded_pictures(path):
        yield time, _upright(picture)


def decoded_pictures(path: Path) -> Iterator[tuple[float, Any]]:
    """Yield (seconds, PyAV frame) of each decodable frame, in the order of show."""
    import av

    name = repr(str(path))
    with closing(open_container(path)) as container:
        stream = picture_stream(container, path)
        stream.thread_type = "AUTO"
        period = 1.0 / float(stream.average_rate or DEFAULT_FPS)
        packets = container.demux(stream)
        clock = -period
        found = False
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                pictures = packet.decode()
            except (av.FFmpegError, EOFError):
                continue  # a damaged stretch: what can be decoded goes on
            for picture in pictures:
                clock = clock + period if picture.time is None else float(picture.time)
                found = True
                yield clock, picture
        if not found:
            raise MediaError(f"{name} holds no picture that can be decoded; export it again")


def _upright(picture: Any) -> ImageArray:
    """Return a decoded frame as RGB, turned as its display matrix says."""
    rgb: ImageArray = picture.to_ndarray(format="rgb24")
    turns = round(picture.rotation / 90) % 4  # degrees counter-clockwise
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb


def frame_rate(fps: float) -> Fraction:
    """Return a frame rate as a fraction, the broadcast ones (24000/1001, ...) exactly."""
    if not (math.isfinite(fps) and 1.0 <= fps <= MAX_FPS):
        raise InputError(
            f"`fps` is {fps:g}, a rate from 1 to {MAX_FPS:g} frames a second is needed"
        )
    for base in (24, 30, 48, 60, 120):
        if abs(fps - base * 1000 / 1001) < 5e-3:
            return Fraction(base * 1000, 1001)
    return Fraction(fps).limit_denominator(1000)
