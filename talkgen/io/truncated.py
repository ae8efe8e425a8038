"""Whether a sound file ends before its own headers say: what FFmpeg plays without a word."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_UNKNOWN = (0, 0xFFFFFFFF, 0x7FFFFFFF)
"""Sizes that programs write when they stream and cannot know the length."""
_OGG_TAIL = 66_000  # bytes, more than the largest Ogg page


def is_cut(path: Path) -> bool:
    """Return whether a RIFF WAVE, Ogg or MP3 (with a frame count) file lacks its end."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(12)
        if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
            return _wave_is_cut(stream, size)
        if head[:4] == b"OggS":
            return _ogg_is_cut(stream, size)
        if head[:3] == b"ID3" or head[:1] == b"\xff":
            return _mp3_is_cut(stream, size)
    return False


def _wave_is_cut(stream: BinaryIO, size: int) -> bool:
    place = 12
    while place + 8 <= size:
        stream.seek(place)
        name, length = struct.unpack("<4sI", stream.read(8))
        if name == b"data":
            return length not in _UNKNOWN and place + 8 + length > size + 1  # + the pad byte
        place += 8 + length + (length & 1)
    return True  # no sound in it at all


def _ogg_is_cut(stream: BinaryIO, size: int) -> bool:
    stream.seek(max(0, size - _OGG_TAIL))
    tail = stream.read()
    last = tail.rfind(b"OggS\0")
    if last < 0 or len(tail) < last + 27:
        return True
    count = tail[last + 26]
    table = tail[last + 27 : last + 27 + count]
    return len(table) < count or last + 27 + count + sum(table) > len(tail)


def _mp3_is_cut(stream: BinaryIO, size: int) -> bool:
    """Compare the byte count of a Xing or Info header with what follows it."""
    stream.seek(0)
    head = stream.read(10)
    start = tag = 0
    if head[:3] == b"ID3" and len(head) == 10:
        start = 10
        for byte in head[6:]:  # seven bits a byte
            tag = (tag << 7) | (byte & 0x7F)
        start += tag
    stream.seek(start)
    frame = stream.read(256)
    place = max(frame.find(b"Xing"), frame.find(b"Info"))
    if place < 0 or len(frame) < place + 16:
        return False
    flags, first, second = struct.unpack(">III", frame[place + 4 : place + 16])
    if not flags & 2:  # no byte count
        return False
    stated = int(second if flags & 1 else first)
    return start + stated > size + 256  # a closing tag may be counted
