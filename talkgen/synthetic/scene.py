"""What one rendered picture is to show: a person, a face, a pose, a camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkgen.synthetic.expressions import random_expression, with_eyes
from talkgen.synthetic.hair import HairStyle, random_style
from talkgen.synthetic.skins import Skin
from talkgen.types import FloatArray

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
    """scale : pixels a cm at the head's origin; center : (2,) share of the picture's side where
    that lies; distance : cm from the lens, to which the optical axis points"""

    scale: float
    center: FloatArray
    distance: float

    def project(self, points: FloatArray, side: int) -> FloatArray:
        """Return (N, 3) pixels and depth in pixels of points (N, 3), cm, camera axes."""
        nearer = (self.distance / (self.distance + points[:, 2:])).astype(np.float32)
        out = points * np.float32(self.scale)
        out[:, :2] = out[:, :2] * nearer + self.center * side - 0.5
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
    if kind < 0.45:
        yaw = rng.normal(0, np.radians(20))
    elif kind < 0.82:
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


def random_camera(rng: np.random.Generator, side: int, rotation: FloatArray) -> Camera:
    """Return a camera in which the face fills 40 to 68 percent of the picture's height."""
    tall = 17.0  # cm from forehead to chin
    scale = rng.uniform(0.40, 0.68) * side / tall
    distance = float(np.exp(rng.uniform(np.log(38), np.log(260))))
    # The face's middle in the camera's axes, about the ears, is what the frame is laid about.
    pitch, yaw, roll = rotation
    ahead = 7.0
    x = -ahead * np.sin(yaw)
    y = ahead * np.sin(pitch) * np.cos(yaw)
    x, y = np.cos(roll) * x - np.sin(roll) * y, np.sin(roll) * x + np.cos(roll) * y
    shift = np.array([x, y]) * scale / side
    center = 0.5 - shift + rng.normal(0, 0.035, 2)
    return Camera(float(scale), center.astype(np.float32), distance)
