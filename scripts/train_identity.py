"""Train the identity network.

    python scripts/train_identity.py --people FOLDER --state FILE --minutes 25
    python scripts/train_identity.py --people FOLDER --state FILE --out checkpoints/identity

`--people` is what `scripts/prepare_identity.py` wrote. A run that was stopped goes on from its
state. One core.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--preset", choices=("cpu", "tiny"), default="cpu")
    parser.add_argument("--minutes", type=float, help="processor time")
    parser.add_argument("--restart", action="store_true", help="a new schedule from the weights")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    import cv2
    import torch

    from talkgen.training import identity_train as training

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    recipe = training.PRESETS[args.preset]
    if args.minutes is not None:
        schedule = dataclasses.replace(recipe.schedule, minutes=args.minutes)
        recipe = dataclasses.replace(recipe, schedule=schedule)
    net = training.train(args.people, args.state, recipe, seed=args.seed, restart=args.restart)
    if args.out is not None:
        from talkgen.training.identity_points import fit_points

        people = (training.People(args.people, part) for part in ("train", "dev"))
        net = fit_points(net, *people)
        net.save_pretrained(args.out, half=True)


if __name__ == "__main__":
    main()
