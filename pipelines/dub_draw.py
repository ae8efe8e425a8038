"""New mouths drawn into the pictures of a video, one picture at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from talkgen.errors import MediaError
from talkgen.face.fit import HeadFit, fit_face, fit_identity
from talkgen.io.audio import Speech
from talkgen.io.joined_sound import Fitted
from talkgen.io.pictures import Picture, PictureFile
from talkgen.motion.blend import blended
from talkgen.pipelines.dub_people import Person
from talkgen.pipelines.dub_plan import Fit, shares, source_of
from talkgen.pipelines.dub_survey import Stretch, Survey
from talkgen.render.donor import LEAST
from talkgen.render.mesh import MeshRenderer
from talkgen.render.redraw import MouthRedrawer, Seen
from talkgen.types import MOTION_CHANNELS, FloatArray, Identity, ImageArray, Motion

MOODS = np.array([name.startswith(("mouthSmile", "mouthFrown", "mouthDimple"))
                  for name in MOTION_CHANNELS])  # fmt: skip
"""(52,) channels that stay as the person has them, slowly followed: a smile is no speech."""
MOOD_DOWN_S, MOOD_UP_S = 0.4, 2.5
"""Seconds in which a mood is left, and taken on: what speech does for a moment does not count."""
SILENCE_S = 1.0
"""Silence that the motion model hears after the speech: it shuts the mouth."""


@dataclass(eq=False)
class Voice:
    """What one person says. speech : the sound; start : seconds into the video"""

    person: Person
    speech: Speech
    start: float = 0.0

    @property
    def end(self) -> float:
        """When it has been said, seconds into the video."""
        return self.start + self.speech.seconds


class Spoken:
    """Weights at rising times out of a motion that is made meanwhile."""

    def __init__(self, chunks: Iterable[Motion], start: float = 0.0) -> None:
        self._chunks = iter(chunks)
        self._start = start
        self._rows: FloatArray = np.zeros((0, len(MOTION_CHANNELS)), np.float32)
        self._first = 0
        self._fps = 25.0
        self._over = False

    def at(self, time: float) -> FloatArray:
        """Return (52,) weights to be laid on the resting face, 0 before the speech begins."""
        place = (time - self._start) * self._fps
        if place < 0:
            return np.zeros(len(MOTION_CHANNELS), np.float32)
        while not self._over and self._first + len(self._rows) < place + 2:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._over = True
                break
            self._fps = chunk.fps
            self._rows = np.concatenate([self._rows, chunk.blendshapes])
        if not len(self._rows):
            return np.zeros(len(MOTION_CHANNELS), np.float32)
        low = int(np.clip(np.floor(place) - self._first, 0, len(self._rows) - 1))
        high = min(low + 1, len(self._rows) - 1)
        part = np.float32(np.clip(place - self._first - low, 0.0, 1.0))
        out = self._rows[low] * (1 - part) + self._rows[high] * part
        if low > 250:
            self._rows, self._first = self._rows[low:], self._first + low
        return np.asarray(out, np.float32)


class Mouth:
    """The mouth of one person in one stretch of a video."""

    def __init__(
        self, renderer: MeshRenderer, person: Person, identity: FloatArray, stretch: Stretch,
        share: FloatArray, threads: int | None,
    ) -> None:  # fmt: skip
        key, teeth = stretch.portraits()
        assert key is not None  # only stretches that could be stored are drawn
        if stretch.teeth_value < LEAST:
            other = person.toothed
            teeth = other.portraits()[1] if other.teeth_value >= LEAST else None
        who = Identity(identity)
        ready = renderer.prepare(replace(key, identity=who))
        donor = None if teeth is None else renderer.prepare(replace(teeth, identity=who))
        self.head, self.identity = renderer.head, identity
        self.redrawer = MouthRedrawer(ready, donor=donor, threads=threads)
        self.share = dict(zip(stretch.frames, share.tolist(), strict=True))
        self.rest = np.array(ready.retargeter.rest, np.float32)
        self._fit: HeadFit | None = None
        self._index = -1

    def seen(self, index: int, landmarks: FloatArray, seconds: float) -> Seen:
        """Return the head in picture `index`; seconds : since the picture before."""
        if self._fit is None or index != self._index:
            self._fit = fit_face(self.head, landmarks, identity=self.identity, start=self._fit)
            step = np.asarray(self._fit.weights, np.float32) - self.rest
            took = np.where(step < 0, MOOD_DOWN_S, MOOD_UP_S)
            self.rest += np.where(MOODS, step * np.minimum(seconds / took, 1.0), 0.0).astype("f4")
            self._index = index
        return Seen(self._fit, landmarks)


class Dubber:
    """Draws the new pictures of a video.

    source, found : the video and what is seen in it; voices : who says what
    motions : makes the motion of a speech; times : of all pictures; fit : see `dub_plan`
    """

    def __init__(
        self, source: PictureFile, found: Survey, voices: list[Voice], renderer: MeshRenderer,
        motions: Any, times: list[float], fit: Fit, threads: int | None = None,
    ) -> None:  # fmt: skip
        self.source, self.found, self.voices = source, found, voices
        self.renderer, self.motions = renderer, motions
        self.times, self.fit, self.threads = times, fit, threads
        self.shares: dict[int, FloatArray] = {}
        self.owner: dict[int, int] = {}
        for number, voice in enumerate(voices):
            for stretch in voice.person.stretches:
                share = shares(stretch, found)
                if share.max(initial=0.0) > 0.0:
                    self.shares[stretch.number] = share
                    self.owner[stretch.number] = number
        self.identities = [fit_identity(renderer.head, voice.person.views) for voice in voices]

    @property
    def drawn(self) -> int:
        """How many of the source's pictures are drawn on."""
        found = {
            frame
            for number, share in self.shares.items()
            for frame, value in zip(self.found.stretches[number].frames, share, strict=True)
            if value > 0
        }
        return len(found)

    def pictures(self) -> Iterator[Picture]:
        """Yield the new pictures, at their times."""
        spoken = [
            Spoken(self.motions(Fitted(v.speech, v.speech.seconds + SILENCE_S)), v.start)
            for v in self.voices
        ]
        reel = _Reel(self.source, self.found)
        mouths: dict[int, Mouth] = {}
        step = 1.0 / float(self.source.rate)
        for index, time in enumerate(self.times):
            at = source_of(index, self.times, self.found.times, self.fit)
            picture, faces = reel.at(at)
            weights = [one.at(time) for one in spoken]
            over = [n for n in mouths if self.found.stretches[n].frames[-1] < at]
            for number in over:
                del mouths[number]
            picture = self._drawn(picture, at, faces, weights, mouths, step)
            yield Picture(picture.frame, time)

    def _drawn(
        self, picture: Picture, at: int, faces: dict[int, FloatArray], weights: list[FloatArray],
        mouths: dict[int, Mouth], step: float,
    ) -> Picture:  # fmt: skip
        rgb: ImageArray | None = None
        for number, landmarks in faces.items():
            if number not in self.shares:
                continue
            stretch, voice = self.found.stretches[number], self.owner[number]
            mouth = mouths.get(number)
            if mouth is None:
                mouth = mouths[number] = Mouth(
                    self.renderer, self.voices[voice].person, self.identities[voice], stretch,
                    self.shares[number], self.threads,
                )  # fmt: skip
            share = mouth.share[at]
            seen = mouth.seen(at, landmarks, step)
            if share <= 0.0:
                continue
            rgb = picture.rgb if rgb is None else rgb
            made = mouth.redrawer.draw(rgb, seen, blended(mouth.rest, weights[voice]), share)
            x0, y0, x1, y1 = made.box
            if x1 <= x0:
                continue
            before = rgb[y0:y1, x0:x1].copy()
            rgb[y0:y1, x0:x1] = made.region
            picture = picture.with_change(made.box, before, made.region)
        return picture


class _Reel:
    """Pictures of a source and their faces by number, mostly one after the other."""

    def __init__(self, source: PictureFile, found: Survey) -> None:
        self.source, self.found = source, found
        self._rewind()

    def _rewind(self) -> None:
        self._pictures, self._records = self.source.pictures(), self.found.records()
        self._index = -1
        self._picture: Picture | None = None
        self._next = next(self._records, None)

    def at(self, index: int) -> tuple[Picture, dict[int, FloatArray]]:
        """Return a picture and landmarks (478, 3) by stretch."""
        if index < self._index:
            self._rewind()
        while self._index < index:
            self._picture = next(self._pictures, None)
            self._index += 1
            if self._picture is None:
                raise MediaError(
                    f"{str(self.source.path)!r} gives fewer pictures than before; was it changed?"
                )
        while self._next is not None and self._next[0] < index:
            self._next = next(self._records, None)
        faces = self._next[1] if self._next is not None and self._next[0] == index else {}
        assert self._picture is not None
        return self._picture, faces
