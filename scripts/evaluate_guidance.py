"""Does suiting an emotion's action units to the face help? Writes guidance.json.

    TALKGEN_DATA=../shared python scripts/evaluate_guidance.py [--people 6] [--strength 0.7]
        [--out results/guidance.json] [--sheet FILE.png]

Londoners speak 2.4 s of a sound kept for measuring in each of seven emotions, once by the table of
prototypes and once with the action units that `talkgen.critic.guide` finds, same seed, drawn by the
mesh renderer at 384 pixels. Two readers of every fourth frame: our critic, which guided, and the
recogniser of `@vladmandic/face-api`, which did not (it knows no contempt). Differences are paired;
intervals by bootstrap over people.
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

EVERY = 4
"""Every n-th frame is read."""
SPOKEN_S = 2.4
DRAWS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--first", type=int, default=3, help="which Londoner to begin with")
    parser.add_argument("--strength", type=float, default=0.7)
    parser.add_argument("--critic", default="expression", help="a checkpoint: name or folder")
    parser.add_argument("--out", type=Path, default=Path("results/guidance.json"))
    parser.add_argument("--sheet", type=Path, help="picture of before and after to look at")
    args = parser.parse_args()
    data = Path(os.environ.get("TALKGEN_DATA", "../shared")) / "data"
    import torch

    torch.set_num_threads(1)
    from talkgen.motion.facs import FELT

    bench, began = Bench(data, args.critic), time.perf_counter()
    rows, tiles = [], []
    paths = sorted((data / "faces" / "london").glob("*_neutral.jpg"))
    for path in paths[args.first :: max(1, len(paths) // args.people)][: args.people]:
        for name in FELT:
            row, pair = bench.pair(path, name, args.strength)
            rows.append(row)
            tiles.append(labelled(pair, row))
            print(json.dumps(row), flush=True)
    if args.sheet is not None:
        per = len(FELT)
        lines = [np.concatenate(tiles[i : i + per], 1) for i in range(0, len(tiles), per)]
        cv2.imwrite(str(args.sheet), np.concatenate(lines)[..., ::-1])
    result = {
        "what": __doc__.split("\n\n")[2].replace("\n", " "), "strength": args.strength,
        "all": summary(rows), "searched": len(rows), "kept": sum(r["kept"] for r in rows),
        "by emotion": {n: summary([r for r in rows if r["asked"] == n]) for n in FELT},
        "seconds for a search": round(float(np.mean([r["seconds"] for r in rows])), 2),
        "rows": rows, "seconds": round(time.perf_counter() - began), "seed": 0,
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }  # fmt: skip
    from talkgen.io.output import whole_file

    with whole_file(args.out) as part:
        part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["all"]), result["kept"], "of", len(rows), "kept")


class Bench:
    """What is measured with, loaded once."""

    def __init__(self, data: Path, critic: str) -> None:
        from talkgen.critic.fer import FERCritic
        from talkgen.io.audio import as_speech, read_audio
        from talkgen.pipelines.judge import Judge
        from talkgen.pipelines.talk import TalkPipeline
        from talkgen.training.independent_fer import IndependentFER
        from talkgen.types import ENGINE_RATE, Audio

        self.pipeline = TalkPipeline.from_pretrained(renderer="mesh")
        analyzer = self.pipeline.analyzer
        self.judge = Judge(analyzer, FERCritic.from_pretrained(critic, analyzer), None)
        try:
            self.other: Any = IndependentFER.load()
        except Exception as error:
            self.other = None
            print(f"no independent reader: {error}", flush=True)
        samples = read_audio(data / "speech" / "misc" / "RD_Radio31_000.flac").samples
        part = Audio(samples[: round(SPOKEN_S * ENGINE_RATE)], ENGINE_RATE)
        self.speech = as_speech(part)
        self.heard = self.judge.hear(self.speech)

    def pair(self, path: Path, name: str, strength: float) -> tuple[dict[str, Any], list[Any]]:
        """Return the figures of one emotion of one person, and a frame before and after."""
        from talkgen.motion.emotion import parse_emotion
        from talkgen.pipelines.candidates import judged_portrait
        from talkgen.pipelines.portrait import load_portrait

        renderer = self.pipeline.renderer
        ready = judged_portrait(renderer, load_portrait(self.pipeline.analyzer, path))
        emotion = parse_emotion(f"{name}:{strength}")
        motion = self.motion(emotion)
        began = time.perf_counter()
        suited, found = self.judge.guide(renderer, ready, motion, self.heard, emotion)
        row: dict[str, Any] = {
            "person": path.stem.split("_")[0], "asked": name,
            "seconds": round(time.perf_counter() - began, 2), "kept": suited is not emotion,
            "units": {k: round(v, 3) for one in found for k, v in one.units.items()},
        }  # fmt: skip
        shown = []
        for when, felt in (("before", emotion), ("after", suited)):
            if when == "after" and suited is emotion:
                row["after"] = row["before"]
                shown.append(shown[0])
                continue
            frames = list(renderer.render(ready, self.motion(felt)))
            row[when] = self.read(frames, name)
            shown.append(frames[len(frames) // 2])
        return row, shown

    def motion(self, emotion: Any) -> Any:
        """Return the motion of the sound under an emotion."""
        from talkgen.motion.chunks import joined
        from talkgen.pipelines.talk import motion_chunks

        return joined(motion_chunks(self.pipeline.generator, self.speech, 25, emotion=emotion))

    def read(self, frames: list[Any], name: str) -> dict[str, float]:
        """Return the probability of an emotion and whether it is named, by both readers."""
        from talkgen.training.independent_fer import CLASSES
        from talkgen.types import EMOTIONS

        seen = [(f, faces[0]) for f in frames[12::EVERY]
                if (faces := self.judge.analyzer.analyze(f))]  # fmt: skip
        images, faces = [f for f, _ in seen], [face for _, face in seen]
        readings = self.judge.expression.read(images, faces)
        p = self.judge.expression.clip(readings, np.ones(len(readings), bool), fps=25 / EVERY)
        out = {"ours": float(p[EMOTIONS.index(name)]),
               "ours_named": float(EMOTIONS[int(p.argmax())] == name)}  # fmt: skip
        if self.other is not None and name in CLASSES:
            q = self.other.read(images, faces).mean(0)
            out["other"] = float(q[CLASSES.index(name)])
            out["other_named"] = float(CLASSES[int(q.argmax())] == name)
        return {key: round(value, 4) for key, value in out.items()}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return means before and after of each figure, and the interval of the paired difference."""
    out: dict[str, Any] = {}
    for key in ("ours", "ours_named", "other", "other_named"):
        known = [r for r in rows if key in r["before"]]
        if not known:
            continue
        before, after = (np.array([r[when][key] for r in known]) for when in ("before", "after"))
        people = sorted({r["person"] for r in known})
        own = [np.flatnonzero([r["person"] == p for r in known]) for p in people]
        rng = np.random.default_rng(0)
        means = []
        for _ in range(DRAWS):
            chosen = np.concatenate([own[i] for i in rng.integers(0, len(own), len(own))])
            means.append((after - before)[chosen].mean())
        low, high = np.quantile(means, [0.025, 0.975])
        out[key] = {
            "before": round(float(before.mean()), 4), "after": round(float(after.mean()), 4),
            "difference": round(float((after - before).mean()), 4),
            "interval": [round(float(low), 4), round(float(high), 4)],
            "up": int((after > before).sum()), "down": int((after < before).sum()), "n": len(known),
        }  # fmt: skip
    return out


def labelled(pair: list[Any], row: dict[str, Any]) -> Any:
    """Return the two frames, one under the other, with what both readers say."""
    out = []
    for when, frame in zip(("before", "after"), pair, strict=True):
        tile = cv2.resize(frame, (200, round(200 * frame.shape[0] / frame.shape[1])))
        seen = row[when]
        text = f"{row['asked']} {seen['ours']:.2f} {seen.get('other', float('nan')):.2f}"
        cv2.putText(tile, text, (4, 16), 0, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(tile, text, (4, 16), 0, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
        out.append(tile)
    return np.concatenate(out)


if __name__ == "__main__":
    main()
