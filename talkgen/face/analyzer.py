"""Finding and reading faces in pictures and videos, with a backend chosen by name."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from typing import Any, Literal, Protocol

import numpy as np

from talkgen.errors import InputError
from talkgen.face.region import Region, distinct, overlap, region_of
from talkgen.types import Face, ImageArray

BackendName = Literal["embedded", "mediapipe", "face-alignment"]
BACKENDS: tuple[BackendName, ...] = ("embedded", "mediapipe", "face-alignment")

SAME_FACE = 0.5
"""Boxes that overlap more than this belong to one face."""
LOOK_AGAIN = 50
"""Frames of a video after which the whole picture is searched for further faces."""
CUT_LEVEL = 24.0
"""Mean change (of 255) of a coarse picture from one frame to the next that counts as a cut."""


LEAST_SCORE = 0.5
"""Least score of a face found in a picture: presence times steadiness."""


class FaceBackend(Protocol):
    """What finds and reads faces."""

    def find(self, image: ImageArray) -> list[Region]:
        """Return a region about the landmarks of each face."""

    def read(self, image: ImageArray, region: Region, *, rough: bool = False) -> Face | None:
        """Return the face at a region (where it was found or last seen), None if it is gone.

        rough : the reading only serves to cut the crop of the next one
        """


def check_image(image: Any) -> ImageArray:
    """Return a picture as contiguous (H, W, 3) uint8 RGB; raise InputError when it is not one.

    Greyscale (H, W) or (H, W, 1) is spread over the three channels, a fourth channel is dropped.
    """
    array = np.asarray(image)
    if array.dtype != np.uint8:
        raise InputError(
            f"`image` holds {array.dtype} values, uint8 from 0 to 255 is needed; "
            "scale and convert it first"
        )
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise InputError(f"`image` has shape {array.shape}, (height, width, 3) RGB is needed")
    if min(array.shape[:2]) < 1:
        raise InputError(f"`image` has shape {array.shape}, it holds no pixels")
    array = np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array[:, :, :3]
    return np.ascontiguousarray(array)


class FaceAnalyzer:
    """Turns pictures into faces.

    backend : finds regions and reads them; see `from_pretrained` for those that come along
    max_faces : the most faces that are read in a picture, largest first

        faces = FaceAnalyzer.from_pretrained().analyze(image)
        faces[0].landmarks  # (478, 3) pixels
    """

    def __init__(self, backend: FaceBackend, *, max_faces: int = 16) -> None:
        if max_faces < 1:
            raise InputError(f"`max_faces` is {max_faces}, at least 1 is needed")
        self.backend = backend
        self.max_faces = max_faces

    @classmethod
    def from_pretrained(
        cls,
        backend: str = "embedded",
        model_path: str | os.PathLike[str] | None = None,
        *,
        max_faces: int = 16,
    ) -> FaceAnalyzer:
        """Return an analyzer.

        backend : "embedded" (shipped networks), "mediapipe" (needs that package, and a task file
            that it downloads once) or "face-alignment" (needs that package and its weights)
        model_path : mediapipe: the task file; face-alignment: a weight file or the folder that
            holds it; embedded: a folder that holds `detector/` and
            `landmarks/` instead of the shipped ones
        """
        if backend == "embedded":
            from talkgen.face.embedded import EmbeddedBackend

            return cls(EmbeddedBackend.from_pretrained(model_path), max_faces=max_faces)
        if backend == "mediapipe":
            from talkgen.face.mediapipe_backend import MediaPipeBackend

            return cls(MediaPipeBackend(model_path), max_faces=max_faces)
        if backend == "face-alignment":
            from talkgen.face.face_alignment_backend import FaceAlignmentBackend

            return cls(FaceAlignmentBackend.from_pretrained(model_path), max_faces=max_faces)
        raise InputError(f"`backend` is {backend!r}, choose one of {', '.join(BACKENDS)}")

    def analyze(self, image: ImageArray) -> list[Face]:
        """Return the faces of an (H, W, 3) uint8 RGB picture, largest first; none: an empty list.

        Every face is read twice: where it was found, then on the crop that the first reading gives.
        """
        return self._search(check_image(image), [])

    def _search(self, image: ImageArray, known: list[Face]) -> list[Face]:
        """Return the faces that the backend finds beside the known ones, largest first."""
        regions = sorted(self.backend.find(image), key=lambda r: -r.size)
        faces = []
        for region in regions[: self.max_faces]:
            first = self.backend.read(image, region, rough=True)
            if first is None:
                continue
            face = self.backend.read(image, region_of(first.landmarks))
            if face is None or any(overlap(face.box, o.box) > SAME_FACE for o in known):
                continue
            face = dataclasses.replace(face, score=face.score * steadiness(first, face))
            if face.score >= LEAST_SCORE:
                faces.append(face)
        kept = distinct([f.box for f in faces], [f.score for f in faces], SAME_FACE)
        return sorted((faces[i] for i in kept), key=lambda f: -f.size)

    def track(self, frames: Iterable[ImageArray]) -> Iterator[list[Face]]:
        """Yield the faces of each frame of a video.

        A face is followed on the crop about its last place, with no smoothing and so no lag, and
        keeps its place in the list. The whole picture is searched at the start, after a cut, when a
        face is lost and every two seconds; new faces come after the known ones, largest first.
        """
        faces: list[Face] = []
        coarse = None
        since = 0
        for frame in frames:
            image = check_image(frame)
            before, coarse = coarse, _coarse(image)
            if before is not None and (
                before.shape != coarse.shape or np.abs(coarse - before).mean() > CUT_LEVEL
            ):
                faces = []
            followed = [self._follow(image, face) for face in faces]
            kept = [face for face in followed if face is not None]
            kept = [
                kept[i] for i in sorted(distinct([f.box for f in kept], [1.0] * len(kept), 0.6))
            ]
            since += 1
            if not kept or len(kept) < len(faces) or since >= LOOK_AGAIN:
                since = 0
                kept = (kept + self._search(image, kept))[: self.max_faces]
            faces = kept
            yield list(faces)

    def _follow(self, image: ImageArray, last: Face) -> Face | None:
        """Return the face where it was in the frame before, None when lost."""
        face = self.backend.read(image, region_of(last.landmarks))
        if face is None or not 0.6 < face.size / last.size < 1.6:
            return None
        moved = np.hypot(*(face.landmarks[:, :2].mean(0) - last.landmarks[:, :2].mean(0)))
        if moved > 0.12 * last.size:  # fast: the crop sat badly, read again where it is now
            face = self.backend.read(image, region_of(face.landmarks))
        return face


def steadiness(first: Face, second: Face) -> float:
    """Return how well two readings of a face agree, from 0 to 1.

    The second is read on the crop that the first gave. A face stays where it is (0.9 and more);
    what is none drifts from crop to crop.
    """
    one, two = region_of(first.landmarks), region_of(second.landmarks)
    shift = np.hypot(two.x - one.x, two.y - one.y) / one.size
    growth = np.log(two.size / one.size)
    turn = (two.roll - one.roll + np.pi) % (2 * np.pi) - np.pi
    return float(np.exp(-((shift / 0.06) ** 2) - (growth / 0.2) ** 2 - (turn / 0.25) ** 2))


def _coarse(image: ImageArray) -> Any:
    """Return about 24 x 24 grey values of a picture, enough to see a cut."""
    height, width = image.shape[:2]
    rows = np.linspace(0, height - 1, 24).astype(int)
    columns = np.linspace(0, width - 1, 24).astype(int)
    return image[np.ix_(rows, columns)].mean(axis=2)
