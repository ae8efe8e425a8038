"""What an uploaded file is, by its content, before anything else opens it.

Only containers that hold their own pictures and sound are read: no play lists, no scripts, no
formats that name other files or call other programs.
"""

from __future__ import annotations

import warnings
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from talkgen.errors import InputError

PICTURES = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Pillow's names of the formats that are opened."""
CONTAINERS = (
    "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpeg", "mpegts", "flv",
    "asf", "ogg", "wav", "w64", "mp3", "flac", "aac", "aiff", "au", "caf", "amr", "gif",
)  # fmt: skip
"""FFmpeg's names of the formats that are opened."""
PICTURE_SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"
)  # fmt: skip
VIDEO_SUFFIXES = (
    ".mp4", ".mov", ".webm", ".mkv", ".m4v", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts",
    ".flv", ".wmv", ".ogv", ".3gp", ".3g2", ".gif",
)  # fmt: skip
SOUND_SUFFIXES = (
    ".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".oga", ".aif", ".aiff", ".aifc",
    ".m4b", ".mka", ".weba", ".wma", ".au", ".caf", ".w64", ".amr", *VIDEO_SUFFIXES[:-1],
)  # fmt: skip
"""File name endings by what is asked for. A command takes some others for lists or tracks."""
MOST_PICTURE_PIXELS = 50_000_000
MOST_VIDEO_PIXELS = 4096 * 2304
MOST_FPS = 60
"""Frames a second that a video of the longest length may have; a shorter one may have more."""
MOST_PACKETS = 1000
"""Pieces of sound or picture that a file may have for each second of the longest length."""

_LOCAL = {"protocol_whitelist": "file", "format_whitelist": ",".join(CONTAINERS)}


@dataclass(frozen=True)
class Media:
    """What a file holds. seconds : its length, 0 for a picture."""

    has_picture: bool = False
    has_sound: bool = False
    has_video: bool = False
    seconds: float = 0.0


def look(path: Path, most_seconds: float) -> Media:
    """Return what an uploaded file holds.

    Raises InputError, one line, for what is neither picture, sound nor video, has too many pixels,
    or lasts longer than `most_seconds`.
    """
    name = repr(path.name)
    suffix = path.suffix.lower()
    if suffix and suffix not in (*PICTURE_SUFFIXES, *SOUND_SUFFIXES, *VIDEO_SUFFIXES):
        raise InputError(
            f"{name} is no picture, sound or video; give a .jpg, .png, .wav, .mp4, ..."
        )
    if path.stat().st_size == 0:
        raise InputError(f"{name} is empty (0 bytes)")
    still = _picture(path, name)
    played = _played(path, name, most_seconds, still)
    if played is None and still is None:
        raise InputError(f"{name} is no picture, sound or video that can be read; export it again")
    if played is None:
        return Media(has_picture=True)
    return replace(played, has_picture=still is not None)


def _picture(path: Path, name: str) -> int | None:
    """Return the number of pictures in a file of Pillow's, at most 2, None if it is not one."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of bombs; the limit below is ours
            with Image.open(path, formats=PICTURES) as picture:
                if picture.width * picture.height > MOST_PICTURE_PIXELS:
                    raise InputError(_too_large(name, picture.size, MOST_PICTURE_PIXELS))
                return 2 if getattr(picture, "is_animated", False) else 1
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(_too_large(name, None, MOST_PICTURE_PIXELS)) from error
    except Exception:  # no picture, whatever else it may be
        return None


def _played(path: Path, name: str, most_seconds: float, still: int | None) -> Media | None:
    """Return what a file of FFmpeg's holds, None if it is not one that is opened."""
    import av

    if still == 1:
        return None
    try:
        container = av.open(str(path.absolute()), metadata_errors="replace", options=dict(_LOCAL))
    except (av.FFmpegError, ValueError, OSError):
        return None
    with closing(container):
        pictures = [s for s in container.streams.video if not int(s.disposition) & 0x400]
        sounds = list(container.streams.audio)
        for stream in pictures:
            width, height = stream.codec_context.width, stream.codec_context.height
            if width * height > MOST_VIDEO_PIXELS:
                raise InputError(_too_large(name, (width, height), MOST_VIDEO_PIXELS))
        if not pictures and not sounds:
            return None
        stated = float(container.duration or 0) / 1e6
        if stated <= most_seconds:
            stated = _lasts(container, [*pictures, *sounds], name, most_seconds)
        if stated > most_seconds:
            raise InputError(
                f"{name} is {_minutes(stated)} long, "
                f"at most {_minutes(most_seconds)} are taken here; cut it"
            )
        return Media(has_sound=bool(sounds), has_video=bool(pictures), seconds=stated)


def _lasts(container: Any, streams: list[Any], name: str, most_seconds: float) -> float:
    """Return the length in seconds that the packets make, whatever the header says."""
    import av

    first: dict[int, float] = {}
    end, frames, count = 0.0, 0, 0
    try:
        for packet in container.demux(streams):
            count += 1
            frames += packet.stream.type == "video"
            if frames > most_seconds * MOST_FPS or count > most_seconds * MOST_PACKETS:
                most = f"{most_seconds * MOST_FPS:.0f}"
                raise InputError(f"{name} has more than {most} frames, the most taken here; cut it")
            if packet.pts is None and packet.dts is None:
                continue
            time = float((packet.dts if packet.pts is None else packet.pts) * packet.time_base)
            start = first.setdefault(packet.stream.index, time)
            end = max(end, time - start + float((packet.duration or 0) * packet.time_base))
            if end > most_seconds:
                break
    except (av.FFmpegError, EOFError):
        pass  # a damaged end: the command says so
    return end


def _too_large(name: str, size: tuple[int, int] | None, most: int) -> str:
    have = f"{size[0]} x {size[1]} pixels, " if size else ""
    return f"{name} has {have}more than {most / 1e6:.0f} megapixels; scale it down first"


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d} min" if whole >= 60 else f"{seconds:.1f} s"
