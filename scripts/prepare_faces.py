"""Label the training faces with the MediaPipe Face Landmarker (the teacher of the perception nets).

    python scripts/prepare_faces.py --out FOLDER [--data ../shared] [--limit N]

Writes crops.npy, pictures.npy and faces.npz (about 3 GB) in some ten minutes on a core.
Needs the package mediapipe and `models/face_landmarker.task` in the data folder.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--per-person", type=int, default=400, help="most frames of a person")
    parser.add_argument("--step", type=int, default=6, help="take every N-th frame of a clip")
    parser.add_argument("--limit", type=int, help="stop after N pictures (for trying it out)")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    from talkgen.training.perception_prepare import prepare

    prepare(
        Path(args.data) / "data", args.out, Path(args.data) / "models" / "face_landmarker.task",
        per_person=args.per_person, step=args.step, limit=args.limit,
    )  # fmt: skip


if __name__ == "__main__":
    main()
