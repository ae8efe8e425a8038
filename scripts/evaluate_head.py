"""Measure how well the head fits real faces and how fast; write results/head_fit.json.

python scripts/evaluate_head.py [--faces CACHE/head]   (data: TALKGEN_DATA, default ../shared)
Errors: mean distance of the inner landmarks to the teacher's, percent of the inter-ocular distance.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np


def milliseconds(call: Callable[[], object], repeat: int = 30) -> float:
    """Return the shortest processor time of a call: other work on the machine does not count."""
    best = np.inf
    for _ in range(repeat):
        begin = time.process_time()
        call()
        best = min(best, time.process_time() - begin)
    return round(1000 * best, 2)


def main() -> None:
    """Fit and write the table."""
    from talkgen.face.fit import HeadFit, fit_clip, fit_face
    from talkgen.face.head import HeadModel
    from talkgen.training.head_faces import read_faces

    parser = argparse.ArgumentParser(description=__doc__)
    data = Path(os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--faces", type=Path, help="folder that keeps the teacher's landmarks")
    parser.add_argument("--out", type=Path, default=Path("results/head_fit.json"))
    parser.add_argument("--congress", type=int, default=6, help="take every n-th portrait")
    args = parser.parse_args()
    head = HeadModel.from_pretrained("head")
    contour = head.landmark_weight < 0.5

    def contour_error(fit: HeadFit, points: np.ndarray) -> float:
        vertices = head.deform(head.neutral(fit.identity), fit.weights)
        off = fit.project(head.landmarks(vertices))[contour, :2] - points[contour, :2]
        iod = np.linalg.norm(points[33, :2] - points[263, :2])
        return float(100 * np.linalg.norm(off, axis=1).mean() / iod)

    table: dict[str, dict[str, float | int | str]] = {}

    def add(name: str, fits: list[HeadFit], points: np.ndarray, note: str) -> None:
        errors = [f.error for f in fits]
        outline = [contour_error(f, p) for f, p in zip(fits, points, strict=True)]
        table[name] = {
            "inner_percent": round(float(np.mean(errors)), 3),
            "inner_median": round(float(np.median(errors)), 3),
            "contour_percent": round(float(np.mean(outline)), 2),
            "n": len(fits),
            "note": note,
        }
        print(name, table[name], flush=True)

    places = "the places of the landmarks on the mesh were learned from these"
    points, names = read_faces(args.data, "london", args.faces)
    neutral = np.array(["neutral" in n for n in names])
    one = points[0]
    start = fit_face(head, one)
    shape = head.neutral(start.identity)
    speed = {
        "fit_face_ms": milliseconds(lambda: fit_face(head, one)),
        "fit_known_identity_ms": milliseconds(
            lambda: fit_face(head, one, identity=start.identity, start=start)
        ),
        "deform_ms": milliseconds(lambda: head.deform(shape, start.weights)),
        "load_ms": milliseconds(lambda: HeadModel.from_pretrained("head"), 5),
    }
    print(speed, flush=True)
    add("london_neutral", [fit_face(head, p) for p in points[neutral]], points[neutral], places)
    add("london_smiling", [fit_face(head, p) for p in points[~neutral]], points[~neutral], places)
    points, _ = read_faces(args.data, "canada", args.faces)
    add("canada_neutral", [fit_face(head, p) for p in points], points, places)
    points, _ = read_faces(args.data, "congress", args.faces)
    points = points[:: args.congress]
    add("congress", [fit_face(head, p) for p in points], points, "never used; up to 256 px")
    points, names = read_faces(args.data, "clips_eval", args.faces)
    clips = np.array([n.split("#")[0] for n in names])
    fits: list[HeadFit] = []
    order: list[int] = []
    for clip in np.unique(clips):
        rows = np.flatnonzero(clips == clip)
        fits += fit_clip(head, points[rows])[1]
        order += rows.tolist()
    add("clips_evaluate", fits, points[order], "never used; one identity a clip, 24 frames each")
    result = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores, one thread",
        "seed": 0,
        "unit": "percent of the inter-ocular distance, lower is better",
        "vertices": len(head.vertices),
        "triangles": len(head.faces),
        "errors": table,
        "speed": speed,
    }
    args.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
