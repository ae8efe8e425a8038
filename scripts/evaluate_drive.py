"""Driving measured: a clip by itself against the mesh renderer's table, and across identities.

    python scripts/evaluate_drive.py [--sheets FOLDER] [--refined 6] [--clips NAME ...]

By itself: a clear frame of an `evaluate` clip is the portrait, the clip drives it; PSNR of face and
mouth as in `results/renderer.json`, beside that table's row. Across: `evaluate` clips drive
portraits of the London set (people of neither); who it is (CSIM to the photograph, over that of
the still picture, drawn), lips and lids read again on the drawn frames against the driver's.
Data: TALKGEN_DATA (default ../shared).
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

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

TABLE = Path("results/renderer.json")
REGIONS = ("face", "mouth")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--data", type=Path, default=root)
    parser.add_argument("--out", type=Path, default=Path("results/drive.json"))
    parser.add_argument("--sheets", type=Path, help="folder: a picture of each pair")
    parser.add_argument("--frames", type=int, default=60, help="of each clip; the table has 60")
    parser.add_argument("--step", type=int, default=4, help="score every n-th frame")
    parser.add_argument("--refined", type=int, default=6, help="clips driven with refining too")
    parser.add_argument("--across", type=int, default=12, help="clips that drive another portrait")
    parser.add_argument("--clips", nargs="*")
    args = parser.parse_args()
    from talkgen.face.identity import IdentityEmbedder
    from talkgen.pipelines.drive import DrivePipeline
    from talkgen.training.reenact import UNFIT, first_frames

    drive, embedder = (
        DrivePipeline.from_pretrained(renderer="mesh"),
        IdentityEmbedder.from_pretrained(),
    )
    people = sorted((args.data / "data" / "faces" / "london").glob("*_neutral.jpg"))
    table = json.loads(TABLE.read_text("utf-8"))["clips"]
    own: dict[str, Any] = {}
    across: dict[str, Any] = {}
    paths = sorted((args.data / "data" / "clips" / "evaluate").glob("*.mp4"))
    names = args.clips or [p.stem for p in paths if p.stem not in UNFIT]
    for number, path in enumerate(p for p in paths if p.stem in names):
        began = time.time()
        frames = first_frames(path, args.frames)
        drive.tracker.refine = False
        track = drive.tracker(frames)
        own[path.stem] = by_itself(drive, frames, track, table.get(path.stem), args.step)
        if number < args.refined:
            drive.tracker.refine = True
            finer = drive.tracker(frames)
            row = by_itself(drive, frames, finer, table.get(path.stem), args.step, "refined")
            own[path.stem] |= row
        if number < args.across:
            person = people[(7 * number + 3) % len(people)]
            sheet = args.sheets and args.sheets / f"{path.stem}_{person.stem}.png"
            across[f"{path.stem} on {person.stem}"] = onto_another(
                drive, embedder, person, frames, track, sheet
            )
        print(path.stem, own[path.stem], f"{time.time() - began:.0f} s", flush=True)
    write(own, across, args)


def by_itself(
    drive: Any, frames: list[Any], track: Any, table: Any, step: int, name: str = "mesh"
) -> dict[str, float]:
    """Return PSNR of face and mouth of a clip driven by itself, and less the table's."""
    from talkgen.training import render_scores as scores

    landmarks = track.extra["landmarks"]
    first = scores.clear_frame(landmarks, track.extra["scores"])
    made = drive(frames[first], track).frames
    found: dict[str, list[float]] = {region: [] for region in REGIONS}
    for t, frame in enumerate(made):
        if t % step or t == first:
            continue
        for region in REGIONS:
            box = scores.crop_box(landmarks[t], region)
            found[region].append(scores.psnr(scores.crop(frame, box), scores.crop(frames[t], box)))
    row = {f"{name}_{region}_db": float(np.mean(v)) for region, v in found.items()}
    if table is not None:
        row |= {f"{key}_over_table": value - table[key] for key, value in list(row.items())}
    return {key: round(value, 3) for key, value in row.items()}


def onto_another(
    drive: Any, embedder: Any, person: Path, frames: list[Any], track: Any, sheet: Path | None
) -> dict[str, float]:
    """Return who is seen, and how lips and lids follow, on another person's portrait."""
    from talkgen.face.identity import similarity
    from talkgen.io.image import read_image
    from talkgen.motion.driving import lid_opening, lip_opening
    from talkgen.training.reenact import first_face

    analyzer = drive.render.analyzer
    photograph = read_image(person)
    face = first_face(analyzer, photograph)
    who = embedder.embed(photograph, face)
    video = drive(photograph, track, size=512)
    made = list(video.frames)
    alike = []
    for frame in made[::4]:
        seen = first_face(analyzer, frame)
        alike.append(0.0 if seen is None else similarity(who, embedder.embed(frame, seen)))
    small = cv2.resize(photograph, made[0].shape[1::-1], interpolation=cv2.INTER_AREA)
    still = similarity(who, embedder.embed(small, first_face(analyzer, small)))
    again = drive.tracker.__class__(analyzer, drive.head)(made)
    lips = [lip_opening(m) for m in (track, again)]
    lids = [lid_opening(m).mean(1) for m in (track, again)]
    shut = lips[0] < 0.02
    row = {
        "csim": float(np.mean(alike)), "csim_worst": float(np.min(alike)), "csim_still": still,
        "csim_ratio": float(np.mean(alike)) / still,
        "lips_r": float(np.corrcoef(lips[0], lips[1])[0, 1]),
        "lips_amplitude": float(lips[1].std() / max(lips[0].std(), 1e-6)),
        "lids_r": float(np.corrcoef(lids[0], lids[1])[0, 1]),
        "frames_limited": video.limits.limited / len(made),
    }  # fmt: skip
    if shut.sum() >= 3:
        row["shut_gap"] = float(lips[1][shut].mean())
    if sheet is not None:
        sheet.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(sheet), contact(frames, made, track, again)[..., ::-1])
    return {key: round(value, 3) for key, value in row.items()}


def contact(frames: list[Any], made: list[Any], track: Any, again: Any) -> Any:
    """Return eight frames of the driver above the driven portrait's."""
    from talkgen.training import render_scores as scores

    rows = []
    times = np.linspace(0, len(made) - 1, 8).astype(int)
    for images, motion in ((frames, track), (made, again)):
        marks = motion.extra["landmarks"]
        boxes = [scores.crop_box(marks[t], "face") for t in times]
        rows.append(np.concatenate([scores.crop(images[t], (x, y, 1.5 * side)) for t, (x, y, side)
                                    in zip(times, boxes, strict=True)], 1))  # fmt: skip
    return np.concatenate(rows)


def write(own: dict[str, Any], across: dict[str, Any], args: Any) -> None:
    """Write and print means."""

    def means(rows: dict[str, Any]) -> dict[str, Any]:
        names = sorted({name for row in rows.values() for name in row})
        found = {k: [row[k] for row in rows.values() if k in row] for k in names}
        return {k: {"mean": round(float(np.mean(v)), 3), "min": min(v), "max": max(v), "n": len(v)}
                for k, v in found.items()}  # fmt: skip

    result = {
        "by_itself": means(own), "across": means(across),
        "what": "by_itself: evaluate clips driven by themselves, dB at 256 px, over_table: less "
                "results/renderer.json's row; across: evaluate clips drive London portraits at 512 "
                "px: cosine to the photograph by the shipped embedder (ratio: over the still "
                "picture's), correlation and amplitude of lips and lids read again on the drawn "
                "frames, mean lip gap where the driver's lips are shut (eye distances), share of "
                "frames whose turn was limited",
        "frames": args.frames, "step": args.step, "seed": 0, "clips": own, "pairs": across,
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }  # fmt: skip
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: result[k] for k in ("by_itself", "across")}, indent=1))


if __name__ == "__main__":
    main()
