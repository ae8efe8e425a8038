"""Face pictures for the autoencoder: stills at several scales, real frames, and mesh renders."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from talkgen.render.latents import to_tensor

SIDE = 256
SCALES = (1.15, 1.6, 0.75)
"""Sides of crops of large pictures, in sizes of the face."""
HELD_OUT = 10
"""Every tenth person of the stills is kept aside."""

log = logging.getLogger(__name__)


def stills(data: Path, *, held_out: bool) -> Iterator[NDArray[np.uint8]]:
    """Yield crops (256, 256, 3) of congress, canada and london, people held out or all others."""
    from talkgen.face.analyzer import FaceAnalyzer
    from talkgen.io.image import as_image

    analyzer = FaceAnalyzer.from_pretrained()
    faces = data / "data" / "faces"
    for name in ("congress", "canada", "london"):
        for path in sorted((faces / name).glob("*.jpg")):
            number = int("".join(c for c in path.stem if c.isdigit()) or 0)
            if (number % HELD_OUT == 0) != held_out:
                continue
            image = as_image(path)
            found = analyzer.analyze(image)
            if not found:
                continue
            box = found[0].box
            centre, size = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max())
            for scale in SCALES if max(image.shape) > 512 and not held_out else SCALES[:1]:
                yield square(image, centre, size * scale)


def square(image: NDArray[np.uint8], centre: NDArray[Any], side: float) -> NDArray[np.uint8]:
    """Return the square of a picture about `centre`, brought to 256 pixels."""
    x, y = (np.asarray(centre) - side / 2).round().astype(int)
    whole = max(16, round(side))
    pad = max(0, -x, -y, x + whole - image.shape[1], y + whole - image.shape[0])
    wide: Any = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
    cut = wide[y + pad : y + pad + whole, x + pad : x + pad + whole]
    how = cv2.INTER_AREA if whole > SIDE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, (SIDE, SIDE), interpolation=how), np.uint8)


def frames(pairs: Path, each: int, seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Yield real frames, and a third as many mesh renders, of files of pairs."""
    rng = np.random.default_rng(seed)
    for path in sorted(pairs.glob("*.npz")):
        if path.name.endswith(".part.npz"):
            continue
        try:
            with np.load(path) as stored:
                real, mesh = stored["real"], stored["mesh"]
        except (OSError, ValueError) as error:
            log.warning("%s is left out (%s)", path.name, error)
            continue
        count = min(each, len(real))
        yield from real[rng.choice(len(real), count, replace=False)]
        yield from mesh[rng.choice(len(mesh), max(1, count // 3), replace=False)]


def people(data: Path, which: str) -> dict[str, str]:
    """Return the person of each clip (file stem) of a set of clips."""
    with (data / "data" / "clips" / which / "clips.csv").open(encoding="utf-8") as stream:
        return {Path(row["file"]).stem: row["person"] for row in csv.DictReader(stream)}


def batch(pool: NDArray[np.uint8], rng: np.random.Generator, count: int, side: int) -> Tensor:
    """Return (count, 3, side, side) in [-1, 1]: random cuts, mirrored, re-coloured, some smaller.

    pool : (N, 256, 256, 3) uint8
    """
    out = np.empty((count, side, side, 3), np.uint8)
    for row in out:
        image = pool[rng.integers(len(pool))]
        if rng.random() < 0.25:
            small = int(rng.integers(side, SIDE))
            image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        y, x = (int(rng.integers(0, n - side + 1)) for n in image.shape[:2])
        row[:] = image[y : y + side, x : x + side]
        if rng.random() < 0.5:
            row[:] = row[:, ::-1].copy()
        if rng.random() < 0.5:
            row[:] = recolored(row, rng)
    return to_tensor(out)


def recolored(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a picture (..., 3) with another brightness, contrast, warmth and saturation."""
    values = image.astype(np.float32)
    gains = rng.uniform(0.85, 1.15, 3) * rng.uniform(0.75, 1.2)
    grey = values.mean(-1, keepdims=True)
    values = grey + (values - grey) * rng.uniform(0.4, 1.3)
    values = values * gains.astype(np.float32)
    return np.asarray(np.clip(values + rng.uniform(-12, 12), 0, 255), np.uint8)
