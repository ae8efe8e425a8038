"""Rigid movement of the jaw out of a head's vertices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rigid_movement(rest: NDArray[np.float32], now: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (3, 4) rotation and translation that best takes `rest` (n, 3) to `now`."""
    a, b = rest.mean(axis=0), now.mean(axis=0)
    u, _, vt = np.linalg.svd((rest - a).T.astype(np.float64) @ (now - b))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    rotation = vt.T @ flip @ u.T
    return np.column_stack([rotation, b - rotation @ a]).astype(np.float32)
