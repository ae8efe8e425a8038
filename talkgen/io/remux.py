"""A video written again: its pictures with their own times and format, other sound, all tracks.

What is not drawn on is stored as it was decoded; where nothing at all is drawn on, the picture
track is copied without decoding.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from talkgen.errors import InputError
from talkgen.io.audio import Speech, open_container
from talkgen.io.pictures import Picture, PictureFile, codec_of
from talkgen.io.planes import bits_of
from talkgen.io.soundtrack import SoundTrack
from talkgen.io.video import picture_stream
from talkgen.io.writer import PRESET, Encoder, ThreadedWriter

SUFFIXES = (".mp4", ".mkv", ".mov")
CRF = 16
"""x264's constant quality: not to be told from the source by eye."""
WORST_CRF = 51
FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
IN_MP4 = {
    "aac", "mp3", "mp3float", "ac3", "eac3", "opus", "flac", "alac", "h264", "hevc", "av1",
    "libdav1d", "mpeg4", "vp9",
}  # fmt: skip
"""Codecs that are copied into an mp4 as they are."""
PLAIN_TEXT = ("subrip", "srt", "text", "webvtt")
KEEP_SECONDS = 2.0
"""Longest distance of key frames."""

log = logging.getLogger("talkgen")


def check_crf(crf: int) -> int:
    """Return the constant quality or raise InputError."""
    if not 0 <= crf <= WORST_CRF:
        raise InputError(f"`crf` is {crf}, a number from 0 (lossless) to {WORST_CRF} is needed")
    return crf


class PictureWriter(ThreadedWriter):
    """Writes pictures of a file again, in a thread of its own.

    source : where the pictures come from; speech : the sound, None for none
    crf : constant quality; others : copy further sound tracks and subtitles, too

        with PictureWriter("out.mp4", source, speech=speech) as writer:
            for picture in source.pictures():
                writer.write(picture)

    Times must rise from picture to picture.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        source: PictureFile,
        *,
        speech: Speech | None = None,
        crf: int = CRF,
        others: bool = True,
    ) -> None:
        super().__init__(path)
        self.source, self.speech = source, speech
        self.crf, self.others = check_crf(crf), others

    def _encoder(self, part: Path) -> Encoder:
        return _File(part, self.source, self.speech, self.crf, self.others)

    def write(self, picture: Picture) -> None:
        """Take the next picture; waits while the encoder is behind."""
        self._put(picture)
        self.num_frames += 1


class _File:
    """The encoders and the container of one file."""

    def __init__(
        self, part: Path, source: PictureFile, speech: Speech | None, crf: int, others: bool
    ) -> None:
        self.source, self.crf, self.suffix = source, crf, part.suffix.lower()
        self.container = _open(part)
        self.video: Any = None
        self.last = -1
        self.sound = None if speech is None else SoundTrack(self.container, speech)
        self.others = OtherTracks(self.container, source, part.suffix) if others else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.others is not None:
            self.others.close()
        self.container.close()

    def _begin(self, frame: Any) -> Any:
        """Return the picture track for frames like the first one."""
        name = frame.format.name
        deep = bits_of(name) > 8
        stream: Any = self.container.add_stream(
            "libx265" if deep else "libx264", rate=self.source.rate
        )
        across = self.source.size[0] % 2 if "420" in name or "422" in name else 0
        down = self.source.size[1] % 2 if "420" in name else 0
        if across or down:  # the encoder has no odd sides with halved colour: it keeps all of it
            name = name.replace("420", "444").replace("422", "444")
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, name
        context = stream.codec_context
        stream.options = {"crf": str(self.crf), "preset": PRESET}
        if deep:
            stream.options = {**stream.options, "x265-params": "log-level=error"}
            if self.suffix != ".mkv":
                context.codec_tag = "hvc1"  # what players of that maker ask for
        context.gop_size = max(1, round(float(self.source.rate) * KEEP_SECONDS))
        context.time_base = self.source.time_base
        for mark in ("colorspace", "color_range", "color_primaries", "color_trc"):
            setattr(context, mark, int(getattr(frame, mark)))
        return stream

    def add(self, picture: Picture) -> None:
        """Encode one picture, and all that belongs to its time."""
        frame = picture.frame
        if self.video is None:
            self.video = self._begin(frame)
        if frame.format.name != self.video.pix_fmt:
            frame = frame.reformat(format=self.video.pix_fmt)
        base = self.source.time_base
        self.last = max(self.last + 1, round(picture.time / float(base)))
        frame.pts, frame.time_base = self.last, base
        self.container.mux(self.video.encode(frame))
        time = self.last * base
        if self.sound is not None:
            self.sound.write(time)
        if self.others is not None:
            self.others.write(float(time))

    def finish(self) -> None:
        """Write the rest of everything."""
        if self.sound is not None:
            self.sound.write(None)
        if self.video is not None:
            self.container.mux(self.video.encode(None))
        if self.sound is not None:
            self.sound.finish()
        if self.others is not None:
            self.others.write(None)


class OtherTracks:
    """The sound tracks after the first one, and the subtitles, copied.

    suffix : of the file that is written: an mp4 takes not all codecs, which is said; text is put in
        its own form
    """

    def __init__(self, container: Any, source: PictureFile, suffix: str) -> None:
        self.container = container
        self.start = source.start
        self.input = open_container(source.path)
        self.tracks: dict[int, Any] = {}
        self._forms: dict[int, str] = {}
        mp4 = suffix.lower() != ".mkv"
        for stream in (*self.input.streams.audio[1:], *self.input.streams.subtitles):
            codec = codec_of(stream)
            form = text_form(codec, mp4) if stream.type == "subtitle" else ""
            if form:
                made = container.add_mux_stream(form)
            elif not codec or (mp4 and codec not in IN_MP4 and codec != "mov_text"):
                name = f" in {codec}" if codec else ""
                why = f"{suffix} files cannot hold it, .mkv can" if codec else "codec unknown"
                log.warning("%s track%s is left out: %s", stream.type, name, why)
                continue
            else:
                made = container.add_stream_from_template(stream)
            language = stream.metadata.get("language")
            if language:
                made.metadata["language"] = language
            self.tracks[stream.index] = made
            self._forms[stream.index] = form
        wanted = [s for s in self.input.streams if s.index in self.tracks]
        self._packets: Iterator[Any] = self.input.demux(wanted) if wanted else iter(())
        self._next: Any = None

    def write(self, until: float | None) -> None:
        """Copy what comes up to a time in seconds (None: all)."""
        while True:
            packet = self._next or self._pull()
            self._next = None
            if packet is None:
                return
            if until is not None and float(packet.pts * packet.time_base) - self.start > until:
                self._next = packet
                return
            self._copy(packet)

    def _pull(self) -> Any:
        import av

        while True:
            try:
                packet = next(self._packets, None)
            except (av.FFmpegError, EOFError):
                return None
            if packet is None or (packet.pts is not None and packet.size):
                return packet

    def _copy(self, packet: Any) -> None:
        import av

        index = packet.stream_index
        shift = round(self.start / float(packet.time_base))
        form = self._forms[index]
        if form:
            data = bytes(packet)
            text = data[2:] if form == "subrip" else len(data).to_bytes(2, "big") + data
            made = av.Packet(text)
            made.time_base, made.duration = packet.time_base, packet.duration
            made.pts = made.dts = packet.pts
            packet = made
        packet.pts -= shift
        if packet.dts is not None:
            packet.dts -= shift
        if packet.pts < 0:
            return
        packet.stream = self.tracks[index]
        self.container.mux(packet)

    def close(self) -> None:
        """Close the file that is read."""
        self.input.close()


def text_form(codec: str, mp4: bool) -> str:
    """Return the codec that plain subtitles are rewritten in, empty where they are copied."""
    if mp4 and codec in PLAIN_TEXT:
        return "mov_text"
    return "subrip" if codec == "mov_text" and not mp4 else ""


def can_copy(source: PictureFile, suffix: str) -> bool:
    """Return whether the picture track fits a file of that ending without being encoded again."""
    return suffix.lower() == ".mkv" or source.codec in IN_MP4


def copy_pictures(part: Path, source: PictureFile, speech: Speech | None) -> None:
    """Write a file with the source's picture track as it is, other sound, and its other tracks."""
    container = _open(part)
    others = None
    try:
        with open_container(source.path) as given:
            stream = picture_stream(given, source.path)
            video = container.add_stream_from_template(stream)
            sound = None if speech is None else SoundTrack(container, speech)
            others = OtherTracks(container, source, part.suffix)
            for packet in given.demux(stream):
                if packet.dts is None and packet.pts is None:
                    continue
                time = packet.pts if packet.pts is not None else packet.dts
                seconds = Fraction(time * packet.time_base) - Fraction(source.start)
                shift = round(source.start / float(packet.time_base))
                packet.pts = time - shift
                packet.dts = None if packet.dts is None else packet.dts - shift
                packet.stream = video
                container.mux(packet)
                if sound is not None:
                    sound.write(seconds)
                others.write(float(seconds))
            if sound is not None:
                sound.finish()
            others.write(None)
    finally:
        if others is not None:
            others.close()
        container.close()


def _open(part: Path) -> Any:
    import av

    form = FORMATS[part.suffix.lower()]
    options = {} if form == "matroska" else {"movflags": "faststart"}
    return av.open(str(part), "w", format=form, options=options)
