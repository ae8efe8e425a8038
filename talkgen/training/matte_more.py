"""Members of Congress cut out by a first network and their own backgrounds together.

Many of their portraits have a plain background. Where what the background tells and what the
network sees agree, the cut-out is kept; the second round learns from these people too: beards,
suits, glasses, old men, grey and brown pictures, none of which London has.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.matte import HeadMatte, MatteNet
from talkgen.face.mediapipe_backend import MediaPipeBackend
from talkgen.training import perception_prepare
from talkgen.training.matte_extract import plain_matte
from talkgen.training.matte_prepare import crop_of, person_of, read
from talkgen.types import FloatArray

log = logging.getLogger(__name__)

SIDE = 448
LEAST_SIZE = 70.0
"""Least extent of the landmarks in pixels."""
LEAST_SHARED, LEAST_EXPLAINED = 0.94, 0.97
"""Least intersection over union of the two mattes, and share of the background explained."""


def agreed(plain: FloatArray, seen: FloatArray, inside: FloatArray) -> float:
    """Return intersection over union of two mattes (H, W) where the network looked."""
    one, other = np.minimum(plain, inside), np.minimum(seen, inside)
    return float(np.minimum(one, other).sum() / max(np.maximum(one, other).sum(), 1.0))


def prepare_more(
    net: MatteNet, data: Path, out: Path, model_path: Path, *, count: int = 1200, seed: int = 0
) -> None:
    """Write `more.npz` beside `people.npz`: crops, parts, inside and the pictures themselves.

    count : pictures looked at
    """
    analyzer = FaceAnalyzer(MediaPipeBackend(model_path))
    reader = HeadMatte(net)
    rows: dict[str, list[Any]] = defaultdict(list)
    everyone = sorted((data / "faces" / "congress").glob("*.jpg"))
    rng = np.random.default_rng(seed)
    paths = [everyone[i] for i in rng.permutation(len(everyone))[:count]]
    for path in paths:
        if perception_prepare.held_out(person_of(path)):
            continue
        image = read(path)
        faces = analyzer.analyze(image)
        if not faces or faces[0].size < LEAST_SIZE:
            continue
        landmarks = faces[0].landmarks
        parts = reader.read(image, faces[0])
        alpha, colours, explained = plain_matte(image, landmarks)
        shared = agreed(alpha, 1 - parts[0], np.ones_like(alpha))
        if explained < LEAST_EXPLAINED or shared < LEAST_SHARED:
            continue
        # Both have to see a person; what only one sees is left to the middle of the two.
        person = np.clip((alpha + 1 - parts[0]) / 2, 0, 1)
        whole = parts[1:] / np.maximum(parts[1:].sum(0), 1e-3) * person
        labels = np.concatenate([1 - whole.sum(0, keepdims=True), whole]).astype(np.float32)
        crop, shares, inside, _ = crop_of(colours, labels, landmarks, SIDE)
        picture = crop_of(image, labels, landmarks, SIDE)[0]
        for key, value in (
            ("crops", crop), ("parts", shares), ("inside", inside), ("pictures", picture),
            ("name", f"congress/{path.stem}"), ("held", False), ("shared", shared),
        ):  # fmt: skip
            rows[key].append(value)
    np.savez(out / "more.npz", **{k: np.array(v) for k, v in rows.items()})
    log.info("%d of %d cut out", len(rows["name"]), len(paths))
