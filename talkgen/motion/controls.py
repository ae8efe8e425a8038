"""The controls that speech drives: MOTION_CHANNELS with left and right joined."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.types import MOTION_CHANNELS

_SINGLE = (
    "jawOpen", "jawForward", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRollLower",
    "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "browInnerUp",
)  # fmt: skip
_PAIRED = (
    "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthPress", "mouthLowerDown",
    "mouthUpperUp", "cheekSquint", "noseSneer", "browDown", "browOuterUp",
)  # fmt: skip
CONTROLS: tuple[str, ...] = _SINGLE + _PAIRED
MOUTH_CONTROLS: tuple[int, ...] = tuple(
    i for i, name in enumerate(CONTROLS) if name.startswith(("jaw", "mouth"))
)
BROW_CONTROLS: tuple[int, ...] = tuple(
    i for i, name in enumerate(CONTROLS) if name.startswith("brow")
)

UPPER: tuple[int, ...] = tuple(
    i for i, n in enumerate(CONTROLS) if n.startswith(("brow", "cheekSquint", "noseSneer"))
)
"""Controls that the flow draws whole."""

_OPENING = ("jawOpen", "mouthLowerDown", "mouthUpperUp", "mouthClose")
SHAPES: tuple[int, ...] = tuple(
    i for i, n in enumerate(CONTROLS) if n.startswith(("jaw", "mouth")) and n not in _OPENING
)
"""Controls of which the flow draws the difference from the mean head."""

PAIRS: tuple[str, ...] = tuple(n for n in CONTROLS if n + "Left" in MOTION_CHANNELS)
"""Controls with two sides, of which the flow draws half the difference (left - right)."""


def _matrix() -> NDArray[np.float32]:
    out = np.zeros((len(CONTROLS), len(MOTION_CHANNELS)), np.float32)
    for row, name in enumerate(CONTROLS):
        names = (name,) if name in _SINGLE else (name + "Left", name + "Right")
        for channel in names:
            out[row, MOTION_CHANNELS.index(channel)] = 1.0
    return out


TO_CHANNELS: NDArray[np.float32] = _matrix()
"""(C, 52): controls @ TO_CHANNELS are channel weights."""

FROM_CHANNELS: NDArray[np.float32] = (TO_CHANNELS / TO_CHANNELS.sum(1, keepdims=True)).T.copy()
"""(52, C): channel weights @ FROM_CHANNELS are controls (means of left and right)."""


def _sides() -> NDArray[np.float32]:
    out = np.zeros((len(PAIRS), len(MOTION_CHANNELS)), np.float32)
    for row, name in enumerate(PAIRS):
        out[row, MOTION_CHANNELS.index(name + "Left")] = 1.0
        out[row, MOTION_CHANNELS.index(name + "Right")] = -1.0
    return out


SIDES: NDArray[np.float32] = _sides()
"""(len(PAIRS), 52): unevenness @ SIDES is added to channel weights."""

DRAWN: NDArray[np.bool_] = TO_CHANNELS[list(UPPER + SHAPES)].any(0)
"""(52,) channels of which the flow draws what an emotion does; lids and opening are not among
them."""
