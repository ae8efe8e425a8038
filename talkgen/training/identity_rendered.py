"""Rendered people seen several times, for the identity network: other pose, light, same person.

One invented person a skin, with about that skin's own face, so that skin and shape agree.
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np

from talkgen.face.alignment import aligned
from talkgen.face.region import box_of
from talkgen.synthetic.expressions import random_expression
from talkgen.synthetic.heads import HeadStudio
from talkgen.synthetic.scene import HeadPerson
from talkgen.synthetic.skins import Skin
from talkgen.training.identity_prepare import MARGIN, SIDE, kept_aside
from talkgen.types import MOTION_CHANNELS, Face

log = logging.getLogger(__name__)

SIZE = 160
MOST_YAW_DEG, MOST_PITCH_DEG, MOST_ROLL_DEG = 45.0, 18.0, 20.0


def render(
    data: Path, out: Path, folder: Path | None, *, people: int = 1000, views: int = 10,
    seed: int = 0,
) -> None:  # fmt: skip
    """Write `rendered.npy` (N, 128, 128, 3) and `rendered_labels.npz` into `out`.

    Skins of people kept aside are left out. `folder` : where the studio keeps its skins
    """
    studio = HeadStudio.from_data(data, folder=folder, seed=seed, size=SIZE)
    rng = np.random.default_rng(seed)
    crops, persons = [], []
    for number in rng.permutation(len(studio.skins)):
        skin = studio.skins[int(number)]
        source, name = skin.person.split("/", 1)
        if kept_aside(source, name):
            continue
        person = _own(studio.person(int(number)), skin, rng)
        for _ in range(views):
            turn = np.radians([MOST_PITCH_DEG, MOST_YAW_DEG, MOST_ROLL_DEG]) * np.clip(
                rng.normal(0, 0.45, 3), -1, 1
            )
            weights = random_expression(rng)
            head = studio.draw(rng, person=person, weights=weights, rotation=turn)
            face = Face(head.landmarks, box_of(head.landmarks),
                        np.zeros(len(MOTION_CHANNELS), np.float32), head.rotation)  # fmt: skip
            crops.append(aligned(head.image, face, SIDE, margin=MARGIN))
            persons.append(skin.person)
        if len(set(persons)) % 100 == 0:
            log.info("%d people", len(set(persons)))
        if len(persons) >= people * views:
            break
    np.save(out / "rendered.npy", np.stack(crops))
    np.savez(out / "rendered_labels.npz", person=np.array(persons))


def _own(person: HeadPerson, skin: Skin, rng: np.random.Generator) -> HeadPerson:
    """Return the person with the skin's own shape of face, a little exaggerated."""
    shape = np.clip(1.1 * skin.identity + rng.normal(0, 0.15, len(skin.identity)), -2.8, 2.8)
    return dataclasses.replace(person, skin=skin, identity=shape.astype(np.float32))
