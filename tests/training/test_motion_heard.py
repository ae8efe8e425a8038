"""Speech that nobody filmed: what teachers say of it, as crops."""

import json

import numpy as np
import pytest
import soundfile
import torch

from talkgen.audio.phonetic import PhoneticConfig
from talkgen.motion.speech_motion import SpeechMotion, SpeechMotionConfig
from talkgen.training.motion_data import NUM_OUTPUTS
from talkgen.training.motion_heads import GAP
from talkgen.training.motion_heard import (
    heard_crops,
    heard_tracks,
    joined,
    load_teacher,
    said_of,
    speech_files,
    taught,
)
from talkgen.training.motion_teacher import MotionTeacher, MotionTeacherConfig

TINY = SpeechMotionConfig(
    encoder=PhoneticConfig(
        width=16, hidden=24, num_heads=2, conv_back=(2,), conv_ahead=(1,), attend_back=(0,)
    ).to_dict(),
    width=16, num_heads=2, hidden=32, look_back=(4,), look_ahead=(1,), num_members=2,
)  # fmt: skip
TEACHER = MotionTeacherConfig(
    width=16, stem_dilations=(1,), num_heads=2, hidden=32, look_ahead=(1,), num_members=2
)


@pytest.fixture(scope="module")
def teachers():
    torch.manual_seed(0)
    return [MotionTeacher(TEACHER).eval(), SpeechMotion(TINY).eval()]


@pytest.fixture
def speech(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("ljspeech/a", "emodb/03a01Fa", "languages/de/b", "else/c"):
        path = tmp_path / f"{name}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, rng.normal(0, 0.1, 16000 * 3), 16000)
    return tmp_path


def test_only_known_folders_are_taken(speech, tmp_path):
    assert [p.stem for p in speech_files(speech)] == ["a", "b", "03a01Fa"]
    assert speech_files(tmp_path / "nothing") == []


def test_mean_over_all_members(teachers):
    features = torch.randn(2, 80, 80)
    mean = said_of(teachers, features)
    parts = [member(features).tracked for member in teachers[0].members]
    hidden, phones = teachers[1].listen(features)
    parts += [member(hidden, phones).tracked for member in teachers[1].members]
    assert mean.shape == (2, 20, NUM_OUTPUTS)
    torch.testing.assert_close(mean, torch.stack(parts).mean(0))


def test_crops_carry_what_the_teachers_say(speech, teachers):
    tracks, weights = heard_tracks(speech_files(speech), teachers)
    assert len(tracks) == len(weights) == 9
    by_place = {t.person: w for t, w in zip(tracks, weights, strict=True)}
    assert by_place["emodb"] < by_place["ljspeech"]
    assert all(t.targets[:, GAP].min() >= 0.0 and t.valid.all() for t in tracks)
    assert all(len(t.power) == 4 * len(t) for t in tracks)
    crops = heard_crops(speech_files(speech), teachers, 6)
    assert len(crops) == 6
    assert (crops.phones == -1).all()
    both = joined(crops, crops)
    assert len(both) == 12
    assert (both.track[6:] == -1).all()
    assert (both.track[:6] >= 0).all()
    again = taught(crops, teachers)
    assert again.shape == crops.targets.shape
    assert np.isfinite(again).all()


def test_teacher_is_told_by_its_config(tmp_path, teachers):
    for name, teacher in zip("ab", teachers, strict=True):
        teacher.save_pretrained(tmp_path / name)
        assert type(load_teacher(tmp_path / name)) is type(teacher)
    assert "encoder" in json.loads((tmp_path / "b" / "config.json").read_text())
