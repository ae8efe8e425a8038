"""Constants of the gaze, fitted on rendered heads, and its error on others."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from talkgen import hub
from talkgen.face import gaze as module
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.gaze import CORNERS, IRISES, eye_features, forward, gaze_of
from talkgen.face.rotation import rotation_matrix
from talkgen.synthetic.shards import RenderedSet
from talkgen.types import MOTION_CHANNELS, Face, FloatArray, ImageArray

CONFIDENT = 0.5
CLIP_STEP = 20
"""Every twentieth frame of a clip is read."""

NOISE = 0.006
"""Landmark noise while fitting, in inter-ocular distances: exact points ask for too much."""

_LOOKS = {
    "pitch": (("eyeLookDownRight", "eyeLookUpRight"), ("eyeLookDownLeft", "eyeLookUpLeft")),
    "yaw": (("eyeLookOutRight", "eyeLookInRight"), ("eyeLookInLeft", "eyeLookOutLeft")),
}


def exact_face(heads: RenderedSet, index: int) -> Face:
    """Return the face that the labels of a rendered head describe."""
    points = heads.landmarks[index]
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return Face(points, np.concatenate([low, high]), np.zeros(52), heads.rotation[index])


def fit_constants(heads: RenderedSet, rng: np.random.Generator) -> dict[str, Any]:
    """Return the constants of `talkgen.face.gaze` that fit rendered heads, and put them there."""
    rows = [i for i in range(len(heads)) if abs(heads.rotation[i, 1]) < np.radians(50)]
    center, radius = _eyeball(heads, rows)
    module.CENTER, module.RADIUS = np.array(center), radius
    constants, error = _regress(heads, rows, rng)
    module.CONSTANTS.update(constants)
    return {"center": center, "radius": radius, "constants": constants, "error_deg": error}


def _eyeball(heads: RenderedSet, rows: list[int]) -> tuple[list[float], float]:
    """Return where the right eyeball lies from its corners' middle, and its radius, eye widths."""
    columns, targets = [], []
    for i in rows:
        points = heads.landmarks[i].astype(np.float64)
        turn = rotation_matrix(heads.rotation[i]).astype(np.float64)
        width = np.mean([np.linalg.norm(points[b] - points[a]) for a, b in CORNERS])
        for k, mirror in enumerate((1.0, -1.0)):
            a, b = CORNERS[k]
            offset = (points[IRISES[k]] - (points[a] + points[b]) / 2)[:2] / width
            looking = turn @ forward(*heads.gaze[i, k].astype(float))
            columns.append(np.column_stack([turn[:2] * [mirror, 1, 1], looking[:2]]))
            targets.append(offset)
    found = np.linalg.lstsq(np.concatenate(columns), np.concatenate(targets), rcond=None)[0]
    return [round(float(v), 4) for v in found[:3]], round(float(found[3]), 4)


def _regress(
    heads: RenderedSet, rows: list[int], rng: np.random.Generator
) -> tuple[dict[str, tuple[float, ...]], float]:
    columns, targets = [], []
    for i in rows:
        points = heads.landmarks[i].copy()
        iod = np.linalg.norm(points[33] - points[263])
        points[:, :2] += rng.normal(0, NOISE * iod, (478, 2))
        features, trust = eye_features(points, heads.rotation[i])
        for k, mirror in enumerate((1.0, -1.0)):
            if trust[k] > CONFIDENT:
                pitch, yaw, upper, lower = features[k]
                columns.append((pitch, mirror * yaw, upper, lower))
                targets.append(heads.gaze[i, k] * [1, mirror])
    x, y = np.array(columns), np.array(targets)
    one = np.ones(len(x))
    out, error = {}, 0.0
    for axis, name in enumerate(("pitch", "yaw")):
        design = np.column_stack([one, x[:, axis], x[:, 2], x[:, 3]])
        found = np.linalg.lstsq(design, y[:, axis], rcond=None)[0]
        error += float(np.abs(design @ found - y[:, axis]).mean()) / 2
        out[name] = tuple(round(float(v), 4) for v in found)
    return out, float(np.degrees(error))


def errors(faces: Iterable[Face | None], truth: FloatArray, turns: FloatArray) -> dict[str, Any]:
    """Return mean errors in degrees of the gaze of faces against exact eyes (N, 2, 2).

    turns : (N, 3) rotations of the heads, which the figures are split by
    """
    found = [None if f is None else gaze_of(f) for f in faces]
    yaw = np.degrees(np.abs(turns[:, 1]))
    rows: dict[str, Any] = {}
    for name, low, high in (("yaw 0-20", 0, 20), ("yaw 20-40", 20, 40), ("yaw 40-60", 40, 60)):
        here = [i for i, g in enumerate(found) if g is not None and low <= yaw[i] < high]
        sure = [i for i in here if found[i].confidence > CONFIDENT]  # type: ignore[union-attr]
        if not sure:
            continue
        eyes = np.stack([found[i].eyes for i in sure])  # type: ignore[union-attr]
        looks = np.stack([found[i].direction for i in sure])  # type: ignore[union-attr]
        exact = np.stack([_direction(truth[i], turns[i]) for i in sure])
        off = np.degrees(np.abs(eyes.mean(axis=1) - truth[sure].mean(axis=1)))
        angle = np.degrees(np.arccos(np.clip((looks * exact).sum(axis=1), -1, 1)))
        rows[name] = {
            "n": len(sure), "confident": round(len(sure) / len(here), 3),
            "pitch": round(float(off[:, 0].mean()), 2), "yaw": round(float(off[:, 1].mean()), 2),
            "direction": round(float(angle.mean()), 2),
        }  # fmt: skip
    return rows


def _direction(eyes: FloatArray, rotation: FloatArray) -> Any:
    """Return the unit vector (3,) in the camera's axes that both eyes look along."""
    mean = sum(forward(float(pitch), float(yaw)) for pitch, yaw in eyes)
    return rotation_matrix(rotation) @ mean / np.linalg.norm(mean)


def against_scores(faces: Iterable[Face]) -> dict[str, float]:
    """Return the correlation over frames of the gaze with the teacher's eyeLook scores."""
    eyes, looks = [], []
    index = {name: i for i, name in enumerate(MOTION_CHANNELS)}
    for face in faces:
        gaze = gaze_of(face)
        if gaze.confidence < CONFIDENT:
            continue
        eyes.append(gaze.eyes.mean(axis=0))
        looks.append(
            [np.mean([face.scores[index[a]] - face.scores[index[b]] for a, b in _LOOKS[axis]])
             for axis in ("pitch", "yaw")]
        )  # fmt: skip
    if len(eyes) < 10:
        return {}
    mine, theirs = np.array(eyes), np.array(looks)
    r = [float(np.corrcoef(mine[:, k], theirs[:, k])[0, 1]) for k in range(2)]
    return {"n": len(mine), "pitch_r": round(r[0], 3), "yaw_r": round(r[1], 3)}


def measure(heads: RenderedSet, data: Path, most: int = 300) -> dict[str, Any]:
    """Return the figures of `results/gaze.json`.

    heads : rendered heads of people held out; data : the data's root, for clips of real people
    most : pictures that are read by the analyzers; all serve with their exact landmarks
    """
    count = range(len(heads))
    weights = hub.resolve("landmarks") / "model.safetensors"
    out: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "heads": len(heads),
        "landmarks_sha256": hashlib.sha256(weights.read_bytes()).hexdigest()[:16],
        "unit": "degrees, mean absolute error; of confident readings only",
        "exact landmarks": errors(
            (exact_face(heads, i) for i in count), heads.gaze, heads.rotation
        ),
    }  # fmt: skip
    analyzers = {"embedded": FaceAnalyzer.from_pretrained("embedded")}
    task = data / "models" / "face_landmarker.task"
    if task.exists():
        analyzers["mediapipe"] = FaceAnalyzer.from_pretrained("mediapipe", model_path=task)
    for name, analyzer in analyzers.items():
        faces = [next(iter(analyzer.analyze(heads.image(i))), None) for i in count[:most]]
        out[f"{name} landmarks"] = errors(faces, heads.gaze, heads.rotation)
        out[f"{name} landmarks"]["found"] = round(float(np.mean([f is not None for f in faces])), 3)
    if "mediapipe" in analyzers:
        out["clips, r with the teacher's eyeLook scores"] = _clips(
            data / "data" / "clips" / "evaluate", analyzers
        )
    return out


def _clips(folder: Path, analyzers: dict[str, FaceAnalyzer]) -> dict[str, Any]:
    """Return how each analyzer's gaze goes along with the teacher's scores, pooled over frames."""
    found: dict[str, list[Face]] = {name: [] for name in analyzers}
    within: dict[str, list[Face]] = {name: [] for name in analyzers}
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in analyzers}
    for path in sorted(folder.glob("*.mp4")):
        for faces in within.values():
            faces.clear()
        for image in _frames(path):
            read = {n: next(iter(a.analyze(image)), None) for n, a in analyzers.items()}
            teacher = read["mediapipe"]
            if teacher is None:
                continue
            for name, face in read.items():
                if face is not None:
                    within[name].append(dataclasses.replace(face, scores=teacher.scores))
        for name, faces in within.items():
            found[name] += faces
            if row := against_scores(faces):
                rows[name].append(row)
    out: dict[str, Any] = {}
    for name in analyzers:
        out[name] = against_scores(found[name])
        if rows[name]:
            for axis in ("pitch_r", "yaw_r"):
                values = [r[axis] for r in rows[name] if np.isfinite(r[axis])]
                out[name][f"{axis}, median of clips"] = round(float(np.median(values)), 3)
            out[name]["clips"] = len(rows[name])
    return out


def _frames(path: Path) -> Iterator[ImageArray]:
    import av

    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % CLIP_STEP == 0:
                yield frame.to_ndarray(format="rgb24")
