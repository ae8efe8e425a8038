"""Teacher-labelled faces for the perception networks: what `scripts/prepare_faces.py` calls.

Reads the `train` pictures and clips (never those for measuring), has the MediaPipe Face Landmarker
read each face plainly and mirrored, averages the two, and writes memory-mapped arrays.
"""

from __future__ import annotations

import csv
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
from talkgen.face.region import box_of, cut, region_of
from talkgen.types import MOTION_CHANNELS, FloatArray, ImageArray

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


def mirror_points(pairs: list[tuple[FloatArray, FloatArray]]) -> Any:
    """Return the (478,) permutation of a mirrored face from readings of faces and their mirrors.

    pairs : landmarks of a face, and of its mirrored picture with x turned back
    """
    cost = np.zeros((478, 478))
    for plain, back in pairs:
        size = np.linalg.norm(plain[33, :2] - plain[263, :2])
        cost += np.linalg.norm(plain[:, None, :2] - back[None, :, :2], axis=2) / size
    order = cost.argmin(1)
    if not (order[order] == np.arange(478)).all():
        raise RuntimeError("the mirrored landmarks do not pair up; give more faces")
    return order


MIRROR_CHANNELS = np.array(
    [
        MOTION_CHANNELS.index(
            name.replace("Left", "~").replace("Right", "Left").replace("~", "Right")
        )
        for name in MOTION_CHANNELS
    ]
)


def label(backend: MediaPipeBackend, image: ImageArray, mirror: Any) -> Any:
    """Return (landmarks, scores, rotation) of the largest face, None when there is none."""
    faces = FaceAnalyzer(backend).analyze(image)
    if not faces:
        return None
    face = faces[0]
    landmarks, scores, rotation = face.landmarks, face.scores, face.rotation
    flipped = np.ascontiguousarray(image[:, ::-1])
    region = region_of(landmarks)
    other = backend.read(
        flipped, type(region)(image.shape[1] - 1 - region.x, region.y, region.size, -region.roll)
    )
    if other is None:
        return None
    back = other.landmarks.copy()
    back[:, 0] = image.shape[1] - 1 - back[:, 0]
    if mirror is None:
        return landmarks, back
    gap = np.linalg.norm(back[mirror, :2] - landmarks[:, :2], axis=1).mean() / face.interocular
    if gap > 0.06:
        return None  # the teacher does not agree with itself
    turned = other.rotation * np.array([1, -1, -1], np.float32)
    return (
        (landmarks + back[mirror]) / 2,
        (scores + other.scores[MIRROR_CHANNELS]) / 2,
        (rotation + turned) / 2,
    )


def prepare(
    data: Path, out: Path, model_path: Path, *, per_person: int = 400, step: int = 6,
    limit: int | None = None,
) -> None:  # fmt: skip
    """Write `crops.npy`, `pictures.npy` and their labels `faces.npz` into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    backend = MediaPipeBackend(model_path)
    pairs = []
    for sample in stills(data):
        if sample.source == "london" and (pair := label(backend, sample.image, None)):
            pairs.append(pair)
        if len(pairs) == 60:
            break
    mirror = mirror_points(pairs)
    np.save(out / "mirror.npy", mirror)
    crops, pictures = _Growing(out / "crops.npy"), _Growing(out / "pictures.npy")
    rows: dict[str, list[Any]] = defaultdict(list)
    seen = 0

    def everything() -> Iterator[Sample]:
        yield from stills(data)
        yield from frames(data, per_person, step)

    for sample in everything():
        seen += 1
        if limit is not None and seen > limit:
            break
        labels = label(backend, sample.image, mirror)
        if labels is None:
            rows["missed"].append(f"{sample.person}")
            continue
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
        if sample.picture:
            height, width = sample.image.shape[:2]
            scale = min(1.0, PICTURE_SIDE / max(height, width))
            small = cv2.resize(
                sample.image, (round(width * scale), round(height * scale)),
                interpolation=cv2.INTER_AREA,
            )  # fmt: skip
            canvas = np.zeros((PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8)
            canvas[: small.shape[0], : small.shape[1]] = small
            pictures.add(canvas)
            rows["picture_size"].append(small.shape[:2])
            scaled = landmarks * scale
            rows["picture_landmarks"].append(scaled.astype(np.float32))
            rows["picture_person"].append(sample.person)
            rows["picture_held"].append(rows["held"][-1])
            rows["picture_box"].append(box_of(scaled))
        if seen % 500 == 0:
            log.info("%d seen, %d faces, %d missed", seen, crops.count, len(rows["missed"]))
    crops.close()
    pictures.close()
    np.savez(out / "faces.npz", **{k: np.array(v) for k, v in rows.items()})
    log.info("%d faces, %d pictures, %d missed", crops.count, pictures.count, len(rows["missed"]))


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
