"""Portrait and speech to a talking video, in Python."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen import TalkPipeline
from talkgen.errors import InputError, NoFaceError
from talkgen.io.video import open_video
from talkgen.pipelines.portrait import choose_face, cropped, load_portrait
from talkgen.types import MOTION_CHANNELS, Audio, Face, Motion, Portrait

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
Voice = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def pipeline() -> TalkPipeline:
    return TalkPipeline.from_pretrained()


@pytest.fixture(scope="module")
def portrait(pipeline: TalkPipeline) -> Portrait:
    """A small portrait whose face is found once."""
    with Image.open(PORTRAIT) as picture:
        return load_portrait(pipeline.analyzer, picture.crop((80, 0, 380, 300)))


@pytest.fixture
def audio(voice_like: Voice) -> Audio:
    return Audio(voice_like(1.0), 16_000)


def test_output_of_the_pipeline(
    pipeline: TalkPipeline, portrait: Portrait, audio: Audio, tmp_path: Path
) -> None:
    out = pipeline(portrait, audio, size=200)
    assert (out.num_frames, out.fps, out.size) == (25, 25.0, (200, 200))
    frames = list(out.frames)
    assert len(frames) == 25
    assert all(f.shape == (200, 200, 3) and f.dtype == np.uint8 for f in frames)
    assert isinstance(out.motion, Motion)
    assert (len(out.motion), out.motion.space) == (25, "portrait")
    ticks: list[int] = []
    out.save(tmp_path / "o.mp4", on_frame=lambda: ticks.append(1))
    assert len(ticks) == len(list(open_video(tmp_path / "o.mp4").frames())) == 25


def test_pictures_of_every_form_give_the_same(
    pipeline: TalkPipeline, audio: Audio, tmp_path: Path
) -> None:
    with Image.open(PORTRAIT) as picture:
        small = picture.resize((256, 256))
    small.save(tmp_path / "p.png")
    forms = (tmp_path / "p.png", str(tmp_path / "p.png"), small, np.asarray(small))
    firsts = [next(pipeline(form, audio, seed=3).frames) for form in forms]
    assert all((first == firsts[0]).all() for first in firsts)


def test_same_seed_same_motion(pipeline: TalkPipeline, portrait: Portrait, audio: Audio) -> None:
    one, two, other = (pipeline(portrait, audio, seed=s).motion for s in (5, 5, 6))
    for name in ("blendshapes", "rotation", "translation"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
    assert one.rotation.tobytes() != other.rotation.tobytes()


def test_still_and_scales(pipeline: TalkPipeline, portrait: Portrait, voice_like: Voice) -> None:
    audio = Audio(voice_like(4.0), 16_000)
    plain, still, large, flat = (
        pipeline(portrait, audio, **options).motion
        for options in ({}, {"still": True}, {"pose_scale": 2.0}, {"expression_scale": 0.0})
    )
    assert np.abs(still.rotation).max() == np.abs(still.translation).max() == 0
    assert np.allclose(large.rotation, 2 * plain.rotation, atol=1e-4)
    jaw = MOTION_CHANNELS.index("jawOpen")
    assert plain.blendshapes[:, jaw].max() > 0.02
    assert flat.blendshapes[:, jaw].max() < 1e-6  # blinks stay


@pytest.mark.parametrize("fps", [12, 24, 30, 60])
def test_other_frame_rates_keep_the_length(
    pipeline: TalkPipeline, portrait: Portrait, audio: Audio, fps: float
) -> None:
    out = pipeline(portrait, audio, fps=fps)
    assert out.num_frames == len(out.motion) == round(fps * 1.0)
    assert out.motion.fps == fps


def test_long_speech_streams(pipeline: TalkPipeline, portrait: Portrait, voice_like: Voice) -> None:
    """The first frame of a long recording needs but its beginning."""
    out = pipeline(portrait, Audio(voice_like(60.0), 16_000), size=64)
    taken = 0
    blocks = out.speech.blocks

    def counted(rate: int):  # type: ignore[no-untyped-def]
        nonlocal taken
        for block in blocks(rate):
            taken += len(block)
            yield block

    out.speech.blocks = counted  # type: ignore[method-assign]
    next(out.frames)
    assert taken < 30 * 16_000


def test_resting_face_is_the_photograph(
    pipeline: TalkPipeline, portrait: Portrait, audio: Audio
) -> None:
    """Outside the head nothing changes while the head keeps still."""
    frames = list(pipeline(portrait, audio, still=True).frames)
    corner = slice(0, 20)
    for frame in frames[::6]:
        assert np.abs(frame[corner, corner].astype(int) - portrait.image[corner, corner]).max() <= 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 20}, "`size` is 20"),
        ({"fps": 0}, "`fps` is 0"),
        ({"seed": -1}, "`seed` is -1"),
        ({"pose_scale": float("nan")}, "`pose_scale` is nan"),
        ({"expression_scale": 9}, "`expression_scale` is 9"),
        ({"brow_scale": -1}, "`brow_scale` is -1"),
        ({"emotion": "glee"}, "unknown emotion 'glee'"),
        ({"face": 2}, "`face` is 2, but the picture shows 1 face"),
    ],
)
def test_bad_options(
    pipeline: TalkPipeline, audio: Audio, options: dict[str, float], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        pipeline(PORTRAIT, audio, **options)


def test_pictures_too_wide_for_a_video(pipeline: TalkPipeline, audio: Audio) -> None:
    with Image.open(PORTRAIT) as picture:
        wide = Image.new("RGB", (8400, 512))
        wide.paste(picture)
    portrait = Portrait(np.asarray(wide), load_portrait(pipeline.analyzer, PORTRAIT).face)
    with pytest.raises(InputError, match="8400 x 512 pixels, a video has at most 8192"):
        pipeline(portrait, audio)


def face_at(x: float, size: float) -> Face:
    points = np.zeros((478, 3), np.float32)
    return Face(points, np.asarray([x, 0, x + size, size]), np.zeros(52), np.zeros(3))


def test_choice_of_a_face(caplog: pytest.LogCaptureFixture) -> None:
    faces = [face_at(300, 120), face_at(0, 60), face_at(200, 30)]
    with caplog.at_level(logging.WARNING, "talkgen"):
        logging.getLogger("talkgen").propagate = True
        assert choose_face(faces, None) is faces[0]
    assert "3 faces found; the largest, 120 px at (360, 60), is taken" in caplog.text
    assert choose_face(faces, 2) is faces[1]
    with pytest.raises(NoFaceError, match="30 px, at least 48 px"):
        choose_face(faces, 3)
    for wrong in (0, 4, -1):
        with pytest.raises(InputError, match="3 faces; count from 1"):
            choose_face(faces, wrong)


def test_crop_shows_the_head_alone(
    pipeline: TalkPipeline, portrait: Portrait, audio: Audio
) -> None:
    cut = cropped(portrait)
    side = cut.image.shape[0]
    assert cut.image.shape == (side, side, 3)
    assert side % 2 == 0
    assert side < max(portrait.image.shape)
    x, y = np.round(portrait.face.landmarks[1, :2] - cut.face.landmarks[1, :2]).astype(int)
    assert (cut.image == portrait.image[y : y + side, x : x + side]).all()  # nothing is resized
    assert (cut.face.box >= 0).all()
    assert (cut.face.box <= side).all()
    video = pipeline(portrait, audio, crop=True)
    frame = next(iter(video.frames))
    assert video.size == (side, side)
    assert np.abs(frame.astype(int) - cut.image).mean() < 15  # the same picture, in motion
    small = pipeline(portrait, audio, crop=True, size=128)
    assert small.size == (128, 128)


def test_emotion_of_the_voice(pipeline: TalkPipeline, portrait: Portrait, audio: Audio) -> None:
    plain = pipeline(portrait, audio).motion
    auto = pipeline(portrait, audio, emotion="Auto").motion
    assert auto.blendshapes.shape == plain.blendshapes.shape
    assert np.isfinite(auto.blendshapes).all()


def test_given_points_replace_the_detector(
    pipeline: TalkPipeline, audio: Audio, tmp_path: Path
) -> None:
    with Image.open(PORTRAIT) as picture:
        image = picture.crop((80, 0, 380, 300))
    found = load_portrait(pipeline.analyzer, image).face.landmarks
    five = {
        name: found[row, :2].tolist()
        for name, row in zip(
            ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left"),
            (468, 473, 4, 61, 291), strict=True,
        )
    }  # fmt: skip
    placed = load_portrait(pipeline.analyzer, image, landmarks=five)
    gap = np.linalg.norm(placed.face.landmarks[:, :2] - found[:, :2], axis=1).mean()
    assert gap < 0.12 * placed.face.interocular
    out = pipeline(np.full((300, 300, 3), 128, np.uint8), audio, landmarks=five)
    assert next(out.frames).shape == (300, 300, 3)
    bad = tmp_path / "bad.json"
    bad.write_text("[[1, 2]]")
    with pytest.raises(InputError, match="1 points; 5, 68 or 478"):
        pipeline(image, audio, landmarks=bad)
    five["nose"] = [900, 10]
    with pytest.raises(InputError, match=r"\(900, 10\), outside of the picture of 300 x 300"):
        pipeline(image, audio, landmarks=five)


def test_turns_beyond_the_range_are_reported(
    pipeline: TalkPipeline, portrait: Portrait, audio: Audio
) -> None:
    out = pipeline(portrait, audio, size=200, pose_scale=0.5)
    list(out.frames)
    assert (out.limits.frames, out.limits.limited) == (25, 0)
    motion = out.motion
    motion.rotation[5, 1] = 1.0
    list(out.frames)
    assert (out.limits.frames, out.limits.limited) == (25, 1)
    assert 15 < out.limits.most_deg < 40
