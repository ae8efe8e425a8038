"""Real portraits posed by the mesh renderer: faces whose expression is known because it was asked.

Each person shows every emotion at rest and while speaking, as `talkgen talk` draws it, and a few
random expressions for the action units. The people are those of the portraits for training; nobody
of them is measured on.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.critic.tight import face_of
from talkgen.errors import TalkgenError
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.region import region_of
from talkgen.io.audio import read_audio
from talkgen.io.image import as_image
from talkgen.motion.emotion import parse_emotion
from talkgen.motion.facs import PROTOTYPES, weights_of_units
from talkgen.motion.generator import MotionGenerator
from talkgen.render.mesh import MeshRenderer
from talkgen.synthetic.expressions import random_expression, with_eyes
from talkgen.training.expression_data import UNKNOWN, Faces, Gathered, grey
from talkgen.types import EMOTIONS, MOTION_CHANNELS, Audio, FloatArray, Motion, Portrait

log = logging.getLogger(__name__)

SNIPPET_S = 3.0
STRENGTHS = (0.5, 0.7, 0.85, 1.0)
WEAK = 0.3
"""Strength of a few expressions that carry no emotion label, only action units."""
SIZE = 256


@dataclass
class Bank:
    """Speech motions by emotion: weights (M, 52) and rotation (M, 3) for each of the eight."""

    weights: list[FloatArray]
    rotation: list[FloatArray]


def spoken(generator: MotionGenerator, sounds: Sequence[Path], *, seed: int = 0) -> Bank:
    """Return frames of speech in every emotion, from the second half second on."""
    rng = np.random.default_rng(seed)
    weights: list[list[FloatArray]] = [[] for _ in EMOTIONS]
    turns: list[list[FloatArray]] = [[] for _ in EMOTIONS]
    for number, path in enumerate(sounds):
        sound = read_audio(path)
        count = int(SNIPPET_S * sound.rate)
        start = int(rng.integers(0, max(1, len(sound.samples) - count)))
        snippet = Audio(sound.samples[start : start + count], sound.rate)
        for index, name in enumerate(EMOTIONS):
            strength = STRENGTHS[int(rng.integers(len(STRENGTHS)))]
            emotion = None if name == "neutral" else parse_emotion(f"{name}:{strength}")
            motion = generator.generate(snippet, seed=number * 8 + index, emotion=emotion)
            weights[index].append(motion.blendshapes[15:])
            turns[index].append(motion.rotation[15:])
    return Bank([np.concatenate(w) for w in weights], [np.concatenate(r) for r in turns])


def at_rest(name: str, strength: float, rng: np.random.Generator) -> FloatArray:
    """Return weights (52,) of an emotion's prototype, each unit at its own strength, with eyes."""
    units = {
        unit: np.array([np.clip(value * strength * rng.normal(1, 0.15), 0, 1)], np.float32)
        for unit, value in PROTOTYPES.get(name, {}).items()
    }
    if name == "contempt" and rng.random() < 0.5:  # the other side
        units = {unit[:-1] + ("L" if unit[-1] == "R" else "R"): v for unit, v in units.items()}
    weights = weights_of_units(units)[0] if units else np.zeros(len(MOTION_CHANNELS), np.float32)
    return np.clip(weights + _gaze(rng), 0, 1)


def _gaze(rng: np.random.Generator) -> FloatArray:
    """Return weights (52,) of a glance, seldom a blink."""
    eyes = with_eyes(np.zeros(len(MOTION_CHANNELS), np.float32), rng)
    if rng.random() < 0.8:
        for side in ("Left", "Right"):
            eyes[MOTION_CHANNELS.index("eyeBlink" + side)] = 0
    return np.asarray(eyes * np.float32(rng.uniform(0, 1)), np.float32)


def poses(
    bank: Bank, rng: np.random.Generator, *, random: int = 4
) -> tuple[Motion, list[int], list[bool]]:
    """Return the poses of one person, their emotions (-1: none) and which of them speak."""
    weights, turns, labels, speaking = [], [], [], []
    for index, name in enumerate(EMOTIONS):
        strength = STRENGTHS[int(rng.integers(len(STRENGTHS)))]
        weak = name != "neutral" and rng.random() < 0.15
        weights.append(at_rest(name, WEAK if weak else strength, rng))
        turns.append(rng.normal(0, 0.08, 3).astype(np.float32))
        labels.append(UNKNOWN if weak else index)
        speaking.append(False)
        row = int(rng.integers(len(bank.weights[index])))
        weights.append(bank.weights[index][row])
        turns.append(bank.rotation[index][row])
        labels.append(index)
        speaking.append(True)
    for _ in range(random):
        weights.append(np.clip(random_expression(rng) + _gaze(rng), 0, 1))
        turns.append(rng.normal(0, 0.1, 3).astype(np.float32))
        labels.append(UNKNOWN)
        speaking.append(True)
    motion = Motion(
        np.stack(weights).astype(np.float32), np.stack(turns),
        np.zeros((len(weights), 3), np.float32),
    )  # fmt: skip
    return motion, labels, speaking


def posed(
    portraits: Sequence[tuple[str, Any]], bank: Bank, analyzer: FaceAnalyzer, *, seed: int = 0
) -> Faces:
    """Return posed faces of (person, picture as of `as_image`): 20 of each."""
    renderer, out = MeshRenderer.from_pretrained(), Gathered()
    rng = np.random.default_rng(seed)
    for number, (person, portrait) in enumerate(portraits):
        image = as_image(portrait)
        found = face_of(analyzer, image)
        if found is None:
            continue
        motion, labels, speaking = poses(bank, rng)
        try:
            ready = renderer.prepare(Portrait(*found), size=min(SIZE, max(found[0].shape[:2])))
        except TalkgenError as error:
            log.info("%s: %s", person, error)
            continue
        scale = max(ready.frame_size) / max(found[0].shape[:2])
        place = region_of(found[1].landmarks * scale)
        for k, drawn in enumerate(renderer.draw(ready, motion)):
            picture = grey(drawn.frame)
            rough = analyzer.backend.read(picture, place, rough=True)
            face = rough and analyzer.backend.read(picture, region_of(rough.landmarks))
            if face is not None:
                out.add(picture, face, person, label=labels[k], exact=motion.blendshapes[k],
                        speaking=speaking[k])  # fmt: skip
        if number % 20 == 19:
            log.info("posed: %d of %d people, %d faces", number + 1, len(portraits),
                     len(out.rows["label"]))  # fmt: skip
    return out.faces()


def calm_portraits(data: Path, count: int, *, seed: int = 0) -> list[tuple[str, Path]]:
    """Return (person, path) of portraits in colour with the least smile, and those of `canada`."""
    faces = data / "data" / "faces"
    with (faces / "congress" / "index.csv").open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if is_calm(row)]
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(rows))[: max(0, count - 40)]
    out = [(f"congress/{Path(rows[i]['file']).stem}", faces / "congress" / rows[i]["file"])
           for i in chosen]  # fmt: skip
    canada = sorted((faces / "canada").glob("*.jpg"))[: count - len(out)]
    return [(f"canada/{path.stem}", path) for path in canada] + out


def is_calm(row: dict[str, str]) -> bool:
    """Return whether a row of the index is a large colour portrait with hardly a smile."""
    return float(row["smile"]) < 0.12 and row["colour"] in ("1", "True", "true", "yes")
