"""Motion laid over a portrait's own expression: a smile that was photographed gives way to a frown.

A portrait's resting face is its own expression. Plain sums fail on it in three ways: a smile on a
smile passes what a face can do, a frown on a smile is neither, and a face that rests lopsided stays
as lopsided in its widest smile. So channels that move no lips apart add up like probabilities, and
the resting share of a muscle gives way as its antagonist pulls. What parts the lips adds up
plainly: the lip gap is speech's.
"""

from __future__ import annotations

import numpy as np

from talkgen.types import MOTION_CHANNELS, FloatArray

GIVES_WAY: dict[str, dict[str, float]] = {
    "mouthSmile": {"mouthFrown": 1.2, "browDown": 0.7, "mouthStretch": 0.5, "mouthPucker": 0.6,
                   "mouthFunnel": 0.4, "jawOpen": 0.5},
    "cheekSquint": {"mouthFrown": 0.8, "mouthStretch": 0.4},
    "mouthStretch": {"mouthPucker": 0.8, "mouthFunnel": 0.5},
    "mouthDimple": {"mouthFrown": 1.0, "mouthPucker": 0.6},
    "mouthFrown": {"mouthSmile": 1.2},
    "mouthPucker": {"mouthSmile": 0.6, "mouthStretch": 0.8},
    "browDown": {"browInnerUp": 0.8, "browOuterUp": 0.6},
    "browInnerUp": {"browDown": 0.8},
    "browOuterUp": {"browDown": 0.8},
    "eyeSquint": {"eyeWide": 1.0},
    "eyeBlink": {"eyeWide": 0.7},
    "eyeWide": {"eyeSquint": 0.8, "eyeBlink": 1.0},
}  # fmt: skip
"""Resting channel: how much of it goes for a weight of 1 of its antagonists, same side."""

_PLAIN = ("jaw", "mouthClose", "mouthFunnel", "mouthLowerDown", "mouthUpperUp", "mouthShrug",
          "mouthRoll", "noseSneer", "tongue", "eyeLook")  # fmt: skip
_SOFT = np.array([not c.startswith(_PLAIN) for c in MOTION_CHANNELS])


def _matrix() -> FloatArray:
    """(52, 52): how much of a resting channel (column) a moving one (row) takes away."""
    out = np.zeros((len(MOTION_CHANNELS), len(MOTION_CHANNELS)), np.float32)
    for resting, movers in GIVES_WAY.items():
        for mover, share in movers.items():
            for column, low in enumerate(MOTION_CHANNELS):
                for row, high in enumerate(MOTION_CHANNELS):
                    if _side(low, resting) is None or _side(high, mover) is None:
                        continue
                    if "" in (_side(low, resting), _side(high, mover)) or (
                        _side(low, resting) == _side(high, mover)
                    ):
                        out[row, column] = share
    return out


def _side(channel: str, name: str) -> str | None:
    """ "Left", "Right" or "" where the channel is that name on a side; None where it is not."""
    rest = channel.removeprefix(name)
    return rest if channel.startswith(name) and rest in ("", "Left", "Right") else None


_TAKEN = _matrix()


def blended(rest: FloatArray, weights: FloatArray) -> FloatArray:
    """Weights (52,) in [0, 1] of a portrait with resting weights (52,) under motion (52,)."""
    own = rest * np.clip(1.0 - weights @ _TAKEN, 0.0, 1.0)
    total = own + weights
    total[_SOFT] -= (own * weights)[_SOFT]
    return np.asarray(np.clip(total, 0.0, 1.0), np.float32)
