"""The pictures of a video as they are stored, each once, with the time at which it is shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from talkgen.errors import MediaError
from talkgen.io.audio import open_container
from talkgen.io.planes import as_rgb, changed, editable, turned
from talkgen.io.video import decoded_pictures, open_clip, picture_stream
from talkgen.types import ImageArray

HDR_CURVES = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture: `frame`, PyAV's, upright and in an editable format, and `time`, seconds after
    the first one."""

    frame: Any
    time: float

    @property
    def rgb(self) -> ImageArray:
        """(H, W, 3) uint8 RGB; worked out at every call."""
        return as_rgb(self.frame)

    def with_change(
        self, box: tuple[int, int, int, int], before: ImageArray, after: ImageArray
    ) -> Picture:
        """Return the picture with a change of its RGB at `box` added, see `planes.changed`."""
        return Picture(changed(self.frame, box, before, after), self.time)


@dataclass(frozen=True)
class PictureFile:
    """The pictures of a file, decoded anew on each pass.

    size : (width, height) as shown; rate : pictures a second, on average; seconds : as stated
    start : time of the first picture on the file's own clock, seconds
    time_base : unit of their times, seconds; codec : name; pixels : pixel format
    interlaced : half pictures are joined to whole ones; hdr : "PQ", "HLG" or ""
    sounds, subtitles : codecs of these tracks, "" for unknown ones
    """

    path: Path
    size: tuple[int, int]
    rate: Fraction
    seconds: float
    start: float
    time_base: Fraction
    codec: str
    pixels: str
    interlaced: bool
    hdr: str
    sounds: tuple[str, ...]
    subtitles: tuple[str, ...]

    @property
    def expected(self) -> int:
        """Number of pictures as far as it can be told beforehand, 0 where it cannot."""
        return max(1, round(self.seconds * float(self.rate))) if self.seconds else 0

    def pictures(self) -> Iterator[Picture]:
        """Yield every decodable picture once, in the order of show."""
        first: float | None = None
        for time, frame in _whole(self.path, self.interlaced):
            if first is None:
                first = time
            yield Picture(_upright(frame), time - first)


def open_pictures(path: str | os.PathLike[str]) -> PictureFile:
    """Return the pictures of a video, the first one decoded.

    Raises MediaError as `open_clip` does.
    """
    video = open_clip(path)
    with closing(open_container(video.path)) as container:
        stream = picture_stream(container, video.path)
        rate = stream.average_rate or Fraction(video.fps).limit_denominator(1001)
        time_base = stream.time_base or 1 / rate
        sounds = tuple(codec_of(s) for s in container.streams.audio)
        subtitles = tuple(codec_of(s) for s in container.streams.subtitles)
        codec = stream.codec_context.name
        packets = container.demux(stream)
        frame = next((f for packet in packets for f in _tolerant(packet)), None)
        if frame is None:
            raise MediaError(f"{str(video.path)!r} holds no picture that can be decoded")
        return PictureFile(
            path=video.path, size=video.size, rate=Fraction(rate), seconds=video.seconds,
            start=float(frame.time or 0.0),
            time_base=Fraction(time_base), codec=codec, pixels=frame.format.name,
            interlaced=bool(frame.interlaced_frame), hdr=HDR_CURVES.get(int(frame.color_trc), ""),
            sounds=sounds, subtitles=subtitles,
        )  # fmt: skip


def codec_of(stream: Any) -> str:
    """Return the name of a track's codec, "" for one that nothing here knows."""
    return "" if stream.codec_context is None else str(stream.codec_context.name)


def _upright(frame: Any) -> Any:
    """Return a decoded picture as it is shown, in an editable format."""
    frame.pict_type = 0  # the encoder has its own plan
    quarters = round(frame.rotation / 90) % 4
    name = frame.format.name
    if not editable(name):
        frame = frame.reformat(format="yuv444p" if "rgb" in name else "yuv420p")
    return turned(frame, quarters) if quarters else frame


def _tolerant(packet: Any) -> list[Any]:
    import av

    try:
        return list(packet.decode())
    except (av.FFmpegError, EOFError):
        return []


def _whole(path: Path, interlaced: bool) -> Iterator[tuple[float, Any]]:
    """Yield (seconds, frame), half pictures joined where there are any."""
    if not interlaced:
        yield from decoded_pictures(path)
        return
    import av

    graph: Any = None
    for _, frame in decoded_pictures(path):
        if graph is None:
            graph = av.filter.Graph()
            source = graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format.name,
                time_base=frame.time_base,
            )  # fmt: skip
            filters = [graph.add("bwdif", "mode=send_frame:deint=interlaced"),
                       graph.add("buffersink")]  # fmt: skip
            source.link_to(filters[0])
            filters[0].link_to(filters[1])
            graph.configure()
        graph.push(frame)
        yield from _pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _pulled(graph: Any) -> Iterator[tuple[float, Any]]:
    import av

    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield float(frame.pts * frame.time_base), frame
