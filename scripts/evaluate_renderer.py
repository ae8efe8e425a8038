"""Self-reenactment: draw the first clear frame of each evaluate clip under the clip's own track.

    python scripts/evaluate_renderer.py [--out results/renderer.json] [--sheet sheet.png]
        [--frames 100] [--clips NAME ...]

The still frame and a flat landmark warp stand beside it. Data: TALKGEN_DATA (default ../shared).
Tracks are those of the embedded perception; lips are read again on the drawn frames by it too.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

UNFIT = frozenset({"latentsync_2", "moore_3"})
"""Tracker in doubt (DATA.md); a picture that hardly moves: the still frame is it to 60 dB."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--data", type=Path, default=root)
    parser.add_argument("--out", type=Path, default=Path("results/renderer.json"))
    parser.add_argument("--sheet", type=Path, help="picture: real and drawn frames of each clip")
    parser.add_argument("--frames", type=int, default=100, help="of each clip, at most")
    parser.add_argument("--step", type=int, default=4, help="score every n-th frame")
    parser.add_argument("--clips", nargs="*")
    args = parser.parse_args()
    from talkgen import RenderPipeline, TrackPipeline

    track, render = TrackPipeline.from_pretrained(), RenderPipeline.from_pretrained()
    rows, strips = {}, []
    for path in sorted((args.data / "data" / "clips" / "evaluate").glob("*.mp4")):
        if path.stem in UNFIT or (args.clips and path.stem not in args.clips):
            continue
        began = time.time()
        rows[path.stem], strip = reenact(path, track, render, args.frames, args.step)
        strips.append(strip)
        print(path.stem, json.dumps(rows[path.stem]), f"{time.time() - began:.0f} s", flush=True)
    mean = {k: round(float(np.mean([r[k] for r in rows.values()])), 3) for k in
            next(iter(rows.values()))}  # fmt: skip
    result = {
        "mean": mean, "n": len(rows), "clips": rows, "seed": 0,
        "what": "self-reenactment, weights and pose alone; dB at 256 px; lips in % of the distance "
                "of the eyes; flicker: mean abs. second difference of the face crop over the real",
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
    }  # fmt: skip
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(mean, indent=1))
    if args.sheet is not None and strips:
        cv2.imwrite(str(args.sheet), np.concatenate(strips)[..., ::-1])


def reenact(path: Path, track: Any, render: Any, most: int, step: int) -> tuple[Any, Any]:
    """Return the scores of a clip and a strip of real frames above drawn ones."""
    from talkgen.face.identity import IdentityEmbedder, similarity
    from talkgen.training import render_scores as scores

    frames = _frames(path, most)
    motion = track(iter(frames))
    landmarks = motion.extra["landmarks"]
    first = scores.clear_frame(landmarks, motion.extra["scores"])
    source = frames[first]
    drawn = list(render(source, motion).frames)
    embedder, found = IdentityEmbedder.from_pretrained(), defaultdict(list)
    face = _face(track.analyzer, source)
    own = embedder.embed(source, face) if face is not None else None
    shown: dict[str, list[Any]] = {"real": [], "mesh": []}
    for t, (real, made) in enumerate(zip(frames, drawn, strict=False)):
        box = scores.crop_box(landmarks[t], "face")
        if 0 < t <= 40:
            for name, frame in (("real", real), ("mesh", made)):
                shown[name].append(scores.crop(frame, scores.crop_box(landmarks[0], "face")))
        if t % step or t == first:
            continue
        for region in scores.REGIONS:
            box = scores.crop_box(landmarks[t], region)
            wanted = scores.crop(real, box)
            tried = {
                "mesh": scores.crop(made, box), "still": scores.crop(source, box),
                "warp": scores.flat_warp(source, landmarks[first], landmarks[t], box),
            }  # fmt: skip
            for name, picture in tried.items():
                found[f"{name}_{region}_db"].append(scores.psnr(picture, wanted))
        seen, true = _face(track.analyzer, made), _face(track.analyzer, real)
        if seen is not None and true is not None:
            found["lips"].append(scores.lip_distance(seen.landmarks, true.landmarks))
            if own is not None:
                found["csim"].append(similarity(own, embedder.embed(made, seen)))
                found["csim_real"].append(similarity(own, embedder.embed(real, true)))
    row = {name: round(float(np.mean(values)), 3) for name, values in sorted(found.items())}
    still = {r: row[f"still_{r}_db"] for r in scores.REGIONS}
    row |= {f"{m}_{r}_gain_db": round(row[f"{m}_{r}_db"] - still[r], 3)
            for m in ("mesh", "warp") for r in scores.REGIONS}  # fmt: skip
    calm = {name: scores.flicker(part) for name, part in shown.items()}
    row["flicker_over_real"] = round(calm["mesh"] / max(calm["real"], 1e-6), 3)
    chosen = np.linspace(0, len(drawn) - 1, 7).astype(int)
    pair = [np.concatenate([scores.crop(f[t], scores.crop_box(landmarks[t], "face"))
                            for t in chosen], 1) for f in (frames, drawn)]  # fmt: skip
    return row, np.concatenate(pair)[::2, ::2]


def _face(analyzer: Any, image: Any) -> Any:
    return next(iter(analyzer.analyze(image)), None)


def _frames(path: Path, most: int) -> list[Any]:
    from talkgen.io.video import open_video

    frames = []
    for frame in open_video(path).frames(25):
        frames.append(frame)
        if len(frames) == most:
            break
    return frames


if __name__ == "__main__":
    main()
