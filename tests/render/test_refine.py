"""A clip drawn under a known motion: refining brings its track nearer to that motion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen import RenderPipeline, TrackPipeline
from talkgen.errors import InputError
from talkgen.face.fit import from_camera
from talkgen.motion.export import read_motion, write_motion
from talkgen.motion.extras import check_extras, clearness, resampled_extras
from talkgen.render.displace import Displacement, clip_extras
from talkgen.render.lift import lifted_residual
from talkgen.render.rings import INNER_LIPS
from talkgen.types import MOTION_CHANNELS, Motion

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
FRAMES = 8


@pytest.fixture(scope="module")
def renderer() -> RenderPipeline:
    return RenderPipeline.from_pretrained()


@pytest.fixture(scope="module")
def portrait(renderer):
    from talkgen.pipelines.portrait import load_portrait

    with Image.open(PORTRAIT) as picture:
        image = np.asarray(picture.crop((80, 0, 380, 300)).convert("RGB"))
    return load_portrait(renderer.analyzer, image)


@pytest.fixture(scope="module")
def clip(renderer, portrait):
    """Frames of a known motion, the first of them the portrait, and where the landmarks truly are;
    the whole picture sways besides, which no weight and no pose can say."""
    ready = renderer.renderer.prepare(portrait)
    fit, time = ready.fit, np.arange(FRAMES) / FRAMES * 2 * np.pi
    frames, truth = [], []
    for angle in time:
        weights = fit.weights.copy()
        weights[MOTION_CHANNELS.index("jawOpen")] += 0.15 * (1 - np.cos(angle))
        weights[MOTION_CHANNELS.index("mouthSmileLeft")] += 0.2 * (1 - np.cos(2 * angle))
        rotation = fit.rotation + np.float32([0.05, 0.12, 0.03]) * np.sin(angle, dtype=np.float32)
        shift = np.asarray(fit.translation) + np.float32([3.0, -2.0]) * np.float32(np.sin(angle))
        frames.append(ready.frame(weights, rotation, shift))
        points = replace(fit, rotation=rotation, translation=shift).project(ready.vertices(weights))
        truth.append(ready.head.landmarks(points)[:, :2])
    return frames, np.stack(truth)


@pytest.fixture(scope="module")
def tracks(renderer, clip):
    plain = TrackPipeline(renderer.analyzer, renderer.renderer.head)
    better = TrackPipeline(renderer.analyzer, renderer.renderer.head, refine=True)
    steps: list[int] = []
    counted = better(clip[0], on_start=steps.append, on_frame=lambda: steps.append(0))
    assert steps == [0] + [0] * (2 * FRAMES)
    return plain(clip[0]), counted


def placed(head, motion: Motion) -> np.ndarray:
    """Return the landmarks (T, 478, 2) that a track says, with its residual where it has one."""
    neutral = head.neutral(motion.extra["identity"])
    apart = head.interocular_of(neutral)
    out = []
    for t in range(len(motion)):
        scale, shift = from_camera(motion.translation[t], apart, motion.frame_size)
        turn = rotation_of(motion.rotation[t])
        points = head.landmarks(head.deform(neutral, motion.blendshapes[t])) @ turn.T * scale
        points = points[:, :2] + shift
        if "residual" in motion.extra:
            points = points + motion.extra["residual"][t] * apart * scale
        out.append(points)
    return np.stack(out)


def rotation_of(angles):
    from talkgen.render.pose import rotation_matrix

    return rotation_matrix(angles)


def test_landmarks_come_nearer_the_truth(renderer, clip, tracks) -> None:
    head, (_, truth) = renderer.renderer.head, clip
    inner = head.landmark_weight > 0.5
    wanted = truth - truth[0]
    apart = np.linalg.norm(truth[0, 33] - truth[0, 263])
    errors = []
    for motion in tracks:
        moved = placed(head, motion)
        left = (moved - moved[0] - wanted)[1:, inner]
        errors.append(float(np.linalg.norm(left, axis=-1).mean() / apart))
    assert errors[1] < 0.6 * errors[0]
    assert errors[1] < 0.008
    bare = replace(tracks[1], extra={k: v for k, v in tracks[1].extra.items() if k != "residual"})
    moved = placed(head, bare)  # weights and pose alone are better, too
    left = (moved - moved[0] - wanted)[1:, inner]
    assert np.linalg.norm(left, axis=-1).mean() / apart < 0.9 * errors[0]


def test_refined_track_draws_the_clip_better(renderer, clip, tracks, tmp_path) -> None:
    frames = np.stack(clip[0]).astype(np.float32)
    plain, better = tracks
    key = int(better.extra["key_frame"])
    write_motion(better, tmp_path / "m.npz")
    again = read_motion(tmp_path / "m.npz")
    for name in ("residual", "field", "field_box", "inside", "key_frame"):
        np.testing.assert_array_equal(again.extra[name], better.extra[name])
    assert not np.any(better.extra["residual"][key])
    bare = replace(better, extra={k: plain.extra[k] for k in plain.extra})
    errors = []
    for motion in (plain, bare, again):
        made = list(renderer(clip[0][key], motion).frames)
        np.testing.assert_array_equal(made[key], clip[0][key])
        errors.append(float(np.square(np.stack(made) - frames).mean()))
    assert errors[2] < errors[1] < errors[0]
    assert errors[2] < 0.5 * errors[0]


def test_another_frame_as_the_source_stands_as_it_is(renderer, clip, tracks) -> None:
    _, better = tracks
    made = list(renderer(clip[0][2], better).frames)
    assert np.abs(made[2].astype(int) - clip[0][2]).mean() < 0.5
    still = np.square(clip[0][2].astype(float) - clip[0][5]).mean()
    assert np.square(made[5].astype(float) - clip[0][5]).mean() < 0.5 * still


def test_another_portrait_ignores_them(renderer, portrait, tracks) -> None:
    other = replace(portrait, image=np.ascontiguousarray(portrait.image[:, ::-1]))
    flipped = renderer.analyzer.analyze(other.image)[0]
    ready = renderer.renderer.prepare(replace(other, face=flipped))
    moved = replace(tracks[1], translation=tracks[1].translation + np.float32([1.0, 0, 0]))
    extra = {**moved.extra, "landmarks": moved.extra["landmarks"] + np.float32(80)}
    assert clip_extras(ready, replace(moved, extra=extra)) is None


def test_inside_of_the_mouth_alone_is_lightened(renderer, portrait) -> None:
    ready = renderer.renderer.prepare(portrait)
    weights = ready.fit.weights.copy()
    weights[MOTION_CHANNELS.index("jawOpen")] = 0.5
    bare = ready.frame(weights).astype(int)
    light = np.full((4, 7, 3), 40.0, np.float32)
    made = ready.frame(weights, extra=Displacement(ready, None, None, np.zeros(4), light))
    step = made.astype(int) - bare
    y, x = np.nonzero(step.any(axis=2))
    assert 25 < step[y, x].mean() < 45
    marks = ready.head.landmarks(ready.fit.project(ready.vertices(weights)))[list(INNER_LIPS)]
    assert marks[:, 0].min() - 3 < x.min() < x.max() < marks[:, 0].max() + 3
    assert marks[:, 1].min() - 3 < y.min() < y.max() < marks[:, 1].max() + 3


def test_spread_is_the_lift(renderer, portrait) -> None:
    from talkgen.render.displace import Spread

    ready = renderer.renderer.prepare(portrait)
    steps = np.random.default_rng(0).normal(0, 0.01, (478, 2)).astype(np.float32)
    marks = ready.head.landmarks(ready.source)
    slow = lifted_residual(ready.source, marks, steps, ready.head.landmark_weight, 1.0)
    skin = np.unique(ready.skin_faces)
    np.testing.assert_allclose(Spread(ready)(steps)[skin], slow[skin], atol=2e-5)


def test_other_rates_keep_them(renderer, clip, tracks) -> None:
    _, better = tracks
    more = resampled_extras(better, 50, 2 * FRAMES)
    np.testing.assert_allclose(more["residual"][::2], better.extra["residual"])
    assert int(more["key_frame"]) == 2 * int(better.extra["key_frame"])
    key = int(better.extra["key_frame"])
    slow = list(renderer(clip[0][key], better).frames)
    fast = list(renderer(clip[0][key], better, fps=50).frames)
    assert np.abs(fast[10].astype(int) - slow[5]).mean() < 1.0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("residual", np.zeros((3, 478, 2)), r"`residual` has shape \(3, 478, 2\)"),
        ("residual", np.full((2, 478, 2), 7.0), "reaches 7 inter-ocular distances"),
        ("field", np.zeros((2, 5, 2)), "rows, columns"),
        ("field_box", np.array([4.0, 4, 4, 8]), "x0 < x1"),
        ("key_frame", np.array(9.0), "`key_frame` is 9"),
        ("field_box", None, "one of them is missing"),
        ("residual", np.full((2, 478, 2), np.nan), "NaN"),
        ("inside", np.zeros((2, 4, 3)), "`inside` has shape"),
    ],
)
def test_bad_extras_are_one_line(tmp_path, name, value, said) -> None:
    extra = {
        "residual": np.zeros((2, 478, 2)), "field": np.zeros((2, 5, 4, 2)),
        "field_box": np.array([0.0, 0, 9, 9]), "key_frame": np.array(0.0), name: value,
    }  # fmt: skip
    extra = {k: v for k, v in extra.items() if v is not None}
    motion = Motion(np.zeros((2, 52)), np.zeros((2, 3)), np.zeros((2, 3)), 25, "camera")
    write_motion(replace(motion, extra=extra), tmp_path / "m.npz")
    with pytest.raises(InputError, match=said) as error:
        read_motion(tmp_path / "m.npz")
    assert "\n" not in str(error.value)


def test_frames_that_pass_once_cannot_be_refined(renderer) -> None:
    track = TrackPipeline(renderer.analyzer, renderer.renderer.head, refine=True)
    with pytest.raises(InputError, match="reads the frames twice"):
        track(iter([np.zeros((64, 64, 3), np.uint8)]))


def test_clear_frames(portrait) -> None:
    marks, scores = portrait.face.landmarks.copy(), np.zeros(52, np.float32)
    marks[14] = marks[13]
    assert clearness(marks, scores) == 0
    scores[[MOTION_CHANNELS.index("eyeBlinkLeft"), MOTION_CHANNELS.index("eyeBlinkRight")]] = 0.9
    assert clearness(marks, scores) > 0
    check_extras({}, 3)


def test_a_picture_and_hidden_frames(renderer, clip) -> None:
    track = TrackPipeline(renderer.analyzer, renderer.renderer.head, refine=True)
    one = track(PORTRAIT)
    assert len(one) == 1
    assert not np.any(one.extra["residual"])
    assert not np.any(one.extra["field"])
    frames = list(clip[0][:4])
    frames[2] = np.full_like(frames[2], 90)
    motion = track(frames)
    around = motion.extra["residual"][[1, 3]].astype(np.float32)
    np.testing.assert_allclose(motion.extra["residual"][2], around.mean(axis=0), atol=1e-3)
