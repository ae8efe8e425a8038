"""Measure the diffusion renderer against the mesh render, a flat landmark warp and the still frame.

    python scripts/evaluate_diffusion.py --pairs FOLDER [--autoencoder A --denoiser D]
        [--steps 4 1] [--step 4] [--identity] [--out FILE] [--sheets FOLDER]

With --pairs: crops that scripts/prepare_pairs.py wrote (`--set evaluate`), for choosing between
checkpoints; prints one JSON (some 8 s of processor time a clip, and count of --steps). Seed 0.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2

NETWORKS = ("autoencoder", "denoiser")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=Path, required=True, help="folder of .npz")
    for name in NETWORKS:
        parser.add_argument(f"--{name}", help="name or folder; no denoiser: mesh and still alone")
    parser.add_argument("--steps", type=int, nargs="*", help="of the flow, default 4")
    parser.add_argument("--step", type=int, default=4, help="score every n-th frame")
    parser.add_argument("--identity", action="store_true", help="adapter off, and another person")
    parser.add_argument("--clips", nargs="*", help="beginnings of names")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sheets", type=Path, help="folder: a picture of each clip")
    args = parser.parse_args()
    cv2.setNumThreads(0)
    fast(args)


def fast(args: Any) -> None:
    """Score pairs and print one JSON: means, medians, and who beats whom."""
    from talkgen.training.diffusion_fast import fast_clip, strangers
    from talkgen.training.diffusion_measure import mouth_distances, summary
    from talkgen.training.diffusion_sample import read_pairs
    from talkgen.training.frechet import FEATURES, MouthFeatures

    began = time.time()
    paths = sorted(args.pairs.glob("*.npz"))
    other = strangers(paths)
    if args.clips:
        paths = [p for p in paths if p.stem.startswith(tuple(args.clips))]
    if not paths:
        sys.exit(f"{args.pairs} holds no pairs; write them with scripts/prepare_pairs.py")
    sampler, variants = networks(args), ()
    if sampler is not None:
        variants = asked(args.steps or [4], args.identity)
    features, rows, mouths = MouthFeatures.from_pretrained(), {}, {}
    for path in paths:
        pairs = read_pairs(path)
        wrong = read_pairs(other[path])["embedding"] if args.identity and path in other else None
        scores, strip = fast_clip(
            pairs, step=args.step, sampler=sampler, variants=variants, wrong=wrong,
            features=features,
        )  # fmt: skip
        rows[path.stem] = {k: round(v, 4) for k, v in scores.row().items()}
        for name, found in scores.mouths.items():
            mouths.setdefault(name, []).extend(found)
        if args.sheets is not None:
            args.sheets.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(args.sheets / f"{path.stem}.png"), strip[..., ::-1])
        print(path.stem, f"{time.time() - began:.0f} s", file=sys.stderr, flush=True)
    names = [n for n in mouths if n != "real"]
    result = {
        "what": "pairs of the evaluate clips, the portrait's own frame left out; face: the whole "
                "crop of 256 pixels; mouth: square about the lips, side 1.6 of their extent, in "
                "pixels of that crop; inside, eyes: PSNR of what the mesh draws of them; "
                "sharpness: Laplacian energy over the real crops', off: |its logarithm|; gain: "
                "mean over clips, above 0 better",
        "autoencoder": args.autoencoder, "denoiser": args.denoiser, "n": len(rows),
        "step": args.step, "seconds": round(time.time() - began), "features": FEATURES,
        "mouth_frechet": mouth_distances(mouths), **summary(rows, names), "clips": rows,
    }  # fmt: skip
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    short = {k: result[k] for k in ("n", "seconds", "mouth_frechet", "mean")}
    print(json.dumps({**short, "over_mesh": over_mesh(result["paired"])}, indent=1))


def over_mesh(paired: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return each drawing's gains over the mesh render as text: mean, 95 % interval, wins."""
    return {
        name: {score: f"{v['gain']:+.3f} [{v['low']:+.3f}, {v['high']:+.3f}] {v['wins']}/{v['of']}"
               for score, v in others["mesh"].items()}
        for name, others in paired.items() if "mesh" in others
    }  # fmt: skip


def asked(steps: list[int], identity: bool) -> Any:
    """Return the variants: each count of steps; the first also without and with a wrong person."""
    from talkgen.training.diffusion_sample import Variant

    more = [Variant(steps[0], scale=0.0), Variant(steps[0], wrong=True)] if identity else []
    return (*map(Variant, steps), *more)


def networks(args: Any) -> Any:
    """Return the sampler of the networks that are named, None where none is."""
    if args.denoiser is None:
        return None
    from talkgen.render.denoiser import Denoiser
    from talkgen.render.latents import FaceAutoencoder
    from talkgen.render.sampler import FaceSampler

    return FaceSampler(
        FaceAutoencoder.from_pretrained(args.autoencoder or "autoencoder"),
        Denoiser.from_pretrained(args.denoiser),
    )


if __name__ == "__main__":
    main()
