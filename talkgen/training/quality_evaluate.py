"""What the quality verdicts say of each data set, and of pictures that were spoilt on purpose
(for `scripts/evaluate_quality.py`)."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.quality import VERDICTS, Quality, assess, faults
from talkgen.training.matte_evaluate import pictures
from talkgen.training.matte_prepare import read
from talkgen.training.perception_evaluate import NOT_HUMAN, clip_frames
from talkgen.types import Face, FloatArray, ImageArray


def samples(data: Path, count: int, seed: int = 0) -> Iterator[tuple[str, str, ImageArray]]:
    """Yield (data set, name, picture): at most `count` pictures of each folder, clips' frames."""
    rng = np.random.default_rng(seed)
    for source in ("london", "canada", "congress", "portraits"):
        paths = [p for p in pictures(data / "faces" / source) if p.name not in NOT_HUMAN]
        for path in (paths[i] for i in sorted(rng.permutation(len(paths))[:count])):
            yield source, path.name, read(path)
    for part in ("evaluate", "train"):
        paths = sorted((data / "clips" / part).glob("*.mp4"))
        for path in (paths[i] for i in sorted(rng.permutation(len(paths))[: count // 2])):
            for index, frame in enumerate(clip_frames(path, 40, 2)):
                yield f"clips/{part}", f"{path.stem}:{index * 40}", frame


def rates(analyzer: FaceAnalyzer, data: Path, count: int) -> dict[str, Any]:
    """Return the share of each verdict by data set, and how often each measure is the reason."""
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    blamed: dict[str, Counter[str]] = defaultdict(Counter)
    named: dict[str, list[str]] = defaultdict(list)
    for source, name, image in samples(data, count):
        faces = analyzer.analyze(image)
        if not faces:
            verdicts[source]["no face"] += 1
            continue
        quality = assess(image, faces[0])
        verdicts[source][quality.verdict] += 1
        blamed[source].update(faults(quality.measures))
        if quality.verdict == "unusable":
            named[source].append(f"{name}: {quality.message}")
    return {
        source: {
            "n": sum(tally.values()),
            **{v: round(tally[v] / sum(tally.values()), 3) for v in (*VERDICTS, "no face")},
            "reasons": dict(blamed[source].most_common()),
            "all unusable": named[source],
        }
        for source, tally in verdicts.items()
    }


def spoilt(image: ImageArray, face: Face) -> dict[str, list[Callable[[], ImageArray]]]:
    """Return, by kind, makers of pictures that are spoilt more and more."""
    size = face.size
    x, y = face.landmarks[[13, 14], :2].mean(0)
    whole = image.astype(np.float32)

    def blurred(share: float) -> ImageArray:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), share * size), np.uint8)

    def shrunk(pixels: float) -> ImageArray:
        factor = pixels / size
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        return np.asarray(small)

    def enlarged(pixels: float) -> ImageArray:
        return np.asarray(cv2.resize(shrunk(pixels), image.shape[1::-1]))

    def brighter(gain: float) -> ImageArray:
        return np.clip(whole * gain, 0, 255).astype(np.uint8)

    def barred(high: float) -> ImageArray:
        out = image.copy()
        half, up = int(0.45 * size), int(high * size / 2)
        out[max(int(y) - up, 0) : int(y) + up, max(int(x) - half, 0) : int(x) + half] = 0
        return out

    return {
        "blur, share of the face": [lambda s=s: blurred(s) for s in (0.01, 0.025, 0.05)],
        "shrunk to 100, 40, 15 px": [lambda s=s: shrunk(s) for s in (100, 40, 15)],
        "shrunk to 64, 32, 12 px and enlarged": [lambda s=s: enlarged(s) for s in (64, 32, 12)],
        "brighter by 1.5, 3, 12": [lambda g=g: brighter(g) for g in (1.5, 3.0, 12.0)],
        "darker by 2, 8, 40": [lambda g=g: brighter(1 / g) for g in (2.0, 8.0, 40.0)],
        "black bar over the mouth, 0.1, 0.25, 0.4 high": [
            lambda h=h: barred(h) for h in (0.1, 0.25, 0.4)
        ],
    }  # fmt: skip


def degradations(analyzer: FaceAnalyzer, data: Path, count: int) -> dict[str, Any]:
    """Return the mean level (0 usable to 2 unusable, 3 no face) of spoilt Londoners by kind."""
    paths = pictures(data / "faces" / "london")[:: max(1, 188 // count)]
    levels: dict[str, list[list[int]]] = defaultdict(list)
    for path in paths:
        image = read(path)
        faces = analyzer.analyze(image)
        if not faces:
            continue
        face = faces[0]
        for kind, makers in spoilt(image, face).items():
            levels[kind].append([_level(analyzer, make()) for make in makers])
        turned = [
            assess(image, dataclasses.replace(face, rotation=_yawed(face, y))) for y in (30, 50, 70)
        ]
        levels["rotation set to yaw 30, 50, 70"].append([_rank(q) for q in turned])
    return {k: np.mean(v, axis=0).round(2).tolist() for k, v in levels.items()}


def _yawed(face: Face, degrees: float) -> FloatArray:
    return np.array([face.rotation[0], np.radians(degrees), face.rotation[2]], np.float32)


def _level(analyzer: FaceAnalyzer, image: ImageArray) -> int:
    faces = analyzer.analyze(image)
    return _rank(assess(image, faces[0])) if faces else len(VERDICTS)


def _rank(quality: Quality) -> int:
    return VERDICTS.index(quality.verdict)
