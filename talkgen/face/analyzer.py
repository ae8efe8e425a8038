"""Finding and reading faces in pictures and videos, with a backend chosen by name."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from typing import Any, Literal, Protocol

import cv2
import numpy as np

from talkgen.errors import InputError
from talkgen.face.region import Region, distinct, overlap, region_of
from talkgen.face.tracking import Tracker
from talkgen.types import Face, ImageArray

BackendName = Literal["embedded", "mediapipe", "face-alignment"]
BACKENDS: tuple[BackendName, ...] = ("embedded", "mediapipe", "face-alignment")

SAME_FACE = 0.5
"""Boxes that overlap more than this belong to one face."""
LEAST_SCORE = 0.62
"""Least score of a face found in a picture, presence times steadiness. Of 269 portraits one scores
less, and so do the dogs that have anything of a face; one that is followed may score less."""
STEADY = 0.9
"""Steadiness under which a face is read once more: the finder may have been off."""
TURNED_SCORE = 0.7
"""Least score of a face in a picture that had to be turned by a quarter to find any."""
TURNED_SIDE = 320
"""Longer side of the picture that is turned, pixels: lying faces are searched for roughly."""


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

    uint8 from 0 to 255, or floats from 0 to 1, which are scaled. Greyscale (H, W) or (H, W, 1) is
    spread over the three channels, a fourth channel is dropped.
    """
    array = np.asarray(image)
    if array.ndim == 4:
        raise InputError(
            f"`image` has shape {array.shape}, one picture is needed; use `analyze_batch` for more"
        )
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise InputError(f"`image` has shape {array.shape}, (height, width, 3) RGB is needed")
    if min(array.shape[:2]) < 1:
        raise InputError(f"`image` has shape {array.shape}, it holds no pixels")
    if np.issubdtype(array.dtype, np.floating):
        array = _from_unit(array)
    elif array.dtype != np.uint8:
        raise InputError(
            f"`image` holds {array.dtype} values, uint8 from 0 to 255 or floats from 0 to 1 are "
            "needed; scale and convert it first"
        )
    array = np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array[:, :, :3]
    return np.ascontiguousarray(array)


def _from_unit(array: Any) -> ImageArray:
    """Return values from 0 to 1 as uint8 from 0 to 255."""
    low, high = float(array.min()), float(array.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # NaN fails too
        raise InputError(
            f"`image` holds {array.dtype} values from {low:.3g} to {high:.3g}, floats from 0 to 1 "
            "are needed; divide by the highest value, or convert to uint8"
        )
    scaled: ImageArray = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
    return scaled


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
        """Return the faces of a picture, largest first; none: an empty list.

        image : (H, W, 3) RGB or (H, W) grey, uint8 or floats from 0 to 1

        Every face is read twice: where it was found, then on the crop that the first reading gives.
        Where none is found upright, the picture is tried lying on its sides and upside down.
        """
        return self._search(check_image(image), [], turned=True)

    def analyze_batch(self, images: Iterable[ImageArray]) -> list[list[Face]]:
        """Return the faces of each picture, as `analyze` does; no pictures: an empty list.

        images : a list of pictures of any sizes, or an array (B, H, W, 3)
        """
        if isinstance(images, np.ndarray) and images.ndim not in (1, 4) and images.size:
            raise InputError(
                f"`images` has shape {images.shape}, (number, height, width, 3) or a list of "
                "pictures is needed; use `analyze` for one"
            )
        return [self.analyze(image) for image in images]

    def _search(self, image: ImageArray, known: list[Face], *, turned: bool) -> list[Face]:
        """Return the faces that the backend finds beside the known ones, largest first.

        turned : look at the picture by quarter turns, too, if nothing is found as it is
        """
        faces = self._verified(image, self.backend.find(image), known, LEAST_SCORE)
        for quarters in (1, 3, 2) if turned and not faces and not known else ():
            faces = self._verified(image, self._lying(image, quarters), known, TURNED_SCORE)
            if faces:
                break
        return faces

    def _verified(
        self, image: ImageArray, regions: list[Region], known: list[Face], least: float
    ) -> list[Face]:
        """Return the faces that the regions hold, less the known, largest first."""
        faces: list[Face] = []
        for region in sorted(regions, key=lambda r: -r.size):
            if len(faces) == self.max_faces:
                break
            first = self.backend.read(image, region, rough=True)
            if first is None:
                continue
            face = self.backend.read(image, region_of(first.landmarks))
            steady = 0.0 if face is None else steadiness(first, face)
            if face is not None and steady < STEADY:
                again = self.backend.read(image, region_of(face.landmarks))
                steady = 0.0 if again is None else steadiness(face, again)
                face = again
            if face is None or any(overlap(face.box, o.box) > SAME_FACE for o in known):
                continue
            face = dataclasses.replace(face, score=face.score * steady)
            if face.score >= least:
                faces.append(face)
        kept = distinct([f.box for f in faces], [f.score for f in faces], SAME_FACE)
        return sorted((faces[i] for i in kept), key=lambda f: -f.size)

    def _lying(self, image: ImageArray, quarters: int) -> list[Region]:
        """Return the regions of faces that stand upright when the picture is turned by quarters
        against the clock; in pixels of the picture as it is."""
        scale = min(1.0, TURNED_SIDE / max(image.shape[:2]))
        size = [max(1, round(s * scale)) for s in image.shape[1::-1]]
        small = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        (width, height), regions = size, []
        for region in self.backend.find(np.ascontiguousarray(np.rot90(small, quarters))):
            x, y = {
                1: (width - 1 - region.y, region.x),
                2: (width - 1 - region.x, height - 1 - region.y),
                3: (region.y, height - 1 - region.x),
            }[quarters]
            x, y = (x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5
            roll = region.roll + quarters * np.pi / 2
            regions.append(Region(x, y, region.size / scale, roll, region.score))
        return regions

    def track(self, frames: Iterable[ImageArray]) -> Iterator[list[Face]]:
        """Yield the faces of each frame of a video.

        A face is followed on the crop about its last place, with no smoothing and so no lag. It
        keeps its place in the list and its `id`, which no other face of the video gets; one that
        is lost and comes back to its place within two seconds gets it back, after a cut all are
        new. The whole picture is searched at the start, after a cut, when a face is lost and every
        50 frames; new faces come after the known ones, largest first.
        """
        tracker = Tracker(self._search, self.backend.read, max_faces=self.max_faces)
        for frame in frames:
            yield tracker.step(check_image(frame))


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

