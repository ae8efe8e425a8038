"""Where the eyes look: each eyeball's turn against the head, from iris, eye corners and lids.

The eyeball's centre lies behind the middle between the eye corners, in the head's own axes; the
head's rotation puts it into the picture. The iris' offset from there over the eyeball's radius is
the direction that the eye looks in. How far the lids are open and how they sit adds to the pitch,
because the upper lid follows the eye. The few constants are fitted on rendered heads, whose gaze is
exact (`scripts/evaluate_gaze.py --fit`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from talkgen.face.rotation import rotation_matrix
from talkgen.types import Face, FloatArray

CORNERS = ((33, 133), (362, 263))
"""Eye corners of the right and the left eye, from the left of the picture to the right."""

IRISES = (468, 473)
UPPER = ((160, 159, 158), (385, 386, 387))
LOWER = ((144, 145, 153), (380, 374, 373))
"""Landmarks on the middle of the lids."""

RADIUS = 0.4238
"""How far the iris moves a radian, in eye widths (corner to corner).

Less than the radius of the eyeball (0.5), because lids and corners move along with it.
"""

CENTER = np.array([-0.0199, -0.0959, 0.2022])
"""From the middle between the right eye's corners to the eyeball's centre, head axes, eye widths.

Between people it varies by 0.02, 0.02 and 0.045: with that no reading gets better than 3 degrees.
"""

MOST_TURN = 0.6
"""Radians: eyes turn no further."""

OPEN_EYE = (0.06, 0.16)
"""Lid gap over eye width from which on the iris is seen a little, and well enough."""

SEEN_EYE = (0.0, 0.35)
"""Cosine between where an eye faces and the viewer, likewise."""

OWN_SHARE = 0.4
"""Share of its difference from the other that an eye keeps: most of the difference is error."""

SEEN_IRIS = (0.05, 0.3)
"""One minus the offset of the iris over the radius: near the rim the angle is unsure."""

OUTWARD = 0.21
"""Radians that an eye socket faces outwards."""

CONSTANTS: dict[str, tuple[float, ...]] = {
    "pitch": (0.0651, 0.7413, 0.3962, 0.1641),
    "yaw": (-0.0798, 0.8379, -0.1228, 0.5951),
}
"""Turn = constants @ (1, geometric turn, upper lid, lower lid), for the right eye; lids in eye
widths below the line of the corners. The left eye is its mirror image."""


@dataclass(frozen=True, eq=False)
class Gaze:
    """Where a face looks.

    eyes : (2, 2) float32, radians, [right eye, left eye] x [pitch, yaw] relative to the head:
        positive pitch looks down, positive yaw to the left of the picture, like a rotation
    direction : (3,) float32, unit vector in the camera's axes (x right, y down, z away from the
        viewer), of both eyes together; (0, 0, -1) looks into the camera from far
    confidence : in [0, 1], low where the eyes are shut or turned away
    """

    eyes: FloatArray
    direction: FloatArray
    confidence: float


def gaze_of(face: Face) -> Gaze:
    """Return where a face looks, from its landmarks and rotation."""
    features, trust = eye_features(face.landmarks, face.rotation)
    eyes = np.zeros((2, 2), np.float32)
    for k, mirror in enumerate((1.0, -1.0)):
        pitch, yaw, upper, lower = features[k]
        eyes[k, 0] = np.dot(CONSTANTS["pitch"], (1.0, pitch, upper, lower))
        eyes[k, 1] = mirror * np.dot(CONSTANTS["yaw"], (1.0, mirror * yaw, upper, lower))
    eyes = np.clip(eyes, -MOST_TURN, MOST_TURN)
    share = (trust + 1e-6) / (trust + 1e-6).sum()
    together = share @ eyes
    eyes = together + OWN_SHARE * trust[:, None] * (eyes - together)
    mean = share @ np.stack([forward(pitch, yaw) for pitch, yaw in eyes])
    direction = rotation_matrix(face.rotation) @ mean
    direction /= np.linalg.norm(direction)
    sure = float(trust.max() * np.clip(face.score, 0.0, 1.0))
    return Gaze(eyes.astype(np.float32), direction.astype(np.float32), sure)


def eye_features(landmarks: FloatArray, rotation: FloatArray) -> tuple[Any, Any]:
    """Return (2, 4) geometric pitch and yaw, upper and lower lid of each eye, and trust (2,).

    landmarks : (478, 3) pixels; rotation : (3,) of the head
    """
    points = np.asarray(landmarks, np.float64)
    turn = rotation_matrix(rotation).astype(np.float64)
    local = points @ turn  # in the head's axes, pixels
    # Both eyes are about equally wide, and one of them may be turned away.
    width = np.mean([np.linalg.norm(local[b] - local[a]) for a, b in CORNERS])
    width = max(width, 1e-6)
    out, trust = np.zeros((2, 4)), np.zeros(2)
    for k, (a, b) in enumerate(CORNERS):
        middle = (points[a] + points[b]) / 2
        mirror = 1.0 if k == 0 else -1.0
        center = middle[:2] + width * (turn @ (CENTER * [mirror, 1, 1]))[:2]
        offset = (points[IRISES[k], :2] - center) / (width * RADIUS)
        length = float(np.linalg.norm(offset))
        offset *= min(1.0, 0.98 / max(length, 1e-9))
        looking = turn.T @ np.array([*offset, -np.sqrt(1.0 - float(offset @ offset))])
        pitch = np.arcsin(np.clip(looking[1], -1, 1))
        yaw = np.arctan2(-looking[0], -looking[2])
        line = (local[a, 1] + local[b, 1]) / 2
        upper = (local[list(UPPER[k]), 1].mean() - line) / width
        lower = (local[list(LOWER[k]), 1].mean() - line) / width
        out[k] = np.clip(pitch, -1, 1), np.clip(yaw, -1, 1), upper, lower
        outward = turn @ forward(0.0, mirror * OUTWARD)
        trust[k] = _ramp(lower - upper, OPEN_EYE) * _ramp(-outward[2], SEEN_EYE)
        trust[k] *= _ramp(1.0 - length, SEEN_IRIS)
    return out, trust


def forward(pitch: float, yaw: float) -> Any:
    """Return the unit vector (3,) that a turned eye looks along, in the axes it turned against."""
    return np.array(
        [-np.sin(yaw) * np.cos(pitch), np.sin(pitch), -np.cos(yaw) * np.cos(pitch)]
    )


def _ramp(value: float, between: tuple[float, float]) -> float:
    low, high = between
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))
