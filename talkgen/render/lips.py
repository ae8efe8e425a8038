"""Lips that meet when a portrait rests, also where its photograph shows them parted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.face.head import HeadModel
from talkgen.render.rings import LOWER_INNER, UPPER_INNER
from talkgen.types import MOTION_CHANNELS

UPPER_SHARE = 0.35
"""Share of the gap that the upper lip closes."""

UPPER_OUTER = (0, 37, 39, 40, 185, 267, 269, 270, 409)
LOWER_OUTER = (17, 84, 181, 91, 146, 314, 405, 321, 375)
CHIN = {18: 0.55, 200: 0.40, 199: 0.25, 175: 0.1, 152: 0.0}
"""Landmarks below the lower lip and the share of its movement that they make."""

STILL = (61, 291, 2, 98, 327, 164, 206, 426, 216, 436, 212, 432, 210, 430)
"""Landmarks about the mouth that stay."""

OVERLAP = 0.008
"""How far, in inter-ocular distances, the lips are pressed together."""


def sealing(
    head: HeadModel, vertices: NDArray[np.float32], up: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return (V, 3) cm that brings the inner lips of `vertices` (V, 3) together.

    up : (3,) unit vector of the head frame
    """
    points = head.landmarks(vertices)
    upper, lower = np.array(UPPER_INNER[1:-1]), np.array(LOWER_INNER[1:-1])
    controls = [*upper, *lower, *UPPER_OUTER, *LOWER_OUTER, *CHIN, *STILL]
    place = points[controls].astype(np.float64)
    between = np.linalg.norm(place[:, None] - place[None], axis=2)
    reach = between.max()
    system = 2 * reach - between + 0.01 * np.eye(len(place))
    near = np.flatnonzero(np.linalg.norm(vertices - place.mean(axis=0), axis=1) < reach)
    distance = np.linalg.norm(vertices[near, None].astype(np.float64) - place[None], axis=2)
    fade = np.exp(-((np.maximum(distance.min(axis=1) - 0.8, 0.0) / 1.0) ** 2))

    eyes = float(np.linalg.norm(points[33] - points[263]))
    apart = np.maximum((points[upper] - points[lower]) @ up, 0.0)
    # Lips that the photograph has shut already are not pressed any further.
    press = OVERLAP * eyes * min(1.0, float(np.median(apart)) / (0.02 * eyes))
    out = np.zeros_like(vertices)
    for _ in range(3):  # the interpolated field closes most of a gap, not all of it
        now = head.landmarks(vertices + out)
        gap = np.maximum((now[upper] - now[lower]) @ up + press, 0.0)
        amount = _shares(gap)
        field = (2 * reach - distance) @ np.linalg.solve(system, amount) * fade
        out[near] += (field[:, None] * up).astype(np.float32)
    return out


def closing_step(
    head: HeadModel, vertices: NDArray[np.float32], up: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return (V, 3) cm that takes a centimetre from the middle of the gap of parted lips.

    vertices : (V, 3) cm with shut lips; up : (3,) unit vector of the head frame
    """
    jaw = head.expression_basis[MOTION_CHANNELS.index("jawOpen")]
    opened = vertices + np.float32(0.12) * jaw
    upper, lower = [82, 13, 312], [87, 14, 317]

    def gap(shape: NDArray[np.float32]) -> float:
        points = head.landmarks(shape)
        return float(((points[upper] - points[lower]) @ up).mean())

    field = sealing(head, opened, up)
    return field / np.float32(max(gap(opened) - gap(opened + field), 1e-3))


def _shares(gap: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far each control point moves up for the gaps at the inner lips, cm."""
    middle = float(np.median(gap))
    rising = 1.0 - UPPER_SHARE
    return np.concatenate(
        [
            -UPPER_SHARE * gap,
            rising * gap,
            np.full(len(UPPER_OUTER), -0.6 * UPPER_SHARE * middle),
            np.full(len(LOWER_OUTER), 0.75 * rising * middle),
            np.array(list(CHIN.values())) * rising * middle,
            np.zeros(len(STILL)),
        ]
    )
