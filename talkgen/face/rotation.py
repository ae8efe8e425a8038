"""Rotations as angles, vectors and matrices, and the rigid alignment of points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.types import FloatArray


def rotation_matrix(rotation: FloatArray | Sequence[float]) -> FloatArray:
    """Return Rz(roll) @ Ry(yaw) @ Rx(pitch), (3, 3) float32."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(rotation), np.sin(rotation)
    return np.array(
        [
            [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
            [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
            [-sy, cy * sx, cy * cx],
        ],
        np.float32,
    )


def rotation_angles(matrix: NDArray[Any]) -> FloatArray:
    """Return (pitch, yaw, roll) of a rotation matrix."""
    m = np.asarray(matrix, np.float64)
    yaw = -np.arcsin(np.clip(m[2, 0], -1, 1))
    return np.array([np.arctan2(m[2, 1], m[2, 2]), yaw, np.arctan2(m[1, 0], m[0, 0])], np.float32)


def rotation_vector(v: NDArray[Any]) -> NDArray[np.float64]:
    """Return the rotation matrix of an axis times an angle."""
    angle = float(np.linalg.norm(v))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = v / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k)


def align(
    model: NDArray[Any], points: NDArray[Any], weight: NDArray[Any], *, depth: bool = True
) -> tuple[Any, ...]:
    """Return rotation matrix, scale and translation (2,) that lay `model` (n, 3) on `points`.

    depth : False where the third column of `points` (n, 3) is not known
    """
    w = weight / weight.sum()
    a = model - w @ model
    b = points - w @ points
    if not depth:
        rows = np.linalg.solve((a * w[:, None]).T @ a, (a * w[:, None]).T @ b[:, :2]).T  # (2, 3)
        u, s, v = np.linalg.svd(rows, full_matrices=False)
        flat, scale = u @ v, float(s.mean())
        rotation = np.concatenate([flat, np.cross(flat[0], flat[1])[None]])
        return rotation, scale, (w @ points)[:2] - scale * (rotation @ (w @ model))[:2]
    u, s, v = np.linalg.svd((b * w[:, None]).T @ a)
    d = np.array([1, 1, np.sign(np.linalg.det(u @ v))])
    rotation = (u * d) @ v
    scale = float((s * d).sum() / (w[:, None] * a * a).sum())
    return rotation, scale, (w @ points)[:2] - scale * (rotation @ (w @ model))[:2]
