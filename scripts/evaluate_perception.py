"""Measure the embedded perception against the MediaPipe Face Landmarker.

    python scripts/evaluate_perception.py [--out results/perception.json] [--checkpoints FOLDER]

Needs the package mediapipe and the data folder (`--data`, TALKGEN_DATA, default ../shared).
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import os
import platform
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--checkpoints", type=Path, help="folder of detector/ and landmarks/")
    parser.add_argument("--faces", type=Path, help="what prepare_faces.py wrote: adds the detector")
    parser.add_argument("--out", type=Path, default=Path("results/perception.json"))
    parser.add_argument("--step", type=int, default=4)
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    import torch

    from talkgen.face.analyzer import FaceAnalyzer
    from talkgen.training import perception_evaluate

    torch.set_num_threads(args.threads)
    found_by = FaceAnalyzer.from_pretrained("embedded", args.checkpoints)
    task = Path(args.data) / "models" / "face_landmarker.task"
    teacher = FaceAnalyzer.from_pretrained("mediapipe", task)
    result = perception_evaluate.evaluate(
        found_by, teacher, Path(args.data) / "data",
        step=args.step, most=args.most, limit=args.limit,
    )  # fmt: skip
    if args.faces is not None:
        from talkgen.training.perception_detector import evaluate
        from talkgen.training.perception_scenes import PictureSet

        detector = found_by.backend.detector  # type: ignore[attr-defined]
        result["detector_scenes"] = evaluate(detector, args.faces, 256, 400, seed=2)
        logging.info("detector: %s of %d pictures", result["detector_scenes"],
                     len(PictureSet(args.faces, held=True)))  # fmt: skip
    result["about"] = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {args.threads} thread(s)",
        "torch": torch.__version__,
        "seed": 0,
        "frames": f"every {args.step}th frame of a clip, at most {args.most}",
        "units": "NME in % of the distance of the outer eye corners; rotation pitch, yaw, roll deg",
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
