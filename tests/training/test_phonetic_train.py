"""The phonetic encoder's data and training at a tiny width, on phones that can be heard."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talkgen.audio.phonetic import PhoneticConfig, PhoneticEncoder
from talkgen.training.loop import Schedule
from talkgen.training.phonetic_data import (
    CROP,
    HISTORY,
    Crops,
    Speech,
    real_speech,
    synthetic_speech,
)
from talkgen.training.phonetic_train import frame_accuracy, phone_loss, train

TINY = PhoneticConfig(
    width=16, hidden=24, num_heads=2, conv_back=(2, 2), conv_ahead=(1, 1), attend_back=(0, 4),
    dropout=0.0,
)  # fmt: skip


def bands(name: str = "x", frames: int = 400, seed: int = 0) -> Speech:
    """Phones 1 to 4, each a band of its own over noise, 80 to 200 ms long."""
    rng = np.random.default_rng(seed)
    phones: list[int] = []
    while len(phones) < 2 * frames:
        phones += [int(rng.integers(1, 5))] * int(rng.integers(4, 11))
    phones = phones[: 2 * frames]
    mel = rng.normal(-6.0, 0.2, (4 * frames, 80))
    for step, phone in enumerate(phones):
        mel[2 * step : 2 * step + 2, 16 * phone - 8 : 16 * phone] += 4.0
    return Speech(name, mel.astype(np.float16), np.array(phones, np.int64))


def test_crops_have_shapes_and_their_phones() -> None:
    speech = bands()
    features, phones = Crops([([speech], 1.0)]).batch(6, np.random.default_rng(0))
    frames = CROP - HISTORY
    assert features.shape == (6, 4 * frames, 80)
    assert features.dtype == np.float32
    assert phones.shape == (6, 2 * frames)
    assert set(np.unique(phones)) <= {-1, 1, 2, 3, 4}
    assert (phones >= 1).mean() > 0.7
    assert np.isfinite(features).all()


def test_a_short_track_lies_at_the_end() -> None:
    """Nothing is known in front of it, whatever the tempo."""
    short = bands(frames=30)
    _, phones = Crops([([short], 1.0)]).batch(8, np.random.default_rng(1))
    assert (phones[:, :50] == -1).all()
    assert (phones >= 1).any(1).all()


def test_kinds_come_by_their_shares() -> None:
    """A short kind with a large share is drawn as often as that says."""
    many = Speech("m", bands(frames=900).log_mel, np.full(1800, 7, np.int64))
    few = Speech("f", bands(frames=110).log_mel, np.full(220, 9, np.int64))
    crops = Crops([([many, many], 0.25), ([few], 0.75)])
    _, phones = crops.batch(200, np.random.default_rng(0))
    share = np.mean([(row == 9).any() for row in phones])
    assert share == pytest.approx(0.75, abs=0.1)


def test_shards_are_read_in_order(tmp_path) -> None:
    for number in (1, 0):
        speech = bands(seed=number, frames=20)
        np.savez(tmp_path / f"{number:02d}.npz", log_mel=speech.log_mel, phones=speech.phones)
    (tmp_path / "02.part.npz").write_bytes(b"half written")
    found = synthetic_speech(tmp_path)
    assert [s.name for s in found] == ["00", "01"]
    assert np.array_equal(found[1].phones, bands(seed=1, frames=20).phones)
    assert [s.name for s in synthetic_speech(tmp_path, [1])] == ["01"]
    assert len(found[0]) == 20


def test_speakers_are_joined(tmp_path) -> None:
    parts = [bands(frames=n, seed=n) for n in (10, 20, 15)]
    np.savez(
        tmp_path / "real.npz", log_mel=np.concatenate([p.log_mel for p in parts]),
        phones=np.concatenate([p.phones for p in parts]).astype(np.int8),
        lengths=np.array([10, 20, 15]), speakers=np.array(["b x1.0", "a x1.0", "b x1.0"]),
    )  # fmt: skip
    one, two = real_speech(tmp_path / "real.npz")
    assert (one.name, len(one)) == ("a x1.0", 20)
    assert (two.name, len(two)) == ("b x1.0", 25)
    assert np.array_equal(two.phones, np.concatenate([parts[0].phones, parts[2].phones]))
    assert np.array_equal(two.log_mel[40:], parts[2].log_mel)


def test_unknown_phones_do_not_count() -> None:
    logits = torch.randn(2, 5, 29)
    phones = torch.tensor([[3, -1, 4, -1, 5], [-1, -1, 2, 2, 2]])
    other = logits.clone()
    other[phones < 0] += torch.randn(4, 29)
    assert phone_loss(logits, phones) == phone_loss(other, phones)
    sure = torch.zeros(2, 5, 29).scatter(-1, phones.clamp(min=0)[..., None], 9.0)
    assert phone_loss(sure, phones) < phone_loss(logits, phones)


def test_training_learns_what_can_be_heard_and_resumes(tmp_path) -> None:
    crops, unseen = Crops([([bands(seed=s) for s in range(3)], 1.0)]), bands(seed=9)

    def run(path, steps: int) -> PhoneticEncoder:
        torch.manual_seed(0)
        encoder = PhoneticEncoder(TINY)
        schedule = Schedule(minutes=10.0, steps=steps, rate=1e-2, average=0.8)
        weights = train(encoder, crops, schedule, path, batch=4, bfloat16=False)
        encoder.load_state_dict(weights)
        return encoder

    before = frame_accuracy(PhoneticEncoder(TINY), unseen)
    trained = run(tmp_path / "run.pt", 25)
    after = frame_accuracy(trained, unseen)
    assert before < 0.4
    assert after > 0.6
    assert (tmp_path / "run.pt").exists()
    # a finished run is not trained again
    again = run(tmp_path / "run.pt", 25)
    for one, other in zip(trained.parameters(), again.parameters(), strict=True):
        assert torch.allclose(one, other)


def test_accuracy_counts_known_frames() -> None:
    class Always(torch.nn.Module):
        def forward(self, features):
            logits = torch.zeros(1, features.shape[1] // 2, 29)
            logits[..., 2] = 1.0
            return type("Output", (), {"phones": logits})()

    speech = bands(frames=100)
    known = speech.phones.copy()
    known[::3] = -1
    share = (known == 2).sum() / (known >= 0).sum()
    found = frame_accuracy(Always(), Speech("x", speech.log_mel, known))
    assert found == pytest.approx(share)
