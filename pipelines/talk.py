"""A portrait and speech become a talking video.

>>> from talkgen import TalkPipeline                                    # doctest: +SKIP
>>> TalkPipeline.from_pretrained()("portrait.jpg", "speech.wav").save("out.mp4")  # doctest: +SKIP
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, Self

from talkgen.errors import InputError
from talkgen.io.audio import Speech, as_speech
from talkgen.io.video import frame_rate
from talkgen.motion.chunks import joined
from talkgen.motion.emotion import as_emotion
from talkgen.motion.resample import num_frames, resample_chunks
from talkgen.motion.scales import Scales
from talkgen.pipelines.candidates import Judge, check_candidates, choose, judged_portrait
from talkgen.pipelines.draw import drawn, giving_way
from talkgen.pipelines.output import TalkOutput
from talkgen.pipelines.portrait import MAX_SIZE, MIN_SIZE, cropped, load_portrait, prepared
from talkgen.pipelines.sources import with_sources
from talkgen.protocols import FaceAnalyzer
from talkgen.types import ENGINE_FPS, ENGINE_RATE, Emotion, FloatArray, ImageArray, Motion

log = logging.getLogger("talkgen")

AUTO = "auto"
"""Instead of an emotion: what the voice sounds like."""


class MotionStream(Protocol):
    """What makes motion of speech, block by block."""

    def stream(
        self,
        chunks: Iterator[FloatArray],
        rate: int,
        *,
        seed: int = 0,
        still: bool = False,
        emotion: Emotion | None = None,
        scales: Scales | None = None,
    ) -> Iterator[Motion]:
        """Yield consecutive chunks of "portrait" motion."""


def check_inputs(
    *, size: int | None = None, fps: float | None = None, seed: int = 0, **scales: float
) -> Scales:
    """Return the knobs given as `pose_scale`, `mouth_scale`, ... of `Scales`.

    Raises InputError for any option that is out of its range.
    """
    if size is not None and not MIN_SIZE <= size <= MAX_SIZE:
        raise InputError(f"`size` is {size}, {MIN_SIZE} to {MAX_SIZE} pixels are possible")
    if fps is not None:
        frame_rate(fps)
    if not 0 <= seed < 2**63:
        raise InputError(f"`seed` is {seed}, a whole number from 0 to 2**63 - 1 is needed")
    return Scales(**{name.removesuffix("_scale"): value for name, value in scales.items()})


def motion_chunks(
    generator: MotionStream, speech: Speech, fps: float, **options: Any
) -> Iterator[Motion]:
    """Yield the motion of a speech at `fps`, exactly `round(seconds * fps)` frames in all."""
    made = generator.stream(speech.blocks(ENGINE_RATE), ENGINE_RATE, **options)
    return resample_chunks(made, fps, num_frames(speech.seconds, fps))


def asked(emotion: Emotion | str | None) -> Emotion | str | None:
    """Return an emotion parsed, or `AUTO`; raise InputError, before the sound is read, where the
    text is neither."""
    automatic = isinstance(emotion, str) and emotion.strip().lower() == AUTO
    return AUTO if automatic else as_emotion(emotion)


def felt(emotion: Emotion | str | None, speech: Speech) -> Emotion | None:
    """Return the emotion that was asked for; `AUTO` is that of the voice."""
    if emotion == AUTO:
        from talkgen.motion.emotion_auto import emotion_of_voice

        return emotion_of_voice(speech.blocks(ENGINE_RATE), ENGINE_RATE)
    return as_emotion(emotion)


class TalkPipeline:
    """Makes talking videos of ready components.

    analyzer : finds the face; generator : speech to motion; renderer : draws the portrait
    judge : says which of several motions is best; None: the shipped critics, once they are asked
    """

    def __init__(
        self,
        analyzer: FaceAnalyzer,
        generator: MotionStream,
        renderer: Any,
        judge: Judge | None = None,
    ) -> None:
        self.analyzer = analyzer
        self.generator = generator
        self.renderer = renderer
        self._judge = judge

    @classmethod
    def from_pretrained(
        cls,
        *,
        backend: str = "embedded",
        motion: str = "motion",
        head: str = "head",
        renderer: str = "auto",
        **options: Any,
    ) -> Self:
        """Return the pipeline with the shipped checkpoints, or others by name or folder.

        backend : "embedded" or "mediapipe", what finds and reads the face
        renderer : "mesh", "diffusion", or "auto": diffusion on a GPU, else mesh
        options : of the diffusion renderer: steps, identity_scale, adapter, device
        """
        from talkgen.face.analyzer import FaceAnalyzer as Analyzer
        from talkgen.motion.generator import MotionGenerator
        from talkgen.render.choose import load_renderer

        return cls(
            Analyzer.from_pretrained(backend),
            MotionGenerator.from_pretrained(motion),
            load_renderer(renderer, head=head, **options),
        )

    def __call__(
        self,
        portrait: Any,
        speech: Any,
        *,
        size: int | None = None,
        fps: float = ENGINE_FPS,
        seed: int = 0,
        still: bool = False,
        emotion: Emotion | str | None = None,
        pose_scale: float = 1.0,
        expression_scale: float = 1.0,
        mouth_scale: float = 1.0,
        brow_scale: float = 1.0,
        blink_scale: float = 1.0,
        face: int | None = None,
        crop: bool = False,
        landmarks: Any = None,
        sources: Sequence[Any] = (),
        candidates: int = 1,
        guide: bool | None = None,
        on_stage: Callable[[str], object] | None = None,
    ) -> TalkOutput:
        """Return the talking video, not yet drawn.

        portrait : a path, a Pillow image, an (H, W, 3) uint8 RGB array, or a `Portrait`
        speech : a path of an audio or video file, or an `Audio`
        size : longer side of the frames in pixels; None keeps the picture's own
        seed : same seed, same motion; another seed moves like another person
        still : keep the head still
        emotion : an `Emotion`, or text: "happy:0.7", "0:neutral,2.5:happy:0.8,6:sad", a file,
            or "auto": what the voice sounds like
        pose_scale, mouth_scale, brow_scale, blink_scale : more or less movement, 0 to 4 (1);
            expression_scale : of mouth and brows together
        face : which face, counted from 1, largest first; None takes the largest
        crop : only a square about the head instead of the whole picture
        landmarks : points of a face that nothing finds (an animal, a statue): 5, 68 or 478 pixels,
            as an array, a mapping of five names or a file (`talkgen.io.points.read_points`)
        sources : more pictures of the same person, or clips: the head's shape is that of all
        candidates : how many motions to try, of the seeds from `seed` on; critics of expression and
            sync keep the best (`talkgen.pipelines.candidates`), and `choice` of the output says why
        guide : move the emotion's action units to where the critic of expressions sees it more
            surely on this face (`talkgen.critic.guide`), some seconds for each emotion; None: where
            several candidates are tried
        on_stage : called with what is said of each candidate
        """
        knobs = check_inputs(
            size=size, fps=fps, seed=seed, pose_scale=pose_scale, mouth_scale=mouth_scale,
            brow_scale=brow_scale, blink_scale=blink_scale, expression_scale=expression_scale,
        )  # fmt: skip
        check_candidates(candidates, seed)
        wanted = asked(emotion)
        sound = as_speech(speech)
        feeling = felt(wanted, sound)
        shown = load_portrait(
            self.analyzer, portrait, face=face, landmarks=landmarks, head=self.renderer.head
        )
        shown = with_sources(self.analyzer, self.renderer.head, shown, sources)
        ready = prepared(self.renderer, cropped(shown) if crop else shown, size)

        def moves(
            speech: Speech, rate: float, own: int, feeling: Emotion | None
        ) -> Iterator[Motion]:
            return motion_chunks(
                self.generator, speech, rate, seed=own, still=still, emotion=feeling, scales=knobs
            )

        if guide and feeling is None:
            log.warning("`guide` has no emotion to suit to the face; name one to guide it")
        choice, guide = None, candidates > 1 if guide is None else guide
        if candidates > 1 or (guide and feeling is not None):
            choice = choose(
                self._judges(), self.renderer, judged_portrait(self.renderer, shown), sound,
                lambda speech, own, felt: _whole(moves(speech, ENGINE_FPS, own, felt), felt),
                candidates=candidates, seed=seed, target=feeling, guide=guide,
                scores=shown.face.scores, on_stage=on_stage,
            )  # fmt: skip
            seed, feeling = choice.seed, choice.emotion

        def chunks() -> Iterator[Motion]:
            return moves(sound, fps, seed, feeling)

        def draw(parts: Iterator[Motion]) -> Iterator[ImageArray]:
            return drawn(self.renderer, ready, giving_way(parts, feeling), sound)

        return TalkOutput(
            chunks=chunks,
            draw=draw,
            size=ready.frame_size,
            limits=ready.limits,
            fps=fps,
            num_frames=num_frames(sound.seconds, fps),
            speech=sound,
            choice=choice,
        )

    def _judges(self) -> Judge:
        if self._judge is None:
            self._judge = Judge.from_pretrained(self.analyzer)
        return self._judge


def _whole(chunks: Iterator[Motion], emotion: Emotion | None) -> Motion:
    (out,) = giving_way([joined(chunks)], emotion)
    return out
