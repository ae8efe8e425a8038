"""Our 3D head: one mesh, how people differ, how faces move, and where the 478 landmarks lie on it.

Axes as in pictures: x right, y down, z away from the viewer; centimetres; the origin is midway
between the ear canals, about the joint on which a head turns. Left is the subject's left (+x).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen import hub, modeling
from talkgen.errors import CheckpointError
from talkgen.types import MOTION_CHANNELS, FloatArray

PARTS = (
    "skin", "lips", "eyeball_left", "eyeball_right", "teeth_upper", "teeth_lower",
    "gums_upper", "gums_lower", "tongue", "mouth_wall",
)  # fmt: skip
"""What a triangle is a part of. mouth_wall is the bag behind the lips and behind the eyeballs."""

_LOOKS = np.array(
    [[MOTION_CHANNELS.index(f"eyeLook{way}{side}") for way in ("Out", "In", "Up", "Down")]
     for side in ("Left", "Right")]
)  # fmt: skip
LEFT_CHANNELS = tuple(i for i, name in enumerate(MOTION_CHANNELS) if name.endswith("Left"))
RIGHT_CHANNELS = tuple(
    MOTION_CHANNELS.index(MOTION_CHANNELS[i].removesuffix("Left") + "Right") for i in LEFT_CHANNELS
)
MIDDLE_CHANNELS = tuple(
    i for i in range(len(MOTION_CHANNELS)) if i not in LEFT_CHANNELS + RIGHT_CHANNELS
)
"""Channels with a partner on the other side, those partners in the same order, and the rest."""


@dataclass(frozen=True)
class HeadConfig(modeling.Config):
    """num_identity: modes; eye_turn: radians an eyeball turns at eyeLook weight 1."""

    num_identity: int = 50
    eye_turn: float = 0.5
    iris_radius: float = 0.59


class HeadModel:
    """The head as plain arrays.

    vertices : (V, 3) float32, cm, the mean neutral head with shut lips
    faces : (F, 3) int32, corners counter-clockwise in a picture when seen from outside, so that
        cross(b - a, c - a) points out of the head (negative area in pixels, y down)
    uv : (V, 2) float32 in [0, 1], v down; u -> 1 - u on the mirrored side; seams double vertices
    part : (F,) uint8, index into `PARTS`
    mirror : (V,) int32, the vertex on the other side
    weld : (V,) int32, the first of the vertices that share a place (seams), for smooth normals
    identity_basis : (S, V, 3) float32 for coefficients of unit variance
    expression_basis : (52, V, 3) float32 in `MOTION_CHANNELS` order; lids only for eyeLook*
    landmark_faces : (478, 3) int32 vertices and landmark_bary : (478, 3) float32 of the landmarks
    landmark_weight : (478,) float32, low on the contour, which slides with the view
    """

    def __init__(self, config: HeadConfig, arrays: dict[str, NDArray[Any]]) -> None:
        self.config = config
        mirror = arrays["mirror"].astype(np.int32)
        left = len(arrays["vertices"])
        flip = np.array([-1, 1, 1], np.float32)
        self.mirror = mirror
        self._left = left

        def both(half: NDArray[Any]) -> FloatArray:
            right = half[..., mirror[left:], :] * flip[: half.shape[-1]]
            return np.ascontiguousarray(np.concatenate([half, right], axis=-2), dtype=np.float32)

        self.vertices = both(arrays["vertices"].astype(np.float32))
        uv = arrays["uv"].astype(np.float32)
        self.uv = np.concatenate([uv, uv[mirror[left:]] * [-1, 1] + [1, 0]]).astype(np.float32)
        self.faces = arrays["faces"].astype(np.int32)
        self.part = arrays["part"].astype(np.uint8)
        self.weld = arrays["weld"].astype(np.int32)
        self.identity_basis = both(_dequantize(arrays, "identity"))
        own = _dequantize(arrays, "expression_left")
        shared = both(_dequantize(arrays, "expression_both"))
        self.expression_basis = np.zeros((len(MOTION_CHANNELS), len(mirror), 3), np.float32)
        self.expression_basis[list(LEFT_CHANNELS)] = own
        self.expression_basis[list(RIGHT_CHANNELS)] = own[:, mirror] * flip
        self.expression_basis[list(MIDDLE_CHANNELS)] = shared
        self.landmark_faces = arrays["landmark_faces"].astype(np.int32)
        self.landmark_bary = arrays["landmark_bary"].astype(np.float32)
        self.landmark_weight = arrays["landmark_weight"].astype(np.float32)
        self._eye_vertices = [
            np.unique(self.faces[self.part == PARTS.index(name)])
            for name in ("eyeball_left", "eyeball_right")
        ]
        self._eye_weights = [_center_weights(self.vertices[v]) for v in self._eye_vertices]
        self._flat_expression = self.expression_basis.reshape(len(MOTION_CHANNELS), -1)
        self._flat_identity = self.identity_basis.reshape(config.num_identity, -1)

    @classmethod
    def from_pretrained(cls, name_or_path: str | os.PathLike[str] = "head") -> HeadModel:
        """Return the head of a folder or of a shipped name."""
        folder = hub.resolve(name_or_path)
        values = modeling.load_config(folder)
        if values.get("_class") != cls.__name__:
            raise CheckpointError(f"{folder} holds a {values.get('_class')}, a HeadModel is needed")
        return cls(HeadConfig.from_dict(values), modeling.load_arrays(folder))

    @property
    def num_identity(self) -> int:
        """Number of identity coefficients, S."""
        return self.config.num_identity

    @cached_property
    def eye_centers(self) -> FloatArray:
        """Centres (2, 3) of the left and the right eyeball of the mean head."""
        return self.eye_centers_of(self.vertices)

    @cached_property
    def interocular(self) -> float:
        """Distance of the outer eye corners (landmarks 33, 263) of the mean head, cm."""
        return self.interocular_of(self.vertices)

    def interocular_of(self, neutral: FloatArray) -> float:
        """Return the distance of the outer eye corners of a neutral head, cm."""
        corners = [self.landmark_bary[i] @ neutral[self.landmark_faces[i]] for i in (33, 263)]
        return float(np.linalg.norm(corners[0] - corners[1]))

    def eye_centers_of(self, vertices: FloatArray) -> FloatArray:
        """Return the centres (2, 3) of the eyeballs of a head."""
        pairs = zip(self._eye_weights, self._eye_vertices, strict=True)
        return np.stack([w @ vertices[v] for w, v in pairs]).astype(np.float32)

    def neutral(self, identity: FloatArray | None = None) -> FloatArray:
        """Return the neutral head (V, 3) of identity coefficients (S,), missing ones being 0."""
        if identity is None:
            return self.vertices.copy()
        identity = np.asarray(identity, np.float32)[: self.num_identity]
        moved = identity @ self._flat_identity[: len(identity)]
        return self.vertices + moved.reshape(-1, 3)

    def deform(self, neutral: FloatArray, weights: FloatArray) -> FloatArray:
        """Return `neutral` (V, 3) with an expression (52,), eyeballs turned about their centres."""
        weights = np.asarray(weights, np.float32)
        active = np.flatnonzero(weights)
        out = neutral + (weights[active] @ self._flat_expression[active]).reshape(-1, 3)
        for turn, center, rows in zip(
            self.eye_rotations(weights), self.eye_centers_of(neutral), self._eye_vertices,
            strict=True,
        ):  # fmt: skip
            out[rows] = (neutral[rows] - center) @ turn.T + center
        return np.asarray(out, np.float32)

    def eye_rotations(self, weights: FloatArray) -> FloatArray:
        """Return the rotations (2, 3, 3) of the left and the right eyeball."""
        out, in_, up, down = np.asarray(weights, np.float32)[_LOOKS].T
        yaw = -self.config.eye_turn * (out - in_) * np.array([1, -1], np.float32)
        pitch = self.config.eye_turn * (down - up)
        turns = np.zeros((2, 3, 3), np.float32)
        for k in range(2):
            cy, sy, cp, sp = np.cos(yaw[k]), np.sin(yaw[k]), np.cos(pitch[k]), np.sin(pitch[k])
            turns[k] = [[cy, sy * sp, sy * cp], [0, cp, -sp], [-sy, cy * sp, cy * cp]]
        return turns

    def landmarks(self, vertices: FloatArray) -> FloatArray:
        """Return the 478 landmarks (478, 3) of a head, in MediaPipe's order."""
        corners = vertices[self.landmark_faces]
        return np.asarray(np.einsum("nk,nkd->nd", self.landmark_bary, corners), np.float32)


def quantize(values: NDArray[Any]) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Return modes (M, ...) as int16 and the step (M,) of each."""
    step = np.abs(values).reshape(len(values), -1).max(axis=1) / 32767
    step = np.maximum(step, 1e-9)
    whole = np.round(values / step.reshape(-1, *[1] * (values.ndim - 1)))
    return whole.astype(np.int16), step.astype(np.float32)


def _dequantize(arrays: dict[str, NDArray[Any]], name: str) -> FloatArray:
    whole, step = arrays[name], arrays[f"{name}_step"].astype(np.float32)
    return np.asarray(whole * step.reshape(-1, *[1] * (whole.ndim - 1)), np.float32)


def _center_weights(sphere: FloatArray) -> FloatArray:
    """Return weights that turn vertices of a sphere into its centre, whatever its size."""
    points = sphere.astype(np.float64)
    a = np.concatenate([2 * points, np.ones((len(points), 1))], axis=1)
    center = np.linalg.lstsq(a, (points**2).sum(axis=1), rcond=None)[0][:3]
    direction = points - center
    rows = np.concatenate([direction.T, np.ones((1, len(points)))])
    return np.asarray(np.linalg.pinv(rows) @ [0, 0, 0, 1.0], np.float32)
