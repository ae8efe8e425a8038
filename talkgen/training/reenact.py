"""A clip drawn under its own track: what the renderers' measurements begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from talkgen.io.video import open_video
from talkgen.types import Face, ImageArray

UNFIT = frozenset({"latentsync_2", "moore_3"})
"""Tracker in doubt (DATA.md); a picture that hardly moves: the still frame is it to 60 dB."""


def first_frames(path: Path, most: int) -> list[ImageArray]:
    """Return at most so many frames of a clip, (H, W, 3) uint8, 25 a second."""
    frames = []
    for frame in open_video(path).frames(25):
        frames.append(frame)
        if len(frames) == most:
            break
    return frames


def first_face(analyzer: Any, image: ImageArray) -> Face | None:
    """Return the largest face of a picture, None where there is none."""
    return next(iter(analyzer.analyze(image)), None)
