"""Train the embedded landmark network, part by part, and put the parts into one checkpoint.

    python scripts/train_landmarks.py ask    --rendered FOLDER --teacher face_landmarker.task
    python scripts/train_landmarks.py coarse --faces FOLDER --states FOLDER --minutes 60
    python scripts/train_landmarks.py eye    --faces FOLDER --states FOLDER --minutes 15
    python scripts/train_landmarks.py mouth  --faces FOLDER --states FOLDER --minutes 20
    python scripts/train_landmarks.py reader --faces FOLDER --states FOLDER --teacher FILE.task
    python scripts/train_landmarks.py export --states FOLDER --out checkpoints/landmarks

`--faces` is what `scripts/prepare_faces.py` wrote, `--rendered` (for all but `export`) what
`scripts/render_heads.py` wrote; `ask` has the teacher read those that face the viewer. `reader`
fits the join first. A part stopped on the way goes on from its state; `--restart` begins a new
schedule from its weights. Each part takes one core; the whole of it takes two hours on one.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("ask", "coarse", "eye", "mouth", "reader", "export"))
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--rendered", type=Path, help="what render_heads.py wrote")
    parser.add_argument("--teacher", type=Path, help="task file of the Face Landmarker")
    parser.add_argument("--states", type=Path, default=Path("states"))
    parser.add_argument("--out", type=Path, default=Path("checkpoints/landmarks"))
    parser.add_argument("--preset", choices=("cpu", "tiny"), default="cpu")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--rate", type=float, help="highest learning rate")
    parser.add_argument("--restart", action="store_true", help="a new schedule from a state")
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
    if args.part == "ask":
        from talkgen.training.perception_rendered import write_teacher

        if args.rendered is None:
            parser.error("--rendered is needed to ask the teacher")
        write_teacher(args.rendered, args.teacher)
        return
    if args.faces is None:
        parser.error("--faces is needed to train")
    recipe = training.PRESETS[args.preset]
    given = {"minutes": args.minutes, "rate": args.rate}
    schedule = dataclasses.replace(
        recipe.schedule, **{k: v for k, v in given.items() if v is not None}
    )
    training.fit(
        args.part, args.faces, args.states / f"{args.part}.pt",
        dataclasses.replace(recipe, schedule=schedule), seed=args.seed,
        rendered=args.rendered, restart=args.restart, teacher=args.teacher,
    )  # fmt: skip


if __name__ == "__main__":
    main()
