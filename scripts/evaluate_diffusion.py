"""Measure the diffusion renderer against the mesh render, a flat landmark warp and the still frame.

    python scripts/evaluate_diffusion.py --work FOLDER [--part 1/2] [--frames 40] [--out FILE]
    python scripts/evaluate_diffusion.py --pairs FOLDER [--autoencoder A --denoiser D]
        [--steps 4 1] [--step 4] [--identity] [--out FILE] [--sheets FOLDER]

First: clips/evaluate through the whole renderer at 4, 1 and 20 steps, and at 4 without the identity
adapter and with another person's. Each clip leaves a file in --work, so that a run goes on where it
ended and two can share (--part); when all are there, results/diffusion.json is written. About three
minutes of processor time a clip. Data: TALKGEN_DATA (default ../shared). Seed 0.

With --pairs: crops that scripts/prepare_pairs.py wrote (`--set evaluate`), the networks alone, for
choosing between checkpoints; prints one JSON. Some 8 s of processor time a clip and count of steps.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

NETWORKS = ("autoencoder", "denoiser")
STEPS = (4, 1, 20)
PIECE = 10
"""Frames of a piece when a talk is drawn in pieces to see its seams."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--pairs", type=Path, help="folder of .npz: the networks alone")
    for name in NETWORKS:
        parser.add_argument(f"--{name}", help="name or folder; --pairs: none for mesh and still")
    parser.add_argument("--steps", type=int, nargs="*", help="of the flow; default 4 1 20, pairs 4")
    parser.add_argument("--step", type=int, help="score every n-th frame; default 2, pairs 4")
    parser.add_argument("--identity", action="store_true", help="pairs: no adapter, wrong person")
    parser.add_argument("--clips", nargs="*", help="beginnings of names")
    parser.add_argument("--frames", type=int, default=40, help="of each clip, at most")
    parser.add_argument("--work", type=Path, help="folder of clips that are done")
    parser.add_argument("--part", default="1/1", help="n/of: every of-th clip, for several at once")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sheets", type=Path, help="folder: a picture of each clip")
    args = parser.parse_args()
    cv2.setNumThreads(0)
    if args.pairs is not None:
        fast(args)
    elif args.work is None:
        parser.error("give --work FOLDER for the clips, or --pairs FOLDER")
    else:
        full(args)


def full(args: Any) -> None:
    """Draw and score the clips that are not done, and write the results when all are."""
    import torch

    from talkgen.training.reenact import UNFIT

    torch.set_num_threads(1)
    args.work.mkdir(parents=True, exist_ok=True)
    paths = sorted((Path(args.data) / "data" / "clips" / "evaluate").glob("*.mp4"))
    paths = [p for p in paths if p.stem not in UNFIT]
    chosen = [p for p in paths if not args.clips or p.stem.startswith(tuple(args.clips))]
    part, parts = (int(x) for x in args.part.split("/"))
    due = [p for n, p in enumerate(chosen) if n % parts == part - 1
           and not (args.work / f"{p.stem}.npz").exists()]  # fmt: skip
    if due:
        draw(args, due, paths)
    done = {p: args.work / f"{p.stem}.npz" for p in chosen}
    missing = [p.stem for p, file in done.items() if not file.exists()]
    if missing:
        print(f"{len(missing)} clips are still to be done, such as {missing[0]}")
        return
    write_full(args, {p.stem: file for p, file in done.items()})


def draw(args: Any, due: list[Path], paths: list[Path]) -> None:
    """Draw and score clips; leave the scores and mouth features of each in --work."""
    from talkgen import RenderPipeline, TrackPipeline
    from talkgen.errors import TalkgenError
    from talkgen.face.identity import IdentityEmbedder
    from talkgen.io.audio import read_audio
    from talkgen.render.diffusion import DiffusionRenderer
    from talkgen.render.mesh import MeshRenderer
    from talkgen.training.diffusion_fast import strangers
    from talkgen.training.diffusion_full import Judges, full_clip, person_of
    from talkgen.training.frechet import MouthFeatures
    from talkgen.training.reenact import first_frames
    from talkgen.types import Audio

    logging.disable(logging.WARNING)
    track = TrackPipeline.from_pretrained()
    judges = Judges(track.analyzer, IdentityEmbedder.from_pretrained(),
                    MouthFeatures.from_pretrained())  # fmt: skip
    renderer = DiffusionRenderer.from_pretrained(
        args.autoencoder or "autoencoder", args.denoiser or "denoiser", threads=1
    )
    pipelines = [
        RenderPipeline(track.analyzer, one) for one in (MeshRenderer.from_pretrained(), renderer)
    ]
    other, variants = strangers(paths), asked(args.steps or list(STEPS), True)
    for path in due:
        began = time.time()
        frames = first_frames(path, args.frames)
        try:
            sound = Audio(read_audio(path).samples[: round(len(frames) / 25 * 16000)], 16000)
        except TalkgenError:
            sound = None
        wrong = person_of(judges, first_frames(other[path], 10)) if path in other else None
        scores, strip = full_clip(
            frames, track, *pipelines, variants, judges, step=args.step or 2, wrong=wrong,
            speech=sound,
        )  # fmt: skip
        seams = seams_of(renderer, track, frames[: 3 * PIECE])
        keep(args.work / f"{path.stem}.npz", {**scores.row(), **seams}, scores.mouths)
        if args.sheets is not None:
            args.sheets.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(args.sheets / f"{path.stem}.png"), strip[..., ::-1])
        print(path.stem, f"{time.time() - began:.0f} s", flush=True)


def seams_of(renderer: Any, track: Any, frames: list[Any]) -> dict[str, float]:
    """Return `seam_report` of a clip's own movement on its first clear frame, at 4 steps."""
    from talkgen.pipelines.portrait import load_portrait
    from talkgen.training.diffusion_full import as_talk, ask, seam_report
    from talkgen.training.diffusion_sample import Variant
    from talkgen.training.render_scores import clear_frame

    motion = track(frames)
    first = clear_frame(motion.extra["landmarks"], motion.extra["scores"])
    ask(renderer, Variant(4), None)
    portrait = load_portrait(track.analyzer, frames[first])
    return seam_report(renderer, portrait, as_talk(motion, first), PIECE)


def keep(path: Path, row: dict[str, float], mouths: dict[str, Any]) -> None:
    """Write a clip's scores and mouth features, whole or not at all."""
    partial = path.with_suffix(".part.npz")
    np.savez(partial, row=json.dumps({k: round(v, 4) for k, v in row.items()}),
             **{f"mouth_{name}": np.stack(found) for name, found in mouths.items()})  # fmt: skip
    partial.replace(path)


def write_full(args: Any, done: dict[str, Path]) -> None:
    """Join the clips and write the results."""
    from talkgen.training.diffusion_measure import mouth_distances, summary
    from talkgen.training.frechet import FEATURES

    rows, mouths = {}, {}
    for name, path in sorted(done.items()):
        with np.load(path) as read:
            rows[name] = json.loads(str(read["row"]))
            for key in read.files:
                if key.startswith("mouth_"):
                    mouths.setdefault(key.removeprefix("mouth_"), []).extend(read[key])
    names = [n for n in mouths if n != "real"]
    result = {
        "set": "evaluate", "n": len(rows), "frames": args.frames, "step": args.step or 2,
        "autoencoder": args.autoencoder or "autoencoder", "denoiser": args.denoiser or "denoiser",
        "what": "self-reenactment under the plain track, source: the first clear frame; face, "
                "mouth: squares about the real landmarks, sides 1.15 and 1.6 of their extent, in "
                "the picture's own pixels; inside: between the lips, eyes: lids and 12 % about "
                "them; ssim: window 11, sigma 1.5, K .01 .03; sharpness: Laplacian energy of the "
                "mouth over the real one's, off: |its logarithm|; lips: M-LMD, lips read again, % "
                "of the distance of the eyes; csim: cosine to the source by the embedder that the "
                "denoiser is told by (no other network is at hand offline); likeness: overlap of "
                "local binary patterns, which nothing is drawn by; flicker: second difference of "
                "the face over the real one's; seam/within_step_db: PSNR of steps between frames "
                "against real steps, where batches of 8 begin and elsewhere; talk_*: the same head "
                "drawn as a talk, in pieces of 10 frames against whole",
        "features": FEATURES, "mouth_frechet": mouth_distances(mouths), **summary(rows, names),
        "clips": rows, "seed": 0, "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
    }  # fmt: skip
    out = args.out or Path("results/diffusion.json")
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    show(result)


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
            pairs, step=args.step or 4, sampler=sampler, variants=variants, wrong=wrong,
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
        "step": args.step or 4, "seconds": round(time.time() - began), "features": FEATURES,
        "mouth_frechet": mouth_distances(mouths), **summary(rows, names), "clips": rows,
    }  # fmt: skip
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    show(result)


def show(result: dict[str, Any]) -> None:
    """Print the means and the gains over the mesh render."""
    short = {k: result[k] for k in ("n", "seconds", "mouth_frechet", "mean") if k in result}
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
