"""What one rendered picture is to show: a person, a face, a pose, a camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkgen.face.rotation import rotation_matrix
from talkgen.synthetic.expressions import random_expression, with_eyes
from talkgen.synthetic.hair import HairStyle, random_style
from talkgen.synthetic.skins import Skin
from talkgen.types import FloatArray

FACE_CM = 7.5
"""From the head's origin, between the ears, forwards to the middle of the face."""

FACE_HEIGHT_CM = 17.0
"""From the forehead to the chin."""

MOST_YAW, MOST_PITCH, MOST_ROLL = np.radians([90.0, 35.0, 45.0])


@dataclass(frozen=True, eq=False)
class HeadPerson:
    """One invented person.

    identity : (S,) float32; hair : None when bald; `eyes` seeds the irises
    tint : (3,) gains of the skin's colour
    """

    name: str
    skin: Skin
    identity: FloatArray
    hair: HairStyle | None
    hair_color: FloatArray
    eyes: int
    tint: FloatArray
    teeth: FloatArray


@dataclass(frozen=True, eq=False)
class Camera:
    """Where the head is seen from.

    scale : pixels a cm at the depth of the head's origin; distance : cm from the lens to there
    axis : (2,) cm in the camera's axes from the head's origin to where the lens points, the middle
        of the face, so that a rotation is what it looks like
    center : (2,) share of the picture's side where that is seen
    """

    scale: float
    center: FloatArray
    distance: float
    axis: FloatArray

    def project(self, points: FloatArray, side: int) -> FloatArray:
        """Return (N, 3) pixels and depth in pixels of points (N, 3), cm, camera axes."""
        nearer = (self.distance / (self.distance + points[:, 2:])).astype(np.float32)
        out = points * np.float32(self.scale)
        out[:, :2] = (out[:, :2] - self.axis * self.scale) * nearer + self.center * side - 0.5
        return np.asarray(out, np.float32)


def random_person(
    skin: Skin, number: int, num_identity: int, rng: np.random.Generator
) -> HeadPerson:
    """Return a person with that skin; half of them keep its own shape of face, about."""
    own = rng.random() < 0.5
    if own:
        identity = 0.85 * skin.identity + rng.normal(0, 0.35, num_identity)
    else:
        identity = rng.normal(0, 0.85, num_identity)
    identity = np.clip(identity, -2.6, 2.6).astype(np.float32)
    color = skin.hair
    if skin.bald or rng.random() < 0.3:
        usual = np.float32(
            [[26, 22, 20], [52, 38, 28], [84, 58, 38], [128, 92, 58], [178, 146, 102],
             [112, 56, 30], [150, 146, 142], [205, 202, 198], [70, 66, 64]]
        )  # fmt: skip
        color = usual[rng.integers(len(usual))] * rng.uniform(0.8, 1.2)
    style = random_style(rng, skin.bald)
    if style is not None and style.cloth:
        color = rng.uniform(15, 235, 3) * 0.5 + rng.uniform(10, 120)
    tone = np.exp(rng.normal(0, 0.13)) * (1 + rng.normal(0, 0.025, 3))
    teeth = np.float32([222, 212, 192]) * rng.uniform(0.75, 1.08)
    teeth = teeth * np.float32([1, rng.uniform(0.95, 1.0), rng.uniform(0.82, 1.02)])
    return HeadPerson(
        f"{skin.person}#{number}", skin, identity, style, np.clip(color, 8, 235).astype(np.float32),
        int(rng.integers(1 << 30)), tone.astype(np.float32), teeth.astype(np.float32),
    )  # fmt: skip


def random_rotation(rng: np.random.Generator) -> FloatArray:
    """Return (pitch, yaw, roll): yaw to 90, pitch to 35, roll to 45 degrees, more of the small."""
    kind = rng.random()
    if kind < 0.40:
        yaw = rng.normal(0, np.radians(20))
    elif kind < 0.74:
        yaw = rng.uniform(-1, 1) * np.radians(50)
    else:
        yaw = rng.uniform(-1, 1) * MOST_YAW
    pitch = rng.normal(np.radians(1), np.radians(12))
    roll = rng.normal(0, np.radians(9))
    if rng.random() < 0.2:
        roll = rng.uniform(-MOST_ROLL, MOST_ROLL)
    limits = np.array([MOST_PITCH, MOST_YAW, MOST_ROLL])
    return np.clip([pitch, yaw, roll], -limits, limits).astype(np.float32)


def random_face(rng: np.random.Generator) -> FloatArray:
    """Return expression weights (52,) with gaze and blinks."""
    return with_eyes(random_expression(rng), rng)


def face_axis(rotation: FloatArray) -> FloatArray:
    """Return (2,) cm from the head's origin to the middle of the face, across the camera's axes."""
    return rotation_matrix(rotation)[:2, 2] * np.float32(-FACE_CM)


def random_camera(rng: np.random.Generator, side: int, rotation: FloatArray) -> Camera:
    """Return a camera in which the face fills 40 to 68 percent of the picture's height."""
    scale = rng.uniform(0.40, 0.68) * side / FACE_HEIGHT_CM
    distance = float(np.exp(rng.uniform(np.log(40), np.log(260))))
    center = 0.5 + rng.normal(0, 0.035, 2)
    # The head's back counts too: a profile is laid about the ear rather than the cheek.
    center = center.astype(np.float32) + 0.25 * face_axis(rotation) * np.float32(scale / side)
    return Camera(float(scale), center, distance, face_axis(rotation))
