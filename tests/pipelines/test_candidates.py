"""Of several motions the one that critics like best is kept, before and after drawing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from talkgen import TalkPipeline
from talkgen.critic.choose import Seen, asked_probability, in_words, standing
from talkgen.critic.planned import planned_scores
from talkgen.errors import InputError
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.io.audio import as_speech
from talkgen.motion.emotion import parse_emotion
from talkgen.motion.facs import PROTOTYPES, weights_of_units
from talkgen.motion.generator import MotionGenerator
from talkgen.pipelines.candidates import (
    Candidate,
    Choice,
    asked_words,
    beginning,
    choose,
    judged_portrait,
)
from talkgen.pipelines.judge import Judge
from talkgen.pipelines.portrait import load_portrait
from talkgen.render.mesh import MeshRenderer
from talkgen.render.projected import projected
from talkgen.types import MOTION_CHANNELS, Audio, Motion, Portrait

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
JAW = MOTION_CHANNELS.index("jawOpen")
Voice = Callable[..., np.ndarray]


@dataclass(frozen=True)
class Readings:
    logits: np.ndarray
    emotions: np.ndarray


class Gapes:
    """A critic of expressions that takes every open mouth for surprise."""

    def __init__(self) -> None:
        self.read_frames = 0

    def of_geometry(self, points: np.ndarray, scores: np.ndarray) -> Readings:
        assert points.shape == (len(scores), 478, 3)
        gap = np.linalg.norm(points[:, 13, :2] - points[:, 14, :2], axis=1)
        apart = np.linalg.norm(points[:, 33, :2] - points[:, 263, :2], axis=1)
        out = np.zeros((len(points), 8), np.float32)
        out[:, 3] = np.clip(2 * gap / apart, 0, 1)
        out[:, 0] = 1 - out[:, 3]
        return Readings(out, out)

    def read(self, images: list[Any], faces: list[Any]) -> Readings:
        assert len(images) == len(faces) <= 16
        self.read_frames += len(images)
        points = np.stack([face.landmarks for face in faces])
        return self.of_geometry(points, np.zeros((len(points), 52)))


class Sync(NamedTuple):
    offset: int
    confidence: float


class InStep:
    """A critic of sync that says what it is told to, call by call."""

    def __init__(self, *said: tuple[int, float]) -> None:
        self.said = list(said)
        self.seconds: list[float] = []

    def of_lips(self, points: np.ndarray, heard: Any) -> Sync:
        self.seconds.append(heard.seconds)
        return Sync(*(self.said.pop(0) if self.said else (0, 1.0)))


@pytest.fixture(scope="module")
def analyzer() -> FaceAnalyzer:
    return FaceAnalyzer.from_pretrained()


@pytest.fixture(scope="module")
def renderer() -> MeshRenderer:
    return MeshRenderer.from_pretrained()


@pytest.fixture(scope="module")
def portrait(analyzer: FaceAnalyzer) -> Portrait:
    with Image.open(PORTRAIT) as picture:
        return load_portrait(analyzer, picture.crop((80, 0, 380, 300)))


@pytest.fixture(scope="module")
def ready(renderer: MeshRenderer, portrait: Portrait) -> Any:
    return judged_portrait(renderer, portrait)


def gaping(*by_seed: float) -> Callable[[Any, int, Any], Motion]:
    """Motions that open the mouth as far as their seed says."""

    def motion(speech: Any, seed: int, emotion: Any) -> Motion:
        frames = round(25 * speech.seconds)
        weights = np.zeros((frames, 52), np.float32)
        weights[:, JAW] = by_seed[seed]
        return Motion(weights, np.zeros((frames, 3)), np.zeros((frames, 3)))

    return motion


def test_projected_landmarks_are_where_the_drawn_face_is_found(
    analyzer: FaceAnalyzer, renderer: MeshRenderer, ready: Any
) -> None:
    motion = gaping(0.0, 0.8)(as_speech(Audio(np.ones(3200, np.float32) * 0.1, 16_000)), 1, None)
    found, weights = projected(ready, motion)
    assert found.shape == (5, 478, 3)
    assert weights[0, JAW] >= 0.8
    frame = next(renderer.render(ready, motion))
    (face,) = analyzer.analyze(frame)
    apart = np.linalg.norm(found[0, 33, :2] - found[0, 263, :2])
    off = np.linalg.norm(face.landmarks[:468, :2] - found[0, :468, :2], axis=1) / apart
    assert np.median(off) < 0.03


def test_scores_are_foretold(
    analyzer: FaceAnalyzer, renderer: MeshRenderer, portrait: Portrait, ready: Any
) -> None:
    """Nearer to what the analyzer scores of the drawn face than the portrait's own scores are."""
    weights = weights_of_units({
        unit: np.full(1, value, np.float32) for unit, value in PROTOTYPES["surprise"].items()
    })  # fmt: skip
    zeros = np.zeros((1, 3))
    motion = Motion(weights, zeros, zeros)
    _, posed = projected(ready, motion)
    (found,) = planned_scores(portrait.face.scores, ready.fit.weights, posed)
    (face,) = analyzer.analyze(next(renderer.render(ready, motion)))
    own = np.abs(face.scores - portrait.face.scores)
    assert np.abs(face.scores - found).sum() < 0.8 * own.sum()
    assert (found >= 0).all()
    assert (found <= 1).all()


def test_the_widest_mouth_is_kept_where_surprise_is_asked_for(
    analyzer: FaceAnalyzer, renderer: MeshRenderer, ready: Any, voice_like: Voice
) -> None:
    gapes, sync = Gapes(), InStep()
    said: list[str] = []
    choice = choose(
        Judge(analyzer, gapes, sync), renderer, ready, as_speech(Audio(voice_like(0.8), 16_000)),
        gaping(0.1, 0.7, 0.2, 0.4), candidates=4, target=parse_emotion("surprise"),
        on_stage=said.append,
    )  # fmt: skip
    assert choice.seed == 1
    drawn = [one.seed for one in choice.tried if one.shown is not None]
    assert drawn == [1, 3]  # the two best of the motions
    assert gapes.read_frames == 2 * 20
    assert len(said) == 6
    seen = choice.best.shown
    assert seen is not None
    assert seen.asked == pytest.approx(choice.best.planned.asked, abs=0.15)
    line = str(choice)
    assert "seed 1 kept of 4" in line
    assert "asked for surprise 1.00; measured" in line
    assert "first" not in line


def test_frames_have_the_last_word(
    analyzer: FaceAnalyzer, renderer: MeshRenderer, ready: Any, voice_like: Voice
) -> None:
    """The motion that looked best is drawn with lips out of step: the other is kept."""
    sync = InStep((0, 2.0), (0, 1.5), (0, 1.0), (4, 2.0), (0, 1.5))
    choice = choose(
        Judge(analyzer, Gapes(), sync), renderer, ready,
        as_speech(Audio(voice_like(0.4), 16_000)), gaping(0, 0, 0), candidates=3,
    )  # fmt: skip
    assert choice.seed == 1
    assert "measured" not in str(choice)  # nothing was asked for
    assert "lips +0 frames off the sound, confidence 1.500" in str(choice)


def test_a_long_recording_is_judged_by_its_beginning(
    analyzer: FaceAnalyzer, renderer: MeshRenderer, ready: Any, voice_like: Voice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("talkgen.pipelines.candidates.DECISIVE_S", 0.6)
    sync = InStep()
    speech = as_speech(Audio(voice_like(30.0), 16_000))
    choice = choose(
        Judge(analyzer, Gapes(), sync), renderer, ready, speech, gaping(0, 0), candidates=2
    )
    assert max(sync.seconds) == pytest.approx(0.6)
    assert "judged by the first 0.6 s" in str(choice)


def test_frames_without_the_face_count_for_nothing(
    analyzer: FaceAnalyzer, renderer: MeshRenderer, ready: Any, voice_like: Voice
) -> None:
    judge = Judge(analyzer, Gapes(), InStep())
    speech = as_speech(Audio(voice_like(0.4), 16_000))
    heard = judge.hear(speech)
    blank = np.full((*ready.frame_size[::-1], 3), 90, np.uint8)
    none = judge.show(ready, iter([blank] * 10), heard, parse_emotion("surprise"))
    assert (none.emotions, none.asked, none.confidence) == (None, 0.0, 0.0)
    drawn = list(renderer.render(ready, gaping(0.7)(speech, 0, None)))
    some = judge.show(ready, iter([blank, *drawn[1:]]), heard, parse_emotion("surprise"))
    assert some.asked is not None
    assert some.asked > 0.2


def test_the_beginning_of_a_speech(voice_like: Voice) -> None:
    speech = as_speech(Audio(voice_like(3.0, 44_100), 44_100))
    part = beginning(speech, 2.0)
    assert part.seconds == 2.0
    both = [np.concatenate(list(one.blocks(16_000)))[:30_000] for one in (speech, part)]
    np.testing.assert_array_equal(*both)
    assert beginning(part, 2.0) is part
    late = np.zeros(48_000, np.float32)
    late[40_000:] = 0.1
    assert beginning(as_speech(Audio(late, 16_000)), 2.0).seconds == 2.0  # silent, and no error


def test_talk_makes_the_motion_of_the_seed_that_was_kept(
    analyzer: FaceAnalyzer, renderer: MeshRenderer, portrait: Portrait, voice_like: Voice
) -> None:
    judge = Judge(analyzer, Gapes(), InStep((0, 1), (0, 1), (0, 9), (0, 9), (0, 1)))
    pipeline = TalkPipeline(analyzer, MotionGenerator.from_pretrained(), renderer, judge)
    audio = Audio(voice_like(0.6), 16_000)
    out = pipeline(portrait, audio, size=128, seed=5, candidates=3, fps=30)
    assert out.choice.seed == 7
    assert len(out.motion) == 18
    alone = pipeline(portrait, audio, size=128, seed=7, fps=30)
    assert alone.choice is None
    np.testing.assert_array_equal(out.motion.blendshapes, alone.motion.blendshapes)


@pytest.mark.parametrize(("candidates", "seed"), [(0, 0), (65, 0), (2, 2**63 - 1)])
def test_candidates_that_cannot_be_tried(
    analyzer: FaceAnalyzer, renderer: MeshRenderer, portrait: Portrait, voice_like: Voice,
    candidates: int, seed: int,
) -> None:  # fmt: skip
    pipeline = TalkPipeline(analyzer, MotionGenerator.from_pretrained(), renderer)
    with pytest.raises(InputError, match=r"candidates|seed"):
        pipeline(portrait, Audio(voice_like(0.4), 16_000), candidates=candidates, seed=seed)


def seen(asked: float | None, confidence: float, offset: int = 0) -> Seen:
    return Seen(None, asked, offset, confidence)


def test_what_is_too_short_is_said() -> None:
    one = Candidate(4, seen(None, 0.0))
    line = str(Choice(one, [one], None, None, 0.4, whole=True))
    assert line == (
        "seed 4 kept of 1 candidate; too little is seen and heard to compare lips and sound"
    )


def test_standing_heeds_emotion_and_lips() -> None:
    better = standing([seen(0.5, 1.0), seen(0.9, 1.2), seen(0.4, 1.1)])
    assert better.argmax() == 1
    late = standing([seen(0.5, 1.0), seen(0.9, 1.2, offset=-4)])
    assert late.argmax() == 0
    near = standing([seen(0.5, 1.0), seen(0.9, 1.2, offset=1)])
    assert near.argmax() == 1
    assert np.ptp(standing([seen(0.5, 1.0), seen(0.5005, 1.001)])) < 0.2  # alike
    unsure = standing([seen(0.025, 1.0), seen(0.018, 1.01)])  # by geometry: the ranks count
    assert unsure.argmax() == 0
    assert standing([seen(None, 3.0), seen(None, 2.0)]).argmax() == 0
    assert np.isfinite(standing([seen(0.2, 0.0)])).all()


def test_what_is_asked_for_frame_by_frame() -> None:
    track = parse_emotion("0:neutral,2:happy:0.8")  # comes up over 0.6 s
    known = np.ones(100, bool)
    happy = np.tile(np.eye(8, dtype=np.float32)[1], (100, 1))
    assert asked_probability(track, happy, 25.0, known) > 0.9  # what is asked for strongly counts
    neutral = np.tile(np.eye(8, dtype=np.float32)[0], (100, 1))
    assert asked_probability(track, neutral, 25.0, known) < 0.1
    known[50:] = False
    assert asked_probability(track, neutral[:50], 25.0, known) == pytest.approx(1, abs=0.01)
    assert in_words(np.array([0.1, 0.9] + 6 * [0.0])) == "happy 0.90, neutral 0.10"
    assert asked_words(track) == "neutral, happy 0.80"
    assert asked_words(parse_emotion("sad:0.5+anger:0.3")) == "sad 0.50, anger 0.30"


class Frowns(Gapes):
    """Reads more surprise the higher the brows are."""

    def read(self, images: list[Any], faces: list[Any]) -> Readings:
        points = np.stack([face.landmarks for face in faces])
        high = np.linalg.norm(points[:, 105, :2] - points[:, 159, :2], axis=1)
        apart = np.linalg.norm(points[:, 33, :2] - points[:, 263, :2], axis=1)
        out = np.zeros((len(points), 8), np.float32)
        out[:, 3] = np.clip(4 * high / apart - 0.6, 0, 1)
        return Readings(out, out)


def test_guidance_goes_through_the_drawn_face(
    analyzer: FaceAnalyzer, renderer: MeshRenderer, portrait: Portrait, voice_like: Voice
) -> None:
    judge = Judge(analyzer, Frowns(), InStep())
    pipeline = TalkPipeline(analyzer, MotionGenerator.from_pretrained(), renderer, judge)
    said: list[str] = []
    options = {"size": 128, "seed": 3, "emotion": "surprise:0.6"}
    audio = Audio(voice_like(1.2), 16_000)
    out = pipeline(portrait, audio, guide=True, on_stage=said.append, **options)
    (one,) = out.choice.guidance
    assert one.name == "surprise"
    assert one.kept
    assert one.after > one.before
    assert one.units["AU2"] > PROTOTYPES["surprise"]["AU2"]
    assert said[0].startswith("surprise guided")
    plain = pipeline(portrait, audio, **options)
    brow = MOTION_CHANNELS.index("browOuterUpLeft")
    assert out.motion.blendshapes[15:, brow].mean() > plain.motion.blendshapes[15:, brow].mean()
    jaw = [m.motion.blendshapes[:, JAW] for m in (out, plain)]
    assert np.abs(jaw[0] - jaw[1]).mean() < 0.05


def test_no_emotion_to_guide_is_said(
    analyzer: FaceAnalyzer, renderer: MeshRenderer, portrait: Portrait, voice_like: Voice,
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(logging.getLogger("talkgen"), "propagate", True)  # commands turn it off
    pipeline = TalkPipeline(analyzer, MotionGenerator.from_pretrained(), renderer)
    out = pipeline(portrait, Audio(voice_like(0.4), 16_000), guide=True, size=128)
    assert out.choice is None
    assert "`guide` has no emotion" in caplog.text


def test_given_units_are_not_guided(analyzer: FaceAnalyzer, renderer: MeshRenderer) -> None:
    emotion = parse_emotion("AU4:0.8")
    judge = Judge(analyzer, Frowns(), InStep())
    assert judge.guide(renderer, None, None, None, emotion) == (emotion, [])  # type: ignore[arg-type]
