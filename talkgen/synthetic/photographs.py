"""The photographs that rendered heads take their skins from, and how the head lies in each."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.errors import InputError
from talkgen.face.fit import HeadFit, fit_face
from talkgen.face.head import HeadModel
from talkgen.types import FloatArray, ImageArray

HELD_OUT_PERCENT = 10
LEAST_CONGRESS_SIDE = 200
"""Pixels: smaller congress portraits make skins too blurred."""

MOST_ERROR = 2.2
"""Percent of the inter-ocular distance: with more the head does not lie on the photograph."""

MOST_YAW = 0.42
"""Radians: beyond that half of the face is unseen."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """A frontal portrait with the head fitted to it.

    image : (H, W, 3) uint8 RGB; landmarks : (478, 3) float32 pixels
    person : "london/001"; plain : the background is one even colour
    """

    image: ImageArray
    landmarks: FloatArray
    fit: HeadFit
    person: str
    plain: bool


def held_out(person: str) -> bool:
    """Return whether a person is kept aside for measuring: a tenth, by name."""
    return zlib.crc32(person.encode()) % 100 < HELD_OUT_PERCENT


def portrait_paths(data: Path, held: bool) -> list[tuple[Path, str, bool]]:
    """Return (path, person, plain background) of the portraits of one side of the split."""
    faces = data / "data" / "faces"
    if not faces.is_dir():
        raise InputError(f"`data_root` is {data}, no data/faces lies there; give the data's root")
    found = []
    for path in sorted((faces / "london").glob("*_neutral.jpg")):
        found.append((path, f"london/{path.stem.split('_')[0]}", True))
    for path in sorted((faces / "canada").glob("*.jpg")):
        found.append((path, f"canada/{path.stem}", True))
    index = faces / "congress" / "index.csv"
    if index.exists():
        with index.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                side = max(int(row["width"]), int(row["height"]))
                if row["colour"] == "1" and side >= LEAST_CONGRESS_SIDE:
                    path = faces / "congress" / row["file"]
                    found.append((path, f"congress/{path.stem}", False))
    return [x for x in found if held_out(x[1]) == held]


def photographs(
    data: Path, head: HeadModel, *, held: bool = False, most_congress: int = 400
) -> Iterator[Photograph]:
    """Yield the portraits on which a head fits, read by the MediaPipe or the embedded analyzer.

    held : the people kept aside instead of the others
    most_congress : how many of the small portraits are tried
    """
    analyzer = _analyzer(data)
    paths = portrait_paths(data, held)
    small = [x for x in paths if not x[2]]
    step = max(1.0, len(small) / max(most_congress, 1))
    chosen = {small[int(i * step)][0] for i in range(min(most_congress, len(small)))}
    for path, person, plain in paths:
        if not plain and path not in chosen:
            continue
        raw = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if raw is None:
            continue
        image = cv2.cvtColor(raw, cv2.COLOR_BGR2RGB)
        if not plain and not _colourful(image):
            continue
        faces = analyzer.analyze(image)
        if not faces:
            continue
        points = faces[0].landmarks
        fit = fit_face(head, points)
        if fit.error <= MOST_ERROR and abs(float(fit.rotation[1])) <= MOST_YAW:
            yield Photograph(image, points, fit, person, plain)


def _colourful(image: ImageArray) -> bool:
    """Return whether the middle of a portrait has more than one tint: no engraving, no sepia."""
    height, width = image.shape[:2]
    middle = image[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
    red, green, blue = np.median(middle.reshape(-1, 3), axis=0)
    tints = cv2.cvtColor(middle, cv2.COLOR_RGB2LAB)[..., 1:].reshape(-1, 2).std(axis=0)
    return bool(red > 1.08 * green and red > 1.15 * blue and tints.max() > 4.0)


def _analyzer(data: Path) -> Any:
    """Return the MediaPipe analyzer where it can run (it does not change), else the embedded."""
    from talkgen.errors import MissingDependencyError
    from talkgen.face.analyzer import FaceAnalyzer

    task = data / "models" / "face_landmarker.task"
    if task.exists():
        try:
            return FaceAnalyzer.from_pretrained("mediapipe", model_path=task)
        except (MissingDependencyError, ImportError):
            pass
    return FaceAnalyzer.from_pretrained("embedded")


def foreground(photo: Photograph) -> Any:
    """Return (H, W) float32 in [0, 1]: 0 on the even background that touches the rim."""
    height, width = photo.image.shape[:2]
    if not photo.plain:
        return np.ones((height, width), np.float32)
    lab = cv2.cvtColor(photo.image, cv2.COLOR_RGB2LAB).astype(np.float32)
    rim = np.concatenate(
        [lab[: height // 2, : width // 16].reshape(-1, 3), lab[: height // 2, -width // 16 :]
         .reshape(-1, 3), lab[: height // 24].reshape(-1, 3)]
    )  # fmt: skip
    off = np.abs(lab - np.median(rim, axis=0)) / (3 * rim.std(axis=0) + 6)
    near = (np.max(off, axis=2) < 1).astype(np.uint8)
    _, pieces = cv2.connectedComponents(near, connectivity=4)
    touching = np.unique(np.concatenate([pieces[0], pieces[: height // 2, 0],
                                         pieces[: height // 2, -1]]))  # fmt: skip
    background = np.isin(pieces, touching[touching > 0]) & (near > 0)
    solid = cv2.erode((~background).astype(np.uint8), np.ones((11, 11), np.uint8))
    return solid.astype(np.float32)
