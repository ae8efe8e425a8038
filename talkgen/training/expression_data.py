"""Faces for the expression critic: grey crops, landmarks as the critic will see them, and labels.

Four kinds, each with what is known of it: labelled web faces (`data/expressions`, use "critic"),
teacher-labelled faces of the landmark networks' set, rendered heads with exact weights, and real
portraits posed by the mesh renderer (`expression_posed`). One arrangement for all (`FIELDS`).
"""

from __future__ import annotations

import csv
import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.critic.expression_view import grey_crop
from talkgen.critic.tight import face_of
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.region import region_of
from talkgen.types import EMOTIONS, MOTION_CHANNELS, Face, FloatArray, ImageArray

log = logging.getLogger(__name__)

CROP_SIDE = 128
CROP_MARGIN = 1.25
"""Kept crops are larger than what the network sees, for turns and shifts."""
NAMES = {"happiness": "happy", "sadness": "sad"}
"""Labels of `data/expressions` that have another name here."""
FOLDS = 5
SALT = "26"
"""Before a person's name: the split, of 400 tried, that shares rare classes out best."""
UNKNOWN = -1
FIELDS = ("crops", "landmarks", "scores", "taught", "exact", "label", "person", "speaking")


@dataclass
class Faces:
    """N faces.

    crops : (N, 128, 128) uint8 grey, 1.25 times what the network sees
    landmarks : (N, 478, 3) float32 pixels of the picture; scores : (N, 52) by the shipped networks
    taught : (N, 52) by the teacher, NaN where it was not asked; exact : (N, 52) weights drawn
    label : (N,) index into EMOTIONS, -1 unknown; person : (N,) str
    speaking : (N,) bool, the mouth is that of speech
    """

    crops: ImageArray
    landmarks: FloatArray
    scores: FloatArray
    taught: FloatArray
    exact: FloatArray
    label: Any
    person: Any
    speaking: Any

    def __len__(self) -> int:
        return len(self.crops)

    @classmethod
    def load(cls, path: Path) -> Faces:
        """Read a file of `save`."""
        with np.load(path) as rows:
            return cls(**{name: rows[name] for name in FIELDS})

    def save(self, path: Path) -> None:
        """Write everything to an .npz file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez(part, **{name: getattr(self, name) for name in FIELDS})
        part.replace(path)

    def take(self, rows: Any) -> Faces:
        """Return some of the faces."""
        return Faces(**{name: getattr(self, name)[rows] for name in FIELDS})


@dataclass
class Gathered:
    """Faces as they come, one by one."""

    rows: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in FIELDS})

    def add(
        self, image: ImageArray, face: Face, person: str, *, label: int = UNKNOWN,
        taught: FloatArray | None = None, exact: FloatArray | None = None, speaking: bool = False,
    ) -> None:  # fmt: skip
        """Add a face of a picture."""
        none = np.full(len(MOTION_CHANNELS), np.nan, np.float32)
        row = {
            "crops": grey_crop(image, face.landmarks, CROP_SIDE, margin=CROP_MARGIN),
            "landmarks": face.landmarks.astype(np.float32), "scores": face.scores,
            "taught": none if taught is None else taught,
            "exact": none if exact is None else exact,
            "label": label, "person": person, "speaking": speaking,
        }  # fmt: skip
        for name, value in row.items():
            self.rows[name].append(value)

    def faces(self) -> Faces:
        """Return all of them."""
        return Faces(**{name: np.array(values) for name, values in self.rows.items()})


def fold_of(person: str) -> int:
    """Return which of five folds a person is in, by name."""
    return zlib.crc32(f"{SALT}/{person}".encode()) % FOLDS


def labelled(data: Path, analyzer: FaceAnalyzer) -> Faces:
    """Return the faces of `data/expressions`; those that are not found are left out and counted."""
    folder = data / "data" / "expressions"
    out, missed = Gathered(), 0
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            bgr = cv2.imread(str(folder / "images" / row["file"]), cv2.IMREAD_COLOR)
            found = face_of(analyzer, grey(np.asarray(bgr, np.uint8)))
            if found is None:
                missed += 1
                continue
            label = EMOTIONS.index(NAMES.get(row["emotion"], row["emotion"]))
            out.add(*found, row["person"], label=label)
    log.info("labelled: %d faces, %d not found", len(out.rows["label"]), missed)
    return out.faces()


def grey(image: ImageArray) -> ImageArray:
    """Return a BGR or RGB picture without colour, still (H, W, 3)."""
    return np.asarray(np.repeat(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None], 3, 2))


def taught(faces_folder: Path, analyzer: FaceAnalyzer) -> Faces:
    """Return the teacher-labelled faces that `scripts/prepare_faces.py` wrote."""
    rows = np.load(faces_folder / "faces.npz")
    crops = np.load(faces_folder / "crops.npy", mmap_mode="r")
    out = Gathered()
    for crop, points, scores, person in zip(
        crops, rows["landmarks"], rows["scores"], rows["person"], strict=True
    ):
        image = grey(np.asarray(crop))
        face = analyzer.backend.read(image, region_of(points))
        if face is not None:
            out.add(image, face, str(person), taught=scores)
    log.info("taught: %d of %d faces", len(out.rows["label"]), len(crops))
    return out.faces()


def rendered(folder: Path, analyzer: FaceAnalyzer, *, most_deg: float = 40.0) -> Faces:
    """Return the rendered heads of a folder (`scripts/render_heads.py`) that are turned by at most
    `most_deg`, read as any picture would be."""
    from talkgen.synthetic.shards import RenderedSet

    heads, out = RenderedSet(folder), Gathered()
    near = np.abs(np.degrees(heads.rotation[:, :2])).max(1) <= most_deg
    for index in np.flatnonzero(near):
        image = grey(heads.image(int(index)))
        face = analyzer.backend.read(image, region_of(heads.landmarks[index]))
        if face is not None:
            out.add(image, face, str(heads.person[index]), exact=heads.weights[index])
    log.info("rendered: %d of %d heads", len(out.rows["label"]), near.sum())
    return out.faces()


def clip_frames(
    data: Path, analyzer: FaceAnalyzer, *, per_clip: int = 6, step: int = 11, colour: bool = False
) -> Iterator[Any]:
    """Yield (image, face, person) of speaking people of `clips/train` with sound."""
    from talkgen.io.video import open_video

    folder = data / "data" / "clips" / "train"
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if "silent" in row["file"]:
                continue
            for number, frame in enumerate(open_video(folder / row["file"]).frames(25)):
                if number >= step * per_clip:
                    break
                if number % step:
                    continue
                image = np.asarray(frame) if colour else grey(np.asarray(frame))
                faces = analyzer.analyze(image)
                if faces:
                    yield image, faces[0], f"clips/{row['person']}"


def calm_frames(
    data: Path, analyzer: FaceAnalyzer, *, per_person: int = 3
) -> list[tuple[str, ImageArray]]:
    """Return (person, frame) of the calmest frames of `clips/train`: no smile, mouth shut."""
    found: dict[str, list[tuple[float, int, ImageArray]]] = {}
    moving = [i for i, c in enumerate(MOTION_CHANNELS) if c.startswith(("mouthSmile", "jawOpen"))]
    for image, face, person in clip_frames(data, analyzer, colour=True):
        rows = found.setdefault(person, [])
        rows.append((float(face.scores[moving].sum()), len(rows), image))
        rows.sort(key=lambda row: row[:2])
        del rows[per_person:]
    return [(person, row[2]) for person, rows in sorted(found.items()) for row in rows]
