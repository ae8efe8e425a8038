"""Train the face autoencoder (checkpoints/autoencoder).

    python scripts/prepare_pairs.py --data ../shared --out ../cache/pairs
    python scripts/train_autoencoder.py --pairs ../cache/pairs --work ../cache/autoencoder
        --out checkpoints/autoencoder [--preset cpu|gpu] [--minutes 40]

Learns from congress, canada and london stills (every tenth person kept aside), real frames of the
`train` clips and mesh renders of them. The state in --work is resumed. Seed 0.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="state, pool of pictures, log")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--preset", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--minutes", type=float, help="processor time, default 60 (cpu), 10 (gpu)")
    parser.add_argument("--each", type=int, default=14, help="frames taken of each file of pairs")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--restart", action="store_true", help="a new schedule from the state")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    from talkgen.training.autoencoder_data import frames, stills
    from talkgen.training.autoencoder_train import psnr, train
    from talkgen.training.loop import Schedule

    args.work.mkdir(parents=True, exist_ok=True)
    place = args.work / "pool.npz"
    if not place.exists():
        data = Path(args.data)
        pool = np.stack([*stills(data, held_out=False), *frames(args.pairs, args.each)])
        np.savez(place, pool=pool, check=np.stack(list(stills(data, held_out=True))))
    stored = np.load(place)
    pool, check = stored["pool"], stored["check"]
    logging.info("%d pictures, %d held out", len(pool), len(check))
    gpu = args.preset == "gpu"
    schedule = Schedule(minutes=args.minutes or (10 if gpu else 60), rate=args.rate, average=0.999)
    model = train(
        pool, args.work / "state.pt", schedule, check=check[:: max(1, len(check) // 48)],
        device="cuda" if gpu else "cpu", count=64 if gpu else 16, side=256 if gpu else 128,
        restart=args.restart,
    )  # fmt: skip
    model.save_pretrained(args.out, half=True)
    logging.info("held out: %.2f dB", psnr(model, check))


if __name__ == "__main__":
    main()
