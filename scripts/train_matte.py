"""Train the embedded matte network.

    python scripts/train_matte.py --people FOLDER --state FILE.pt [--minutes 14] [--restart]
    python scripts/train_matte.py --state FILE.pt --out checkpoints/matte --export
    python scripts/train_matte.py --people FOLDER --state FILE.pt --more [--data ../shared]

`--people` is what `scripts/prepare_matte.py` wrote. Stopped on the way it goes on from its state.
`--more` has the network of a first round cut out members of Congress and keeps those where it
agrees with their background (more.npz); a second round, `--restart`, learns from them too.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=Path)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--export", action="store_true", help="write the state as a checkpoint")
    parser.add_argument("--more", action="store_true", help="cut out more people, to --people")
    parser.add_argument("--restart", action="store_true", help="a new schedule from the state")
    parser.add_argument("--out", type=Path, default=Path("checkpoints/matte"))
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--preset", choices=("cpu", "tiny"), default="cpu")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    import cv2
    import torch

    from talkgen.face.matte import MatteConfig
    from talkgen.training import matte_train as training

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    args.state.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(message)s",
        handlers=[logging.StreamHandler(), logging.FileHandler(args.state.with_suffix(".log"))],
    )
    if args.export or args.more:
        state = torch.load(args.state, weights_only=False)
        net = training.averaged(MatteConfig(), state["average"])
        if args.export:
            net.save_pretrained(args.out, half=True)
            return
    if args.people is None:
        parser.error("--people is needed")
    if args.more:
        from talkgen.training.matte_more import prepare_more

        model = Path(args.data) / "models" / "face_landmarker.task"
        prepare_more(net, Path(args.data) / "data", args.people, model)
        return
    schedule = training.SCHEDULES[args.preset]
    if args.minutes is not None:
        schedule = dataclasses.replace(schedule, minutes=args.minutes)
    training.fit(args.people, args.state, schedule, seed=args.seed, restart=args.restart)


if __name__ == "__main__":
    main()
