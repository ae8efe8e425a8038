"""Measure the face detector, alone and within the analyzer, and write results/detector.json.

    python scripts/evaluate_detector.py [--data ../shared/data] [--pictures 300]

Composed pictures: members of congress kept aside and the human portraits pasted from 40 pixels to
full frame, turned to 60 degrees, over pictures without a face; places by the MediaPipe teacher.
Needs the package mediapipe and its task file.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import os
import platform
import subprocess
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--data", type=Path, default=root / "data")
    parser.add_argument("--task", type=Path, help="default: found as the mediapipe backend does")
    parser.add_argument("--checkpoints", type=Path, help="a folder instead of the shipped ones")
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results/detector.json"))
    args = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")

    import cv2
    import torch

    from talkgen.face.analyzer import FaceAnalyzer
    from talkgen.training import detector_benchmark as benchmark

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    teacher = FaceAnalyzer.from_pretrained("mediapipe", args.task)
    found = benchmark.sources(args.data, teacher)
    logging.info("%d faces, %d backgrounds", len(found.faces), len(found.backgrounds))
    analyzer = FaceAnalyzer.from_pretrained(model_path=args.checkpoints)
    result = benchmark.measure(found, analyzer, args.pictures, seed=args.seed)
    result["animals_toys_statue"] = benchmark.beasts(analyzer, args.data)
    result["detector_ms"] = benchmark.speed(analyzer)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    result["about"] = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, 1 thread",
        "torch": torch.__version__,
        "commit": commit.stdout.strip(),
        "seed": args.seed,
        "units": "recall and precision at IoU 0.5; ms of one thread a square picture of that side",
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    logging.info("%s", json.dumps({k: result[k] for k in ("detector", "analyzer")}))


if __name__ == "__main__":
    main()
