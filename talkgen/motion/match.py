"""Whose track is this? The identity under which a portrait is a frame of a track.

A csv keeps the motion of a clip but not the shape of its head. Where a portrait may be a frame of
that clip, the shape follows from it: for the true frame there is an identity with which the track's
weights and pose give the portrait's own landmarks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from talkgen.face.fit import FOCAL_SIDES, HeadFit, to_camera
from talkgen.face.head import HeadModel
from talkgen.types import FloatArray, Motion

NEAR_ROTATION, NEAR_PLACE = 0.12, 0.15  # rad; inter-ocular distances, relative scale
MAX_FRAMES = 80
NOISE = 0.008
"""Expected misfit in inter-ocular distances against identity coefficients of size one."""
SAME_ERROR = 0.02
"""Misfit of the landmarks, in inter-ocular distances, under which the portrait is the frame."""


class Match(NamedTuple):
    """A frame of a track, the identity that makes it the portrait, and the misfit that is left."""

    frame: int
    identity: FloatArray
    error: float


def match_portrait(
    head: HeadModel,
    fit: HeadFit,
    landmarks: FloatArray,
    frame_size: tuple[int, int],
    motion: Motion,
) -> Match | None:
    """Return the frame of a "camera" motion that a portrait is, or None.

    fit, landmarks (478, 3), frame_size : the portrait's, in pixels
    """
    frames = _near(motion, fit, to_camera(fit, head, frame_size))
    if not len(frames):
        return None
    solve = _Solver(head, np.asarray(landmarks[:, :2], dtype=np.float64), frame_size)
    best = min((solve(motion, int(frame)) for frame in frames), key=lambda match: match.error)
    return best if best.error < SAME_ERROR else None


def _near(motion: Motion, fit: HeadFit, place: FloatArray) -> FloatArray:
    """Return the indices of the frames whose pose is about the portrait's, nearest first."""
    turn = np.abs(motion.rotation - np.asarray(fit.rotation)).max(axis=1) / NEAR_ROTATION
    step = np.abs(motion.translation[:, :2] - place[:2]).max(axis=1) / NEAR_PLACE
    size = np.abs(np.log(np.maximum(motion.translation[:, 2], 1e-6) / place[2])) / NEAR_PLACE
    face = np.square(motion.blendshapes - np.asarray(fit.weights)).sum(axis=1)
    near = np.flatnonzero((turn < 1) & (step < 1) & (size < 1))
    cost = turn**2 + step**2 + size**2 + face
    return near[np.argsort(cost[near])][:MAX_FRAMES]


class _Solver:
    """Solves the identity of one portrait for one frame after another."""

    def __init__(self, head: HeadModel, points: FloatArray, frame_size: tuple[int, int]) -> None:
        self.head = head
        self.points = points
        self.frame_size = frame_size
        self.mean = head.neutral(None)
        corners = np.asarray(head.identity_basis)[:, head.landmark_faces]
        self.basis = np.einsum("snkd,nk->snd", corners, head.landmark_bary)  # (S, 478, 3)
        self.weight = np.sqrt(head.landmark_weight).astype(np.float64)[:, None]

    def __call__(self, motion: Motion, frame: int) -> Match:
        width, height = self.frame_size
        x, y, z = (float(v) for v in motion.translation[frame])
        iod = FOCAL_SIDES * max(width, height) / z  # pixels
        turn = Rotation.from_euler("xyz", motion.rotation[frame]).as_matrix()[:2]
        origin = np.array([x * iod + width / 2, y * iod + height / 2])
        face = self.head.landmarks(self.head.deform(self.mean, motion.blendshapes[frame]))
        fixed = face @ turn.T
        moving = self.basis @ turn.T  # (S, 478, 2)
        identity = np.zeros(len(self.basis))
        left = np.zeros_like(self.points)
        for _ in range(3):  # the scale hangs on the identity's own inter-ocular distance
            neutral = self.head.neutral(identity.astype(np.float32))
            scale = iod / self.head.interocular_of(neutral)
            goal = (self.points - origin) / scale - fixed
            rows = (moving * self.weight).reshape(len(moving), -1).T
            prior = NOISE * iod / scale * np.sqrt(self.weight.mean())
            identity = np.linalg.solve(
                rows.T @ rows + prior**2 * np.eye(rows.shape[1]),
                rows.T @ (goal * self.weight).ravel(),
            )
            left = (goal - np.tensordot(identity, moving, 1)) * scale / iod
        error = np.sqrt(np.average((left**2).sum(1), weights=self.weight[:, 0] ** 2))
        return Match(frame, identity.astype(np.float32), float(error))
