"""Training and measuring of the sync critic on lips whose sound is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talkgen.critic.sync import PER_FRAME, REACH, Sync, SyncCritic, sync_of
from talkgen.critic.sync_lips import MIRRORED, NUM_FEATURES, POINTS
from talkgen.critic.sync_net import SyncConfig, SyncNet
from talkgen.training.loop import Schedule
from talkgen.training.sync_data import SyncClip, SyncSampler, played, sync_clips, vary_lips
from talkgen.training.sync_measure import (
    MOST_SHIFT,
    agreement,
    by_person,
    draws,
    energy_offset,
    foreign,
    inside,
    made_late,
    share_within,
    shift_figures,
    stretches,
)
from talkgen.training.sync_train import SyncTask, lag_target, train
from talkgen.types import Audio


def clip(person: str, seed: int, frames: int = 120) -> SyncClip:
    """Lips that open where a band of the sound is loud."""
    rng = np.random.default_rng(seed)
    loud = rng.random(frames).astype(np.float32)
    lips = np.zeros((frames, len(POINTS), 2), np.float32)
    lips[..., 1] = np.linspace(0.2, 0.6, len(POINTS)) + 0.1 * loud[:, None]
    sound = rng.normal(0, 0.1, (PER_FRAME * frames, 80)).astype(np.float32)
    sound[:, 20:40] += 6 * (loud.repeat(PER_FRAME)[:, None] - 0.5)
    return SyncClip(f"{person}_{seed}", person, 1.0, lips, (sound.astype(np.float16),))


def test_a_crop_has_the_sound_about_it():
    sampler = SyncSampler([clip("one", 0)], 45, noise=0.0)
    lips, sound = sampler.batch(6, np.random.default_rng(1))
    assert lips.shape == (6, 45, NUM_FEATURES)
    assert sound.shape == (6, PER_FRAME * (45 + 2 * REACH), 80)
    middle = slice(PER_FRAME * REACH, PER_FRAME * (REACH + 45))
    level = sound[:, middle, 20:40].reshape(6, 45, PER_FRAME, 20).mean((2, 3))
    for row, heard in zip(lips, level, strict=True):  # the lower lip follows its own sound
        assert np.corrcoef(row[:, 2 * POINTS.index(17) + 1], heard)[0, 1] > 0.8


def test_people_count_by_the_root_of_their_seconds():
    sampler = SyncSampler([clip("one", 0), clip("many", 1), clip("many", 2), clip("many", 3),
                           clip("many", 4)], 45)  # fmt: skip
    assert sampler.chances[0] == pytest.approx(1 / 3)


def test_varied_lips_are_lips():
    lips = np.random.default_rng(0).normal(0, 0.1, (40, len(POINTS), 2)).astype(np.float32)
    varied = vary_lips(lips, np.random.default_rng(2), 0.0)
    assert varied.shape == lips.shape
    assert varied.dtype == np.float32
    moved, own = (np.ptp(x, axis=0).mean() for x in (varied, lips))
    assert 0.4 < moved / own < 2
    assert np.array_equal(MIRRORED[MIRRORED], np.arange(len(POINTS)))
    assert MIRRORED[POINTS.index(61)] == POINTS.index(291)


def test_playing_faster_keeps_the_course():
    course = np.arange(50, dtype=np.float32)[:, None]
    assert np.abs(played(course, 1.0, 50) - course).max() == 0
    assert played(course, 1.25, 40)[20, 0] == pytest.approx(20.5 * 1.25 - 0.5)


def test_clips_come_from_the_cache_of_tracks(tmp_path):
    rng = np.random.default_rng(0)
    for folder in ("tracks/train", "sound/train"):
        (tmp_path / folder).mkdir(parents=True)
    points = rng.normal(100, 20, (50, 478, 3)).astype(np.float32)
    for name, seen in (("a", 1.0), ("lost", 0.5)):
        valid = np.arange(50) < 50 * seen
        np.savez(tmp_path / f"tracks/train/{name}.npz", landmarks=points, valid=valid, person="P")
        np.save(tmp_path / f"sound/train/{name}.npy", rng.normal(0, 0.1, 32000).astype(np.float32))
    np.savez(tmp_path / "tracks/train/silent.npz", landmarks=points, valid=valid, person="P")
    clips = sync_clips(tmp_path, "train", speeds=(1.0, 1.25), disturbed=1)
    assert [(c.name, c.speed, len(c)) for c in clips] == [("a", 1.0, 50), ("a", 1.25, 40)]
    assert [s.shape for s in clips[1].sounds] == [(160, 80)] * 2


def test_training_finds_the_lag(tmp_path):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    net = SyncNet(SyncConfig(width=24, dim=8, dropout=0.0))
    sampler = SyncSampler([clip("one", seed) for seed in range(4)], 45, noise=0.001)
    lips, sound = (torch.from_numpy(x) for x in sampler.batch(16, np.random.default_rng(9)))
    before = SyncTask(net)(lips, sound).item()
    schedule = Schedule(steps=40, rate=5e-3, average=0.9)
    net.load_state_dict(train(net, sampler, schedule, tmp_path / "state.pt", batch=12))
    net.eval()
    assert SyncTask(net)(lips, sound).item() < 0.8 * before
    found = by_person(SyncCritic(net), [clip("two", 77)], 60, 30)
    assert found["two"]["within_1"] == 1.0
    assert found["two"]["n"] == 3
    assert float(lag_target().sum()) == pytest.approx(1)


def test_a_cut_makes_the_picture_late_or_early():
    frames = np.zeros((100, 478, 3), np.float32)
    frames[:, 0, 0] = np.arange(100)
    sound = Audio(np.repeat(np.arange(100, dtype=np.float32) / 100, 640))
    for late in (-7, 0, 12):
        points, heard = made_late(frames, sound, late)
        at = 50  # what is shown there was heard `late` frames before
        shown = points[at, 0, 0]
        assert heard.samples[640 * (at - late)] * 100 == pytest.approx(shown)


def test_shifts_are_drawn_alike_every_time():
    assert draws("clip", range(5)) == draws("clip", range(5))
    many = draws("clip", range(300))
    assert (min(many), max(many)) == (-MOST_SHIFT, MOST_SHIFT)


def test_the_sound_of_others_is_told_apart():
    class Own:
        """Trusts a clip's own sound, known by its first sample."""

        def of_lips(self, points: np.ndarray, sound: Audio) -> Sync:
            fits = points[0, 0, 0] == sound.samples[0]
            return sync_of(np.array([1.0] * REACH + [0.5 if fits else 0.9] + [1.0] * REACH), 9)

    clips = {
        name: (np.full((9, 478, 3), k, np.float32), Audio(np.full(900, k, np.float32)))
        for k, name in enumerate("abc")
    }
    critic = Own()
    found = foreign(critic, clips, {name: critic.of_lips(*pair) for name, pair in clips.items()})
    assert found["pairs"] == 6
    assert found["told_apart"] == 1.0
    assert found["mean"] == pytest.approx(0.1)
    points, sound = np.zeros((100, 478, 3), np.float32), Audio(np.zeros(64000, np.float32))
    parts = stretches(critic, points, sound, 40)
    assert len(parts) == 4
    assert inside(parts, [0.2, 0.6]) == {"least": 0.2, "most": 0.6, "n": 2, "share_inside": 1.0}
    assert inside(parts, [0.1, 0.3])["share_inside"] == 0.0
    near = {"a": sync_of(np.ones(2 * REACH + 1), 9)}
    assert agreement(near, {"a": -REACH}, ["a"])["agree"] == 1
    assert agreement(near, {"a": 0}, ["a"])["not"] == ["a"]


def test_figures_of_shifts():
    def at(offset: int):
        curve = np.ones(2 * REACH + 1, np.float32)
        curve[offset + REACH] = 0.5
        return sync_of(curve, 100)

    rng = np.random.default_rng(0)
    gap = np.convolve(rng.random(130), np.ones(4) / 4, "valid")[:120]
    points = np.zeros((120, 478, 3), np.float32)
    points[:, 263, 0] = 100
    points[:, 14, 1] = 30 * gap
    t = np.arange(120 * 640) / 16000
    sound = Audio(
        (np.sin(2 * np.pi * 700 * t) * (10 ** (2 * gap - 2)).repeat(640)).astype(np.float32)
    )
    assert abs(energy_offset(points, sound)) <= 1
    clips = {"a": (points, sound), "b": (points, sound)}
    shifted = {"a": [(5, at(5)), (-3, at(-4))], "b": [(5, at(8)), (0, at(3))]}
    found = shift_figures(shifted, {"a": at(0), "b": at(3)}, ["a", "b"], clips)
    assert found["as shifted"]["within_1"] == 0.5
    assert found["less its own"]["within_1"] == 1.0
    assert found["error by clip"] == {"a": [0, -1], "b": [3, 3]}
    assert found["lip gap and energy, as shifted"]["within_1"] == 1.0
    assert share_within([at(0), at(2)])["within_1"] == 0.5
