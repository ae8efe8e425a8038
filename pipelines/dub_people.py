"""Whose faces a video shows, and which of them speaks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talkgen.face.identity import similarity
from talkgen.pipelines.dub_survey import VIEWS, Stretch, Survey
from talkgen.types import ENGINE_FPS, ENGINE_RATE, NUM_LANDMARKS, Audio, FloatArray

LISTEN_S = 20.0
"""Seconds of each person that the sync critic is shown."""
MOST_OFFSET = 4
"""Frames by which lips and sound of a video may be apart."""
SPEAKS = 0.02
"""Confidence from which on somebody can be the speaker."""


@dataclass(eq=False)
class Person:
    """Somebody whom a video shows.

    stretches : where; number : 1 for the one seen longest and largest, and so on
    follows : how surely the lips fit the video's sound (confidence of the sync critic), NaN without
        sound
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


def listen(people: list[Person], found: Survey, blocks: Iterable[FloatArray], critic: Any) -> None:
    """Work out how well each person's lips fit a sound.

    blocks : the sound from the video's first picture on, mono, 16 kHz
    critic : a `SyncCritic`; it is shown the first seconds of each person's longest stretch
    """
    chosen = {p.number: max(p.stretches, key=lambda s: s.seconds) for p in people}
    lips = _lips(found, {s.number: s for s in chosen.values()})
    sounds = _cut(blocks, [s.times[0] for s in chosen.values()])
    for person in people:
        stretch = chosen[person.number]
        sound = sounds[stretch.times[0]]
        person.follows = 0.0
        if len(sound) > ENGINE_RATE:
            fit = critic.of_lips(lips[stretch.number], Audio(sound, ENGINE_RATE))
            person.follows = fit.confidence if abs(fit.offset) <= MOST_OFFSET else 0.0


def _lips(found: Survey, stretches: dict[int, Stretch]) -> dict[int, FloatArray]:
    """Return landmarks (T, 478, 3), 25 a second, of the first seconds of stretches; NaN unseen."""
    count = round(LISTEN_S * ENGINE_FPS)
    out = {
        n: np.full((min(count, round(s.seconds * ENGINE_FPS) + 1), NUM_LANDMARKS, 3), np.nan, "f4")
        for n, s in stretches.items()
    }
    last = max(s.times[0] for s in stretches.values()) + LISTEN_S
    for index, faces in found.records():
        if found.times[index] > last:
            break
        for number in faces.keys() & stretches.keys():
            place = round((found.times[index] - stretches[number].times[0]) * ENGINE_FPS)
            if place < len(out[number]):
                out[number][place] = faces[number]
    return out


def _cut(blocks: Iterable[FloatArray], starts: list[float]) -> dict[float, FloatArray]:
    """Return (N,) samples of `LISTEN_S` from each of some times on."""
    parts: dict[float, list[FloatArray]] = {start: [] for start in starts}
    done = 0
    for block in blocks:
        for start, kept in parts.items():
            first = round(start * ENGINE_RATE) - done
            last = first + round(LISTEN_S * ENGINE_RATE)
            if first < len(block) and last > 0:
                kept.append(block[max(first, 0) : last])
        done += len(block)
        if done > (max(starts) + LISTEN_S) * ENGINE_RATE:
            break
    none = np.zeros(0, np.float32)
    return {start: np.concatenate([none, *kept]) for start, kept in parts.items()}


def speaker(people: list[Person]) -> Person:
    """Return who speaks: whose lips fit the sound best; without sound, or when nobody's do, who is
    seen longest and largest."""
    told = [p for p in people if np.isfinite(p.follows) and p.follows >= SPEAKS]
    return max(told, key=lambda p: p.follows) if told else people[0]
