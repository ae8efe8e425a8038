"""Measures of emotions: spoilt lips are seen, separable readings are read."""

from types import SimpleNamespace

import numpy as np
import pytest

from talkgen.motion.emotion import parse_emotion
from talkgen.training.emotion_measure import Reader, lips_under
from talkgen.types import MOTION_CHANNELS

JAW = MOTION_CHANNELS.index("jawOpen")


class Fake:
    """Opens with the loudness, shuts in silence; under an emotion wider and ajar."""

    def __init__(self, wider: float, ajar: float) -> None:
        self.wider, self.ajar = wider, ajar

    def generate(self, audio, *, seed, emotion):
        frames = np.abs(audio.samples[: len(audio.samples) // 640 * 640]).reshape(-1, 640).max(1)
        weights = np.zeros((len(frames), 52), np.float32)
        weights[:, JAW] = 0.3 * frames
        if emotion is not None:
            weights[:, JAW] = self.wider * weights[:, JAW] + self.ajar
        return SimpleNamespace(blendshapes=weights)


@pytest.mark.parametrize(("wider", "ajar"), [(1.0, 0.0), (1.5, 0.0), (1.0, 0.1)])
def test_lips_under(voice_like, wider, ajar):
    sound = np.concatenate([np.zeros(16_000), voice_like(3.0), np.zeros(16_000)]).astype("f4")
    slopes = np.zeros(52, np.float32)
    slopes[JAW] = 0.37
    out = lips_under(Fake(wider, ajar), [sound], slopes, parse_emotion("happy"))
    assert out["frames of silence"] > 20
    assert (out["parted in silence"] > 0.9) == (ajar > 0)
    assert out["amplitude over that without"] == pytest.approx(wider, rel=1e-3)
    assert out["correlation with that without"] == pytest.approx(1, abs=1e-3)


def test_reader_tells_classes_apart():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    scores = rng.uniform(0, 0.1, (100, 52))
    scores[np.arange(100), labels] += 0.5
    reader = Reader(scores[::2], labels[::2], 3)
    chances = reader.chances(scores[1::2])
    assert np.allclose(chances.sum(1), 1)
    assert (chances.argmax(1) == labels[1::2]).mean() > 0.95
