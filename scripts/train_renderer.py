"""Train the denoiser of the diffusion renderer (checkpoints/denoiser).

    python scripts/prepare_pairs.py --data ../shared --out ../cache/pairs
    python scripts/train_autoencoder.py ...            # checkpoints/autoencoder
    python scripts/train_renderer.py --pairs ../cache/pairs --work ../cache/denoiser
        --out checkpoints/denoiser [--preset cpu|gpu] [--minutes 120] [--rival]

With a GPU, Stable Diffusion's size: --preset gpu --autoencoder FOLDER/vae --start FOLDER.
The shipped one: 35 minutes without --rival, then with it to 98.

Learns from the `train` clips and London's pairs; the people named in ASIDE are kept aside and only
logged. Every `--save-every` seconds the state is written (a run goes on where it ended), the
gain over the mesh render on those people is logged and a sheet of them is drawn. Seed 0.
"""

from __future__ import annotations

import argparse
import logging
import os
import pickle
from pathlib import Path
from typing import Any

ASIDE = ("london_10", "aoc", "lieu", "pelosi", "grid_s31", "grid_s34")
"""Beginnings of the names of files of pairs whose people are not learned from."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="state, latents, sheets")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--autoencoder", default="autoencoder", help="name or folder")
    parser.add_argument("--preset", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--minutes", type=float, help="processor time, default 120 (cpu), 8 (gpu)")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--restart", action="store_true", help="a new schedule from the state")
    parser.add_argument("--start", type=Path, help="folder of diffusers' layout: its U-Net")
    parser.add_argument("--rival", action="store_true", help="a critic takes part, for the end")
    parser.add_argument("--save-every", type=float, default=240.0)
    parser.add_argument("--config", default="{}", help="sizes other than the default, as JSON")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    import json

    from talkgen.render.denoiser import DenoiserConfig
    from talkgen.render.latents import FaceAutoencoder
    from talkgen.training.diffusion_train import train
    from talkgen.training.loop import Schedule

    args.work.mkdir(parents=True, exist_ok=True)
    autoencoder = FaceAutoencoder.from_pretrained(args.autoencoder)
    clips = latents(args, autoencoder)
    aside = [c for c in clips if c.name.startswith(ASIDE)]
    learned = [c for c in clips if not c.name.startswith(ASIDE)]
    logging.info(
        "%d frames of %d people; aside %d files of %d people",
        sum(map(len, learned)), len({c.person for c in learned}), len(aside),
        len({c.person for c in aside}),
    )  # fmt: skip
    gpu = args.preset == "gpu"
    schedule = Schedule(
        minutes=args.minutes or (8 if gpu else 120), rate=args.rate, average=0.999, decay=0.01,
        save_every_s=args.save_every,
    )  # fmt: skip
    config = DenoiserConfig.from_dict(
        {"channels": [160, 256, 320] if gpu else [64, 128, 128],
         "latent_channels": autoencoder.latent_channels, **json.loads(args.config)}
    )  # fmt: skip
    start = None
    if args.start is not None:
        from talkgen.render.scale import denoiser_from_diffusers

        start = denoiser_from_diffusers(args.start)
    model = train(
        learned, aside[:: max(1, len(aside) // 24)], autoencoder, args.work / "state.pt", schedule,
        config=config, device="cuda" if gpu else "cpu", count=128 if gpu else 16,
        restart=args.restart, rival=args.rival, start=start,
        sheets=args.work / "sheets",
    )  # fmt: skip
    model.save_pretrained(args.out, half=True)


def latents(args: Any, autoencoder: Any) -> list[Any]:
    """Return the clips as latents, from a file in --work where one was made."""
    from talkgen.training.autoencoder_data import people
    from talkgen.training.diffusion_data import read_folder

    place = args.work / "latents.pkl"
    if place.exists():
        with place.open("rb") as stream:
            return list(pickle.load(stream))
    known = people(Path(args.data), "train")
    clips = read_folder(args.pairs, lambda name: known.get(name, name), autoencoder)
    with place.with_suffix(".part").open("wb") as stream:
        pickle.dump(clips, stream)
    place.with_suffix(".part").replace(place)
    return clips


if __name__ == "__main__":
    main()
