"""Whose faces a video shows, and which of them speaks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.critic.hearing import band_level, opening, smooth
from talkgen.critic.mouth import correlation
from talkgen.face.identity import similarity
from talkgen.pipelines.dub_survey import VIEWS, Stretch, Survey
from talkgen.types import ENGINE_RATE, FloatArray

LEVELS_PER_SECOND = 100
SPEAKS = 0.15
"""Correlation of lips and sound from which on somebody can be the speaker."""


@dataclass(eq=False)
class Person:
    """Somebody whom a video shows.

    stretches : where; number : 1 for the one seen longest and largest, and so on
    follows : correlation of the opening of the lips with the loudness of the sound, NaN without
    """

    stretches: list[Stretch] = field(default_factory=list)
    number: int = 0
    follows: float = float("nan")

    @property
    def seconds(self) -> float:
        """How long the face is seen."""
        return sum(stretch.seconds for stretch in self.stretches)

    @property
    def size(self) -> float:
        """Median size of the face in pixels."""
        return float(np.median(np.concatenate([s.size for s in self.stretches])))

    @property
    def embedding(self) -> FloatArray:
        """Mean embedding, weighted by how long each stretch is."""
        parts = [s.embedding * s.seconds for s in self.stretches if s.embedding is not None]
        return np.asarray(np.sum(parts, axis=0), np.float32)

    @property
    def views(self) -> list[FloatArray]:
        """Calm views (478, 3), best first."""
        found = sorted((v for s in self.stretches for v in s.views), key=lambda v: v[0])
        return [points for _, points in found[:VIEWS]]

    @property
    def clearest(self) -> Stretch:
        """The stretch with the clearest picture."""
        return min(self.stretches, key=lambda s: s.key_value)

    @property
    def toothed(self) -> Stretch:
        """The stretch with the picture that shows teeth best."""
        return max(self.stretches, key=lambda s: s.teeth_value)


def people_of(found: Survey, threshold: float) -> list[Person]:
    """Return the people of a video, longest and largest seen first.

    threshold : least cosine of two embeddings of one person
    """
    known: list[Person] = []
    for stretch in sorted(found.stretches.values(), key=lambda s: -s.seconds):
        if stretch.embedding is None:
            continue
        apart = [p for p in known if not any(_overlap(stretch, o) for o in p.stretches)]
        near = [(similarity(stretch.embedding, p.embedding), p) for p in apart]
        best = max(near, key=lambda row: row[0], default=(-1.0, None))
        if best[1] is not None and best[0] >= threshold:
            best[1].stretches.append(stretch)
        else:
            known.append(Person([stretch]))
    known.sort(key=lambda p: -p.seconds * p.size)
    for number, person in enumerate(known, 1):
        person.number = number
    return known


def _overlap(one: Stretch, other: Stretch) -> bool:
    """Return whether two stretches share a picture."""
    if one.frames[-1] < other.frames[0] or other.frames[-1] < one.frames[0]:
        return False
    return bool(set(one.frames) & set(other.frames))


def loudness(blocks: Iterable[NDArray[np.float32]]) -> FloatArray:
    """Return how open loudness says that a mouth is, (N,) in [0, 1], 100 a second."""
    from talkgen.audio.features import MelStream

    mels, levels = MelStream(), []
    for block in blocks:
        levels.append(band_level(mels.push(block)))
    levels.append(band_level(mels.finish()))
    return opening(smooth(np.concatenate(levels)))


def listen(people: list[Person], sound: Any) -> None:
    """Work out how well each person's lips follow a sound (anything with `blocks`)."""
    level = loudness(sound.blocks(ENGINE_RATE))
    for person in people:
        rows, weights = [], []
        for stretch in person.stretches:
            at = np.clip(np.round(np.array(stretch.times) * LEVELS_PER_SECOND), 0, len(level) - 1)
            r, _ = correlation(np.array(stretch.gap, np.float32), level[at.astype(int)])
            rows.append(r)
            weights.append(len(stretch.frames))
        person.follows = float(np.average(rows, weights=weights))


def speaker(people: list[Person]) -> Person:
    """Return who speaks: whose lips follow the sound best for longest; without sound, or when
    nobody's do, who is seen longest and largest."""
    told = [p for p in people if np.isfinite(p.follows) and p.follows >= SPEAKS]
    if not told:
        return people[0]
    return max(told, key=lambda p: p.follows * p.seconds)
