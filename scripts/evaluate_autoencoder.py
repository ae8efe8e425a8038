"""PSNR of the face autoencoder on stills kept aside and on clips of `evaluate`.

    python scripts/evaluate_autoencoder.py --pairs ../cache/pairs_eval
        [--autoencoder autoencoder] [--out results/autoencoder.json]

Pairs: `scripts/prepare_pairs.py --set evaluate`; every 34th frame of a clip. Eyes and lips: the box
about what the rasteriser's maps mark as such, four pixels wider. Levels are clipped.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--autoencoder", default="autoencoder")
    parser.add_argument("--out", type=Path, default=Path("results/autoencoder.json"))
    parser.add_argument("--step", type=int, default=34)
    args = parser.parse_args()
    from talkgen.render.latents import FaceAutoencoder
    from talkgen.training.autoencoder_data import stills
    from talkgen.training.autoencoder_train import psnr

    model = FaceAutoencoder.from_pretrained(args.autoencoder)
    kept = np.stack(list(stills(Path(args.data), held_out=True)))
    clips = {
        p.stem.split("__")[0]: clip(model, p, args.step) for p in sorted(args.pairs.glob("*.npz"))
    }
    parts = ("whole", "eyes", "lips")
    result = {
        "stills": {"psnr": round(psnr(model, kept), 2), "n": len(kept)},
        "clips": {k: round(float(np.mean([c[k] for c in clips.values()])), 2) for k in parts},
        "least": {k: round(float(np.min([c[k] for c in clips.values()])), 2) for k in parts},
        "n": len(clips), "each": clips,
        "what": "dB at 256 px, levels of 255; stills: people kept aside of congress, canada, "
                "london; clips: people and films that trained nothing",
        "latents": [model.latent_channels, 256 // model.factor, 256 // model.factor],
        "seed": 0, "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }  # fmt: skip
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: result[k] for k in ("stills", "clips", "least")}))


def clip(model: Any, path: Path, step: int) -> dict[str, float]:
    """Return the mean PSNR of frames of a file of pairs: whole crops, eyes, lips."""
    import torch

    from talkgen.critic.pictures import psnr
    from talkgen.render.conditions import LABELS
    from talkgen.render.latents import to_pictures, to_tensor
    from talkgen.training.part_boxes import cut

    with np.load(path) as stored:
        real, maps = stored["real"][::step], stored["maps"][::step]
    with torch.inference_mode():
        made = np.clip(np.rint(to_pictures(model(to_tensor(real)))), 0, 255).astype(np.uint8)
    found: dict[str, list[float]] = {"whole": [], "eyes": [], "lips": []}
    for one, other, drawn in zip(real, made, maps, strict=True):
        found["whole"].append(psnr(other, one))
        for name, labels in (("eyes", ("eyes",)), ("lips", ("lips", "teeth", "inside"))):
            there = drawn[[LABELS.index(x) for x in labels]].max(axis=0)
            rows, columns = np.nonzero(there > 0)
            if len(rows):
                side = len(one) // len(there)
                x0, y0 = side * (columns.min() - 1), side * (rows.min() - 1)
                box = (max(x0, 0), max(y0, 0), side * (columns.max() + 2), side * (rows.max() + 2))
                found[name].append(psnr(cut(other, box), cut(one, box)))
    return {k: round(float(np.mean(v)), 2) for k, v in found.items()}


if __name__ == "__main__":
    main()
