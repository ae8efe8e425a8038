"""How a voice feels: streams, silence, and voices whose feeling is plain."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from talkgen.audio.prosody import prosody
from talkgen.audio.voice_emotion import (
    VOICES,
    VoiceEmotion,
    VoiceEmotionConfig,
    VoiceReading,
    statistics,
)
from talkgen.types import EMOTIONS, Audio

DATA = Path(os.environ.get("TALKGEN_DATA", "../shared")) / "data" / "speech" / "emodb"


@pytest.fixture(scope="module")
def model() -> VoiceEmotion:
    return VoiceEmotion.from_pretrained("voice_emotion")


@pytest.fixture
def voice(voice_like) -> np.ndarray:
    return voice_like(7.3)


def test_readings_have_their_shape(model: VoiceEmotion, voice: np.ndarray) -> None:
    found = model.read(Audio(voice, 16000))
    assert found.weights.shape == (len(found), len(EMOTIONS))
    assert found.valence_arousal.shape == (len(found), 2)
    assert 13 <= len(found) <= 16
    np.testing.assert_allclose(found.weights.sum(1), 1, atol=1e-5)
    assert (np.diff(found.times) >= 0).all()
    assert np.abs(found.valence_arousal).max() <= 1


@pytest.mark.parametrize("seed", [0, 1])
def test_blocks_make_no_difference(model: VoiceEmotion, voice: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    stream, parts, at = model.stream(16000), [], 0
    while at < len(voice):
        step = int(rng.integers(10, 30000))
        parts.append(stream.push(voice[at : at + step]))
        at += step
    parts.append(stream.finish())
    whole = model.read(Audio(voice, 16000))
    for name in VoiceReading.__dataclass_fields__:
        cut = np.concatenate([getattr(p, name) for p in parts])
        np.testing.assert_allclose(cut, getattr(whole, name), atol=1e-4)


@pytest.mark.parametrize("seconds", [0.02, 0.4, 3.0])
def test_silence_is_neutral(model: VoiceEmotion, seconds: float) -> None:
    found = model.read(Audio(np.zeros(int(16000 * seconds), np.float32), 16000))
    assert len(found) >= 1
    assert (found.weights[:, 0] == 1).all()


def test_level_does_not_count(model: VoiceEmotion, voice: np.ndarray) -> None:
    loud = model.read(Audio(voice, 16000)).weights
    soft = model.read(Audio((voice * 0.2).astype(np.float32), 16000)).weights
    assert np.abs(loud - soft).max() < 0.05


def test_statistics_need_voice() -> None:
    rng = np.random.default_rng(0)
    noise = (rng.normal(size=32000) * 0.05).astype(np.float32)
    assert statistics(prosody(Audio(noise, 16000)), np.ones((200, 80), np.float32)) is None


def test_saves_loads_and_learns(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tiny = VoiceEmotion(VoiceEmotionConfig(num_features=9))
    features = torch.randn(5, 9)
    tiny.forward(features).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in tiny.parameters())
    tiny.save_pretrained(tmp_path / "v")
    again = VoiceEmotion.from_pretrained(tmp_path / "v")
    assert torch.equal(tiny.forward(features), again.forward(features))


@pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is missing (set TALKGEN_DATA)")
def test_shouts_are_more_excited_than_yawns(model: VoiceEmotion) -> None:
    """It learned from these speakers; the figures by speaker left out are in the card."""
    soundfile = pytest.importorskip("soundfile")
    arousal = {}
    for letter in "WLT":
        files = sorted(p for p in DATA.glob("*.flac") if p.stem[5] == letter)[::8]
        heard = [model.read(Audio(*soundfile.read(p, dtype="float32"))) for p in files]
        arousal[letter] = [float(r.valence_arousal[-1, 1]) for r in heard]
    assert np.mean(arousal["W"]) > np.mean(arousal["L"]) + 0.4
    assert np.mean(arousal["W"]) > np.mean(arousal["T"]) + 0.4
    assert len(VOICES) == 7
