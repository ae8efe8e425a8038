"""Further tables of the embedded perception: rendered heads, groups of people, jitter, speed."""

from __future__ import annotations

import csv
import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.points import CONTOUR, LIPS
from talkgen.face.region import Region, cut, region_of
from talkgen.synthetic.shards import RenderedSet
from talkgen.training.perception_evaluate import load, match
from talkgen.training.perception_prepare import held_out
from talkgen.types import Face, ImageArray

YAW_BINS = ((0, 15), (15, 30), (30, 45), (45, 60), (60, 75), (75, 90))
"""Degrees."""
INSIDE = tuple(i for i in range(478) if i not in CONTOUR)


def followed(analyzer: FaceAnalyzer, image: ImageArray, landmarks: Any) -> Face | None:
    """Return the face read on the crop that known landmarks give, twice, as tracking would."""
    first = analyzer.backend.read(image, region_of(landmarks))
    return first and analyzer.backend.read(image, region_of(first.landmarks))


def rendered_table(analyzer: FaceAnalyzer, folder: Path, limit: int | None = None) -> Any:
    """Return errors on rendered heads by their true yaw: rotation (deg, mean of each component),
    points seen (% of the true distance of the eyes in space, contour left out), score; how many the
    detector finds, and how many are still there when followed from the truth."""
    heads = RenderedSet(folder)
    rows = defaultdict(list)
    for index in range(min(len(heads), limit or len(heads))):
        image, truth = heads.image(index), heads.landmarks[index]
        yaw = abs(float(np.degrees(heads.rotation[index, 1])))
        name = next((b for b in YAW_BINS if b[0] <= yaw < b[1]), None)
        if name is None:
            continue
        there = Face(truth, _box(truth), heads.weights[index], heads.rotation[index])
        found = match(analyzer.analyze(image), there)
        face = followed(analyzer, image, truth)
        if face is None:
            rows[name].append((found is not None, None, None, None, None))
            continue
        turn = face.rotation - heads.rotation[index]
        turn = np.degrees(np.abs((turn + np.pi) % (2 * np.pi) - np.pi))
        error = np.linalg.norm((face.landmarks - truth)[:, :2], axis=1)
        error *= 100 / np.linalg.norm(truth[33] - truth[263])
        seen = [i for i in INSIDE if heads.visible[index, i]] or [1]
        lips = [i for i in LIPS if heads.visible[index, i]] or [13]
        rows[name].append(
            (found is not None, turn, error[seen].mean(), error[lips].mean(), face.score)
        )
    table: dict[str, Any] = {
        f"yaw_{a}_{b}": _bin(rows[(a, b)]) for a, b in YAW_BINS if rows[(a, b)]
    }
    upto = [r for (_, b), part in rows.items() if b <= 60 for r in part]
    return table | {"yaw_0_60": _bin(upto), "people": len({*heads.person.tolist()})}


def _box(points: Any) -> Any:
    return np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])


def _bin(rows: list[Any]) -> dict[str, Any]:
    seen = [r for r in rows if r[1] is not None]
    out = {
        "n": len(rows),
        "found": round(float(np.mean([r[0] for r in rows])), 3),
        "followed": round(len(seen) / len(rows), 3),
    }
    if seen:
        turns = np.array([r[1] for r in seen])
        out |= {
            "rotation_deg": turns.mean(0).round(2).tolist(),
            "rotation_median_deg": np.median(turns, axis=0).round(2).tolist(),
            "nme_seen": round(float(np.mean([r[2] for r in seen])), 2),
            "nme_lips_seen": round(float(np.mean([r[3] for r in seen])), 2),
            "score": round(float(np.mean([r[4] for r in seen])), 3),
        }
    return out


def groups_table(found_by: FaceAnalyzer, teacher: FaceAnalyzer, data: Path) -> dict[str, Any]:
    """Return NME against the teacher (% of the eye distance: all points, lips) on the London set,
    by ethnicity, sex and age; of everybody (most of whom trained) and of those kept aside."""
    folder = data / "faces"
    with (folder / "london_info.csv").open(newline="", encoding="utf-8") as stream:
        people = {row["face_id"]: row for row in csv.DictReader(stream)}
    rows: dict[str, list[Any]] = defaultdict(list)
    for path in sorted((folder / "london").glob("*.jpg")):
        person = path.stem.split("_")[0]
        if person not in people:
            continue
        image = load(path)
        wanted = teacher.analyze(image)
        found = match(found_by.analyze(image), wanted[0]) if wanted else None
        if found is None:
            continue
        gap = np.linalg.norm((found.landmarks - wanted[0].landmarks)[:, :2], axis=1)
        gap *= 100 / wanted[0].interocular
        info = people[person]
        for name in ("all", f"eth_{info['face_eth']}", f"sex_{info['face_gender']}",
                     f"age_{_age(info['face_age'])}"):  # fmt: skip
            for suffix in ("", "_held_out") if held_out(f"london/{person}") else ("",):
                rows[name + suffix].append((gap.mean(), gap[list(LIPS)].mean(), found.score))
    return {
        name: {
            "n": len(values),
            "nme_mean": round(float(np.mean([v[0] for v in values])), 3),
            "nme_lips": round(float(np.mean([v[1] for v in values])), 3),
            "score": round(float(np.mean([v[2] for v in values])), 3),
        }
        for name, values in sorted(rows.items())
    }


def _age(text: str) -> str:
    try:
        age = float(text)
    except ValueError:
        return "unknown"
    return "under_30" if age < 30 else "30_and_over"


def noisy(image: ImageArray, count: int, level: float = 3.0, seed: int = 0) -> Iterator[ImageArray]:
    """Yield a still picture as a video: sensor noise of `level` (of 255) anew in each frame."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        noise = rng.normal(0, level, image.shape)
        yield np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def jitter(analyzer: FaceAnalyzer, image: ImageArray, count: int = 25) -> dict[str, float] | None:
    """Return how much points move on a still picture as video, % of the eye distance: root mean
    square of a point about its mean place, over all points and the lips; None where lost."""
    faces = [f[0] for f in analyzer.track(noisy(image, count)) if f]
    if len(faces) < count:
        return None
    points = np.array([f.landmarks[:, :2] for f in faces[3:]], np.float64)
    away = np.linalg.norm(points - points.mean(0), axis=2) * 100 / faces[0].interocular
    scatter = np.sqrt((away**2).mean(0))
    return {"all": float(scatter.mean()), "lips": float(scatter[list(LIPS)].mean())}


def jitter_table(found_by: FaceAnalyzer, teacher: FaceAnalyzer, paths: list[Path]) -> Any:
    """Return mean still jitter of both on the pictures, shrunk to 512 px, that both follow."""
    rows = []
    for path in paths:
        image = load(path)
        scale = 512 / max(image.shape[:2])
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        one, other = jitter(found_by, image), jitter(teacher, image)
        if one is not None and other is not None:
            rows.append((one["all"], other["all"], one["lips"], other["lips"]))
    mean = np.mean(rows, axis=0).round(3).tolist() if rows else [None] * 4
    names = ("all", "teacher_all", "lips", "teacher_lips")
    return {"n": len(rows), "noise": 3.0, **dict(zip(names, mean, strict=True))}


def covered_table(analyzer: FaceAnalyzer, paths: list[Path]) -> Any:
    """Return the mean score of faces that a grey sheet covers from below by more and more."""
    shares = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75)
    rows = []
    for path in paths:
        image = load(path)
        faces = analyzer.analyze(image)
        if faces:
            rows.append([_score(analyzer, sheet(image, faces[0], s), faces[0]) for s in shares])
    values = np.array(rows).mean(0) if rows else np.zeros(len(shares))
    named = {
        f"covered_{share}": round(float(v), 3) for share, v in zip(shares, values, strict=True)
    }
    return {"n": len(rows)} | named


def sheet(image: ImageArray, face: Face, share: float) -> ImageArray:
    """Return the picture with the lower `share` of a face under a grey sheet."""
    out = image.copy()
    x0, y0, x1, y1 = face.box
    wide = 0.2 * (x1 - x0)
    top = round(float(y1 - share * (y1 - y0)))
    rows = slice(max(0, top), round(float(y1 + wide)) if share > 0 else max(0, top))
    out[rows, max(0, round(float(x0 - wide))) : round(float(x1 + wide))] = 128
    return out


def _score(analyzer: FaceAnalyzer, image: ImageArray, face: Face) -> float:
    """Return the score at a place where a face was; 0 where it is gone."""
    found = analyzer.backend.read(image, region_of(face.landmarks))
    return 0.0 if found is None else found.score


def speed(analyzer: FaceAnalyzer, image: ImageArray, count: int = 120) -> dict[str, float]:
    """Return frames a second of following the one face of a moving 512 x 512 picture."""
    face = analyzer.analyze(image)[0]
    whole = region_of(face.landmarks, margin=2.2)
    moves = [np.sin(np.arange(count) * f) * whole.size * 0.02 for f in (0.3, 0.23)]
    frames = [
        _window(image, dataclasses.replace(whole, x=whole.x + dx, y=whole.y + dy))
        for dx, dy in zip(*moves, strict=True)
    ]
    rates = []
    for part in range(3):
        own = frames[part * count // 3 : (part + 1) * count // 3]
        rates.append(len(own) / _seconds(lambda own=own: list(analyzer.track(own))))
    return {"frames_a_second": round(max(rates), 1), "slowest_third": round(min(rates), 1)}


def _window(image: ImageArray, region: Region) -> ImageArray:
    return cut(image, dataclasses.replace(region, roll=0.0), 512)[0]


def _seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def start_up() -> float:
    """Return seconds from torch being imported to the first face read, in a new process."""
    import subprocess
    import sys

    code = (
        "import time, numpy as np, torch; t = time.perf_counter()\n"
        "from talkgen.face.analyzer import FaceAnalyzer\n"
        "FaceAnalyzer.from_pretrained().analyze(np.zeros((256, 256, 3), np.uint8))\n"
        "print(time.perf_counter() - t)"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    return round(min(times), 2)
