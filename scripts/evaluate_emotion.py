"""Emotions: are the lips right under them, and can they be read off the picture? emotion.json.

    python scripts/evaluate_emotion.py --data ../shared/data --cache ../cache [--motion motion]

Lips: NUM_SOUNDS sounds of `train` (addresses and GRID), each with and without each emotion.
Reading: a logistic regression on the shipped analyzer's 52 scores, fitted on `data/expressions`
(one label in five is doubtful there; fear, disgust and contempt cannot be taught by it), reads
rendered London portraits, one frame before the speech and every sixth of it. Its own accuracy on
real faces, in five folds by person, stands beside: it had no part in making the motion, and it is
a weak reader.
"""

from __future__ import annotations

import argparse
import csv
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

NUM_SOUNDS = 20
NUM_PORTRAITS = 12
MOST_FACES = 320  # of a class
READ = {"neutral": "neutral", "happiness": "happy", "surprise": "surprise", "sadness": "sad",
        "anger": "anger"}  # fmt: skip
"""Label of data/expressions: our emotion."""


def main() -> None:
    from talkgen.face.head import HeadModel
    from talkgen.motion.emotion import parse_emotion
    from talkgen.motion.facs import FELT
    from talkgen.motion.generator import MotionGenerator
    from talkgen.motion.rest import lip_gaps
    from talkgen.training.emotion_measure import lips_under

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path("../cache"))
    parser.add_argument("--motion", default="motion", help="a checkpoint: name or folder")
    parser.add_argument("--out", type=Path, default=Path("results/emotion.json"))
    args = parser.parse_args()

    generator = MotionGenerator.from_pretrained(args.motion)
    head = HeadModel.from_pretrained("head")
    slopes = lip_gaps(head, head.neutral(None))[1][0]
    sounds = some_sounds(args.cache)
    lips = {n: lips_under(generator, sounds, slopes, parse_emotion(n)) for n in FELT}
    for name, row in lips.items():
        print(name, row)
    reading = read_portraits(generator, args.data)
    result = {"sounds": len(sounds), "lips": lips, "reading": reading}
    args.out.write_text(json.dumps(result, indent=1) + "\n")


def some_sounds(cache: Path) -> list[np.ndarray]:
    """Sounds with a second of silence before and after."""
    paths = sorted((cache / "sound" / "train").glob("*.npy"))
    grid = [p for p in paths if p.stem.startswith("grid_s4")]
    other = [p for p in paths if "grid" not in p.stem]
    chosen = other[:: max(1, len(other) // (NUM_SOUNDS // 2))][: NUM_SOUNDS // 2]
    chosen += grid[:: max(1, len(grid) // (NUM_SOUNDS // 2))][: NUM_SOUNDS // 2]
    quiet = np.zeros(16_000, np.float32)
    return [
        np.concatenate([quiet, np.load(p).astype(np.float32)[: 20 * 16_000], quiet])
        for p in chosen
    ]


def read_portraits(generator: Any, data: Path) -> dict[str, Any]:
    """Confusions (rows: asked for, columns: read) before and during speech."""
    from talkgen.face.analyzer import FaceAnalyzer
    from talkgen.training.emotion_measure import Reader

    analyzer = FaceAnalyzer.from_pretrained("embedded")
    scores, labels, people = real_faces(analyzer, data / "expressions")
    count, folds = len(READ), np.array([zlib.crc32(p.encode()) % 5 for p in people])
    seen = np.zeros(len(labels), np.int64)
    for fold in range(5):
        reader = Reader(scores[folds != fold], labels[folds != fold], count)
        seen[folds == fold] = reader.chances(scores[folds == fold]).argmax(1)
    own = float(np.mean([(seen[labels == c] == c).mean() for c in range(count)]))
    reader = Reader(scores, labels, count)
    tables = {"silent": np.zeros((count, count)), "speaking": np.zeros((count, count))}
    portraits = sorted((data / "faces" / "london").glob("*_neutral.jpg"))
    step = max(1, len(portraits) // NUM_PORTRAITS)
    for seed, path in enumerate(portraits[::step][:NUM_PORTRAITS]):
        for row, name in enumerate(READ.values()):
            for part, scores_of in drawn(generator, analyzer, path, name, seed).items():
                if len(scores_of):
                    tables[part][row, reader.chances(scores_of).mean(0).argmax()] += 1
    out: dict[str, Any] = {"classes": list(READ.values()), "reader on real faces": round(own, 3)}
    for part, table in tables.items():
        out[part] = {
            "balanced accuracy": round(float(np.mean(np.diag(table) / table.sum(1))), 3),
            "confusion": table.astype(int).tolist(),
        }
        print(part, out[part])
    return out


def real_faces(analyzer: Any, folder: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(N, 52) scores, (N,) classes and people of at most MOST_FACES faces a class."""
    import cv2

    from talkgen.io.image import read_image

    with open(folder / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    order = np.random.default_rng(0).permutation(len(rows))
    found: dict[str, int] = dict.fromkeys(READ, 0)
    scores, labels, people = [], [], []
    for row in (rows[i] for i in order):
        if found.get(row["emotion"], MOST_FACES) >= MOST_FACES:
            continue
        picture = cv2.resize(read_image(folder / "images" / row["file"]), None, fx=2, fy=2)
        faces = analyzer.analyze(picture)
        if faces:
            found[row["emotion"]] += 1
            scores.append(faces[0].scores)
            labels.append(list(READ).index(row["emotion"]))
            people.append(row["person"])
    return np.array(scores), np.array(labels), people


def drawn(
    generator: Any, analyzer: Any, path: Path, name: str, seed: int
) -> dict[str, np.ndarray]:
    """Scores (N, 52) that the analyzer reads off the drawn frames before and during speech."""
    from talkgen.motion.emotion import parse_emotion
    from talkgen.pipelines.portrait import load_portrait, prepared
    from talkgen.render.mesh import MeshRenderer
    from talkgen.training.emotion_measure import frames_of
    from talkgen.types import Audio

    renderer = MeshRenderer.from_pretrained("head")
    ready = prepared(renderer, load_portrait(analyzer, path, face=None), 512)
    speech = example_speech()
    motion = generator.generate(Audio(speech), seed=seed, emotion=parse_emotion(name))
    lids = motion.blendshapes[:, 0]
    parts = {
        "silent": [t for t in range(22, 46) if lids[t] < 0.3][:1],
        "speaking": [t for t in range(58, len(motion), 6) if lids[t] < 0.3][:8],
    }
    out = {}
    for part, frames in parts.items():
        seen = [analyzer.analyze(f) for f in renderer.render(ready, frames_of(motion, frames))]
        out[part] = np.array([faces[0].scores for faces in seen if faces])
    return out


def example_speech() -> np.ndarray:
    """Two seconds of silence, then the example's speech."""
    from talkgen.io.audio import open_speech

    path = Path(__file__).parents[1] / "examples" / "speech.flac"
    said = np.concatenate(list(open_speech(path).blocks(16_000)))[: 5 * 16_000]
    return np.concatenate([np.zeros(32_000), said]).astype(np.float32)


if __name__ == "__main__":
    main()
