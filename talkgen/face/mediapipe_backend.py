"""Face reading by the MediaPipe Face Landmarker, for those who have the package and its task file.

It is also the teacher of the embedded networks. It always reads single pictures (its video mode
lags by 1.4 to 2.2 % of the inter-ocular distance), and reads each face a second time on an upright
crop in which small faces are enlarged.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from talkgen import hub
from talkgen.errors import InputError, MissingDependencyError
from talkgen.face.region import Region, box_of, cut, distinct, region_of, to_picture
from talkgen.types import MOTION_CHANNELS, Face, FloatArray, ImageArray

log = logging.getLogger(__name__)

TASK_NAME = "face_landmarker.task"
TASK_URL = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
    + TASK_NAME
)
TASK_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
"""The task file (3.8 MB, Apache-2.0) as Google publishes it, version 1."""
CROP_SIDE = 448
"""Pixels of the upright crop; the face fills half of it, about 140 px between the outer corners."""
CROP_MARGIN = 2.0
LONGEST_SIDE = 1536
"""Larger pictures are shrunk to this for the first look."""
FLIP_YZ = np.diag([1.0, -1.0, -1.0])
"""From MediaPipe's axes (y up, z towards the viewer) to ours."""


def find_task(model_path: str | os.PathLike[str] | None = None) -> Path:
    """Return the task file: the given one, `TALKGEN_DATA`/models, or the user's cache.

    Nothing is downloaded; `get_task` does that.
    """
    if model_path is not None:
        if not Path(model_path).is_file():
            raise InputError(f"`model_path` is {os.fspath(model_path)!r}, no such file")
        return Path(model_path)
    places = [hub.user_cache() / "models" / TASK_NAME]
    if data := os.environ.get("TALKGEN_DATA"):
        places.insert(0, Path(data) / "models" / TASK_NAME)
    for place in places:
        if place.is_file():
            return place
    raise MissingDependencyError(
        f"the mediapipe backend needs {TASK_NAME}; give its path as `model_path` or put it at "
        f"{places[-1]} (or use the embedded backend, which needs nothing)"
    )


def get_task() -> Path:
    """Return the task file as `find_task` does; where there is none, download it to the user's
    cache. Offline: MissingDependencyError, one line that says where to put it."""
    try:
        return find_task()
    except MissingDependencyError:
        path = hub.user_cache() / "models" / TASK_NAME
        log.warning("downloading %s (3.8 MB) to %s", TASK_URL, path)
        return hub.download(TASK_URL, path, TASK_SHA256)


def rotation_angles(matrix: FloatArray) -> FloatArray:
    """Return (pitch, yaw, roll) in radians of a (3, 3) rotation Rz(roll) Ry(yaw) Rx(pitch)."""
    pitch = np.arctan2(matrix[2, 1], matrix[2, 2])
    yaw = -np.arcsin(np.clip(matrix[2, 0], -1.0, 1.0))
    roll = np.arctan2(matrix[1, 0], matrix[0, 0])
    return np.array([pitch, yaw, roll], np.float32)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Drop what native code writes to standard error meanwhile (its start-up chatter)."""
    try:
        sys.stderr.flush()
        saved = os.dup(2)
        null = os.open(os.devnull, os.O_WRONLY)
    except (OSError, ValueError):  # no standard error at all
        yield
        return
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(null)
        os.close(saved)


class MediaPipeBackend:
    """Finds and reads faces with the Face Landmarker task."""

    def __init__(
        self, model_path: str | os.PathLike[str] | None = None, *, max_faces: int = 8
    ) -> None:
        given = None if model_path is None else find_task(model_path)
        os.environ.setdefault("GLOG_minloglevel", "2")
        try:
            with _quiet():
                import mediapipe as mp
                from mediapipe.tasks.python import BaseOptions, vision
        except ImportError as error:
            raise MissingDependencyError(
                "the mediapipe backend needs the package mediapipe: "
                'pip install "talkgen[mediapipe]" (or use the embedded backend)'
            ) from error
        path = given or get_task()
        self._mp: Any = mp
        with _quiet():
            try:
                self._whole, self._single = (
                    vision.FaceLandmarker.create_from_options(
                        vision.FaceLandmarkerOptions(
                            base_options=BaseOptions(model_asset_path=str(path)),
                            output_face_blendshapes=True,
                            output_facial_transformation_matrixes=True,
                            num_faces=count,
                        )
                    )
                    for count in (max_faces, 2)
                )
            except (RuntimeError, ValueError) as error:
                raise InputError(
                    f"`model_path` {str(path)!r} is no face landmarker task file; "
                    "restore or replace it"
                ) from error
            blank = np.zeros((64, 64, 3), np.uint8)  # the first call chatters too
            self._detect(self._whole, blank)
        # The landmarker's own __del__ fails at interpreter exit; finalize runs before that.
        self._closer = weakref.finalize(self, _close, (self._whole, self._single))

    def close(self) -> None:
        """Give the native resources back; the backend cannot be used afterwards."""
        self._closer()

    def _detect(self, task: Any, image: ImageArray) -> list[Face]:
        """Return what the task finds in a picture."""
        height, width = image.shape[:2]
        picture = self._mp.Image(
            image_format=self._mp.ImageFormat.SRGB, data=np.ascontiguousarray(image)
        )
        result = task.detect(picture)
        faces = []
        for points, shapes, matrix in zip(
            result.face_landmarks,
            result.face_blendshapes,
            result.facial_transformation_matrixes,
            strict=True,
        ):
            landmarks = np.array([(p.x, p.y, p.z) for p in points], np.float32)
            landmarks *= (width, height, width)
            landmarks[:, :2] -= 0.5  # pixel centres at whole numbers
            by_name = {shape.category_name: shape.score for shape in shapes}
            linear = FLIP_YZ @ np.asarray(matrix, np.float64)[:3, :3] @ FLIP_YZ
            faces.append(
                Face(
                    landmarks=landmarks,
                    box=box_of(landmarks),
                    scores=np.array([by_name.get(c, 0.0) for c in MOTION_CHANNELS], np.float32),
                    rotation=rotation_angles(linear / np.cbrt(np.linalg.det(linear))),
                )
            )
        return faces

    def find(self, image: ImageArray) -> list[Region]:
        """Return the regions of the faces: looked for in the whole, with a rim, then in tiles."""
        height, width = image.shape[:2]
        side = max(height, width)
        whole = Region((width - 1) / 2, (height - 1) / 2, side)
        regions = self._find_in(image, [whole], min(side, LONGEST_SIDE))
        if not regions:
            regions = self._find_in(image, [whole.scaled(1.8)], 512)
        if not regions and side >= 256:
            half = side / 2
            steps = [-half / 2, 0.0, half / 2]
            tiles = [
                Region(whole.x + dx, whole.y + dy, half)
                for dx in steps
                for dy in steps
                if abs(dx) < width / 2 and abs(dy) < height / 2
            ]
            regions = self._find_in(image, tiles, 640)
        return regions

    def _find_in(self, image: ImageArray, tiles: list[Region], side: int) -> list[Region]:
        found = []
        for tile in tiles:
            crop, matrix = cut(image, tile, side)
            found += [to_picture(f.landmarks, matrix) for f in self._detect(self._whole, crop)]
        kept = distinct([box_of(p) for p in found], [1.0] * len(found), 0.4)
        return [region_of(found[i]) for i in kept]

    def read(self, image: ImageArray, region: Region, *, rough: bool = False) -> Face | None:
        """Return the face at `region`, read on an upright crop; None when it is not there."""
        del rough  # the task knows one way of reading
        crop, matrix = cut(image, region.scaled(CROP_MARGIN), CROP_SIDE)
        faces = self._detect(self._single, crop)
        if not faces:
            return None
        middle = (CROP_SIDE - 1) / 2
        face = min(faces, key=lambda f: float(np.hypot(*(f.landmarks[:, :2].mean(0) - middle))))
        if np.hypot(*(face.landmarks[:, :2].mean(0) - middle)) > CROP_SIDE / 4:
            return None  # another face at the rim
        landmarks = to_picture(face.landmarks, matrix)
        rotation = face.rotation + np.array([0.0, 0.0, region.roll], np.float32)
        rotation[2] = (rotation[2] + np.pi) % (2 * np.pi) - np.pi
        return Face(landmarks, box_of(landmarks), face.scores, rotation, face.score)


def _close(tasks: tuple[Any, ...]) -> None:
    for task in tasks:
        with contextlib.suppress(Exception):  # closing at exit must never be heard
            task.close()
        task._handle = None  # so that its __del__ does not try again
