"""Phones of real speech: who may train, what is written down, in a folder laid out as the data."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
import soundfile

from talkgen.audio.phones import PHONES
from talkgen.audio.phonetic import PhoneticConfig, PhoneticEncoder
from talkgen.training.phonetic_data import real_speech
from talkgen.training.phonetic_real import SPEEDS, label, log_posteriors, utterances

HEADER = "file,person,width,height,fps,seconds,kB,origin,licence,sound\n"
ROWS = [
    ("grid_s1_bbaf2n.flac", "GRID s1", "yes"), ("grid_s7_lgbs9a.flac", "GRID s7", "yes"),
    ("speech_1.flac", "Somebody", "yes"), ("silent.flac", "Somebody", "no"),
    ("grid_s1_what.flac", "GRID s1", "yes"),
]  # fmt: skip


@pytest.fixture
def data(tmp_path, voice_like):
    clips, speech = tmp_path / "data" / "clips" / "train", tmp_path / "data" / "speech"
    for folder in (clips, speech / "emodb", speech / "ljspeech", speech / "languages" / "fr"):
        folder.mkdir(parents=True)
    sound = voice_like(1.4)
    (clips / "clips.csv").write_text(
        HEADER + "".join(f"{f},{p},8,8,25,1,1,x,x,{sound}\n" for f, p, sound in ROWS)
    )
    for name, *_ in ROWS:
        soundfile.write(clips / name, sound, 16000)
    for name in ("03a01Fa.flac", "09a02Na.flac"):
        soundfile.write(speech / "emodb" / name, sound, 16000)
    soundfile.write(speech / "ljspeech" / "LJ001.flac", sound, 16000)
    (speech / "ljspeech" / "metadata.csv").write_text("LJ001|One|one\n")
    soundfile.write(speech / "languages" / "fr" / "a.flac", sound, 16000)
    return tmp_path


@pytest.fixture
def encoder():
    import torch

    torch.manual_seed(0)
    return PhoneticEncoder(
        PhoneticConfig(width=16, hidden=24, num_heads=2, conv_back=(2,), conv_ahead=(1,),
                       attend_back=(4,))
    ).eval()  # fmt: skip


def test_who_may_train(data) -> None:
    found = {spoken.name: spoken for spoken in utterances(data)}
    assert set(found) == {
        "grid_s1_bbaf2n.flac", "grid_s7_lgbs9a.flac", "speech_1.flac", "03a01Fa.flac",
        "09a02Na.flac", "LJ001.flac", "fr/a.flac",
    }  # fmt: skip
    held = {name for name, spoken in found.items() if spoken.held_out}
    assert held == {"grid_s7_lgbs9a.flac", "09a02Na.flac", "LJ001.flac"}
    assert found["grid_s1_bbaf2n.flac"].text == "bin blue at F two now"
    assert found["speech_1.flac"].text is None
    assert found["03a01Fa.flac"].voice == "de"
    assert found["fr/a.flac"].voice == "fr"
    assert len(found["LJ001.flac"].samples) == round(1.4 * 16000)


def test_posteriors_are_fifty_a_second(encoder, voice_like) -> None:
    found = log_posteriors(encoder, voice_like(2.0))
    assert found.shape == (100, len(PHONES))
    assert np.allclose(np.exp(found).sum(1), 1.0, atol=1e-3)


def test_labels_are_those_that_may_train(data, encoder, tmp_path) -> None:
    try:
        ctypes.CDLL("libespeak-ng.so.1")
    except OSError:
        pytest.skip("needs libespeak-ng")
    counts = label(data, encoder, tmp_path / "out" / "real.npz")
    assert set(counts) == {"grid", "addresses", "emodb", "languages"}
    assert all(files == 1 for files, _, _ in counts.values())
    assert all(seconds == pytest.approx(1.4, abs=0.05) for _, seconds, _ in counts.values())
    stored = np.load(tmp_path / "out" / "real.npz")
    total = int(stored["lengths"].sum())
    assert len(stored["lengths"]) == 4 * len(SPEEDS)
    assert stored["log_mel"].shape == (4 * total, 80)
    assert stored["phones"].shape == (2 * total,)
    assert stored["phones"].min() >= -1
    assert stored["phones"].max() < len(PHONES)
    assert not any(held in name for name in stored["speakers"] for held in ("s7", "emodb 09", "lj"))
    tracks = real_speech(tmp_path / "out" / "real.npz")
    assert len(tracks) == 4 * len(SPEEDS)
    assert sum(len(track) for track in tracks) == total
