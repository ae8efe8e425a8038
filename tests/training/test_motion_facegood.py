"""FACEGOOD as training data: 30 to 25 frames a second, crops, its head learns, absent data."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from talkgen.motion.speech_motion import FACEGOOD_CHANNELS, SpeechMotion, SpeechMotionConfig
from talkgen.training.motion_crops import CropSet, make_crops
from talkgen.training.motion_data import NUM_OUTPUTS
from talkgen.training.motion_facegood import (
    STILL_WEIGHT,
    Take,
    at_engine_rate,
    correlations,
    load_takes,
    moving,
    take_tracks,
)
from talkgen.training.motion_heads import HeadsConfig, train_trunk

DATA = Path(os.environ.get("TALKGEN_DATA", "../shared")) / "data" / "motion" / "facegood"
TINY = SpeechMotionConfig(
    encoder={"width": 16, "hidden": 24, "num_heads": 2, "conv_back": (2,), "conv_ahead": (1,),
             "attend_back": (4,)},
    width=16, num_heads=2, hidden=24, look_back=(4,), look_ahead=(1,), dropout=0.0,
    input_dropout=0.0,
)  # fmt: skip


def acted(count, frames=25):
    """Crops whose channel 3 follows one band of the sound."""
    rng = np.random.default_rng(count)
    follows = np.repeat(rng.random((count, frames)), 4, 1)
    features = 0.1 * rng.normal(size=(count, 4 * frames, 80))
    features[:, :, 10:20] += 2 * follows[..., None]
    targets = np.zeros((count, frames, FACEGOOD_CHANNELS), np.float16)
    targets[:, :, 3] = follows[:, ::4]
    return CropSet(
        features.astype(np.float16), targets, np.ones((count, frames), bool),
        np.full((count, 2 * frames), -1, np.int8), np.arange(count),
    )  # fmt: skip


def motion_crops(count, frames=25):
    rng = np.random.default_rng(count)
    return CropSet(
        rng.normal(size=(count, 4 * frames, 80)).astype(np.float16),
        rng.normal(size=(count, frames, NUM_OUTPUTS)).astype(np.float16),
        np.ones((count, frames), bool),
        rng.integers(0, 29, (count, 2 * frames)).astype(np.int8),
        np.arange(count),
    )


def train(model, actor, steps):
    settings = HeadsConfig(
        steps=steps, batch=2, speech_batch=2, actor_batch=4, bfloat16=False, average=0.5,
        actor_weight=1.0, learning_rate=5e-3,
    )  # fmt: skip
    said = []
    trained = train_trunk(
        model,
        settings,
        (motion_crops(4), np.arange(4)),
        motion_crops(3),
        0,
        report=said.append,
        check_every=steps,
        actor=actor,
    )
    return trained, said[-1]


def test_thirty_frames_become_twenty_five():
    ramp = np.arange(60, dtype=np.float32)[:, None] / 60
    out = at_engine_rate(ramp, 30.0)
    assert out.shape == (50, 1)
    # the middle of frame 10 of 25 is 0.42 s, between the middles of frames 12 and 13 of 30
    assert out[10, 0] == pytest.approx((0.42 * 30 - 0.5) / 60)
    assert np.allclose(at_engine_rate(ramp, 25.0), ramp)


def test_the_head_learns_what_follows_the_sound():
    torch.manual_seed(0)
    actor = acted(8)
    model, text = train(SpeechMotion(TINY), actor, 120)
    assert " facegood " in text
    with torch.inference_mode():
        _, said = model(torch.from_numpy(actor.features.astype(np.float32)))
    made = said.facegood
    assert made.shape == (8, 25, FACEGOOD_CHANNELS)
    r = np.corrcoef(made[:, :, 3].flatten(), actor.targets[:, :, 3].astype(float).ravel())[0, 1]
    assert r > 0.5
    # a channel that never moves stays near 0
    assert made[:, :, 4].std() < made[:, :, 3].std() / 3


def test_without_actors_the_head_stays():
    torch.manual_seed(0)
    model = SpeechMotion(TINY)
    before = model.members[0].facegood.bias.detach().clone()
    trained, text = train(model, None, 3)
    assert torch.equal(trained.members[0].facegood.bias, before)
    assert " facegood " not in text


def test_crops_of_takes(voice_like):
    sound = voice_like(9.0)
    weights = np.random.default_rng(0).random((225, FACEGOOD_CHANNELS)).astype(np.float32)
    weights[:, 5:] = 0.25
    take = Take("x", sound, weights)
    tracks = take_tracks([take], (1.0, 0.9))
    assert [len(t) for t in tracks] == [225, 250]
    crops = make_crops(tracks, [1.0, 1.0], 3, 0)
    assert crops.targets.shape == (3, 75, FACEGOOD_CHANNELS)
    assert (crops.phones == -1).all()
    still = moving(crops)
    assert (still[:5] == 1.0).all()
    assert (still[5:] == np.float32(STILL_WEIGHT)).all()
    found = correlations(SpeechMotion(TINY).eval(), take)
    assert list(found) == [0, 1, 2, 3, 4]


def test_the_head_survives_saving(tmp_path):
    model = SpeechMotion(TINY).eval()
    model.save_pretrained(tmp_path)
    features = torch.randn(1, 40, 80)
    one, other = (m(features)[1].facegood for m in (model, SpeechMotion.from_pretrained(tmp_path)))
    assert one.shape == (1, 10, FACEGOOD_CHANNELS)
    assert torch.equal(one, other)


def test_no_takes_where_there_is_no_folder(tmp_path):
    assert load_takes(tmp_path / "missing") == []


@pytest.mark.skipif(not DATA.is_dir(), reason="needs TALKGEN_DATA with data/motion/facegood")
def test_the_real_takes_are_sample_exact():
    takes = load_takes(DATA)
    assert len(takes) == 6
    for take in takes:
        assert take.weights.shape[1] == FACEGOOD_CHANNELS
        assert abs(len(take.sound) / 16000 - len(take.weights) / 25) < 0.1
    moved = np.concatenate([t.weights for t in takes]).std(0) > 1e-3
    assert 20 <= moved.sum() <= 35
