"""Encoders by name: tiny random folders of the real classes, the grid of windows, the errors."""

import sys

import numpy as np
import pytest
import torch

from talkgen.audio import encoders
from talkgen.audio.encoders import load_encoder
from talkgen.audio.phonetic import PhoneticConfig, PhoneticEncoder
from talkgen.errors import CheckpointError, InputError, MissingDependencyError
from talkgen.protocols import AudioEncoder
from talkgen.types import Audio

KINDS = ("wav2vec2", "hubert", "whisper")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("encoders")
    sizes = {
        "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 32, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2,
        "conv_dim": (16,) * 7,
    }  # fmt: skip
    transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**sizes)).save_pretrained(
        root / "wav2vec2"
    )
    transformers.HubertModel(transformers.HubertConfig(**sizes)).save_pretrained(root / "hubert")
    config = transformers.WhisperConfig(
        d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, num_mel_bins=80,
        max_source_positions=100, vocab_size=50, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1,
    )  # fmt: skip
    transformers.WhisperModel(config).save_pretrained(root / "whisper")
    return root


def sound(seconds, rate=16000, seed=0):
    rng = np.random.default_rng(seed)
    times = np.arange(int(seconds * rate)) / rate
    voice = np.sin(2 * np.pi * 140 * times) * (1 + np.sin(2 * np.pi * 4 * times))
    return (0.1 * voice + 0.05 * rng.normal(size=len(times))).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_and_width(folders, kind):
    encoder = load_encoder(folders / kind)
    assert isinstance(encoder, AudioEncoder)
    assert encoder.fps == 50
    assert encoder.dim == (16 if kind == "whisper" else 24)
    for seconds, rate in ((1.0, 16000), (0.73, 16000), (1.5, 44100), (0.001, 16000)):
        out = encoder.encode(Audio(sound(seconds, rate), rate))
        assert out.shape == (int(np.ceil(round(seconds * 50, 6))), encoder.dim)
        assert out.dtype == np.float32
        assert np.isfinite(out).all()
    assert encoder.encode(Audio(np.zeros(0, np.float32))).shape == (0, encoder.dim)


@pytest.mark.parametrize("kind", KINDS)
def test_long_file_gives_what_a_short_one_gives(folders, kind, monkeypatch):
    monkeypatch.setattr(encoders, "CORE_S", 0.8)
    monkeypatch.setattr(encoders, "CONTEXT_S", 0.4)
    encoder = load_encoder(folders / kind)
    samples = sound(5.0)
    long, short = encoder.encode(Audio(samples)), encoder.encode(Audio(samples[: 16000 * 3]))
    shared = round(2.4 * 50)  # cores whose window ends within the short file: 0, 0.8, 1.6 s
    assert np.allclose(long[:shared], short[:shared], atol=1e-5)
    assert not np.allclose(long[shared + 5 : 145], short[shared + 5 : 145], atol=1e-5)


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert"])
def test_window_is_the_model_itself(folders, kind):
    """In one window the features are those of transformers on the padded, normalised sound."""
    import transformers

    samples = sound(1.0)
    model = transformers.AutoModel.from_pretrained(folders / kind).eval()
    level = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    with torch.no_grad():
        expected = model(torch.from_numpy(np.pad(level, 40))[None]).last_hidden_state[0].numpy()
    assert expected.shape[0] == 50
    assert np.allclose(load_encoder(folders / kind).encode(Audio(samples)), expected, atol=1e-5)


def test_preprocessor_says_whether_to_normalize(folders, tmp_path):
    import shutil

    import transformers

    folder = tmp_path / "plain"
    shutil.copytree(folders / "wav2vec2", folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(folder)
    assert load_encoder(folder).normalize is False
    assert load_encoder(folders / "wav2vec2").normalize is True


def test_phonetic_folder(tmp_path):
    config = PhoneticConfig(width=16, hidden=24, num_heads=2, conv_back=(2,), conv_ahead=(1,),
                            attend_back=(4,))  # fmt: skip
    PhoneticEncoder(config).save_pretrained(tmp_path / "own")
    encoder = load_encoder(tmp_path / "own")
    assert isinstance(encoder, AudioEncoder)
    assert encoder.encode(Audio(sound(0.5))).shape == (25, 16 + 29)


def test_offline_is_one_line(monkeypatch, tmp_path):
    pytest.importorskip("transformers")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for name in ("hubert", "nobody/nothing-of-this-name"):
        with pytest.raises(CheckpointError, match="local folder") as caught:
            load_encoder(name)
        assert "\n" not in str(caught.value)
        assert (encoders.HUB_IDS.get(name) or name) in str(caught.value)


def test_other_errors_are_one_line(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no audio encoder 'mfcc'"):
        load_encoder("mfcc")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="holds no config"):
        load_encoder(tmp_path / "empty")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="restore it"):
        load_encoder(tmp_path / "broken")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "bert"}')
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependencyError, match=r"talkgen\[encoders\]"):
        load_encoder(tmp_path / "other")
    monkeypatch.undo()
    pytest.importorskip("transformers")
    with pytest.raises(InputError, match="'bert'"):
        load_encoder(tmp_path / "other")
    (tmp_path / "other" / "config.json").write_text('{"model_type": "hubert"}')
    with pytest.raises(CheckpointError, match="cannot be loaded") as caught:
        load_encoder(tmp_path / "other")  # no weights
    assert "\n" not in str(caught.value)
