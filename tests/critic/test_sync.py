"""The sync critic: sign and size of offsets, what lips are laid upright for, and its checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from talkgen.critic.hearing import Heard, hear
from talkgen.critic.lids import posed_landmarks
from talkgen.critic.sync import PER_FRAME, REACH, SyncCritic, lag_distances, sync_of
from talkgen.critic.sync_lips import NUM_FEATURES, known_points, lip_features, placed_lips
from talkgen.critic.sync_net import WINDOW, SyncConfig, SyncNet
from talkgen.critic.watch import Watched
from talkgen.errors import CheckpointError
from talkgen.face.head import HeadModel
from talkgen.face.rotation import rotation_matrix
from talkgen.io.audio import open_speech
from talkgen.motion.generator import MotionGenerator
from talkgen.types import ENGINE_RATE, Audio

SPEECH = Path(__file__).resolve().parents[2] / "examples" / "speech.flac"


def unit_rows(count: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("offset", [-12, -1, 0, 3, 15])
def test_a_late_picture_has_a_positive_offset(offset):
    sound = unit_rows(120)
    at = np.arange(120) - offset  # the picture shows what was heard `offset` frames before
    lips = np.where(
        ((at >= 0) & (at < 120))[:, None], sound[np.clip(at, 0, 119)], unit_rows(120, 1)
    )
    found = sync_of(lag_distances(lips, sound), 120)
    assert found.offset == offset
    assert found.distance == pytest.approx(0, abs=1e-6)
    assert found.confidence == pytest.approx(2**0.5, abs=0.1)


def test_unseen_frames_do_not_count():
    sound = unit_rows(100)
    lips = sound.copy()
    seen = np.ones(100, bool)
    lips[40:60], seen[40:60] = 1e6, False
    assert sync_of(lag_distances(lips, sound, seen), 80).distance == pytest.approx(0, abs=1e-6)
    seen[:] = False
    seen[:5] = True
    assert np.isnan(lag_distances(lips, sound, seen)).all()
    assert sync_of(lag_distances(lips, sound, seen), 5).confidence == 0


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.from_pretrained("head")


@pytest.fixture(scope="module")
def talk(head):
    """Four seconds of speech with landmarks of a head that says it."""
    sound = np.concatenate(list(open_speech(SPEECH).blocks(ENGINE_RATE)))[: 4 * ENGINE_RATE]
    sound = np.asarray(sound, np.float32)
    motion = MotionGenerator.from_pretrained(head=head).generate(Audio(sound), seed=3, still=True)
    return posed_landmarks(head, motion.blendshapes), sound


def test_place_size_tilt_and_missing_frames_do_not_matter(talk):
    points = talk[0]
    lips = placed_lips(points)
    tilted = 37.0 * points @ rotation_matrix(np.array([0, 0, 0.4], np.float32)).T + [250, 90, 10]
    assert np.abs(placed_lips(tilted.astype(np.float32)) - lips).max() < 1e-3
    assert lip_features(lips).shape == (len(points), NUM_FEATURES)
    gone = points.copy()
    gone[[0, 30, 31, len(points) - 1]] = np.nan
    filled, seen = known_points(gone)
    assert seen.sum() == len(points) - 4
    assert np.abs(filled[0] - points[1]).max() == 0
    wanted = points[29] + (points[32] - points[29]) * 2 / 3
    assert np.abs(filled[31] - wanted).max() < 1e-4


def test_vectors_are_five_frames_wide():
    torch.manual_seed(0)
    net = SyncNet(SyncConfig(width=24, dim=8)).eval()
    lips, sound = torch.randn(1, 30, NUM_FEATURES), torch.randn(1, 120, 80)
    seen, heard = net(lips, sound)
    assert seen.shape == heard.shape == (1, 30, 8)
    assert torch.allclose(seen.norm(dim=-1), torch.ones(1, 30), atol=1e-5)
    lips[:, 15] += 1
    sound[:, 60:64] += 1
    for before, after in ((seen, net.see(lips)), (heard, net.listen(sound))):
        changed = (before != after).any(-1)[0].nonzero()[:, 0].tolist()
        assert changed == list(range(15 - WINDOW // 2, 15 + WINDOW // 2 + 1))


def test_every_parameter_learns_and_a_saved_net_is_the_same(tmp_path):
    torch.manual_seed(0)
    net = SyncNet(SyncConfig(width=24, dim=8))
    lips, sound = torch.randn(2, 20, NUM_FEATURES), torch.randn(2, 80, 80)
    seen, heard = net(lips, sound)
    (seen * heard).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    net.eval().save_pretrained(tmp_path)
    again = SyncNet.from_pretrained(tmp_path)
    with torch.inference_mode():
        assert torch.equal(again.see(lips), net.see(lips))


def test_blocks_do_not_show(monkeypatch):
    import talkgen.critic.sync as module

    torch.manual_seed(0)
    critic = SyncCritic(SyncNet(SyncConfig(width=24, dim=8)))
    rows = np.random.default_rng(0).normal(size=(4 * 70, 80)).astype(np.float32)
    whole = critic.vectors("listen", rows, PER_FRAME)
    monkeypatch.setattr(module, "BLOCK", 16)
    assert whole.shape == (70, 8)
    assert np.abs(critic.vectors("listen", rows, PER_FRAME) - whole).max() < 1e-5


@pytest.fixture(scope="module")
def critic():
    try:
        return SyncCritic.from_pretrained()
    except CheckpointError:
        pytest.skip("the checkpoint `sync` is not in this checkout")


@pytest.mark.parametrize("late", [-10, 0, 7])
def test_the_shipped_critic_finds_by_how_much_made_speech_was_shifted(critic, talk, late):
    points, sound = talk
    shown = np.concatenate([points[:1].repeat(max(0, late), 0), points[max(0, -late) :]])
    found = critic.of_lips(shown, Audio(sound))
    assert abs(found.offset - late) <= 1
    assert found.curve.shape == (2 * REACH + 1,)
    assert found.confidence > 0.15


def test_other_speech_is_doubted(critic, talk):
    points, sound = talk
    backwards = Audio(np.ascontiguousarray(sound[::-1]))
    assert (
        critic.of_lips(points, backwards).confidence
        < 0.6 * critic.of_lips(points, Audio(sound)).confidence
    )


def test_a_watched_clip_is_scored(critic, talk):
    points, sound = talk
    heard = hear([sound[:20000], sound[20000:]])
    assert heard.samples is not None
    assert np.abs(heard.samples / 32767 - sound).max() < 1e-4

    def clip(heard: Heard | None) -> Watched:
        return Watched(25.0, (512, 512), points, np.zeros((len(points), 52), np.float32),
                       np.zeros((len(points), 3), np.float32), sound=heard)  # fmt: skip

    report = critic.score(clip(heard))
    assert set(report.scores) == {"av_offset", "sync_confidence", "sync_distance"}
    assert abs(report.scores["av_offset"].value) <= 1
    assert report.scores["sync_confidence"].n == len(points)
    curve = critic.curve(clip(heard))
    assert curve.min() == pytest.approx(report.scores["sync_distance"].value)
    assert not critic.score(clip(None)).scores
    assert critic.curve(clip(None)) is None


def test_what_is_too_short_is_not_judged(critic, talk):
    points, sound = talk
    found = critic.of_lips(points[:20], Audio(sound[:12800]))
    assert (found.offset, found.confidence, found.frames) == (0, 0.0, 0)
    unseen = np.full_like(points, np.nan)
    assert critic.of_lips(unseen, Audio(sound)).confidence == 0
