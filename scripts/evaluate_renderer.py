"""Self-reenactment: draw the first clear frame of each clip under the clip's own track.

    python scripts/evaluate_renderer.py [--set evaluate] [--out results/renderer.json]
        [--sheets FOLDER] [--frames 100] [--clips NAME ...]

Drawn are the plain track, the refined track's weights and pose, and all of the refined track;
beside them stand the still frame and a flat landmark warp. Tune on `--set train`; `evaluate` only
measures. Data: TALKGEN_DATA (default ../shared). Lips are read again by the embedded perception.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

TRAIN = (
    "aoc_1", "casey_1", "crapo_1", "escobar_1", "grid_s4_bgim8s", "obama_1", "pelosi_silent1",
    "whitehouse_silent1",
)  # fmt: skip
"""Clips of `train` on which the tracker's constants were chosen."""

DRAWN = ("mesh", "pose", "moved", "refined")
"""The plain track; the refined one's weights and pose; with the extras that move; with all."""
TRIED = (*DRAWN, "warp")
FLICKER_FRAMES = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--data", type=Path, default=root)
    parser.add_argument("--set", choices=("evaluate", "train"), default="evaluate")
    parser.add_argument("--out", type=Path, help="default: results/renderer.json, for evaluate")
    parser.add_argument("--sheets", type=Path, help="folder: a picture of each clip")
    parser.add_argument("--frames", type=int, default=100, help="of each clip, at most")
    parser.add_argument("--step", type=int, default=4, help="score every n-th frame")
    parser.add_argument("--clips", nargs="*")
    parser.add_argument("--merge", nargs="*", type=Path, help="results of parts to join, no run")
    args = parser.parse_args()
    if args.merge:
        write({k: v for part in args.merge
               for k, v in json.loads(part.read_text("utf-8"))["clips"].items()}, args)  # fmt: skip
        return
    from talkgen import RenderPipeline, TrackPipeline
    from talkgen.training.reenact import UNFIT

    track, render = TrackPipeline.from_pretrained(), RenderPipeline.from_pretrained()
    rows = {}
    for path in sorted((args.data / "data" / "clips" / args.set).glob("*.mp4")):
        chosen = path.stem in TRAIN if args.set == "train" else path.stem not in UNFIT
        if path.stem not in args.clips if args.clips else not chosen:
            continue
        began = time.time()
        rows[path.stem], strip = reenact(path, track, render, args.frames, args.step)
        if args.sheets is not None:
            args.sheets.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(args.sheets / f"{path.stem}.png"), strip[..., ::-1])
        print(path.stem, json.dumps(rows[path.stem]), f"{time.time() - began:.0f} s", flush=True)
    write(rows, args)


def write(rows: dict[str, dict[str, float]], args: Any) -> None:
    """Write and print the summary of the clips."""
    result = {
        "set": args.set, "n": len(rows), **summary(rows), "clips": dict(sorted(rows.items())),
        "seed": 0,
        "what": "self-reenactment; mesh: plain track, weights and pose; pose: refined track, "
                "weights and pose; moved: with residual and field; refined: with all extras; dB at "
                "256 px, gains over the still frame; lips in % of the distance of the eyes; "
                "flicker: mean abs. second difference of the face crop over the real one's; "
                "outside: most a pixel outside the moved region changes",
        "frames": args.frames, "step": args.step, "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
    }  # fmt: skip
    out = args.out or (Path("results/renderer.json") if args.set == "evaluate" else None)
    if out is not None:
        out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: result[k] for k in ("mean", "median", "wins")}, indent=1))


def summary(rows: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Return mean and median over clips, and in how many clips which drawing is better."""
    names = sorted({name for row in rows.values() for name in row})
    values = {k: [row[k] for row in rows.values() if k in row] for k in names}
    wins = {}
    for one in DRAWN:
        for other in ("still", *(("warp",) if one != "warp" else ())):
            for region in ("face", "mouth"):
                better = [row[f"{one}_{region}_db"] > row[f"{other}_{region}_db"]
                          for row in rows.values()]  # fmt: skip
                wins[f"{one}_over_{other}_{region}"] = sum(better)
    return {
        "mean": {k: round(float(np.mean(v)), 3) for k, v in values.items()},
        "median": {k: round(float(np.median(v)), 3) for k, v in values.items()},
        "wins": wins,
    }


def reenact(path: Path, track: Any, render: Any, most: int, step: int) -> tuple[Any, Any]:
    """Return the scores of a clip and a strip of real frames above drawn ones."""
    from talkgen.face.identity import IdentityEmbedder, similarity
    from talkgen.training import reenact as clips
    from talkgen.training import render_scores as scores

    frames = clips.first_frames(path, most)
    motions, seconds = _tracked(track, frames)
    landmarks = motions["mesh"].extra["landmarks"]
    first = int(motions["refined"].extra["key_frame"])
    source = frames[first]
    wanted = sorted({*range(FLICKER_FRAMES + 1), *range(0, len(frames), step), first})
    wanted = [t for t in wanted if t < len(frames)]
    drawn = {name: _drawn(render, source, motions[name], wanted, first) for name in DRAWN}
    embedder, found = IdentityEmbedder.from_pretrained(), defaultdict(list)
    face = clips.first_face(track.analyzer, source)
    own = embedder.embed(source, face) if face is not None else None
    for t in range(0, len(frames), step):
        if t == first:
            continue
        real = frames[t]
        for region in scores.REGIONS:
            box = scores.crop_box(landmarks[t], region)
            true_crop = scores.crop(real, box)
            tried = {name: scores.crop(drawn[name][t], box) for name in DRAWN}
            tried["still"] = scores.crop(source, box)
            tried["warp"] = scores.flat_warp(source, landmarks[first], landmarks[t], box)
            for name, picture in tried.items():
                found[f"{name}_{region}_db"].append(scores.psnr(picture, true_crop))
        true = clips.first_face(track.analyzer, real)
        if true is None:
            continue
        if own is not None:
            found["csim_real"].append(similarity(own, embedder.embed(real, true)))
        for name in DRAWN:
            seen = clips.first_face(track.analyzer, drawn[name][t])
            if seen is None:
                continue
            found[f"lips_{name}"].append(scores.lip_distance(seen.landmarks, true.landmarks))
            if own is not None:
                found[f"csim_{name}"].append(similarity(own, embedder.embed(drawn[name][t], seen)))
    row = {name: float(np.mean(values)) for name, values in sorted(found.items())}
    for region in scores.REGIONS:
        row |= {f"{name}_{region}_gain_db": row[f"{name}_{region}_db"] - row[f"still_{region}_db"]
                for name in TRIED}  # fmt: skip
    if "csim_real" in row:
        row |= {f"csim_ratio_{n}": row[f"csim_{n}"] / max(row["csim_real"], 0.05) for n in DRAWN}
    box = scores.crop_box(landmarks[0], "face")
    span = range(1, min(FLICKER_FRAMES + 1, len(frames)))
    calm = scores.flicker([scores.crop(frames[t], box) for t in span])
    for name in DRAWN:
        made = scores.flicker([scores.crop(drawn[name][t], box) for t in span])
        row[f"flicker_over_real_{name}"] = made / max(calm, 1e-6)
    outside = _outside(render, source, motions["mesh"], wanted, first)
    row["outside_share"] = float(outside.mean())
    row["outside"] = float(
        max(np.abs(drawn["mesh"][t][outside].astype(int) - source[outside]).max(initial=0)
            for t in wanted)
    )  # fmt: skip
    row["refine_seconds_a_frame"] = seconds / len(frames)
    times = [wanted[i] for i in np.linspace(0, len(wanted) - 1, 8).astype(int)]
    strip = [
        np.concatenate(
            [scores.crop(of(t), scores.crop_box(landmarks[t], "face")) for t in times], 1
        )
        for of in (frames.__getitem__, drawn["mesh"].__getitem__, drawn["refined"].__getitem__)
    ]
    return {k: round(v, 3) for k, v in row.items()}, np.concatenate(strip)


def _tracked(track: Any, frames: list[Any]) -> tuple[dict[str, Any], float]:
    """Return the plain track, the refined one with none to all extras, and refining's seconds."""
    from talkgen.motion.extras import NAMES

    track.refine = False
    began = time.time()
    plain = track(frames)
    middle = time.time()
    track.refine = True
    refined = track(frames)
    seconds = (time.time() - middle) - (middle - began)
    bare = {k: v for k, v in refined.extra.items() if k not in NAMES}
    moved = {k: v for k, v in refined.extra.items() if k != "inside"}
    return {
        "mesh": plain, "pose": replace(refined, extra=bare),
        "moved": replace(refined, extra=moved), "refined": refined,
    }, seconds  # fmt: skip


def _drawn(render: Any, source: Any, motion: Any, wanted: list[int], first: int) -> dict[int, Any]:
    """Return the drawn frames of a motion at the wanted times."""
    return dict(zip(wanted, render(source, _part(motion, wanted, first)).frames, strict=True))


def _part(motion: Any, wanted: list[int], first: int) -> Any:
    extra = {k: v if k in ("identity", "field_box") else np.asarray(v)[wanted]
             for k, v in motion.extra.items() if k != "key_frame"}  # fmt: skip
    if "key_frame" in motion.extra:
        extra["key_frame"] = np.asarray(wanted.index(first))
    return replace(
        motion, blendshapes=motion.blendshapes[wanted], rotation=motion.rotation[wanted],
        translation=motion.translation[wanted], extra=extra,
    )  # fmt: skip


def _outside(render: Any, source: Any, motion: Any, wanted: list[int], first: int) -> Any:
    """Return which pixels (H, W) no frame of a plain track may touch: no node near them moves."""
    from talkgen.pipelines.portrait import load_portrait
    from talkgen.render.pose import limited, rotation_matrix
    from talkgen.types import Identity

    portrait = load_portrait(render.analyzer, source)
    portrait = replace(portrait, identity=Identity(motion.extra["identity"]))
    ready = render.renderer.prepare(portrait)
    fit, relief = ready.fit, ready.relief
    part = _part(motion, wanted, first)
    part = replace(part, extra={"portrait_frame": np.asarray(wanted.index(first))})
    moves = np.zeros(len(relief.nodes), bool)
    for pose in ready.retargeter.poses(part):
        turn = rotation_matrix(limited(pose.rotation, np.asarray(fit.rotation, np.float32)))
        still = np.zeros((len(ready.source), 2), np.float32)
        moves |= relief.move(
            turn @ ready.source_rotation.T, pose.scale, pose.translation,
            float(fit.scale), np.asarray(fit.translation, np.float32), still,
        )[1]  # fmt: skip
    mask = np.zeros(source.shape[:2], np.uint8)
    for face in relief.faces[moves[relief.faces].any(axis=1)]:
        cv2.fillConvexPoly(mask, np.rint(relief.nodes[face]).astype(np.int32), 1)
    return cv2.dilate(mask, np.ones((5, 5))) == 0


if __name__ == "__main__":
    main()
