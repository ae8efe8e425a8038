"""What in the picture an expression was read from, laid over the face.

    found = explain(FERCritic.from_pretrained(), "portrait.jpg")
    found.emotion, found.agreement      # "happy", 2.1: denser in the smile's units than elsewhere
    found.picture                       # (H, W, 3) uint8 RGB with the heat over it

The map is of the picture's share in the decision: the landmarks, which the critic reads too, stay
as they are while parts of the picture are weighed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkgen.critic.expression_view import (
    NET_SIDE,
    as_input,
    expression_region,
    grey_crop,
    level_points,
)
from talkgen.critic.heat import Net, heat
from talkgen.critic.regions import agreement, emotion_region, face_region, painted
from talkgen.critic.tight import face_of
from talkgen.errors import InputError, NoFaceError
from talkgen.face.region import crop_matrix
from talkgen.io.image import as_image
from talkgen.types import EMOTIONS, Face, FloatArray, ImageArray

NEUTRAL = EMOTIONS[0]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where an emotion was read.

    emotion : of `EMOTIONS`; heat : (96, 96) in [0, 1] on the critic's crop
    region : (96, 96) where the emotion's action units show (neutral has none); face : the face
    agreement : density of the heat in that region over its density in the face; 1 is chance, NaN
        for neutral
    picture : (H, W, 3) uint8 RGB, the picture under the heat
    """

    emotion: str
    heat: FloatArray
    region: NDArray[np.bool_]
    face: NDArray[np.bool_]
    agreement: float
    picture: ImageArray


def explain(
    critic: Any, image: Any, face: Face | None = None, emotion: str | None = None
) -> Explanation:
    """Return where an `FERCritic` read an emotion.

    image : a path, a Pillow image or an array (H, W, 3); face : where it is known
    emotion : None: the most probable one
    Raises NoFaceError where no face is seen.
    """
    if emotion is not None and emotion not in EMOTIONS:
        raise InputError(f"`emotion` is {emotion!r}, possible are {', '.join(EMOTIONS)}")
    picture = as_image(image)
    if face is None:
        found = face_of(critic.analyzer, picture)
        if found is None:
            raise NoFaceError("no face found in the picture; give one that is seen from the front")
        picture, face = found
    if emotion is None:
        emotion = EMOTIONS[int(critic.read([picture], [face]).emotions[0].argmax())]
    (crop,) = seen_crops([picture], [face])
    (warm,) = heat(decision(critic.net, [face]), crop[None], np.array([EMOTIONS.index(emotion)]))
    region, whole = places(emotion, face)
    return Explanation(
        emotion, warm, region, whole,
        float("nan") if emotion == NEUTRAL else agreement(warm, region, whole),
        over_picture(picture, warm, face),
    )  # fmt: skip


def decision(net: Any, faces: Sequence[Face]) -> Net:
    """Return crops (B, 1, 96, 96) to logits (B, 8) of an `ExpressionNet`, for these B faces.

    Landmarks and scores are those of the faces, whatever the crops show.
    """
    points = level_points(np.stack([face.landmarks for face in faces]))
    scores = torch.from_numpy(np.stack([face.scores for face in faces]).astype(np.float32))

    def logits(crops: Tensor) -> Tensor:
        out: Tensor = net(crops, points, scores).logits
        return out

    return logits


def seen_crops(images: Sequence[ImageArray], faces: Sequence[Face]) -> FloatArray:
    """Return (N, 1, 96, 96) float32 what the network sees of pictures and the face of each."""
    crops = np.stack([grey_crop(i, f.landmarks) for i, f in zip(images, faces, strict=True)])
    return np.asarray(as_input(crops).numpy(), np.float32)


def crop_points(face: Face) -> FloatArray:
    """Return (478, 2) float64 landmarks in pixels of the crop."""
    matrix = np.asarray(crop_matrix(expression_region(face.landmarks), NET_SIDE), np.float64)
    flat = np.asarray(face.landmarks, np.float64)[:, :2]
    return np.asarray((flat - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T)


def places(emotion: str, face: Face) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return (96, 96) where an emotion's action units show in the crop, and where the face is."""
    points = crop_points(face)
    return emotion_region(emotion, points, NET_SIDE), face_region(points, NET_SIDE)


def over_picture(picture: ImageArray, warm: FloatArray, face: Face) -> ImageArray:
    """Return the picture under a map (96, 96) of the crop, outside of which nothing is laid."""
    matrix = crop_matrix(expression_region(face.landmarks), NET_SIDE)
    size = (picture.shape[1], picture.shape[0])
    spread = cv2.warpAffine(warm, np.asarray(matrix), size, flags=cv2.INTER_LINEAR)
    return painted(picture, np.asarray(spread, np.float32))
