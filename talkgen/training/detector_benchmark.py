"""Composed pictures that measure the detector: known faces on backgrounds that hold no other.

Members of congress kept aside and the human portraits are pasted, whole pictures or heads alone,
from 40 pixels to full frame, turned to 60 degrees, over other pictures whose own faces are painted
out. The same seed gives the same pictures. Nothing here trains anything.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.face.analyzer import LEAST_SCORE, FaceAnalyzer
from talkgen.face.region import Region, box_of, region_of
from talkgen.training.perception_evaluate import NOT_HUMAN, clip_frames, load
from talkgen.training.perception_prepare import held_out
from talkgen.types import FloatArray, ImageArray

SMALLEST = 40.0
"""Extent of the smallest pasted face, pixels."""
TURN = np.radians(60.0)
PLAIN = ("brick", "coffee", "grass", "gravel", "moon", "page", "rocket", "text")
"""Pictures of scikit-image that hold no face."""


@dataclass
class Sources:
    """What is pasted: `faces` pairs of a picture and its landmarks (478, 2); and over what."""

    faces: list[tuple[ImageArray, FloatArray, str]] = field(default_factory=list)
    backgrounds: list[ImageArray] = field(default_factory=list)


@dataclass
class Composed:
    """A picture, the boxes (N, 4) and regions of the faces in it, and their sources' names."""

    image: ImageArray
    boxes: FloatArray
    regions: list[Region]
    names: list[str]


def sources(data: Path, teacher: FaceAnalyzer, *, limit: int | None = None) -> Sources:
    """Return the faces and the backgrounds; the teacher says where faces are."""
    import skimage.data

    found = Sources()
    members = [p for p in sorted((data / "faces" / "congress").glob("*.jpg"))
               if held_out(f"congress/{p.stem}")]  # fmt: skip
    portraits = [p for p in sorted((data / "faces" / "portraits").glob("*.jpg"))
                 if p.name not in NOT_HUMAN]  # fmt: skip
    for path in members[:limit] + portraits[:limit]:
        image = load(path)
        known = teacher.analyze(image)
        if len(known) == 1:
            found.faces.append((image, known[0].landmarks[:, :2], path.stem))
        if len(known) == 1 and (path in portraits or len(found.faces) % 4 == 0):
            found.backgrounds.append(painted_out(image, known[0].landmarks))
    for clip in sorted((data / "clips" / "evaluate").glob("*.mp4"))[:limit]:
        for frame in clip_frames(clip, 60, 2):
            image, known = frame, teacher.analyze(frame)
            for face in known:
                image = painted_out(image, face.landmarks)
            if known:
                found.backgrounds.append(image)
    for name in PLAIN:
        image = np.asarray(getattr(skimage.data, name)())
        if image.ndim == 2:
            image = np.repeat(image[:, :, None], 3, axis=2)
        found.backgrounds.append(np.ascontiguousarray(image[:, :, :3].astype(np.uint8)))
    return found


def painted_out(image: ImageArray, landmarks: FloatArray) -> ImageArray:
    """Return a picture with its face replaced by what lies about it, smoothly, with some grain."""
    height, width = image.shape[:2]
    face = region_of(landmarks)
    scale = min(1.0, 48 / face.size)
    small = cv2.resize(
        image, (max(2, round(width * scale)), max(2, round(height * scale))),
        interpolation=cv2.INTER_AREA,
    )  # fmt: skip
    masks = []
    for side, shape in ((scale, small.shape[:2]), (1.0, (height, width))):
        mask = np.zeros(shape, np.uint8)
        axes = (int(0.56 * face.size * side) + 1, int(0.64 * face.size * side) + 1)
        centre = (int(face.x * side), int(face.y * side))
        cv2.ellipse(mask, centre, axes, float(np.degrees(face.roll)), 0, 360, 255, -1)
        masks.append(mask)
    filled = cv2.inpaint(np.ascontiguousarray(small), masks[0], 3, cv2.INPAINT_TELEA)
    filled = cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(masks[1], (0, 0), max(0.6, 0.02 * face.size))[:, :, None] / 255.0
    grain = np.random.default_rng(0).normal(0, 4, (height, width, 1))
    mixed = image * (1 - soft) + (filled + grain) * soft
    return np.clip(mixed, 0, 255).astype(np.uint8)


def composed(found: Sources, count: int, *, seed: int = 0) -> Iterator[Composed]:
    """Yield `count` pictures, each from its own seed; one in six holds no face."""
    for index in range(count):
        yield compose(found, np.random.default_rng((seed, index)))


def compose(found: Sources, rng: np.random.Generator) -> Composed:
    """Return one picture, longer side 320 to 2000 pixels, with up to four faces."""
    longer = float(np.exp(rng.uniform(np.log(320), np.log(2000))))
    shorter = longer * rng.uniform(0.55, 1.0)
    width, height = (longer, shorter) if rng.random() < 0.5 else (shorter, longer)
    canvas = _background(found, round(width), round(height), rng)
    count = int(rng.choice([0, 1, 1, 2, 3, 4]))
    taken: list[Region] = []
    boxes: list[Any] = []
    names: list[str] = []
    for _ in range(count):
        picture, points, name = found.faces[int(rng.integers(len(found.faces)))]
        face = region_of(points)
        most = min(0.95 * min(canvas.shape[:2]), 2.5 * face.size)
        for _ in range(20):
            size = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(max(most, SMALLEST + 1)))))
            turn = float(rng.uniform(-TURN, TURN)) - face.roll
            middle = rng.uniform(0, 1, 2) * canvas.shape[1::-1]
            matrix = _placing(face, size, turn, middle)
            placed = points @ matrix[:, :2].T + matrix[:, 2]
            here = region_of(placed)
            inside = (placed.min() >= 0) and (placed < canvas.shape[1::-1]).all()
            if inside and all(_apart(here, other) for other in taken):
                break
        else:
            continue
        _paste(canvas, picture, matrix, here, taken, rng)
        taken.append(here)
        boxes.append(box_of(placed))
        names.append(name)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))]
        canvas = np.asarray(cv2.imdecode(cv2.imencode(".jpg", canvas, quality)[1], 1), np.uint8)
    if rng.random() < 0.15:
        canvas[:] = canvas.mean(2, keepdims=True).astype(np.uint8)
    return Composed(canvas, np.array(boxes, np.float32).reshape(-1, 4), taken, names)


def _background(found: Sources, width: int, height: int, rng: Any) -> ImageArray:
    """Return a piece of a background at the size that is wanted."""
    picture = found.backgrounds[int(rng.integers(len(found.backgrounds)))]
    have_h, have_w = picture.shape[:2]
    share = rng.uniform(0.5, 1.0) * min(have_w / width, have_h / height)
    w, h = max(2, int(width * share)), max(2, int(height * share))
    x, y = int(rng.integers(0, have_w - w + 1)), int(rng.integers(0, have_h - h + 1))
    piece = np.ascontiguousarray(picture[y : y + h, x : x + w])
    how = cv2.INTER_AREA if share > 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(piece, (width, height), interpolation=how), np.uint8)


def _placing(face: Region, size: float, turn: float, middle: Any) -> Any:
    """Return the (2, 3) map from the picture's pixels that puts its face in place."""
    scale = size / face.size
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.concatenate([linear, (middle - linear @ (face.x, face.y))[:, None]], axis=1)


def _apart(one: Region, other: Region) -> bool:
    """Whether two heads can stand side by side."""
    return bool(np.hypot(one.x - other.x, one.y - other.y) > 0.75 * (one.size + other.size))


def _paste(
    canvas: ImageArray, picture: ImageArray, matrix: Any, face: Region, others: list[Region],
    rng: Any,
) -> None:  # fmt: skip
    """Draw a picture, all of it or its head alone, into the canvas but not over other faces."""
    height, width = canvas.shape[:2]
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    draw = matrix.copy()
    if scale < 0.7:
        size = [max(1, round(s * scale)) for s in picture.shape[1::-1]]
        real = np.array(size) / picture.shape[1::-1]
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        draw[:, :2] = matrix[:, :2] / real
        draw[:, 2] += draw[:, :2] @ (0.5 - 0.5 * real)
    pasted = cv2.warpAffine(
        np.ascontiguousarray(picture), draw, (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    mask = cv2.warpAffine(np.full(picture.shape[:2], 255, np.uint8), draw, (width, height))
    alone = rng.random() < 0.5
    soft = max(0.6, rng.uniform(0.005, 0.05) * face.size)
    if alone:
        mask = np.minimum(mask, _oval((height, width), face, 0.68, 0.82))
    for other in others:
        mask[_oval((height, width), other, 0.62, 0.72) > 0] = 0
    share = cv2.GaussianBlur(mask, (0, 0), soft)[:, :, None] / 255.0 if alone else mask[:, :, None]
    if not alone:
        share = share / 255.0
    canvas[:] = (canvas + (pasted.astype(np.float32) - canvas) * share).astype(np.uint8)


def _oval(shape: tuple[int, int], face: Region, wide: float, high: float) -> Any:
    mask = np.zeros(shape, np.uint8)
    axes = (int(face.size * wide) + 1, int(face.size * high) + 1)
    up = 0.08 * face.size * np.array([np.sin(face.roll), -np.cos(face.roll)])
    centre = (int(face.x + up[0]), int(face.y + up[1]))
    cv2.ellipse(mask, centre, axes, float(np.degrees(face.roll)), 0, 360, 255, -1)
    return mask


def box_iou(one: FloatArray, other: FloatArray) -> float:
    """Return intersection over union of two boxes x0 y0 x1 y1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(float(width), 0.0) * max(float(height), 0.0)
    areas = [float((b[2] - b[0]) * (b[3] - b[1])) for b in (one, other)]
    return shared / max(sum(areas) - shared, 1e-6)


def matched(wanted: Sequence[FloatArray], found: Sequence[FloatArray], scores: Sequence[float],
            least: float = 0.5) -> tuple[list[int], list[int]]:  # fmt: skip
    """Return for each found box, best score first in line, the wanted one it hits (-1: none),
    and the indices of the wanted boxes that nothing hit."""
    hit = [-1] * len(found)
    left = set(range(len(wanted)))
    for index in sorted(range(len(found)), key=lambda i: -scores[i]):
        best = max(left, key=lambda w: box_iou(wanted[w], found[index]), default=None)
        if best is not None and box_iou(wanted[best], found[index]) >= least:
            hit[index] = best
            left.remove(best)
    return hit, sorted(left)


@dataclass
class Tally:
    """Hits and misses over many pictures: what a precision-recall curve is drawn from."""

    scores: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    missed: list[tuple[Region, str]] = field(default_factory=list)
    total: int = 0

    def add(
        self, picture: Composed, wanted: Sequence[FloatArray], boxes: Sequence[FloatArray],
        scores: Sequence[float],
    ) -> None:  # fmt: skip
        """Count what was found in a picture. wanted, boxes : x0 y0 x1 y1"""
        hit, left = matched(wanted, boxes, scores)
        self.scores += [float(s) for s in scores]
        self.right += [h >= 0 for h in hit]
        self.total += len(wanted)
        self.missed += [(picture.regions[i], picture.names[i]) for i in left]

    def at(self, threshold: float) -> dict[str, float]:
        """Return recall and precision of what scores at least so much."""
        taken = np.asarray(self.scores) >= threshold
        hits = int((taken & np.asarray(self.right, bool)).sum())
        return {
            "threshold": threshold,
            "recall": round(hits / max(self.total, 1), 4),
            "precision": round(hits / max(int(taken.sum()), 1), 4),
            "false": int(taken.sum()) - hits,
        }

    def recall_at(self, precision: float = 0.99) -> dict[str, float]:
        """Return the highest recall at a precision of at least that, and where it lies."""
        order = np.argsort(-np.asarray(self.scores), kind="stable")
        hits = np.cumsum(np.asarray(self.right, bool)[order])
        good = np.flatnonzero(hits / np.arange(1, len(order) + 1) >= precision)
        if not len(good):
            return {"threshold": 1.0, "recall": 0.0}
        last = good[-1]
        return {
            "threshold": round(float(np.asarray(self.scores)[order[last]]), 4),
            "recall": round(float(hits[last] / max(self.total, 1)), 4),
        }

    def table(self, threshold: float) -> dict[str, Any]:
        """Return the figures: at the threshold in use, at 99 % precision, and the curve."""
        points = sorted({threshold, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9})
        return {
            "faces": self.total,
            "in_use": self.at(threshold),
            "at_precision_0.99": self.recall_at(0.99),
            "curve": [self.at(p) for p in points if p >= min(self.scores, default=1.0)],
        }


def square(region: Region) -> FloatArray:
    """Return the box of a region, its turn left out."""
    half = region.size / 2
    return np.array([region.x - half, region.y - half, region.x + half, region.y + half])


def measure(
    found: Sources, analyzer: FaceAnalyzer, count: int, *, seed: int = 0, lowest: float = 0.05
) -> dict[str, Any]:
    """Return the figures of the embedded detector alone, and of the analyzer (what users get).

    The detector's squares are compared with those about the landmarks, the analyzer's boxes with
    those of the landmarks; a hit overlaps by an IoU of 0.5.
    """
    detector = analyzer.backend.detector  # type: ignore[attr-defined]
    alone, whole = Tally(), Tally()
    for picture in composed(found, count, seed=seed):
        regions = detector.find(picture.image, lowest)
        alone.add(picture, [square(r) for r in picture.regions], [square(r) for r in regions],
                  [r.score for r in regions])  # fmt: skip
        faces = analyzer.analyze(picture.image)
        whole.add(picture, list(picture.boxes), [f.box for f in faces], [f.score for f in faces])
    return {
        "pictures": count,
        "detector": alone.table(detector.config.threshold),
        "analyzer": whole.table(LEAST_SCORE)
        | {"missed": [f"{name}, {r.size:.0f} px, {np.degrees(r.roll):.0f} deg"
                      for r, name in whole.missed]},
    }  # fmt: skip


def beasts(analyzer: FaceAnalyzer, data: Path) -> dict[str, list[float]]:
    """Return the scores of the faces found in the portraits of animals, toys and a statue."""
    folder = data / "faces" / "portraits"
    return {
        name: [round(face.score, 3) for face in analyzer.analyze(load(folder / name))]
        for name in sorted(NOT_HUMAN)
    }


def speed(analyzer: FaceAnalyzer, sides: Sequence[int] = (512, 1280), repeat: int = 5) -> Any:
    """Return the processor time in ms of the detector on square pictures, the quickest of some."""
    detector = analyzer.backend.detector  # type: ignore[attr-defined]
    out = {}
    for side in sides:
        image = np.full((side, side, 3), 120, np.uint8)
        spent = []
        for _ in range(repeat):
            started = time.process_time()
            detector.find(image)
            spent.append(time.process_time() - started)
        out[str(side)] = round(1000 * min(spent), 1)
    return out
