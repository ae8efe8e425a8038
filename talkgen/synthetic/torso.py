"""Clothed shoulders for the head to sit on: a loft around neck and chest."""

from __future__ import annotations

import numpy as np

from talkgen.types import FloatArray

COLUMNS, ROWS = 64, 22

_HEIGHT = np.array([8.0, 11.0, 13.5, 16.0, 18.5, 22.0, 30.0, 60.0])
_WIDTH = np.array([6.4, 7.2, 10.5, 15.0, 18.5, 21.5, 22.5, 21.0])
_DEPTH = np.array([6.2, 6.6, 7.4, 8.8, 9.8, 11.0, 12.5, 13.0])
_MIDDLE = np.array([0.8, 0.6, 0.2, 0.4, 0.8, 1.2, 1.5, 1.5])
"""Half width, half depth and middle depth of the body at heights below the ears, cm."""


def half_width(height: np.ndarray) -> np.ndarray:
    """Return the half width in cm of the clothed body at heights below the ears."""
    return np.interp(height, _HEIGHT, _WIDTH)


def loft(
    neckline: float, plunge: float, build: float
) -> tuple[FloatArray, np.ndarray, FloatArray]:
    """Return vertices (N, 3) cm in the head frame, faces (F, 3) and (N, 3) places for patterns.

    neckline : height of the collar, cm below the ears; plunge : how much deeper it lies in front
    build : factor of the shoulders' width
    """
    angle = np.linspace(-np.pi, np.pi, COLUMNS + 1)[None, :]
    ahead = np.clip(np.cos(angle), 0, 1) ** 3 * np.exp(-((np.sin(angle) / 0.5) ** 2))
    # Collars stand higher behind the neck than in front.
    top = neckline + plunge * ahead + 1.2 * np.cos(angle) - 0.6
    t = np.linspace(0, 1, ROWS)[:, None] ** 1.5
    y = top + (60.0 - top) * t
    width = np.interp(y, _HEIGHT, _WIDTH)
    width = np.where(y > 14, 14 * 0.64 + (width - 14 * 0.64) * build, width)
    depth = np.interp(y, _HEIGHT, _DEPTH)
    middle = np.interp(y, _HEIGHT, _MIDDLE)
    # A rounded box rather than an ellipse.
    s, c = np.sin(angle), np.cos(angle)
    x = width * np.sign(s) * np.abs(s) ** 0.8
    z = middle - depth * np.sign(c) * np.abs(c) ** 0.8
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3).astype(np.float32)
    index = np.arange(ROWS * (COLUMNS + 1), dtype=np.int32).reshape(ROWS, COLUMNS + 1)
    a, b, d, e = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate(
        [np.stack([a, d, b], -1).reshape(-1, 3), np.stack([a, e, d], -1).reshape(-1, 3)]
    )
    places = vertices.copy()  # x and y for patterns; z tells the front
    return vertices, np.ascontiguousarray(faces), places
