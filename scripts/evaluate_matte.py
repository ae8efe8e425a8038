"""Measure the matte on people kept aside over backgrounds never seen, beside two baselines.

    python scripts/evaluate_matte.py [--matte checkpoints/matte] [--data ../shared]
        [--json results/matte.json] [--sheets FOLDER]

`--sheets` writes contact sheets of the composites, the portraits and the clips. Needs the package
mediapipe for the true mattes' landmarks.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from datetime import date
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--matte", default="matte")
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--composites", type=int, default=3, help="backgrounds a picture")
    parser.add_argument("--limit", type=int, help="stop after N pictures")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    import cv2
    import torch

    from talkgen.face.analyzer import FaceAnalyzer
    from talkgen.face.matte import HeadMatte
    from talkgen.training import matte_evaluate

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    reader = HeadMatte.from_pretrained(args.matte)
    analyzer = FaceAnalyzer.from_pretrained()
    model = Path(args.data) / "models" / "face_landmarker.task"
    teacher = FaceAnalyzer.from_pretrained("mediapipe", model)
    data = Path(args.data) / "data"
    sheet = args.sheets / "matte_composites.png" if args.sheets else None
    result = matte_evaluate.evaluate(
        reader, analyzer, teacher, data, composites=args.composites, limit=args.limit, sheet=sheet
    )
    if args.sheets:
        matte_evaluate.look(reader, analyzer, data, args.sheets)
    machine = f"{platform.machine()}, one thread"
    text = json.dumps({"date": str(date.today()), "machine": machine, **result}, indent=2)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
