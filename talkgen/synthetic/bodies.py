"""A head on a neck on shoulders: the head turns, the body follows a part of it."""

from __future__ import annotations

import numpy as np

from talkgen.face.rotation import rotation_matrix
from talkgen.render.background import smoothstep
from talkgen.synthetic.torso import loft
from talkgen.synthetic.unwrap import neck_height
from talkgen.types import FloatArray

JOINT = np.array([0.0, 7.0, 1.5], np.float32)
"""Where the neck bends, head frame, cm."""

NECK_CM = (6.0, 15.0)
"""Heights down the neck between which the head's turn fades into the body's."""

MOST_TWIST = np.array([0.5, 0.95, 0.55])
"""Radians that the head turns against the body at most: pitch, yaw, roll."""


class Body:
    """Poses points of the head frame: the head by its rotation, what is below by the body's."""

    def __init__(self, rotation: FloatArray, rng: np.random.Generator) -> None:
        share = np.array([rng.uniform(0, 0.4), rng.uniform(0.1, 0.9), rng.uniform(0, 0.9)])
        own = rotation * share + rng.normal(0, 0.04, 3)
        own = rotation - np.clip(rotation - own, -MOST_TWIST, MOST_TWIST)
        self.head = rotation_matrix(rotation)
        self.own = rotation_matrix(own)
        self.neckline = float(rng.uniform(9.5, 13.5))
        self.plunge = float(rng.choice([0.0, rng.uniform(1.5, 3.5), rng.uniform(3, 8)]))
        self.build = float(rng.uniform(0.85, 1.12))

    def pose(self, points: FloatArray, fixed: bool = False) -> FloatArray:
        """Return points (N, 3) in the camera's axes; `fixed` ones all belong to the head."""
        with_head = points @ self.head.T
        if fixed:
            return np.asarray(with_head, np.float32)
        low = smoothstep(*NECK_CM, neck_height(points[:, 1], points[:, 2]))[:, None]
        with_body = (points - JOINT) @ self.own.T + self.head @ JOINT
        return np.asarray(with_head + low * (with_body - with_head), np.float32)

    def torso(self) -> tuple[FloatArray, np.ndarray, FloatArray]:
        """Return the clothed torso in the camera's axes, its faces and its places."""
        rest, faces, places = loft(self.neckline, self.plunge, self.build)
        return self.pose(rest), faces, places
