"""How exact the matte is (for `scripts/evaluate_matte.py`), on people and places never seen.

Londoners and Canadians kept aside are composited over pieces of pictures that trained nothing, at
their own resolution; the reader sees the composite and the landmarks that a backend finds in it.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.matte import HeadMatte
from talkgen.face.region import region_of
from talkgen.training import perception_prepare
from talkgen.training.matte_extract import FACE_OVAL, parts_of, plain_matte
from talkgen.training.matte_prepare import (
    BAD,
    beside_face,
    held_out,
    person_of,
    read,
    studio_pictures,
)
from talkgen.training.perception_evaluate import clip_frames
from talkgen.types import Face, FloatArray, ImageArray

log = logging.getLogger(__name__)


def backgrounds(data: Path, analyzer: FaceAnalyzer, *, seed: int = 0) -> list[ImageArray]:
    """Return pieces beside the faces of the clips and portraits that are for measuring only."""
    rng = np.random.default_rng(seed)
    frames = [
        frame for path in sorted((data / "clips" / "evaluate").glob("*.mp4"))
        for frame in clip_frames(path, 40, 2)
    ]  # fmt: skip
    frames += [read(p) for p in pictures(data / "faces" / "portraits")]
    pieces = []
    for frame in frames:
        faces = analyzer.analyze(frame)
        piece = beside_face(frame, faces[0].landmarks, rng) if faces else None
        if piece is not None:
            pieces.append(piece)
    return pieces


def pictures(folder: Path) -> list[Path]:
    """Return the pictures of a folder in order."""
    return [p for p in sorted(folder.glob("*")) if p.suffix.lower() in (".jpg", ".jpeg", ".png")]


def ellipse_matte(face: Face, shape: tuple[int, int]) -> FloatArray:
    """Return the first baseline (H, W): an ellipse about the landmarks and hair, and a bust."""
    height, width = shape
    region = region_of(face.landmarks)
    mask = np.zeros((height, width), np.uint8)
    turn = np.degrees(region.roll)
    centre = (round(region.x), round(region.y - 0.12 * region.size))
    axes = (round(0.5 * region.size), round(0.7 * region.size))
    cv2.ellipse(mask, centre, axes, turn, 0, 360, 255, -1)
    half, wide = 0.28 * region.size, 1.1 * region.size
    top, shoulder = region.y + 0.3 * region.size, region.y + 0.78 * region.size
    side = [(half, top), (half, shoulder), (wide, shoulder + 0.23 * wide), (wide, 3 * height)]
    bust = np.array([(region.x + x, y) for x, y in side]
                    + [(region.x - x, y) for x, y in reversed(side)])  # fmt: skip
    cv2.fillPoly(mask, [bust.astype(np.int32)], 255)
    return cv2.GaussianBlur(mask, (0, 0), 0.02 * region.size).astype(np.float32) / 255


def cut_matte(image: ImageArray, face: Face) -> FloatArray:
    """Return the second baseline (H, W): cv2.grabCut from the landmarks, blurred a little."""
    height, width = image.shape[:2]
    scale = min(1.0, 384 / max(height, width))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    points = face.landmarks[:, :2] * scale
    likely = ellipse_matte(face, (height, width))
    likely = cv2.resize(likely, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    mask = np.where(likely > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    mask[: max(2, round(points[:, 1].min() - 0.75 * face.size * scale))] = cv2.GC_BGD
    sure = np.zeros_like(mask)
    cv2.fillPoly(sure, [points[list(FACE_OVAL)].astype(np.int32)], 1)
    mask[sure > 0] = cv2.GC_FGD
    cv2.setRNGSeed(0)
    cv2.grabCut(small, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    hit = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.float32)
    return cv2.GaussianBlur(cv2.resize(hit, (width, height)), (0, 0), 0.004 * face.size)


def evaluate(
    reader: HeadMatte, analyzer: FaceAnalyzer, teacher: FaceAnalyzer, data: Path, *,
    composites: int = 3, limit: int | None = None, seed: int = 0, sheet: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return mean absolute errors by data set and method, and milliseconds."""
    rng = np.random.default_rng(seed)
    pieces = backgrounds(data, teacher, seed=seed)
    errors: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    spent: dict[str, list[float]] = defaultdict(list)
    people: dict[str, set[str]] = defaultdict(set)
    tiles = []
    paths = [p for p in studio_pictures(data) if held_out(person_of(p))]
    for path in paths[:limit]:
        if f"{path.parent.name}/{path.stem}" in BAD:
            continue
        image = read(path)
        own = teacher.analyze(image)
        if not own:
            continue
        alpha, colours, _ = plain_matte(image, own[0].landmarks)
        truth = parts_of(colours, alpha, own[0].landmarks)
        group = path.parent.name
        if group == "london" and perception_prepare.held_out(person_of(path)):
            group = "london, the tenth kept aside everywhere"
        people[group].add(person_of(path))
        for _ in range(composites):
            piece = pieces[rng.integers(len(pieces))]
            back = cv2.resize(piece, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
            mixed = colours * alpha[..., None] + back * (1 - alpha[..., None])
            composite = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
            faces = analyzer.analyze(composite)
            if not faces:
                errors[group]["missed"].append(1.0)
                continue
            face = faces[0]
            found = _methods(reader, composite, face, spent)
            for method, parts in found.items():
                _count(errors[group], method, parts, truth, face)
            if sheet is not None and len(tiles) < 48 and rng.random() < 0.5:
                tiles.append(_tile(composite, found["network"]))
    if sheet is not None:
        save_sheet(tiles, sheet, columns=6)
    table = {
        group: {"people": len(people[group]), "composites": len(rows["person, network"])}
        | {k: round(float(np.mean(v)), 4) for k, v in rows.items() if k != "missed"}
        | {"missed": len(rows.get("missed", []))}
        for group, rows in errors.items()
    }
    return {
        "mean_absolute_error": table,
        "ms": {k: round(1000 * float(np.median(v)), 1) for k, v in spent.items()},
        "backgrounds": len(pieces),
    }


def _methods(
    reader: HeadMatte, image: ImageArray, face: Face, spent: dict[str, list[float]]
) -> dict[str, FloatArray]:
    """Return the parts (5, H, W) that each method finds; baselines the person (1, H, W)."""
    out = {}
    for name, read_it in (
        ("network", lambda: reader.read(image, face)),
        ("network, not refined", lambda: reader.read(image, face, refine=False)),
        ("ellipse", lambda: ellipse_matte(face, image.shape[:2])[None]),
        ("grabCut", lambda: cut_matte(image, face)[None]),
    ):
        started = time.perf_counter()
        out[name] = read_it()
        spent[name].append(time.perf_counter() - started)
    return out


def _count(
    rows: dict[str, list[float]], method: str, parts: FloatArray, truth: FloatArray, face: Face
) -> None:
    """Add one composite's errors: over the picture, and for the person in a band about its rim."""
    person = parts[0] if len(parts) == 1 else 1 - parts[0]
    gap = np.abs(person - (1 - truth[0]))
    rows[f"person, {method}"].append(float(gap.mean()))
    reach = max(3, round(0.05 * face.size)) | 1
    solid = ((1 - truth[0]) > 0.5).astype(np.uint8)
    kernel = np.ones((reach, reach), np.uint8)
    rim = cv2.dilate(solid, kernel) - cv2.erode(solid, kernel) > 0
    rows[f"person at the rim, {method}"].append(float(gap[rim].mean()))
    if len(parts) > 1:
        head = np.abs(parts[1:3].sum(0) - truth[1:3].sum(0))
        rows[f"head, {method}"].append(float(head.mean()))
        for index, name in enumerate(("hair", "face", "neck", "clothes"), start=1):
            rows[f"{name}, {method}"].append(float(np.abs(parts[index] - truth[index]).mean()))


COLOURS = np.array(
    [[0, 120, 0], [60, 60, 255], [255, 200, 120], [255, 60, 60], [255, 255, 255]], np.float32
)


def _tile(image: ImageArray, parts: FloatArray, height: int = 220) -> ImageArray:
    """Return a picture, its person over green and its parts in colours, side by side."""
    green = np.array([0, 160, 0], np.float32)
    alpha = (1 - parts[0])[..., None]
    over = image * alpha + green * (1 - alpha)
    painted = np.einsum("khw,kc->hwc", parts, COLOURS) * 0.65 + image * 0.35
    row = np.concatenate([image, over.astype(np.uint8), painted.astype(np.uint8)], axis=1)
    width = round(height * row.shape[1] / row.shape[0])
    return cv2.resize(row, (width, height), interpolation=cv2.INTER_AREA)


def save_sheet(tiles: list[ImageArray], path: Path, *, columns: int = 3) -> None:
    """Write tiles of one height as a contact sheet."""
    widest = max(t.shape[1] for t in tiles)
    tiles = [np.pad(t, ((0, 0), (0, widest - t.shape[1]), (0, 0))) for t in tiles]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.concatenate(rows)[:, :, ::-1])


def look(reader: HeadMatte, analyzer: FaceAnalyzer, data: Path, folder: Path) -> None:
    """Write contact sheets of portraits and clip frames (for measuring only) to look at."""
    tiles = []
    for path in pictures(data / "faces" / "portraits"):
        image = read(path)
        for face in analyzer.analyze(image)[:1]:
            tiles.append(_tile(image, reader.read(image, face)))
    save_sheet(tiles, folder / "matte_portraits.png")
    tiles = []
    for path in sorted((data / "clips" / "evaluate").glob("*.mp4")):
        for frame in clip_frames(path, 30, 1):
            for face in analyzer.analyze(frame)[:1]:
                tiles.append(_tile(frame, reader.read(frame, face)))
    save_sheet(tiles, folder / "matte_clips.png")
