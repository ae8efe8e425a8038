"""From a picture to the face that is to move."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from talkgen.errors import InputError, NoFaceError
from talkgen.face.head import HeadModel
from talkgen.face.placed import face_from_points
from talkgen.face.quality import assess
from talkgen.io.image import as_image
from talkgen.io.points import as_points, read_points
from talkgen.protocols import FaceAnalyzer
from talkgen.types import Face, FloatArray, ImageArray, Portrait

HEAD_SIDES = 2.4
"""Side of a head crop in extents of the face's landmarks."""

MIN_SIZE, MAX_SIZE = 64, 8192
"""Longer side of the frames in pixels; H.264 goes no further."""
MIN_FACE_PX = 48
"""Longer side of the face box under which a face has too few pixels to be animated."""

MATTE_EYES_PX, MATTE_SIDE_PX = 150.0, 1280.0
"""Eye distance and longer side of the picture, in pixels, that the matte is read at."""

log = logging.getLogger("talkgen")


def load_portrait(
    analyzer: FaceAnalyzer,
    picture: Any,
    *,
    face: int | None = None,
    landmarks: Any = None,
    head: HeadModel | None = None,
) -> Portrait:
    """Return the portrait of a picture (a path, a Pillow image, an array or a `Portrait`).

    face : which face, counted from 1, largest first; None takes the largest
    landmarks : 5, 68 or 478 points of the face instead of those that `analyzer` would find: an
        array, a mapping of five names, or a file (`talkgen.io.points`); `head` bends to them
    Raises NoFaceError when there is none, when it is smaller than 48 px, or when too little is left
    of it to animate; what makes a face doubtful is said in one warning.
    """
    if isinstance(picture, Portrait):
        check_size(picture.face)
        return picture
    image = as_image(picture)
    if landmarks is not None:
        path = isinstance(landmarks, (str, os.PathLike))
        points = read_points(landmarks, face) if path else as_points(landmarks)
        model = head or HeadModel.from_pretrained()
        placed = face_from_points(points, (image.shape[1], image.shape[0]), model)
        check_size(placed)
        return Portrait(image, placed)
    faces = analyzer.analyze(image)
    height, width = image.shape[:2]
    if not faces:
        raise NoFaceError(
            f"no face found in the picture ({width} x {height} pixels); "
            "give one in which a face is seen from the front or half from the side, or `landmarks`"
        )
    chosen = choose_face(faces, face)
    check_quality(image, chosen)
    return Portrait(image, chosen, alpha=person_matte(image, chosen))


def person_matte(image: ImageArray, face: Face) -> FloatArray:
    """Return where the picture shows the person, (H, W) float32 in [0, 1]; the rest is background.

    Large pictures are read at a smaller size: the edge is soft within a pixel of that.
    """
    from talkgen.face.matte import HeadMatte

    height, width = image.shape[:2]
    factor = min(1.0, MATTE_EYES_PX / face.interocular, MATTE_SIDE_PX / max(height, width))
    if factor < 1.0:
        size = (max(2, round(width * factor)), max(2, round(height * factor)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        by = np.float32([size[0] / width, size[1] / height, factor])
        face = replace(face, landmarks=face.landmarks * by, box=face.box * np.tile(by[:2], 2))
    matte = 1.0 - HeadMatte.from_pretrained().read(image, face)[0]
    if factor < 1.0:
        matte = cv2.resize(matte, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(matte, dtype=np.float32)


def cropped(portrait: Portrait) -> Portrait:
    """Return the portrait's square about the head: `HEAD_SIDES` face extents a side, or as much as
    the picture has, an even number of pixels."""
    height, width = portrait.image.shape[:2]
    face = portrait.face
    side = int(min(HEAD_SIDES * face.size, height, width)) // 2 * 2
    x, y = (face.box[:2] + face.box[2:]) / 2 - (0, 0.08 * side)  # hair above, less neck below
    left = int(np.clip(round(x - side / 2), 0, width - side))
    top = int(np.clip(round(y - side / 2), 0, height - side))
    shift = np.array([left, top, 0], np.float32)
    moved = replace(
        face, landmarks=face.landmarks - shift, box=face.box - np.tile(shift[:2], 2)
    )  # fmt: skip
    cut = np.ascontiguousarray(portrait.image[top : top + side, left : left + side])
    alpha = portrait.alpha
    if alpha is not None:
        alpha = np.ascontiguousarray(alpha[top : top + side, left : left + side])
    return replace(portrait, image=cut, face=moved, alpha=alpha)


def prepared(renderer: Any, portrait: Portrait, size: int | None) -> Any:
    """Return the portrait ready to be drawn with `size` pixels along its longer side."""
    height, width = portrait.image.shape[:2]
    if size is None and max(height, width) > MAX_SIZE:
        raise InputError(
            f"the picture is {width} x {height} pixels, a video has at most {MAX_SIZE} a side; "
            "give a `size`"
        )
    return renderer.prepare(portrait, size=size)


def choose_face(faces: Sequence[Face], number: int | None) -> Face:
    """Return face `number` (from 1) of those found, largest first; say which of several."""
    if number is not None and not 1 <= number <= len(faces):
        count = "1 face" if len(faces) == 1 else f"{len(faces)} faces"
        raise InputError(f"`face` is {number}, but the picture shows {count}; count from 1")
    face = faces[(number or 1) - 1]
    if number is None and len(faces) > 1:
        x, y = ((face.box[:2] + face.box[2:]) / 2).round().astype(int).tolist()
        log.warning(
            "%d faces found; the largest, %.0f px at (%d, %d), is taken "
            "(`--face N` chooses, largest first)",
            len(faces), face.size, x, y,
        )  # fmt: skip
    check_size(face)
    return face


def check_quality(image: ImageArray, face: Face) -> None:
    """Raise NoFaceError for a face that cannot be animated, warn about a doubtful one."""
    quality = assess(image, face)
    if quality.verdict == "unusable":
        raise NoFaceError(quality.message)
    if quality.verdict == "doubtful":
        log.warning("%s", quality.message)


def check_size(face: Face) -> None:
    """Raise NoFaceError for a face with too few pixels."""
    if face.size < MIN_FACE_PX:
        raise NoFaceError(
            f"the face is {face.size:.0f} px, at least {MIN_FACE_PX} px are needed; "
            "give a larger or closer picture"
        )
