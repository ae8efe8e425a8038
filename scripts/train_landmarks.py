"""Train the embedded landmark network, part by part, and put the parts into one checkpoint.

    python scripts/train_landmarks.py coarse --faces FOLDER --states FOLDER --minutes 35
    python scripts/train_landmarks.py eye    --faces FOLDER --states FOLDER --minutes 15
    python scripts/train_landmarks.py mouth  --faces FOLDER --states FOLDER --minutes 15
    python scripts/train_landmarks.py reader --faces FOLDER --states FOLDER
    python scripts/train_landmarks.py export --states FOLDER --out checkpoints/landmarks

`--faces` is what `scripts/prepare_faces.py` wrote. A part stopped on the way goes on from
its state. Each part takes one core; the whole of it takes an hour and a half on one.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("coarse", "eye", "mouth", "reader", "export"))
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--states", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("checkpoints/landmarks"))
    parser.add_argument("--preset", choices=("cpu", "tiny"), default="cpu")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    import cv2
    import torch

    from talkgen.training import perception_landmarks as training

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    args.states.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(message)s",
        handlers=[logging.StreamHandler(), logging.FileHandler(args.states / f"{args.part}.log")],
    )
    if args.part == "export":
        training.assemble(args.states).save_pretrained(args.out, half=True)
        return
    if args.faces is None:
        parser.error("--faces is needed to train")
    recipe = training.PRESETS[args.preset]
    if args.minutes is not None:
        recipe = dataclasses.replace(recipe, minutes=args.minutes)
    training.fit(args.part, args.faces, args.states / f"{args.part}.pt", recipe, seed=args.seed)


if __name__ == "__main__":
    main()
