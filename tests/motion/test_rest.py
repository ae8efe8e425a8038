"""The resting face shuts the lips with the least change, and leaves shut ones alone."""

import numpy as np
import pytest

from talkgen.face.fit import HeadFit
from talkgen.face.head import HeadModel
from talkgen.motion.rest import RESTING_BLINK, SHUT_GAP, lip_gaps, resting_weights
from talkgen.types import MOTION_CHANNELS


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.from_pretrained("head")


def fit_with(head: HeadModel, seed: int = 0, **weights: float) -> HeadFit:
    values = np.zeros(52, dtype=np.float32)
    for name, value in weights.items():
        values[MOTION_CHANNELS.index(name)] = value
    identity = np.random.default_rng(seed).normal(size=head.num_identity).astype(np.float32) * 0.5
    return HeadFit(
        identity=identity,
        weights=values,
        rotation=np.zeros(3, np.float32),
        scale=20.0,
        translation=np.array([256.0, 256.0], np.float32),
        error=0.0,
    )


def middle_gap(head: HeadModel, fit: HeadFit, weights: np.ndarray) -> float:
    neutral = head.neutral(fit.identity)
    points = head.landmarks(head.deform(neutral, weights))
    return float((points[14, 1] - points[13, 1]) / head.interocular_of(neutral))


def test_gap_is_linear_in_the_weights(head: HeadModel) -> None:
    fit = fit_with(head, jawOpen=0.5, mouthFunnel=0.3, mouthSmileLeft=0.4)
    gaps, slopes = lip_gaps(head, head.neutral(fit.identity))
    expected = middle_gap(head, fit, fit.weights)
    assert float(gaps[0] + slopes[0] @ fit.weights) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    "weights",
    [
        {"jawOpen": 0.4},
        {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6, "jawOpen": 0.2, "mouthUpperUpLeft": 0.4},
        {"mouthFunnel": 0.8, "jawOpen": 0.1},
        {"mouthLowerDownLeft": 0.7, "mouthLowerDownRight": 0.7},
    ],
)
def test_open_mouths_shut(head: HeadModel, weights: dict[str, float]) -> None:
    for seed in range(3):
        fit = fit_with(head, seed, **weights)
        rest = resting_weights(head, fit)
        assert middle_gap(head, fit, fit.weights) > SHUT_GAP
        assert abs(middle_gap(head, fit, rest)) < SHUT_GAP
        assert rest.min() >= 0.0
        assert rest.max() <= 1.0


def test_a_smile_survives(head: HeadModel) -> None:
    smile = {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6, "jawOpen": 0.2}
    rest = resting_weights(head, fit_with(head, **smile))
    assert rest[MOTION_CHANNELS.index("mouthSmileLeft")] > 0.4


def test_shut_mouths_stay_as_they_are(head: HeadModel) -> None:
    fit = fit_with(head, mouthPressLeft=0.2, browInnerUp=0.3)
    if middle_gap(head, fit, fit.weights) <= SHUT_GAP:
        assert np.array_equal(resting_weights(head, fit), fit.weights)
    else:
        pytest.fail("this head's lips do not touch at rest")


def test_shut_eyes_open(head: HeadModel) -> None:
    rest = resting_weights(head, fit_with(head, eyeBlinkLeft=0.9))
    assert rest[MOTION_CHANNELS.index("eyeBlinkLeft")] == pytest.approx(RESTING_BLINK)
