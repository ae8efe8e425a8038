"""A portrait moves like the face in a video, whole or in part, and stays itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen import TalkPipeline
from talkgen.cli import main
from talkgen.errors import InputError
from talkgen.face.fit import fit_face
from talkgen.io.audio import open_speech
from talkgen.io.video import open_video
from talkgen.io.writer import VideoWriter
from talkgen.motion.driving import DrivingRetargeter, lid_opening, lip_opening
from talkgen.motion.rest import lip_gaps
from talkgen.motion.retarget import Retargeter
from talkgen.pipelines.drive import DrivePipeline
from talkgen.types import MOTION_CHANNELS, Audio, Motion

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
BLINK = [MOTION_CHANNELS.index(f"eyeBlink{side}") for side in ("Left", "Right")]
SMILE = MOTION_CHANNELS.index("mouthSmileLeft")
LOOK = [i for i, n in enumerate(MOTION_CHANNELS) if n.startswith("eyeLook")]


@pytest.fixture(scope="module")
def pipeline() -> DrivePipeline:
    return DrivePipeline.from_pretrained(renderer="mesh")


@pytest.fixture(scope="module")
def clip(voice_like: Callable[..., np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A driving clip with sound: a face that speaks and blinks, made here."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with Image.open(PORTRAIT) as picture:
        face = picture.crop((80, 0, 380, 300))
    made = TalkPipeline.from_pretrained(renderer="mesh")(
        face, Audio(voice_like(1.6), 16_000), pose_scale=2
    )
    motion = made.motion
    weights = motion.blendshapes.copy()
    weights[20:23, BLINK] = 1.0
    turn = motion.rotation.copy()
    turn[:, 1] += np.linspace(0, 0.25, len(turn))
    made._motion = replace(motion, blendshapes=weights, rotation=turn)
    made.save(path)
    return path


@pytest.fixture(scope="module")
def track(pipeline: DrivePipeline, clip: Path) -> Motion:
    return pipeline.tracker(clip)


def of_another(motion: Motion) -> Motion:
    """The track as another person's: no frame of it is the portrait."""
    points = motion.extra["landmarks"] * np.float32([1.3, 1.0, 1.0])
    return replace(motion, extra={**motion.extra, "landmarks": points})


@pytest.fixture(scope="module")
def own(pipeline: DrivePipeline) -> Retargeter:
    from talkgen.pipelines.portrait import load_portrait

    portrait = load_portrait(pipeline.render.analyzer, PORTRAIT)
    fit = fit_face(pipeline.head, portrait.face.landmarks)
    size = portrait.image.shape[1], portrait.image.shape[0]
    return Retargeter(pipeline.head, fit, size, portrait.face.landmarks)


def poses(own: Retargeter, motion: Motion, *regions: str, absolute: bool = False) -> list:
    return list(DrivingRetargeter(own, regions or ("all",), absolute=absolute).poses(motion))


def test_only_the_asked_regions_move(own: Retargeter, track: Motion) -> None:
    other = of_another(track)
    fixed = np.asarray(own.fit.weights)
    for pose in poses(own, other, "pose"):
        assert np.array_equal(pose.weights, fixed)
    assert np.ptp([p.rotation[1] for p in poses(own, other, "pose")]) > 0.15
    mouth = np.array([n.startswith(("jaw", "mouth", "cheekPuff", "tongue"))
                      for n in MOTION_CHANNELS])  # fmt: skip
    eyes = np.array([n.startswith("eye") for n in MOTION_CHANNELS])
    for region, part in (("mouth", mouth), ("eyes", eyes), ("expression", None)):
        made = poses(own, other, region)
        weights = np.stack([p.weights for p in made])
        assert np.ptp(weights, axis=0).max() > 0.2
        still = ~part if part is not None else np.isin(np.arange(52), LOOK)
        assert np.array_equal(weights[:, still], np.tile(fixed[still], (len(weights), 1)))
        for pose in made:
            assert np.allclose(pose.rotation, own.fit.rotation, atol=1e-6)
            assert pose.scale == pytest.approx(own.fit.scale)
            assert np.allclose(pose.translation, own.fit.translation)
    both = poses(own, other, "pose", "mouth")
    assert np.array_equal(both[9].rotation, poses(own, other, "pose")[9].rotation)
    assert np.array_equal(both[9].weights, poses(own, other, "mouth")[9].weights)


def test_lips_and_lids_are_carried_over_as_they_look(own: Retargeter, track: Motion) -> None:
    other = of_another(track)
    made = np.stack([p.weights for p in poses(own, other)])
    gaps, slopes = lip_gaps(own.head, own.head.neutral(own.fit.identity))
    gap, given = gaps[0] + made @ slopes[0], lip_opening(other)
    plain = np.stack([p.weights for p in own.poses(other)])
    aim = given - min(0.03, np.percentile(given, 5))  # what of the gap is the driver's rest
    assert np.abs(gap - aim).mean() < 0.006 < np.abs(gaps[0] + plain @ slopes[0] - aim).mean()
    assert np.corrcoef(gap, given)[0, 1] > 0.98
    shut = int(lid_opening(other).mean(1).argmin())
    assert 19 <= shut <= 23
    assert made[shut, BLINK].min() > 0.9 > plain[shut, BLINK].max()
    awake = int(lid_opening(other).mean(1).argmax())
    assert made[awake, BLINK] == pytest.approx(own.rest[BLINK], abs=0.01)


def test_a_driver_at_rest_leaves_the_portrait_at_rest(own: Retargeter, track: Motion) -> None:
    """A driver who always smiles drives a face that does not; absolute drives one that does."""
    still = of_another(track)
    weights = np.zeros_like(still.blendshapes)
    weights[:, SMILE] = 0.6
    points = np.repeat(still.extra["landmarks"][:1], len(still), axis=0)
    points[:, 14] = points[:, 13]  # lips shut
    flat = replace(
        still, blendshapes=weights, rotation=np.tile(np.float32([0.1, 0.3, 0]), (len(still), 1)),
        translation=np.tile(still.translation[:1], (len(still), 1)),
        extra={**still.extra, "landmarks": points},
    )  # fmt: skip
    (first, *_) = poses(own, flat)
    rest = np.asarray(own.rest)
    assert np.abs(first.weights - rest).max() < 0.08
    assert np.allclose(first.rotation, own.fit.rotation, atol=1e-5)
    (first, *_) = poses(own, flat, absolute=True)
    assert first.weights[SMILE] == pytest.approx(0.6)
    assert first.rotation == pytest.approx([0.1, 0.3, 0])
    assert first.translation == pytest.approx(np.asarray(own.fit.translation), abs=1e-2)


def test_eyes_alone_follow_where_the_driver_looks(own: Retargeter, track: Motion) -> None:
    """A head that turns while the eyes stay on it moves the eyes of a head that is not driven."""
    other = of_another(track)
    weights = np.zeros_like(other.blendshapes)
    turning = replace(other, blendshapes=weights)
    moved = np.stack([p.weights for p in poses(own, turning, "eyes")])
    assert np.ptp(moved[:, MOTION_CHANNELS.index("eyeLookInLeft")]) > 0.1
    still = np.stack([p.weights for p in poses(own, turning, "eyes", "pose")])
    assert np.ptp(still[:, LOOK], axis=0).max() < 1e-6


def test_a_frame_of_the_clip_gives_the_clip(
    pipeline: DrivePipeline, clip: Path, track: Motion
) -> None:
    real = list(open_video(clip).frames())
    made = list(pipeline(real[0], track).frames)
    same = list(pipeline.render(real[0], track).frames)
    assert all(np.array_equal(a, b) for a, b in zip(made, same, strict=True))
    one = list(pipeline(real[0], track, regions=["pose"]).frames)
    assert not np.array_equal(one[21], made[21])


def test_command(clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Image.open(PORTRAIT) as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "p.png")
    out = tmp_path / "o.mp4"
    given = ["drive", tmp_path / "p.png", clip, "-o", out, "--size", 128, "--region", "mouth"]
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in (*given, "--motion-out", tmp_path / "m.npz", "--renderer", "mesh")])
    assert not stop.value.code, capfd.readouterr().err
    video = open_video(out)
    assert len(list(video.frames())) == 40
    assert max(video.size) == 128
    assert open_speech(out).seconds == pytest.approx(1.6, abs=0.05)
    assert (tmp_path / "m.npz").exists()
    for name, seconds, words in (
        (tmp_path / "p.png", None, "is the picture"),
        ("webcam", 0, "`seconds` is 0"), ("webcam", "nan", "`seconds` is nan"),
    ):  # fmt: skip
        more = [] if seconds is None else ["--seconds", seconds]
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in ("drive", PORTRAIT, name, "-o", tmp_path / "w.mp4", *more)])
        text = capfd.readouterr().err
        assert stop.value.code == 2, text
        assert words in text
        assert not (tmp_path / "w.mp4").exists()
    for extra, words in (
        (["--region", "nose"], "nose"), (["--seconds", "3"], "is for a webcam"),
        (["--size", "12"], "`size` is 12"), (["--fps", "0"], "`fps` is 0"),
    ):  # fmt: skip
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in (*given, *extra)])
        text = capfd.readouterr().err
        assert stop.value.code == 2, text
        assert words in text
        assert text.count("talkgen: error: ") == 1


def test_bad_input(pipeline: DrivePipeline, track: Motion, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`region` is 'nose', choose of pose"):
        pipeline(PORTRAIT, track, regions=["nose"])
    with pytest.raises(InputError, match="`region` is empty"):
        pipeline(PORTRAIT, track, regions=[])
    speech = Motion(np.zeros((3, 52)), np.zeros((3, 3)), np.zeros((3, 3)))
    with pytest.raises(InputError, match="driven by a tracked clip"):
        list(pipeline(PORTRAIT, speech).frames)
    with VideoWriter(tmp_path / "grey.mp4", size=(128, 128), fps=25) as writer:
        for _ in range(3):
            writer.write(np.full((128, 128, 3), 90, np.uint8))
    with pytest.raises(InputError, match="no face found in any of 3 frames"):
        pipeline(PORTRAIT, tmp_path / "grey.mp4")
