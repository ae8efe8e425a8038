"""Does an edited still show what was asked for? Writes edit.json.

    TALKGEN_DATA=../shared python scripts/evaluate_edit.py [--people 12] [--out results/edit.json]

Londoners, neutral and smiling, 512 pixels wide, edited by `EditPipeline` and read again: "emotion":
share of stills in which our critic sees first what was asked for at strength 1 (chance is an
eighth; it learned from other people drawn by the same renderer, so that this says that the
picture shows what was meant, not how it strikes people); "smile": what of a smile is left under
neutral, as the landmark network scores it; "pose", "gaze": degrees that `talkgen faces` reads for
each degree asked for, and spread (the head is drawn by all of it: what is below 1 is the readers'
pull to the middle); "kept": share of pixels that are the source's own.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from PIL import Image

from talkgen.critic.fer import FERCritic
from talkgen.face.gaze import gaze_of
from talkgen.io.output import whole_file
from talkgen.motion.still import as_still
from talkgen.pipelines.edit import EditablePortrait, EditPipeline
from talkgen.pipelines.portrait import load_portrait
from talkgen.types import EMOTIONS, MOTION_CHANNELS, Face

KEPT_ASIDE = ("019", "025", "030", "044", "107", "117", "139")
"""Londoners of whom no network of this project has seen anything; they come first."""
SIDE = 512
POSES = {"yaw": (20.0, 0.0, 0.0), "pitch": (0.0, 15.0, 0.0), "roll": (0.0, 0.0, 15.0)}
LOOKS = {"x": (15.0, 0.0), "y": (0.0, 12.0)}
AXES = {"pitch": 0, "yaw": 1, "roll": 2}
SMILES = [MOTION_CHANNELS.index("mouthSmileLeft"), MOTION_CHANNELS.index("mouthSmileRight")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path("results/edit.json"))
    args = parser.parse_args()
    folder = Path(os.environ.get("TALKGEN_DATA", "../shared")) / "data" / "faces" / "london"
    names = sorted({path.stem.split("_")[0] for path in folder.glob("*_neutral.jpg")})
    rest = [name for name in names if name not in KEPT_ASIDE]
    people = [*KEPT_ASIDE, *rest[:: max(1, len(rest) // 20)]][: args.people]
    pipeline = EditPipeline.from_pretrained()
    critic = FERCritic.from_pretrained("expression", pipeline.analyzer)
    seen: dict[str, list[dict[str, Any]]] = {
        look: [read(pipeline, critic, folder / f"{name}_{look}.jpg") for name in people]
        for look in ("neutral", "smiling")
    }
    result = {
        "what": " ".join(__doc__.split("\n\n")[2].split()),
        "people": len(people),
        **{f"{look} sources": summary(rows) for look, rows in seen.items()},
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    with whole_file(args.out) as part:
        part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def read(pipeline: EditPipeline, critic: FERCritic, path: Path) -> dict[str, Any]:
    """Return what is measured on the stills of one picture."""
    with Image.open(path) as picture:
        whole = picture.convert("RGB")
        image = np.asarray(whole.resize((SIDE, round(SIDE * whole.height / whole.width))))
    shown = load_portrait(pipeline.analyzer, image)
    portrait = EditablePortrait(pipeline.renderer, shown)
    asked = {
        **{name: as_still(name) for name in EMOTIONS},
        **{name: as_still(pose=turn) for name, turn in POSES.items()},
        **{f"-{name}": as_still(pose=sign(turn, -1)) for name, turn in POSES.items()},
        **{name: as_still(gaze=look) for name, look in LOOKS.items()},
        **{f"-{name}": as_still(gaze=sign(look, -1)) for name, look in LOOKS.items()},
    }
    frames = dict(zip(asked, (f for f, _ in portrait.frames(list(asked.values()))), strict=True))
    faces = {name: found(pipeline, frame) for name, frame in frames.items()}
    out: dict[str, Any] = {}
    for name in EMOTIONS:
        face = faces[name]
        first = "" if face is None else EMOTIONS[
            int(critic.read([frames[name]], [face]).logits[0].argmax())
        ]  # fmt: skip
        out[f"emotion {name}"] = float(first == name)
        out[f"kept {name}"] = float((frames[name] == image).all(axis=2).mean())
    calm = faces["neutral"]
    before = float(shown.face.scores[SMILES].mean())
    if calm is not None and before > 0.3:
        out["smile"] = float(calm.scores[SMILES].mean()) / before
    for name, turn in POSES.items():
        measured = [f and f.rotation[AXES[name]] for f in (faces[name], faces[f"-{name}"])]
        out[f"pose {name}"] = slope(measured, max(turn))
    for column, (name, look) in enumerate(LOOKS.items()):
        gazes = [f and np.arcsin(gaze_of(f).direction[column]) for f in
                 (faces[name], faces[f"-{name}"])]  # fmt: skip
        out[f"gaze {name}"] = slope(gazes, max(look))
    return out


def sign(values: tuple[float, ...], by: int) -> tuple[float, ...]:
    return tuple(by * value for value in values)


def found(pipeline: EditPipeline, image: Any) -> Face | None:
    faces = pipeline.analyzer.analyze(image)
    return faces[0] if faces else None


def slope(pair: list[Any], degrees: float) -> float:
    """Return degrees measured for each asked for, between a turn and its opposite."""
    high, low = pair
    return float("nan") if high is None or low is None else float(
        np.rad2deg(high - low) / (2 * degrees)
    )  # fmt: skip


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return means over people, with the spread of what is measured in degrees."""
    out: dict[str, Any] = {}
    for name in dict.fromkeys(key for row in rows for key in row):
        values = [row[name] for row in rows if name in row and np.isfinite(row[name])]
        mean = round(statistics.fmean(values), 3)
        turning = name.startswith(("pose", "gaze"))
        spread = round(statistics.pstdev(values), 3)
        out[name] = {"mean": mean, "spread": spread, "n": len(values)} if turning else mean
    shares = [out[f"emotion {name}"] for name in EMOTIONS]
    return {"emotion, all": round(statistics.fmean(shares), 3), **out}


if __name__ == "__main__":
    main()
