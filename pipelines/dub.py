"""What somebody says in a video is replaced: lips, jaw and cheeks follow new speech.

>>> from talkgen import DubPipeline                                     # doctest: +SKIP
>>> DubPipeline.from_pretrained()("clip.mp4", "speech.wav").save("out.mp4")  # doctest: +SKIP
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from talkgen.errors import InputError, MediaError
from talkgen.io.audio import Speech, as_speech, open_speech
from talkgen.io.joined_sound import Fitted, Together
from talkgen.io.pictures import PictureFile, open_pictures
from talkgen.pipelines.dub_draw import Dubber, Voice
from talkgen.pipelines.dub_output import DubOutput
from talkgen.pipelines.dub_people import Person, listen, people_of, speaker
from talkgen.pipelines.dub_plan import check_fit, shown
from talkgen.pipelines.dub_survey import Survey, survey
from talkgen.pipelines.talk import MotionStream, check_inputs, motion_chunks
from talkgen.protocols import FaceAnalyzer
from talkgen.types import ENGINE_FPS, Motion

MOST_FACES = 6
"""Faces that are followed at once."""

log = logging.getLogger("talkgen")


@dataclass(eq=False)
class Looked:
    """A video after the first look. source : its pictures; found : what is seen in them
    people : who, the one seen longest and largest first"""

    source: PictureFile
    found: Survey
    people: list[Person]

    def close(self) -> None:
        """Remove what the look left on disk."""
        self.found.close()


class DubPipeline:
    """Dubs videos with ready components.

    analyzer : finds and follows faces; generator : speech to motion; renderer : the mesh renderer
    embedder : tells people apart
    """

    def __init__(
        self, analyzer: FaceAnalyzer, generator: MotionStream, renderer: Any, embedder: Any
    ) -> None:
        self.analyzer, self.generator = analyzer, generator
        self.renderer, self.embedder = renderer, embedder

    @classmethod
    def from_pretrained(
        cls, *, backend: str = "embedded", motion: str = "motion", head: str = "head"
    ) -> Self:
        """Return the pipeline with the shipped checkpoints, or others by name or folder."""
        from talkgen.face.analyzer import FaceAnalyzer as Analyzer
        from talkgen.face.identity import IdentityEmbedder
        from talkgen.motion.generator import MotionGenerator
        from talkgen.render.mesh import MeshRenderer

        return cls(
            Analyzer.from_pretrained(backend, max_faces=MOST_FACES),
            MotionGenerator.from_pretrained(motion),
            MeshRenderer.from_pretrained(head),
            IdentityEmbedder.from_pretrained(),
        )

    def look(
        self, video: str | os.PathLike[str] | PictureFile,
        on_frame: Callable[[], object] | None = None,
    ) -> Looked:  # fmt: skip
        """Return a video, what is seen in it, and its people.

        on_frame : called after each picture
        """
        source = video if isinstance(video, PictureFile) else open_pictures(video)
        found = survey(source, self.analyzer, self.embedder, on_frame=on_frame)
        people = people_of(found, self.embedder.threshold)
        if len(people) > 1 and source.sounds:
            _listen(people, found, source)
        return Looked(source, found, people)

    def __call__(
        self,
        video: str | os.PathLike[str] | PictureFile | Looked,
        speech: Any,
        *,
        face: int | None = None,
        fit: str = "trim",
        mix: bool = False,
        seed: int = 0,
        mouth_scale: float = 1.0,
        on_frame: Callable[[], object] | None = None,
    ) -> DubOutput:
        """Return the dubbed video, looked at but not yet drawn.

        video : path of a video with people, or what `look` made of one
        speech : a path, an `Audio`, or, where several are to speak, a mapping of a person's number
            to one of these or to (one of these, seconds at which it begins)
        face : who speaks, by number (see `look`); None: whose lips follow the video's own sound,
            else who is seen longest
        fit : what is done with speech that outlasts the picture: "trim" cuts it, "hold" holds the
            last picture, "loop" starts the picture again, "slow" slows it down. Shorter speech
            leaves the mouth shut.
        mix : keep the video's own sound under it, its voice taken down
        seed : same seed, same motion; mouth_scale : more or less movement, 0 to 4
        on_frame : called after each picture of the first look
        """
        mode = check_fit(fit)
        knobs = check_inputs(seed=seed, mouth_scale=mouth_scale)
        said = _said(speech)
        check_face(face, speech)
        looked = video if isinstance(video, Looked) else self.look(video, on_frame)
        source, found, people = looked.source, looked.found, looked.people
        voices = _voices(said, people, face)
        seconds = max(s.seconds + start for _, s, start in said)
        rate = float(source.rate)
        times = shown(found.times, rate, seconds, mode)
        length = times[-1] + 1.0 / rate
        if seconds > length + 0.5 / rate:
            log.warning(
                "the speech lasts %.2f s, the picture %.2f s: the rest is cut; `fit` hold, loop or "
                "slow keeps it", seconds, length,
            )  # fmt: skip

        def motions(sound: Speech) -> Iterator[Motion]:
            return motion_chunks(
                self.generator, sound, ENGINE_FPS, seed=seed, still=True, scales=knobs
            )

        dubber = Dubber(source, found, voices, self.renderer, motions, times, mode)
        if not dubber.drawn:
            log.warning("no face is seen well enough: the picture stays as it is")
        parts = [(s, t) for _, s, t in said]
        whole = parts[0][0] if len(parts) == 1 and not parts[0][1] else Together(parts)
        if mix:
            whole = beneath(source, whole)
        return DubOutput(source, found, people, dubber, Fitted(whole, length))


def check_face(face: int | None, speech: Any) -> None:
    """Raise InputError for a person's number that is none, or is not needed."""
    if face is not None and (face < 1 or isinstance(speech, Mapping)):
        raise InputError(
            f"`face` is {face}, a number from 1 is needed, and none where SPEECH names them"
        )


def _said(speech: Any) -> list[tuple[int | None, Speech, float]]:
    """Return (person's number or None, sound, start) of what was given as speech."""
    if not isinstance(speech, Mapping):
        return [(None, as_speech(speech), 0.0)]
    if not speech:
        raise InputError("`speech` names nobody; give one person's number and sound at least")
    found = []
    for number, given in speech.items():
        sound, start = given if isinstance(given, tuple) else (given, 0.0)
        if not (str(number).isdecimal() and int(number) >= 1):
            raise InputError(f"`speech` names {number!r}, a person's number from 1 is needed")
        if not 0 <= float(start) < 1e6:
            raise InputError(f"`speech` of person {number} starts at {start}, 0 s or later")
        found.append((int(number), as_speech(sound), float(start)))
    return found


def _voices(
    said: list[tuple[int | None, Speech, float]], people: list[Person], face: int | None
) -> list[Voice]:
    """Return who says what; nobody where nobody is seen."""
    out = []
    for number, sound, start in said:
        wanted = face if number is None else number
        if wanted is not None and wanted > len(people):
            raise InputError(
                f"person {wanted} is asked for, {len(people)} can be told apart in the video; "
                "`--list` shows them"
            )
        if people:
            person = speaker(people) if wanted is None else people[wanted - 1]
            out.append(Voice(person, sound, start))
    return out


def _listen(people: list[Person], found: Survey, source: PictureFile) -> None:
    """Compare lips with the video's own sound, if that can be heard."""
    from talkgen.critic.sync import SyncCritic

    try:
        sound = open_speech(source.path)
    except MediaError:
        return
    listen(people, found, sound.blocks(), SyncCritic.from_pretrained())


def beneath(source: PictureFile, speech: Speech) -> Speech:
    """Return speech over the video's own sound without its voice, if it has any."""
    from talkgen.audio.phonetic import PhoneticEncoder
    from talkgen.audio.underscore import Underscore, voiced, widened

    try:
        own = open_speech(source.path)
    except MediaError as error:
        log.warning("nothing to keep under the speech: %s", error)
        return speech
    sure = voiced(own.blocks(), PhoneticEncoder.from_pretrained("phonetic"))
    return Underscore(own, own.channels, speech, widened(sure))
