"""Weakly perspective projection, and how far a head may turn away from its photograph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMITS_RAD = tuple(np.deg2rad((20.0, 30.0, 25.0)).tolist())
"""Turn from the source pose up to which a head is drawn as asked: pitch, yaw, roll."""

BEYOND_RAD = float(np.deg2rad(5.0))
"""How much further it turns at most, however far it is asked to."""

NOTICED_RAD = float(np.deg2rad(1.0))
"""Turns that are drawn less far by more than this count as limited."""


@dataclass
class Limited:
    """How often, and by how much at most, a head was turned less far than asked.

    frames : frames drawn; limited : those of them; most_deg : largest difference of an angle
    """

    frames: int = 0
    limited: int = 0
    most_deg: float = 0.0

    def note(self, asked: NDArray[np.float32], drawn: NDArray[np.float32]) -> None:
        """Count a frame whose angles (3,) in radians were asked and drawn."""
        self.frames += 1
        gap = (np.asarray(asked) - drawn + np.pi) % (2 * np.pi) - np.pi
        most = float(np.abs(gap).max())
        if most > NOTICED_RAD:
            self.limited += 1
            self.most_deg = max(self.most_deg, float(np.rad2deg(most)))

    def clear(self) -> None:
        """Start to count anew."""
        self.frames, self.limited, self.most_deg = 0, 0, 0.0

    def __str__(self) -> str:
        """Return one line, empty where every frame was drawn as asked."""
        if not self.limited:
            return ""
        pitch, yaw, roll = np.rad2deg(LIMITS_RAD).round().astype(int).tolist()
        return (
            f"the head turns less far than asked in {self.limited} of {self.frames} frames, "
            f"by up to {self.most_deg:.0f} degrees (its range from the picture's pose is "
            f"{pitch} pitch, {yaw} yaw, {roll} roll)"
        )


def rotation_matrix(rotation: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return Rz(roll) @ Ry(yaw) @ Rx(pitch) of (pitch, yaw, roll) radians, float32."""
    (sx, sy, sz), (cx, cy, cz) = np.sin(rotation).tolist(), np.cos(rotation).tolist()
    return np.array(
        [
            [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
            [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
            [-sy, cy * sx, cy * cx],
        ],
        np.float32,
    )


def limited(rotation: NDArray[np.float32], source: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `rotation` as asked within `LIMITS_RAD` of the `source` rotation, softly held back
    beyond, at most `BEYOND_RAD` further."""
    limit = np.asarray(LIMITS_RAD, np.float32)
    turn = np.asarray(rotation, np.float32) - source
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    over = BEYOND_RAD * np.tanh(np.maximum(np.abs(turn) - limit, 0.0) / BEYOND_RAD)
    held: NDArray[np.float32] = source + np.sign(turn) * (np.minimum(np.abs(turn), limit) + over)
    return held.astype(np.float32)


def project(
    vertices: NDArray[np.float32],
    rotation: NDArray[np.float32],
    scale: float,
    translation: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return (V, 3) pixels and depth in pixels of head-frame `vertices`; `rotation` is (3, 3)."""
    points = vertices @ (rotation.T * np.float32(scale))
    points[:, :2] += np.asarray(translation, np.float32)
    return points
