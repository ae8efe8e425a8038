"""Rendered heads for the expression critic: heads made for it, and which emotion a head shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import nnls

from talkgen.critic.expression_net import UNITS
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.region import region_of
from talkgen.motion.facs import PROTOTYPES as FACS
from talkgen.motion.facs import weights_of_units
from talkgen.synthetic.expressions import PROTOTYPES, VISEMES, spread, with_eyes
from talkgen.synthetic.heads import HeadStudio
from talkgen.training.expression_data import UNKNOWN, Faces, Gathered, grey
from talkgen.types import EMOTIONS, MOTION_CHANNELS, FloatArray

FEELINGS = {
    "happy": "happy", "laugh": "happy", "sad": "sad", "anger": "anger", "shout": "anger",
    "disgust": "disgust", "fear": "fear", "surprise": "surprise", "contempt": "contempt",
}  # fmt: skip
"""Which of the studio's prototypes is which emotion."""
CLEAR = 0.45
"""Least strength of a prototype that counts."""
ALONE = 0.25
"""The most that a second one may have, and what may stay unexplained (`REST`), of the first."""
REST = 0.35
CALM = 0.25
"""Length of the weights up to which a face is neutral."""


def feelings_of(weights: FloatArray) -> Any:
    """(N, 52) weights to the (N,) emotions that they plainly show, -1 where they show none plainly.

    Non-negative least squares over the studio's prototypes, mouths of speech and blinks.
    """
    other_side = {k.replace("Left", "Right"): v for k, v in PROTOTYPES["contempt"].items()}
    named = [(name, spread(PROTOTYPES[key])) for key, name in FEELINGS.items()]
    named.append(("contempt", spread(other_side)))
    free = [spread(v) for v in VISEMES]
    free += [spread({f"eyeBlink{side}": 1.0}) for side in ("Left", "Right")]
    kept = [i for i, c in enumerate(MOTION_CHANNELS) if not c.startswith("eyeLook")]
    table = np.stack([w for _, w in named] + free).T[kept].astype(np.float64)
    out = np.full(len(weights), UNKNOWN)
    for row, given in enumerate(np.asarray(weights, np.float64)[:, kept]):
        length = float(np.linalg.norm(given))
        if length < CALM:
            out[row] = EMOTIONS.index("neutral")
            continue
        shares, rest = nnls(table, given)
        first, second = np.argsort(-shares[: len(named)])[:2]
        clear = shares[first] > CLEAR and shares[second] < ALONE * shares[first]
        if clear and rest < REST * length:
            out[row] = EMOTIONS.index(named[first][0])
    return out


LABELLED = 0.5
"""Strength from which a drawn prototype carries its emotion as label."""
MOST_TURN = (0.2, 0.4, 0.12)
"""Pitch, yaw and roll of heads made for the critic, radians: about a spread's triple."""


def posed_units(rng: np.random.Generator) -> tuple[FloatArray, int]:
    """Return weights (52,) of a random face made of action units, and its emotion or -1.

    Half show a FACS prototype at any strength, each unit at its own; half two to five units at any
    intensity, now and then on one side alone.
    """
    label = UNKNOWN
    units: dict[str, float] = {}
    if rng.random() < 0.5:
        index = int(rng.integers(len(EMOTIONS)))
        strength = float(rng.uniform(0.15, 1.1))
        for unit, value in FACS.get(EMOTIONS[index], {}).items():
            units[unit] = float(np.clip(value * strength * rng.normal(1, 0.2), 0, 1))
        if EMOTIONS[index] == "contempt" and rng.random() < 0.5:
            units = {u[:-1] + ("L" if u[-1] == "R" else "R"): v for u, v in units.items()}
        if strength >= LABELLED or index == 0:
            label = index
    else:
        for unit in rng.choice(UNITS, int(rng.integers(2, 6)), replace=False):
            side = "" if rng.random() < 0.85 else ("L" if rng.random() < 0.5 else "R")
            units[str(unit) + side] = float(rng.uniform(0.15, 1.0))
    given = {name: np.array([value], np.float32) for name, value in units.items()}
    weights = weights_of_units(given)[0] if given else np.zeros(len(MOTION_CHANNELS), np.float32)
    eyes = with_eyes(np.zeros(len(MOTION_CHANNELS), np.float32), rng)
    for index, name in enumerate(MOTION_CHANNELS):
        if name.startswith("eyeLook"):
            weights[index] = 0.6 * eyes[index]
    return np.asarray(np.clip(weights, 0, 1), np.float32), label


def unit_heads(studio: HeadStudio, analyzer: FaceAnalyzer, count: int, *, seed: int = 0) -> Faces:
    """Return rendered heads of `posed_units` that look ahead, read as any picture would be."""
    out = Gathered()
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        weights, label = posed_units(rng)
        rotation = np.clip(rng.normal(0, np.array(MOST_TURN) / 2), -np.array(MOST_TURN), MOST_TURN)
        head = studio.draw(rng, weights=weights, rotation=rotation.astype(np.float32))
        picture = grey(head.image)
        face = analyzer.backend.read(picture, region_of(head.landmarks))
        if face is not None:
            out.add(picture, face, str(head.person), exact=head.weights, label=label)
    return out.faces()
