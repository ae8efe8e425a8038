"""What a person's adapter gains on later frames of the same person.

    python scripts/evaluate_adapter.py --pairs ../cache/pairs [--clips aoc_1 lieu_1] [--steps 60]

An adapter learns from the first four fifths of a clip and is judged on the rest, as is the denoiser
without it: by how many dB one step comes nearer to the real latents than the mesh render. The clips
are of people whom the shipped denoiser never saw. Seed 0. Writes results/adapter.json.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

FRAMES = ("real", "mesh", "maps", "weights", "angles", "sound", "frames")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--clips", nargs="*", default=["aoc_1", "lieu_1"])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("results/adapter.json"))
    args = parser.parse_args()
    result = {
        "clips": {name: gain(args.pairs, name, args.steps) for name in args.clips},
        "what": "dB by which one step comes nearer to real latents than the mesh render, on the "
                "last fifth of a clip; with: after an adapter learned from the rest",
        "steps": args.steps, "seed": 0, "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }  # fmt: skip
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["clips"], indent=1))


def gain(folder: Path, name: str, steps: int) -> dict[str, Any]:
    """Return the figures of one clip."""
    from talkgen.render.denoiser import Denoiser
    from talkgen.render.latents import FaceAutoencoder
    from talkgen.training.adapt import Effort, adapt
    from talkgen.training.diffusion_data import clip_of
    from talkgen.training.diffusion_train import channel_weights, gains

    autoencoder = FaceAutoencoder.from_pretrained("autoencoder")
    learned, aside = [], []
    for path in sorted(folder.glob(f"{name}__*.npz")):
        with np.load(path) as stored:
            pairs = dict(stored)
        count = len(pairs["real"])
        first = np.arange(0, int(0.8 * count), 2)
        last = np.arange(int(0.8 * count) + 2, count, 3)
        for rows, into, again in ((first, learned, True), (last, aside, False)):
            part = pairs | {key: pairs[key][rows] for key in FRAMES}
            into.append(clip_of(part, path.stem, name, autoencoder, again=again))
    denoiser = Denoiser.from_pretrained("denoiser")
    weights, began = channel_weights(autoencoder), time.process_time()
    without = gains(denoiser, aside, weights)
    adapt(
        denoiser, autoencoder, learned, aside, "0" * 64, Effort(steps=steps, minutes=60, half=True)
    )
    return {"without": without, "with": gains(denoiser, aside, weights),
            "processor_s": round(time.process_time() - began)}  # fmt: skip


if __name__ == "__main__":
    main()
