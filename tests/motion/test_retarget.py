"""Motion lands on a portrait: offsets from its rest, tracks as they were."""

import numpy as np
import pytest

from talkgen.face.fit import HeadFit, to_camera
from talkgen.face.head import HeadModel
from talkgen.motion.retarget import Retargeter
from talkgen.types import MOTION_CHANNELS, Motion

SIZE = (640, 480)
JAW = MOTION_CHANNELS.index("jawOpen")
BLINK = MOTION_CHANNELS.index("eyeBlinkLeft")


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.from_pretrained("head")


def fit_at(scale: float = 20.0, yaw: float = 0.1, jaw: float = 0.0, x: float = 300.0) -> HeadFit:
    weights = np.zeros(52, np.float32)
    weights[JAW] = jaw
    return HeadFit(
        identity=np.zeros(50, np.float32),
        weights=weights,
        rotation=np.array([0.05, yaw, 0.02], np.float32),
        scale=scale,
        translation=np.array([x, 260.0], np.float32),
        error=0.0,
    )


def clip(head: HeadModel, fits: list[HeadFit]) -> Motion:
    return Motion(
        np.stack([f.weights for f in fits]),
        np.stack([f.rotation for f in fits]),
        np.stack([to_camera(f, head, SIZE) for f in fits]),
        space="camera",
        frame_size=SIZE,
    )


def zeros(frames: int) -> Motion:
    return Motion(np.zeros((frames, 52)), np.zeros((frames, 3)), np.zeros((frames, 3)))


def test_no_motion_is_the_portrait(head: HeadModel) -> None:
    fit = fit_at()
    (pose,) = Retargeter(head, fit, SIZE).poses(zeros(1))
    assert np.allclose(pose.weights, fit.weights, atol=1e-5)
    assert np.allclose(pose.rotation, fit.rotation, atol=1e-5)
    assert pose.scale == pytest.approx(fit.scale, rel=1e-5)
    assert np.allclose(pose.translation, fit.translation, atol=1e-3)


def test_offsets_are_about_the_own_pose(head: HeadModel) -> None:
    fit = fit_at()
    motion = Motion(np.zeros((1, 52)), [[0.0, 0.2, 0.0]], [[0.5, 0.0, 0.0]])
    (pose,) = Retargeter(head, fit, SIZE).poses(motion)
    assert pose.rotation[1] == pytest.approx(0.3, abs=0.01)
    iod = fit.scale * head.interocular
    assert pose.translation[0] == pytest.approx(300 + 0.5 * iod, rel=0.02)


def test_a_full_blink_is_full(head: HeadModel) -> None:
    motion = zeros(1)
    motion.blendshapes[0, BLINK] = 1.0
    fit = fit_at()
    fit.weights[BLINK] = 0.3
    (pose,) = Retargeter(head, fit, SIZE).poses(motion)
    assert pose.weights[BLINK] == pytest.approx(1.0)


def test_the_clip_comes_back_on_its_own_frame(head: HeadModel) -> None:
    fits = [
        fit_at(scale=20 + i, yaw=0.1 + 0.1 * i, jaw=0.1 * i, x=300.0 + 20 * i) for i in range(4)
    ]
    track = clip(head, fits)
    for own in (0, 2):
        poses = list(Retargeter(head, fits[own], SIZE).poses(track))
        for pose, fit in zip(poses, fits, strict=True):
            assert np.allclose(pose.weights, fit.weights, atol=1e-4)
            assert np.allclose(pose.rotation, fit.rotation, atol=1e-4)
            assert pose.scale == pytest.approx(fit.scale, rel=1e-3)
            assert np.allclose(pose.translation, fit.translation, atol=0.1)


def test_another_head_stays_in_its_place(head: HeadModel) -> None:
    track = clip(head, [fit_at(x=300.0 + i, jaw=0.02 * (i % 2)) for i in range(41)])
    fit = fit_at(scale=8.0, yaw=-0.3, x=100.0)
    retargeter = Retargeter(head, fit, SIZE)
    assert retargeter.matching_frame(track) is None
    poses = list(retargeter.poses(track))
    assert abs(poses[20].translation[0] - 100.0) < 5.0
    assert poses[20].rotation[1] == pytest.approx(-0.3, abs=0.02)
