"""The part of a person's head that speech moves, with all that follows of its shape alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.render.background import smoothstep
from talkgen.render.displace import spread_of
from talkgen.render.eyes import channel
from talkgen.render.lift import MAX_LIFT
from talkgen.render.portrait import PreparedPortrait
from talkgen.render.rings import INNER_LIPS, OUTER_LIPS
from talkgen.render.texture import LipWays, lip_ways, seen_vertices
from talkgen.types import MOTION_CHANNELS, NUM_LANDMARKS, FloatArray

FADE_UP_CM = (0.4, 2.6)
"""Heights over the base of the nose between which the move of the face fades."""
FADE_DOWN_CM = (0.8, 4.0)
"""Depths under the chin between which it fades down the neck."""
FADE_BACK_CM = (2.0, 6.5)
"""Depths behind the corners of the mouth between which it fades towards the ears."""
LIPS_OWN_CM = (0.5, 2.2)
"""Distances from the lips between which the person's own lips give way to the model's move."""
IRISES = slice(468, NUM_LANDMARKS)
_PX_PER_CM = 40.0


class LowerHead:
    """The vertices about mouth, jaw and cheeks, and those that carry landmarks.

    ready : the person's portrait
    rows : (n,) which vertices of the head these are
    faces : (F, 3) int32, skin of the lower face, in rows of this part; weld : (n,) int32
    move : (n,) float32, share of a move that a vertex makes; own : (n,) share of the person's own
        lips in it; ways : the hidden inside of the lips; near_band : (k,) of its vertices, which
        point of `INNER_LIPS` is nearest
    """

    def __init__(self, ready: PreparedPortrait) -> None:
        head, neutral, skin = ready.head, ready.neutral, ready.skin_faces
        marks = head.landmarks(neutral)
        base, corners = float(marks[2, 1]), float(marks[[61, 291], 2].mean())
        up = 1.0 - smoothstep(*FADE_UP_CM, base - neutral[:, 1])
        back = 1.0 - smoothstep(*(corners + np.array(FADE_BACK_CM, np.float32)), neutral[:, 2])
        chin = float(marks[152, 1])
        down = 1.0 - smoothstep(*FADE_DOWN_CM, neutral[:, 1] - chin)
        move = (up * back * down).astype(np.float32)
        faces = skin[(move[skin] > 0).any(axis=1)]
        used = np.unique(np.concatenate(
            [faces.ravel(), head.landmark_faces.ravel(), ready.jaw_vertices]
        ))  # fmt: skip
        used = np.unique(np.concatenate([used, head.weld[used]]))
        row = np.full(len(neutral), -1, np.int32)
        row[used] = np.arange(len(used))
        self.rows = used
        self.interocular = head.interocular_of(neutral)
        self.facing = ready.facing
        self.neutral = np.ascontiguousarray(neutral[used])
        self.faces = np.ascontiguousarray(row[faces])
        self.weld = row[head.weld[used]]
        self.move = move[used]
        self.jaw = row[ready.jaw_vertices]
        self._corners, self._bary = row[head.landmark_faces], head.landmark_bary
        basis = head.expression_basis[:, used]
        self._basis = np.ascontiguousarray(basis.reshape(len(MOTION_CHANNELS), -1))
        self.lift = np.ascontiguousarray(ready.lift[used])
        self.own_lips = self.lift + ready.seal[used]
        ring = marks[list(OUTER_LIPS + INNER_LIPS)]
        away = np.linalg.norm(self.neutral[:, None] - ring[None], axis=2).min(axis=1)
        self.own = 1.0 - smoothstep(*LIPS_OWN_CM, away.astype(np.float32))
        self._spread(ready, used)
        self._lips(ready, skin, used)

    def _spread(self, ready: PreparedPortrait, used: NDArray[np.int32]) -> None:
        spread = spread_of(ready)
        place = np.full(len(ready.neutral), -1)
        place[spread.skin] = np.arange(len(spread.skin))
        self._use = spread.use
        self._matrix = np.zeros((len(used), spread.matrix.shape[1]), np.float32)
        on_skin = place[used] >= 0
        self._matrix[on_skin] = spread.matrix[place[used[on_skin]]]

    def _lips(
        self, ready: PreparedPortrait, skin: NDArray[np.int32], used: NDArray[np.int32]
    ) -> None:
        # Seen from the front with shut lips: what is hidden then is the inside.
        flat = ready.neutral * np.float32(_PX_PER_CM)
        seen, _, _ = seen_vertices(flat, skin, ready.facing, 0.12 * _PX_PER_CM)
        # Upper and lower lip are told apart where they are open.
        weights = np.zeros(len(MOTION_CHANNELS), np.float32)
        weights[channel("jawOpen")] = 0.5
        parted = self.deform(weights)
        ring = self.landmarks(parted)[list(INNER_LIPS)]
        self.ways: LipWays = lip_ways(parted, self.faces, self.weld, seen[used], ring)
        near = parted[self.ways.near]
        self.near_band = np.linalg.norm(ring[None] - near[:, None], axis=2).argmin(axis=1)

    def deform(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the vertices (n, 3), cm, under expression weights (52,)."""
        return np.asarray(self.neutral + self.change(weights), np.float32)

    def change(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return by how much weights (52,) move the vertices (n, 3), cm."""
        active = np.flatnonzero(weights)
        moved = np.asarray(weights, np.float32)[active] @ self._basis[active]
        return np.asarray(moved, np.float32).reshape(-1, 3)

    def landmarks(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the 478 landmarks of vertices (n, 3)."""
        return np.asarray(np.einsum("nk,nkd->nd", self._bary, vertices[self._corners]), np.float32)

    def spread(self, residual: FloatArray) -> FloatArray:
        """Return (n, 2) steps of the vertices for (478, 2) of the landmarks, in the same unit."""
        steps = np.array(residual, np.float32)
        steps[IRISES] = np.median(steps, axis=0)  # eyeballs turn, which is no matter here
        length = np.sqrt((steps**2).sum(axis=1, keepdims=True))
        steps *= np.minimum(1.0, MAX_LIFT / np.maximum(length, 1e-9))
        mean = np.median(steps[self._use], axis=0)
        return np.asarray(mean + self._matrix @ (steps[self._use] - mean), np.float32)
