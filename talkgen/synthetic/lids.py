"""Eyes that fit their lids: the head's identities are free, so eyeballs may stand too far out."""

from __future__ import annotations

from typing import Any

import numpy as np

from talkgen.face.head import HeadModel
from talkgen.render.background import smoothstep
from talkgen.render.lids import closing_lift
from talkgen.render.rings import LOWER_LID, UPPER_LID
from talkgen.types import MOTION_CHANNELS, FloatArray

SIDES = ("left", "right")
_BLINKS = [MOTION_CHANNELS.index(f"eyeBlink{s.capitalize()}") for s in SIDES]
_UP = np.array([0.0, -1.0, 0.0], np.float32)

REACH = 1.3
"""Lids are skin within this many radii of an eyeball's centre, in front of it, that a blink moves.
"""


CANTHUS_CM = 0.25
"""How far nearer to the nose real eyes end than the head model's, whose openings lack the flesh of
the corner: 2.6 % of the inter-ocular distance as the teacher reads London and Canada portraits.
"""

CANTHUS_REACH_CM = 0.7


class EyeLids:
    """Knows of a head model which skin are lids and how far from the eyeballs they lie."""

    def __init__(self, head: HeadModel) -> None:
        self.head = head
        self.balls = [np.unique(head.faces[head.part == 2 + k]) for k in range(2)]
        shut = head.deform(head.vertices, self._blink())
        skin = np.unique(head.faces[head.part == 0])
        moved = np.linalg.norm(shut - head.vertices, axis=1)
        self.lids, self.distance = [], []
        self.longer = self._longer()
        for ball, center in zip(self.balls, head.eye_centers, strict=True):
            offset = shut[skin] - center
            away = np.linalg.norm(offset, axis=1)
            radius = np.linalg.norm(head.vertices[ball] - center, axis=1).max()
            near = (away < REACH * radius) & (offset[:, 2] < -0.3 * radius) & (moved[skin] > 0.2)
            self.lids.append(skin[near])
            self.distance.append(away[near])

    def fitted(self, neutral: FloatArray) -> FloatArray:
        """Return the neutral head (V, 3) with eyes as long as real ones, and with eyeballs as far
        behind shut lids as the mean's."""
        out = neutral + self.longer
        shut = self.head.deform(neutral, self._blink())
        centers = self.head.eye_centers_of(neutral)
        back = 0.0
        for lids, usual, center in zip(self.lids, self.distance, centers, strict=True):
            offset = shut[lids] - center
            away = np.linalg.norm(offset, axis=1)
            ahead = np.maximum(-offset[:, 2] / np.maximum(away, 1e-6), 0.3)
            back = max(back, float(np.percentile((usual - away) / ahead, 97)))
        for ball in self.balls:
            out[ball, 2] += max(back, 0.0)
        return out

    def shut(self, neutral: FloatArray, shape: FloatArray, weights: FloatArray) -> FloatArray:
        """Return `shape` with lids that meet where a blink says so."""
        out = shape
        for side, channel in zip(SIDES, _BLINKS, strict=True):
            share = float(smoothstep(0.35, 1.0, np.float32(weights[channel])))
            if share > 0:
                closed = self.head.deform(neutral, self._blink())
                out = out + share * closing_lift(self.head, side, neutral, closed, _UP)
        return np.asarray(out, np.float32)

    def _longer(self) -> FloatArray:
        """Return (V, 3) cm that draws the inner ends of the eyes' openings towards the nose."""
        head = self.head
        out = np.zeros_like(head.vertices)
        skin = np.unique(head.faces[head.part == 0])
        points = head.landmarks(head.vertices)
        for side in SIDES:
            ring = points[list(UPPER_LID[side] + LOWER_LID[side])]
            outer, inner = points[UPPER_LID[side][0]], points[UPPER_LID[side][-1]]
            place = head.vertices[skin]
            along = np.clip((place[:, 0] - outer[0]) / (inner[0] - outer[0]), 0, 1.0)
            away = np.linalg.norm(place[:, None] - ring[None], axis=2).min(axis=1)
            share = along**2 * np.exp(-((away / CANTHUS_REACH_CM) ** 2))
            out[skin, 0] += np.sign(inner[0] - outer[0]) * CANTHUS_CM * share
        return out

    def _blink(self) -> Any:
        weights = np.zeros(len(MOTION_CHANNELS), np.float32)
        weights[_BLINKS] = 1
        return weights
