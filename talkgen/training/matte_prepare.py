"""People cut out of photographs, and backgrounds: what `scripts/prepare_matte.py` calls.

Writes `people.npz`-like arrays: upright crops of the people's own colours with the shares of
hair, face, neck and clothes in every pixel, and pieces of pictures without people.
"""

from __future__ import annotations

import logging
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.matte import matte_region
from talkgen.face.mediapipe_backend import MediaPipeBackend
from talkgen.face.region import cut, region_of
from talkgen.training.matte_extract import parts_of, plain_matte
from talkgen.training.perception_prepare import frames
from talkgen.types import FloatArray, ImageArray

log = logging.getLogger(__name__)

SIDE = 448
MARGIN = 1.25
"""The cached crop in crops of the network, so that views may shift, turn and shrink."""
BACKGROUND_SIDE = 256
HELD_OUT_PERCENT = 18
"""More than elsewhere (10), so that fourteen Londoners are kept aside; includes those."""
BAD = frozenset(
    ("canada/095m", "canada/108m", "canada/115m", "canada/116m", "canada/117m",
     "london/021_smiling")
)  # fmt: skip
"""Pictures whose cut-out takes some of the background along, found by looking at all of them."""


def held_out(person: str) -> bool:
    """Return whether a person of London or Canada is kept aside for measuring."""
    return zlib.crc32(person.encode()) % 100 < HELD_OUT_PERCENT


def read(path: Path) -> ImageArray:
    """Return a picture as RGB."""
    return np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[:, :, ::-1])


def person_of(path: Path) -> str:
    """Return "folder/person" of a photograph."""
    name = path.stem.split("_")[0] if path.parent.name == "london" else path.stem
    return f"{path.parent.name}/{name}"


def studio_pictures(data: Path) -> Iterator[Path]:
    """Yield the photographs before plain backgrounds."""
    for source in ("london", "canada"):
        yield from sorted((data / "faces" / source).glob("*.jpg"))


def crop_of(
    colours: ImageArray, parts: FloatArray, landmarks: FloatArray, side: int = SIDE
) -> tuple[ImageArray, Any, Any, Any]:
    """Return the upright crop: colours (S, S, 3), parts (S, S, 4) uint8 without the background,
    whether it lies in the picture (S, S) uint8, and the (2, 3) matrix to picture pixels."""
    region = matte_region(landmarks).scaled(MARGIN)
    crop, matrix = cut(colours, region, side)
    whole = np.ascontiguousarray(np.rint(parts[1:].transpose(1, 2, 0) * 255).astype(np.uint8))
    shares = np.concatenate([cut(whole[..., :3], region, side)[0],
                             cut(whole[..., 1:], region, side)[0][..., 2:]], axis=2)  # fmt: skip
    height, width = colours.shape[:2]
    inside = cv2.warpAffine(
        np.ones((height, width), np.uint8), matrix, (side, side),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
    )  # fmt: skip
    return crop, shares, inside, matrix


def prepare_people(data: Path, out: Path, analyzer: FaceAnalyzer) -> None:
    """Write `people.npz` (London and Canada) into `out`."""
    rows: dict[str, list[Any]] = defaultdict(list)
    for path in studio_pictures(data):
        name = f"{path.parent.name}/{path.stem}"
        if name in BAD:
            continue
        image = read(path)
        faces = analyzer.analyze(image)
        if not faces:
            log.warning("%s: no face", name)
            continue
        landmarks = faces[0].landmarks
        alpha, colours, explained = plain_matte(image, landmarks)
        parts = parts_of(colours, alpha, landmarks)
        crop, shares, inside, matrix = crop_of(colours, parts, landmarks)
        back = cv2.invertAffineTransform(matrix)
        rows["crops"].append(crop)
        rows["parts"].append(shares)
        rows["inside"].append(inside)
        rows["landmarks"].append(landmarks[:, :2] @ back[:, :2].T + back[:, 2])
        rows["name"].append(name)
        rows["held"].append(held_out(person_of(path)))
        rows["explained"].append(explained)
    np.savez(out / "people.npz", **{k: np.array(v) for k, v in rows.items()})
    log.info("%d people's pictures, %d kept aside", len(rows["name"]), sum(rows["held"]))


def beside_face(image: ImageArray, landmarks: FloatArray, rng: Any) -> ImageArray | None:
    """Return a square piece beside and above a face, without the person; None where there is none.

    Long hair and shoulders may reach into it, at its lower rim.
    """
    height, width = image.shape[:2]
    face = region_of(landmarks)
    free = [(0, face.x - 0.62 * face.size), (face.x + 0.62 * face.size, width)]
    x0, x1 = max(free, key=lambda f: f[1] - f[0])
    wide, high = x1 - x0, min(height, face.y + 0.3 * face.size)
    piece = int(min(wide, high))
    if piece < 36:
        return None
    piece = int(rng.integers(max(36, piece // 2), piece + 1))
    x = int(rng.integers(int(x0), int(x1) - piece + 1))
    y = int(rng.integers(0, int(high) - piece + 1))
    part = image[y : y + piece, max(x, 0) : max(x, 0) + piece]
    how = cv2.INTER_AREA if piece > BACKGROUND_SIDE else cv2.INTER_CUBIC
    return cv2.resize(part, (BACKGROUND_SIDE, BACKGROUND_SIDE), interpolation=how)


def prepare_backgrounds(
    data: Path, out: Path, analyzer: FaceAnalyzer, *, congress: int = 900, seed: int = 0
) -> None:
    """Write `backgrounds.npy`: pieces beside the faces of congress pictures and training clips."""
    rng = np.random.default_rng(seed)
    pieces = []
    pictures = sorted((data / "faces" / "congress").glob("*.jpg"))
    for path in rng.permutation(np.array(pictures, object))[:congress]:
        image = read(path)
        faces = analyzer.analyze(image)
        piece = beside_face(image, faces[0].landmarks, rng) if faces else None
        if piece is not None:
            pieces.append(piece)
    count = len(pieces)
    for sample in frames(data, 12, 25):
        faces = analyzer.analyze(sample.image)
        for _ in range(2):
            piece = beside_face(sample.image, faces[0].landmarks, rng) if faces else None
            if piece is not None:
                pieces.append(piece)
    np.save(out / "backgrounds.npy", np.stack(pieces))
    log.info("%d backgrounds, %d of them from clips", len(pieces), len(pieces) - count)


def prepare(data: Path, out: Path, model_path: Path, *, seed: int = 0) -> None:
    """Write everything that `matte_train` reads into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    analyzer = FaceAnalyzer(MediaPipeBackend(model_path))
    prepare_people(data, out, analyzer)
    prepare_backgrounds(data, out, analyzer, seed=seed)
