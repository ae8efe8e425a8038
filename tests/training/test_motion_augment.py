"""Training sees the features that the generator will see."""

import numpy as np

from talkgen.audio.features import level_features, mel_power
from talkgen.motion.controls import CONTROLS
from talkgen.training.motion_augment import augmented_features, level_batch
from talkgen.training.motion_data import Track, TrackSampler
from talkgen.training.motion_score import correlation


def test_lockstep_levelling_equals_the_stream(voice_like):
    rows = [mel_power(voice_like(4.0, seed=s) * g) for s, g in ((0, 1.0), (1, 0.02))]
    together = level_batch(np.stack(rows))
    for row, alone in zip(together, rows, strict=True):
        assert np.allclose(row, level_features(alone), atol=1e-4)


def test_a_batch_keeps_its_shapes_and_is_finite(voice_like):
    power = mel_power(voice_like(6.0))
    count = len(power) // 4
    targets = np.ones((count, len(CONTROLS) + 4), np.float32)
    track = Track(
        "x", power[: 4 * count], np.ones(2 * count, np.int64), targets, np.ones(count, bool)
    )
    batch = TrackSampler([track], [1.0], 60, seed=0).batch(5)
    out = augmented_features(batch, np.random.default_rng(0), history=10)
    assert out["features"].shape == (5, 200, 80)
    assert np.isfinite(out["features"]).all()
    assert out["targets"].shape == (5, 50, len(CONTROLS) + 4)
    assert out["phones"].shape == (5, 100)
    assert out["valid"].shape == (5, 50)


def test_correlation_finds_the_lag():
    real = np.sin(np.arange(200) * 0.3)
    late = np.roll(real, 2)
    r, lag = correlation(late, real)
    assert lag == 2
    assert r > 0.99
