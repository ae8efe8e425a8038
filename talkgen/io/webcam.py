"""A camera of this machine as a video: what it shows for some seconds, at a constant rate."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.errors import InputError, MediaError
from talkgen.io.video import frame_rate
from talkgen.io.writer import VideoWriter

SECONDS = 10.0
"""How long a camera is watched where nothing is said."""
MOST_SECONDS = 600.0
_NAMES = re.compile(r"webcam(?::(\d{1,2}))?|/dev/video(\d{1,2})")


def camera_of(name: str) -> int | None:
    """Return the camera that "webcam", "webcam:1" or "/dev/video1" names; None: it is a file."""
    found = _NAMES.fullmatch(name)
    return None if found is None else int(found[1] or found[2] or 0)


def checked_seconds(seconds: float | None) -> float:
    """Return how long a camera is watched, `SECONDS` for None, or raise InputError."""
    if seconds is None:
        return SECONDS
    if not 0.2 <= seconds <= MOST_SECONDS:
        raise InputError(
            f"`seconds` is {seconds:g}, a camera is watched for 0.2 to {MOST_SECONDS:g} s"
        )
    return seconds


def record(
    camera: int,
    path: Path,
    *,
    seconds: float = SECONDS,
    fps: float = 25.0,
    on_frame: Callable[[], object] | None = None,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], object] = time.sleep,
) -> None:
    """Write what a camera shows as an mp4 without sound of `round(seconds * fps)` frames.

    A picture stays on show until the camera gives the next one. Ctrl-C ends the recording early.
    Raises MediaError where there is no such camera, or it shows nothing.
    """
    checked_seconds(seconds)
    frame_rate(fps)
    device = _opened(camera)
    try:
        shown = _picture(device, camera)
        start = clock()
        with VideoWriter(path, size=(shown.shape[1], shown.shape[0]), fps=fps) as writer:
            try:
                while writer.num_frames < round(seconds * fps):
                    due = start + writer.num_frames / fps
                    while clock() < due:
                        given, latest = device.read()
                        if not given:
                            wait(0.2 / fps)
                        elif latest.shape == shown.shape:
                            shown = latest
                    writer.write(np.ascontiguousarray(shown[..., ::-1]))
                    if on_frame is not None:
                        on_frame()
            except KeyboardInterrupt as stop:
                if type(stop) is not KeyboardInterrupt or writer.num_frames < 0.2 * fps:
                    raise  # told to end at once, or nothing worth keeping yet
    finally:
        device.release()


def _opened(camera: int) -> Any:
    import cv2

    say: Any = cv2.utils.logging
    level = say.getLogLevel()
    say.setLogLevel(say.LOG_LEVEL_SILENT)  # its own lines about what is absent
    try:
        device = cv2.VideoCapture(camera)
    finally:
        say.setLogLevel(level)
    if not device.isOpened():
        device.release()
        raise MediaError(
            f"no camera 'webcam:{camera}' can be opened; plug one in, close what uses it, or give "
            "the file of a video"
        )
    return device


def _picture(device: Any, camera: int) -> Any:
    """Return the first picture (H, W, 3), blue first; cameras may need a few tries."""
    for _ in range(30):
        given, image = device.read()
        if given:
            return image
    raise MediaError(f"camera 'webcam:{camera}' shows no picture; close what else uses it")
