"""Train the embedded face detector.

    python scripts/train_detector.py --faces FOLDER --state FILE.pt [--minutes 30]
    python scripts/train_detector.py --faces FOLDER --state FILE.pt --mine 3000
    python scripts/train_detector.py --state FILE.pt --out checkpoints/detector --export

`--faces` is what `scripts/prepare_faces.py` wrote, `--rendered`, where given, what
`scripts/render_heads.py` wrote: turned heads. Stopped on the way it goes on from its state;
`--restart` begins a new schedule with the weights of the state.
`--mine` writes what the detector mistakes for faces: train the landmark network after it.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--rendered", type=Path, help="what scripts/render_heads.py wrote")
    parser.add_argument("--restart", action="store_true", help="a new schedule from the state")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--export", action="store_true", help="write the state as a checkpoint")
    parser.add_argument("--out", type=Path, default=Path("checkpoints/detector"))
    parser.add_argument("--mine", type=int, help="look at N backgrounds, write hard.npy to --faces")
    parser.add_argument("--preset", choices=("cpu", "tiny"), default="cpu")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    import cv2
    import torch

    from talkgen.face.detector import DetectorConfig
    from talkgen.training import perception_detector as training

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    args.state.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(message)s",
        handlers=[logging.StreamHandler(), logging.FileHandler(args.state.with_suffix(".log"))],
    )
    if args.export:
        state = torch.load(args.state, weights_only=False)
        training.averaged(DetectorConfig(), state["average"]).save_pretrained(args.out, half=True)
        return
    if args.faces is None:
        parser.error("--faces is needed to train")
    if args.mine:
        state = torch.load(args.state, weights_only=False)
        net = training.averaged(DetectorConfig(), state["average"])
        logging.info("%d crops", training.mine(net, args.faces, args.mine, seed=args.seed))
        return
    recipe = training.PRESETS[args.preset]
    if args.minutes is not None:
        schedule = dataclasses.replace(recipe.schedule, minutes=args.minutes)
        recipe = dataclasses.replace(recipe, schedule=schedule)
    training.fit(
        args.faces, args.state, recipe, rendered=args.rendered, seed=args.seed,
        restart=args.restart,
    )  # fmt: skip


if __name__ == "__main__":
    main()
