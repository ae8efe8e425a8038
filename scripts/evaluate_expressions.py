"""Measure the shipped FER critic on clips, and its speed; adds to expression.json.

    TALKGEN_DATA=../shared python scripts/evaluate_expressions.py --faces cache/expressions
        [--out results/expression.json]

The figures on people held out of `expressions` and on drawn faces come from
`train_expressions.py`, which knows the folds. Here: the emotional clips of `clips/evaluate` (MEAD
names), whose people speak, and milliseconds a face.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import torch

from talkgen.critic.fer import FERCritic
from talkgen.critic.hearing import hear
from talkgen.io.audio import open_speech
from talkgen.io.video import open_video
from talkgen.training.expression_data import Faces
from talkgen.training.expression_views import centre
from talkgen.types import EMOTIONS, ENGINE_FPS, ENGINE_RATE

CLIPS = {
    "mead_w015_neutral": "neutral", "mead_m024_surprised": "surprise", "mead_w040_happy": "happy",
}  # fmt: skip
EVERY = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=Path, required=True, help="of prepare_expressions.py")
    parser.add_argument("--out", type=Path, default=Path("results/expression.json"))
    args = parser.parse_args()
    torch.set_num_threads(2)
    data = Path(os.environ.get("TALKGEN_DATA", "../shared")) / "data" / "clips" / "evaluate"
    critic = FERCritic.from_pretrained()
    found = {
        "emotional clips": {name: clip(critic, data / f"{name}.mp4", wanted)
                            for name, wanted in CLIPS.items()},
        "speed": speed(critic, args.faces),
    }  # fmt: skip
    print(json.dumps(found, indent=1))
    known = json.loads(args.out.read_text("utf-8")) if args.out.exists() else {}
    args.out.write_text(json.dumps(known | found, indent=1) + "\n", encoding="utf-8")


def clip(critic: FERCritic, path: Path, wanted: str) -> dict[str, Any]:
    """Return what the critic says of a clip as a whole, and the place of its name."""
    frames = list(open_video(path).frames(ENGINE_FPS))
    kept = [
        (frame, faces[0], index)
        for index, (frame, faces) in enumerate(
            zip(frames, critic.analyzer.track(iter(frames)), strict=True)
        )
        if faces and index % EVERY == 0
    ]
    said = hear(open_speech(path).blocks(ENGINE_RATE), fps=ENGINE_FPS).speech
    speaking = np.array([index < len(said) and bool(said[index]) for _, _, index in kept])
    read = critic.read([f for f, _, _ in kept], [face for _, face, _ in kept])
    whole = critic.clip(read, speaking, ENGINE_FPS / EVERY)
    order = [EMOTIONS[i] for i in np.argsort(-whole)]
    return {
        "wanted": wanted, "place": order.index(wanted) + 1, "first two": order[:2],
        "probabilities": {n: round(float(p), 3) for n, p in zip(EMOTIONS, whole, strict=True)},
        "frames": len(kept), "speaking": round(float(speaking.mean()), 2),
        "frames named so": round(float((read.emotions.argmax(1) == EMOTIONS.index(wanted)).mean()),
                                 3),
    }  # fmt: skip


def speed(critic: FERCritic, folder: Path) -> dict[str, Any]:
    """Return milliseconds that reading a found face takes, two threads."""
    faces = Faces.load(folder / "held.npz").take(np.arange(64))
    crops = np.stack([centre(crop) for crop in faces.crops])
    critic.read_crops(crops[:1], faces.landmarks[:1], faces.scores[:1])
    times = {}
    for count in (1, 64):
        began = time.perf_counter()
        for start in range(0, 64, count):
            part = slice(start, start + count)
            critic.read_crops(crops[part], faces.landmarks[part], faces.scores[part])
        times[f"ms a face, {count} at a time"] = round((time.perf_counter() - began) / 64 * 1e3, 2)
    return times


if __name__ == "__main__":
    main()
