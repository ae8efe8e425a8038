"""What a refined track holds beside weights and pose: how the picture moves besides the head model.

`residual` (T, 478, 2), inter-ocular distances: what each landmark of the drawn head is still off.
`field` (T, h, w, 2), inter-ocular distances: how hair, neck and body move besides, on a grid over
the source picture. `field_box` (4,): the grid's first and last column and row, x0 y0 x1 y1, pixels
of the tracked frames. `inside` (T, h, w, 3), levels of 255: what the inside of the mouth is
lighter, on a grid between its corners. `key_frame` (): the frame that served as the source; its
extras are 0.

The large ones are float16: 8 kB a frame. They belong to one clip and say nothing of another
person's portrait.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.errors import InputError
from talkgen.motion.rest import LID_CHANNELS
from talkgen.types import NUM_LANDMARKS, FloatArray, Motion

NAMES = ("residual", "field", "field_box", "inside", "key_frame")
LONGEST = 1.0
"""Longest extra step in inter-ocular distances; beyond it a file was not made by a tracker."""

SHUT, WINK = 0.04, 0.35
"""Lip gap over the distance of the eyes, and mean eyeBlink score, of a clear key frame."""


def check_extras(extra: Mapping[str, NDArray[Any]], frames: int) -> None:
    """Raise InputError, one line, unless the extras fit a motion of that many frames."""
    given = [name for name in NAMES if name in extra]
    if not given:
        return
    if "key_frame" not in extra or len(given) == 1:
        raise InputError(f"holds {', '.join(given)} alone; a refined track has {', '.join(NAMES)}")
    key = np.asarray(extra["key_frame"])
    if key.size != 1 or not 0 <= float(key.reshape(())) < frames:
        raise InputError(f"`key_frame` is {key.tolist()}, a frame from 0 to {frames - 1} is needed")
    if "residual" in extra:
        _shaped("residual", extra["residual"], (frames, NUM_LANDMARKS, 2))
    if "inside" in extra:
        shape = np.shape(extra["inside"])
        if len(shape) != 4 or shape[0] != frames or shape[3] != 3 or min(shape[1:3]) < 2:
            raise InputError(f"`inside` has shape {shape}, ({frames}, rows, columns, 3) is needed")
    if ("field" in extra) != ("field_box" in extra):
        raise InputError("`field` and `field_box` need each other; one of them is missing")
    if "field" in extra:
        shape = np.shape(extra["field"])
        if len(shape) != 4 or min(shape) < 2 - (frames == 1):
            raise InputError(f"`field` has shape {shape}, (frames, rows, columns, 2) is needed")
        _shaped("field", extra["field"], (frames, *shape[1:3], 2))
        box = np.asarray(extra["field_box"])
        if box.shape != (4,) or not (box[2:] > box[:2]).all():
            raise InputError(f"`field_box` is {box.tolist()}, x0 y0 x1 y1 with x0 < x1 is needed")


def _shaped(name: str, values: NDArray[Any], shape: tuple[int, ...]) -> None:
    if np.shape(values) != shape:
        raise InputError(f"`{name}` has shape {np.shape(values)}, {shape} is needed")
    longest = float(np.abs(values).max(initial=0.0))
    if not longest <= LONGEST:
        raise InputError(
            f"`{name}` reaches {longest:.3g} inter-ocular distances, at most {LONGEST} is possible"
        )


def clearness(landmarks: FloatArray, scores: FloatArray) -> float:
    """Return 0 for a frame with open eyes and a shut mouth, more the further it is from that.

    landmarks : (478, 3); scores : (52,) the network's reading
    """
    points = np.asarray(landmarks)[:, :2]
    apart = np.linalg.norm(points[33] - points[263])
    gap = float(np.linalg.norm(points[13] - points[14]) / max(float(apart), 1e-6))
    blink = float(np.mean(np.asarray(scores)[list(LID_CHANNELS)]))
    return 0.0 if gap < SHUT and blink < WINK else gap + 0.2 * blink


def resampled_extras(motion: Motion, fps: float, frames: int) -> dict[str, FloatArray]:
    """Return the extras of a motion at another rate, linear in between, for `frames` frames."""
    if "key_frame" not in motion.extra:
        return {}
    place = np.clip(np.arange(frames) * (motion.fps / fps), 0, len(motion) - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(motion) - 1)
    out: dict[str, FloatArray] = {}
    for name in ("residual", "field", "inside"):
        if name in motion.extra:
            values = np.asarray(motion.extra[name], np.float32)
            share = (place - low).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
            out[name] = values[low] * (1 - share) + values[high] * share
    if "field" in out:
        out["field_box"] = np.asarray(motion.extra["field_box"], np.float32)
    key = round(float(np.asarray(motion.extra["key_frame"]).reshape(())) * fps / motion.fps)
    out["key_frame"] = np.asarray(min(key, frames - 1), np.float32)
    return out


def filled(values: FloatArray, seen: list[int], count: int) -> FloatArray:
    """Return (count, ...) values: those of the frames `seen`, linear in between, held outside."""
    if len(seen) == count:
        return values
    place = np.interp(np.arange(count), seen, np.arange(len(seen)))
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(seen) - 1)
    share = (place - low).reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
    share = share.astype(values.dtype)
    mixed: FloatArray = values[low] * (1 - share) + values[high] * share
    return mixed
