"""Following faces through a video: on the crop of the frame before, with names that stay."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from talkgen.face.region import distinct, region_of
from talkgen.types import Face, ImageArray

LOOK_AGAIN = 50
"""Frames after which the whole picture is searched for further faces when all is well."""
LOOK_FOR_LOST = 5
"""Frames between the searches for a face that was lost while others are still followed."""
REMEMBERED = 50
"""Frames for which a lost face keeps its id for when it comes back to its place."""
CUT_LEVEL = 24.0
"""Mean change (of 255) of a coarse picture from one frame to the next that may be a cut."""
ALIKE = 0.9
"""Correlation of coarse pictures from which on such a change is one of light, no cut."""
STILL_LEVEL = 1.0
"""Mean change under which a frame shows what the frame before did."""

Read = Callable[[ImageArray, Any], Face | None]
Search = Callable[..., list[Face]]


class Tracker:
    """The faces of one video, frame by frame.

    search : (image, known, turned=) -> the faces that are not among the known
    read : (image, region) -> the face there, None if it is gone
    """

    def __init__(self, search: Search, read: Read, *, max_faces: int) -> None:
        self._search = search
        self._read = read
        self._max_faces = max_faces
        self._faces: list[Face] = []
        self._lost: list[tuple[Face, int]] = []  # and the frame in which it was not seen
        self._next_id = 0
        self._shape: tuple[int, ...] = ()
        self._coarse: Any = None
        self._frame = -1
        self._searched = 0
        self._turned = -LOOK_AGAIN  # when turned pictures were last tried

    def step(self, image: ImageArray) -> list[Face]:
        """Return the faces of the next frame (H, W, 3) uint8; known ones keep place and id."""
        self._frame += 1
        cut, still = self._changes(image)
        if cut:
            self._faces, self._lost = [], []
            self._turned = -LOOK_AGAIN
        followed = [(face, self._follow(image, face)) for face in self._faces]
        kept = [face for _, face in followed if face is not None]
        apart = distinct([f.box for f in kept], [1.0] * len(kept), 0.6)
        kept = [kept[i] for i in sorted(apart)]
        here = {face.id for face in kept}
        gone = [face for face in self._faces if face.id not in here]
        self._lost = [(f, n) for f, n in self._lost if self._frame - n <= REMEMBERED]
        self._lost += [(face, self._frame) for face in gone]
        if self._due(kept, still=still, loss=bool(gone)):
            kept += self._found(image, kept)
        self._faces = kept
        return list(kept)

    def _due(self, kept: list[Face], *, still: bool, loss: bool) -> bool:
        """Whether the whole picture is to be searched in this frame."""
        since = self._frame - self._searched
        if self._frame == 0 or loss or since >= LOOK_AGAIN:
            return True
        if not kept:
            return not still
        return bool(self._lost) and since >= LOOK_FOR_LOST

    def _found(self, image: ImageArray, known: list[Face]) -> list[Face]:
        """Return the faces beside the known, largest first, with ids."""
        self._searched = self._frame
        turned = not known and self._frame - self._turned >= LOOK_AGAIN
        if turned:
            self._turned = self._frame
        room = self._max_faces - len(known)
        new = self._search(image, known, turned=turned)[: max(room, 0)]
        return [dataclasses.replace(face, id=self._name(face)) for face in new]

    def _name(self, face: Face) -> int:
        """Return the id of the lost face that stood here, or one never given before."""
        for index, (last, _) in enumerate(self._lost):
            reach = 0.7 * max(face.size, last.size)
            if _apart(face, last) < reach and 0.6 < face.size / last.size < 1.6:
                del self._lost[index]
                return int(last.id)  # type: ignore[arg-type]
        self._next_id += 1
        return self._next_id - 1

    def _follow(self, image: ImageArray, last: Face) -> Face | None:
        """Return the face where it was in the frame before, None when lost."""
        face = self._read(image, region_of(last.landmarks))
        if face is None or not 0.6 < face.size / last.size < 1.6:
            return None
        if _apart(face, last) > 0.12 * last.size:  # fast: read again where it is now
            face = self._read(image, region_of(face.landmarks))
        return face and dataclasses.replace(face, id=last.id)

    def _changes(self, image: ImageArray) -> tuple[bool, bool]:
        """Return whether the picture was cut, and whether it stands still, since the last one."""
        before, self._coarse = self._coarse, coarse_picture(image)
        shape, self._shape = self._shape, image.shape
        if before is None or shape != image.shape:
            return True, False
        change = float(np.abs(self._coarse - before).mean())
        return is_cut(before, self._coarse), change < STILL_LEVEL


def _apart(one: Face, other: Face) -> float:
    """Return the distance of two faces' middles in pixels."""
    return float(np.hypot(*(one.landmarks[:, :2].mean(0) - other.landmarks[:, :2].mean(0))))


def is_cut(before: Any, now: Any) -> bool:
    """Return whether a shot begins between two pictures as `coarse_picture` shows them."""
    change = float(np.abs(now - before).mean())
    return change > CUT_LEVEL and _alike(now, before) < ALIKE


def coarse_picture(image: ImageArray) -> Any:
    """Return 24 x 24 grey values of a picture, enough to see a cut."""
    height, width = image.shape[:2]
    rows = np.linspace(0, height - 1, 24).astype(int)
    columns = np.linspace(0, width - 1, 24).astype(int)
    return image[np.ix_(rows, columns)].mean(axis=2)


def _alike(one: Any, other: Any) -> float:
    """Return the correlation of two arrays, 0 where one of them is flat."""
    one, other = one - one.mean(), other - other.mean()
    scale = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / scale) if scale > 1e-3 else 0.0
