"""Train the sync critic from the cache of prepare_tracks.py.

    python scripts/train_sync.py --cache ../cache --out ../cache/sync [--folds 2]
        [--results results/sync.json] [--steps 300]

Two minutes a net on one core. The net of everybody goes into OUT/checkpoint. With --folds, nets
that leave a share of the people out follow and are measured on those (stretches of 4 s; 3 s of
GRID, whose clips are no longer); their figures go into the results.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
FRAMES = 45
"""Frames of a crop: with 15 of sound to either side, a GRID sentence."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("../cache"))
    parser.add_argument("--out", type=Path, default=Path("../cache/sync"))
    parser.add_argument("--results", type=Path)
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    import torch

    from talkgen.critic.sync import SyncCritic
    from talkgen.critic.sync_net import SyncNet
    from talkgen.training import sync_data, sync_measure, sync_train
    from talkgen.training.loop import Schedule

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    clips = sync_data.sync_clips(args.cache, "train", seed=args.seed)
    people = sorted({clip.person for clip in clips})
    schedule = Schedule(minutes=8, steps=args.steps, rate=2e-3, decay=0.05, average=0.99)

    def trained(own: list[sync_data.SyncClip], name: str) -> SyncNet:
        torch.manual_seed(args.seed)
        net = SyncNet()
        weights = sync_train.train(
            net, sync_data.SyncSampler(own, FRAMES), schedule, args.out / f"{name}.pt",
            batch=args.batch, seed=args.seed,
        )  # fmt: skip
        net.load_state_dict(weights)
        net.eval()
        return net

    trained(clips, "all").save_pretrained(args.out / "checkpoint", eighths=True)
    found: dict[str, dict[str, Any]] = {"addresses": {}, "grid": {}}
    for fold in range(args.folds):
        aside = set(people[fold :: args.folds])
        critic = SyncCritic(trained([c for c in clips if c.person not in aside], f"fold{fold}"))
        for kind, frames in (("addresses", 100), ("grid", 75)):
            own = [c for c in clips if c.person in aside
                   and c.person.startswith("GRID") == (kind == "grid")]  # fmt: skip
            found[kind] |= sync_measure.by_person(critic, own, frames, frames // 2)
        logging.info("fold %d: %s", fold, json.dumps(found))
    if args.results and args.folds:
        known = json.loads(args.results.read_text()) if args.results.exists() else {}
        known["people left out of training"] = {
            kind: {
                "stretches": sum(p["n"] for p in rows.values()),
                "within_1": round(sum(p["n"] * p["within_1"] for p in rows.values() if p["n"])
                                  / max(1, sum(p["n"] for p in rows.values())), 3),
                "people": rows,
            }
            for kind, rows in found.items()
        }  # fmt: skip
        args.results.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
