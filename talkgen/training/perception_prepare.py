"""Teacher-labelled faces for the perception networks: what `scripts/prepare_faces.py` calls.

Reads the `train` pictures and clips (never those for measuring), has the MediaPipe Face Landmarker
read each face plainly and mirrored, averages the two, and writes memory-mapped arrays.
"""

from __future__ import annotations

import csv
import itertools
import logging
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.mediapipe_backend import MediaPipeBackend
from talkgen.face.points import MIRROR, MIRROR_CHANNELS
from talkgen.face.region import Region, cut, region_of
from talkgen.types import FloatArray, ImageArray

log = logging.getLogger(__name__)

CROP_SIDE = 320
CROP_MARGIN = 1.8
PICTURE_SIDE = 320
HELD_OUT_PERCENT = 10


@dataclass(frozen=True)
class Sample:
    """A picture to label. `person` names who it is, `picture` whether the detector sees it too."""

    image: ImageArray
    person: str
    source: str
    picture: bool = True


def held_out(person: str) -> bool:
    """Return whether a person of the stills is kept aside for measuring (a tenth, by name)."""
    return zlib.crc32(person.encode()) % 100 < HELD_OUT_PERCENT


def stills(data: Path) -> Iterator[Sample]:
    """Yield the still pictures that may train."""
    for source in ("congress", "london", "canada"):
        for path in sorted((data / "faces" / source).glob("*.jpg")):
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is None:
                log.warning("cannot read %s", path.name)
                continue
            person = path.stem if source == "congress" else path.stem.split("_")[0]
            yield Sample(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), f"{source}/{person}", source)


def frames(data: Path, per_person: int, step: int) -> Iterator[Sample]:
    """Yield frames of the training clips, every `step`-th and at most `per_person` a person."""
    import av

    folder = data / "clips" / "train"
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    by_person: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        by_person[row["person"]].append(row)
    for person, clips in sorted(by_person.items()):
        length = sum(float(c["seconds"]) for c in clips) * 25
        stride = max(step, int(np.ceil(length / per_person)))
        counter = 0
        for clip in clips:
            with av.open(str(folder / clip["file"])) as container:
                for frame in container.decode(video=0):
                    counter += 1
                    if counter % stride == 0:
                        image = frame.to_ndarray(format="rgb24")
                        yield Sample(image, f"clips/{person}", "clips", counter % (3 * stride) == 0)


def label(backend: MediaPipeBackend, image: ImageArray) -> Any:
    """Return (landmarks, scores, rotation) of the largest face, None when there is none.

    The mean of the plain and the mirrored picture; None too where these two readings differ.
    """
    faces = FaceAnalyzer(backend).analyze(image)
    if not faces:
        return None
    face = faces[0]
    region, width = region_of(face.landmarks), image.shape[1]
    mirrored = Region(width - 1 - region.x, region.y, region.size, -region.roll)
    other = backend.read(np.ascontiguousarray(image[:, ::-1]), mirrored)
    if other is None:
        return None
    back = other.landmarks[MIRROR]
    back[:, 0] = width - 1 - back[:, 0]
    gap = np.linalg.norm(back[:, :2] - face.landmarks[:, :2], axis=1).mean()
    if gap > 0.06 * face.interocular:
        return None
    turned = other.rotation * np.array([1, -1, -1], np.float32)
    return (
        (face.landmarks + back) / 2,
        (face.scores + other.scores[MIRROR_CHANNELS]) / 2,
        (face.rotation + turned) / 2,
    )


def prepare(
    data: Path, out: Path, model_path: Path, *, per_person: int = 400, step: int = 6,
    limit: int | None = None,
) -> None:  # fmt: skip
    """Write `crops.npy`, `pictures.npy` and their labels `faces.npz` into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    backend = MediaPipeBackend(model_path)
    crops, pictures = _Growing(out / "crops.npy"), _Growing(out / "pictures.npy")
    rows: dict[str, list[Any]] = defaultdict(list)
    everything = itertools.chain(stills(data), frames(data, per_person, step))
    for seen, sample in enumerate(itertools.islice(everything, limit), start=1):
        labels = label(backend, sample.image)
        if labels is None:
            rows["missed"].append(sample.person)
            continue
        _add_crop(sample, labels, crops, rows)
        if sample.picture:
            _add_picture(sample, labels[0], pictures, rows)
        if seen % 500 == 0:
            log.info("%d seen, %d faces, %d missed", seen, crops.count, len(rows["missed"]))
    crops.close()
    pictures.close()
    np.savez(out / "faces.npz", **{k: np.array(v) for k, v in rows.items()})
    log.info("%d faces, %d pictures, %d missed", crops.count, pictures.count, len(rows["missed"]))


def _add_crop(sample: Sample, labels: Any, crops: _Growing, rows: dict[str, list[Any]]) -> None:
    """Keep the upright crop of a face with its labels in crop pixels."""
    landmarks, scores, rotation = labels
    region = region_of(landmarks, margin=CROP_MARGIN)
    crop, matrix = cut(sample.image, region, CROP_SIDE)
    inverse = cv2.invertAffineTransform(matrix)
    local = landmarks[:, :2] @ inverse[:, :2].T + inverse[:, 2]
    depth = landmarks[:, 2:] * (CROP_SIDE / region.size)
    crops.add(crop)
    rows["landmarks"].append(np.concatenate([local, depth], 1).astype(np.float32))
    rows["scores"].append(scores)
    rows["rotation"].append(rotation - np.array([0, 0, region.roll], np.float32))
    rows["person"].append(sample.person)
    rows["held"].append(sample.source != "clips" and held_out(sample.person))
    rows["pixels"].append(np.linalg.norm(landmarks[33, :2] - landmarks[263, :2]))


def _add_picture(
    sample: Sample, landmarks: FloatArray, pictures: _Growing, rows: dict[str, list[Any]]
) -> None:
    """Keep the whole picture, shrunk, with the landmarks in its pixels."""
    height, width = sample.image.shape[:2]
    scale = min(1.0, PICTURE_SIDE / max(height, width))
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(sample.image, size, interpolation=cv2.INTER_AREA)
    canvas = np.zeros((PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    pictures.add(canvas)
    rows["picture_size"].append(small.shape[:2])
    rows["picture_landmarks"].append((landmarks * scale).astype(np.float32))
    rows["picture_held"].append(rows["held"][-1])


class _Growing:
    """Writes an .npy file of (N, 320, 320, 3) uint8 whose length is known only at the end."""

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0
        self.stream = path.with_suffix(".part").open("wb")
        self._header(0)

    def _header(self, count: int) -> None:
        self.stream.seek(0)
        shape = (count, CROP_SIDE, CROP_SIDE, 3)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self.stream, header)
        # The writer pads to 64 bytes and leaves room for a growing first axis.

    def add(self, image: ImageArray) -> None:
        self.stream.write(np.ascontiguousarray(image).tobytes())
        self.count += 1

    def close(self) -> None:
        size = self.stream.tell()
        self._header(self.count)
        self.stream.close()
        if size != self.path.with_suffix(".part").stat().st_size:
            raise RuntimeError(f"{self.path} was not written whole")
        self.path.with_suffix(".part").replace(self.path)
