"""Figures of a running generator, on one that obeys the sound and nothing else."""

import numpy as np

from talkgen.training.motion_judge import describe, first_motion_ms, long_run, seeds_agree
from talkgen.types import Motion


class _Stream:
    """One frame of motion for every 640 samples, 0.2 s late."""

    def __init__(self, seed):
        self.rest = np.zeros(0, np.float32)
        self.rng = np.random.default_rng(seed)

    def push(self, chunk):
        self.rest = np.concatenate([self.rest, chunk])
        while len(self.rest) >= 3200 + 640:
            now, self.rest = self.rest[:640], self.rest[640:]
            shapes = np.zeros((1, 52), np.float32)
            shapes[0, 24] = np.abs(now).max()
            turn = self.rng.normal(0, 0.1, (1, 3)).astype(np.float32)
            yield Motion(shapes, turn, np.zeros((1, 3), np.float32))


class _Generator:
    def open(self, seed=0):
        return _Stream(seed)

    def generate(self, audio, seed=0):
        pieces = list(self.open(seed).push(audio.samples))
        return Motion(*(np.concatenate([getattr(p, n) for p in pieces])
                        for n in ("blendshapes", "rotation", "translation")))  # fmt: skip


def gap(weights):
    return weights[:, 24]


def test_latency_counts_the_sound_waited_for(voice_like):
    found = first_motion_ms(_Generator(), voice_like(2.0))
    assert 240 <= found["first_motion_ms"] < 300


def test_seeds_agree_in_lips_only(voice_like):
    found = seeds_agree(_Generator(), [voice_like(2.0)], gap, seeds=3)
    assert found["lips"] > 0.999
    assert abs(found["head"]) < 0.5


def test_a_long_run_scores_its_ends(voice_like):
    sound = voice_like(2.0)
    real = np.abs(sound).reshape(-1, 640).max(1)
    found = long_run(_Generator(), sound, real, gap, 0.3)
    assert found["first_r"] > 0.99
    assert found["last_r"] > 0.99
    assert found["memory_growth_mb"] < 20


def test_silence_is_described(voice_like):
    sound = np.concatenate([voice_like(1.0), np.zeros(16000, np.float32)])
    made = Motion(np.zeros((50, 52), np.float32), np.zeros((50, 3)), np.zeros((50, 3)))
    found = describe(made, gap, sound)
    assert found["open_share"] == 0.0
    assert found["open_in_silence"] == 0.0
