"""A video seen once, frame by frame, with what each critic read of every frame.

Frames are never kept: a critic that needs pixels has a reader, which looks at each frame as it goes
by and leaves numbers; the critic then judges the numbers of the whole clip. Kept are about 6 kB a
frame (landmarks), the readings, and small pictures of the worst moments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.critic.hearing import Heard
from talkgen.critic.pictures import crop, crop_box
from talkgen.types import MOTION_CHANNELS, NUM_LANDMARKS, Face, FloatArray, ImageArray

WORST = 3
"""Worst moments that are kept of each reading."""
APART_S = 0.4
"""Moments nearer than that are one."""
THUMB = 160
"""Pixels of a kept picture's side."""

Seen = tuple[ImageArray, Face | None]


@dataclass(frozen=True, eq=False)
class Look:
    """One frame: `image` (H, W, 3) uint8 RGB and its face; `real`, `real_face`: the reference's."""

    index: int
    image: ImageArray
    face: Face | None
    real: ImageArray | None = None
    real_face: Face | None = None


class Reader(Protocol):
    """Looks at the frames of one clip.

    every : it looks at each n-th frame only
    bad : readings by name whose worst moments are shown, with +1 where high is bad, else -1
    """

    every: int
    bad: Mapping[str, int]

    def look(self, look: Look) -> Mapping[str, Any]:
        """Return numbers, or arrays of one shape, by name; what cannot be known is left out."""


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame that stands out: its `value` of a reading, the face's picture (160, 160, 3), and the
    reference's beside it where there is one."""

    reading: str
    index: int
    value: float
    picture: ImageArray
    real: ImageArray | None = None


@dataclass(frozen=True, eq=False)
class Watched:
    """A clip of T frames as critics see it; NaN where no face was seen or nothing was read.

    fps : frames a second at which it was read; size : (width, height) pixels
    landmarks : (T, 478, 3) pixels; scores : (T, 52); rotation : (T, 3) rad
    readings : by name (T, ...) float32
    sound : what is heard, None without sound; moments : what stands out
    """

    fps: float
    size: tuple[int, int]
    landmarks: FloatArray
    scores: FloatArray
    rotation: FloatArray
    readings: Mapping[str, FloatArray] = field(default_factory=dict)
    sound: Heard | None = None
    moments: Sequence[Moment] = ()

    def __len__(self) -> int:
        return len(self.landmarks)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(T,) whether the face was seen."""
        return np.asarray(np.isfinite(self.landmarks[:, 0, 0]))

    def reading(self, name: str) -> FloatArray:
        """Return (K, ...) of a reading where it is known; empty where it never is."""
        values = self.readings.get(name)
        if values is None:
            return np.zeros(0, np.float32)
        known = np.isfinite(values.reshape(len(values), -1)).all(1)
        return np.asarray(values[known])


def watch(
    frames: Iterable[Seen],
    fps: float,
    readers: Sequence[Reader] = (),
    *,
    beside: Iterable[Seen] | None = None,
    sound: Heard | None = None,
) -> Watched:
    """Return a clip as its readers saw it.

    frames : pictures and the face that counts in each, None where it is not seen
    beside : those of a reference, shown to the readers frame by frame as long as it lasts
    """
    points: list[FloatArray] = []
    scores: list[FloatArray] = []
    turns: list[FloatArray] = []
    readings: dict[str, dict[int, FloatArray]] = {}
    moments = _Moments(fps)
    size = (0, 0)
    others: Iterator[Seen] = iter(beside if beside is not None else ())
    for index, (image, face) in enumerate(frames):
        size = (image.shape[1], image.shape[0])
        real, real_face = next(others, (None, None))
        look = Look(index, image, face, real, real_face)
        points.append(_or_nan(None if face is None else face.landmarks, (NUM_LANDMARKS, 3)))
        scores.append(_or_nan(None if face is None else face.scores, (len(MOTION_CHANNELS),)))
        turns.append(_or_nan(None if face is None else face.rotation, (3,)))
        for reader in readers:
            if index % reader.every:
                continue
            for name, value in reader.look(look).items():
                array = np.asarray(value, np.float32)
                readings.setdefault(name, {})[index] = array
                if name in reader.bad and np.isfinite(array).all():
                    moments.add(name, float(array), reader.bad[name], look)
    return Watched(
        fps, size, _stacked(points, (NUM_LANDMARKS, 3)), _stacked(scores, (len(MOTION_CHANNELS),)),
        _stacked(turns, (3,)), {n: _spread(rows, len(points)) for n, rows in readings.items()},
        sound, tuple(moments.found()),
    )  # fmt: skip


def _or_nan(value: FloatArray | None, shape: tuple[int, ...]) -> FloatArray:
    return np.full(shape, np.nan, np.float32) if value is None else np.asarray(value, np.float32)


def _stacked(rows: list[FloatArray], shape: tuple[int, ...]) -> FloatArray:
    return np.stack(rows) if rows else np.zeros((0, *shape), np.float32)


def _spread(rows: Mapping[int, FloatArray], count: int) -> FloatArray:
    """Rows by frame to (count, ...), NaN in between."""
    out = np.full((count, *next(iter(rows.values())).shape), np.nan, np.float32)
    for index, row in rows.items():
        out[index] = row
    return out


class _Moments:
    """The few worst moments of each reading, with their pictures."""

    def __init__(self, fps: float) -> None:
        self._apart = max(1, round(APART_S * fps))
        self._kept: dict[str, list[tuple[float, Moment]]] = {}

    def add(self, name: str, value: float, sign: int, look: Look) -> None:
        kept = self._kept.setdefault(name, [])
        badness = sign * value
        near = [row for row in kept if abs(row[1].index - look.index) < self._apart]
        if near:
            if badness <= max(row[0] for row in near):
                return
            kept[:] = [row for row in kept if row not in near]
        elif len(kept) == WORST and badness <= kept[-1][0]:
            return
        kept.append((badness, _moment(name, value, look)))
        kept.sort(key=lambda row: -row[0])
        del kept[WORST:]

    def found(self) -> Iterator[Moment]:
        for kept in self._kept.values():
            yield from (moment for _, moment in kept)


def _moment(name: str, value: float, look: Look) -> Moment:
    face = look.face or look.real_face
    real = None if look.real is None else _thumb(look.real, look.real_face or face)
    return Moment(name, look.index, value, _thumb(look.image, face), real)


def _thumb(image: ImageArray, face: Face | None) -> ImageArray:
    if face is not None:
        x, y, side = crop_box(face.landmarks, "face")
        image = crop(image, (x, y, 1.2 * side))
    scale = THUMB / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
