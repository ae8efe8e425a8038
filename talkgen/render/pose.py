"""Weakly perspective projection, and how far a head may turn away from its photograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LIMITS_RAD = tuple(np.deg2rad((20.0, 30.0, 25.0)).tolist())
"""Largest turn from the source pose: pitch, yaw, roll."""

FREE_SHARE = 0.6
"""Share of the limit up to which a turn is drawn as asked."""


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
    """Return `rotation` drawn softly within `LIMITS_RAD` of the `source` rotation."""
    limit = np.asarray(LIMITS_RAD, np.float32)
    turn = np.asarray(rotation, np.float32) - source
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    free = FREE_SHARE * limit
    over = np.maximum(np.abs(turn) - free, 0.0)
    rest = limit - free
    return source + np.sign(turn) * (np.minimum(np.abs(turn), free) + rest * np.tanh(over / rest))


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
