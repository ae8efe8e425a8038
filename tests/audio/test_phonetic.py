"""The phonetic encoder: bounded context, streams equal files, save and load, gradients."""

import numpy as np
import pytest
import torch

from talkgen.audio.features import level_features, mel_power
from talkgen.audio.phones import PHONES
from talkgen.audio.phonetic import PhoneticConfig, PhoneticEncoder, PhoneticStream
from talkgen.types import Audio

TINY = PhoneticConfig(width=16, hidden=24, num_heads=2, conv_back=(2, 3), conv_ahead=(1, 1),
                      attend_back=(0, 4))  # fmt: skip


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    encoder = PhoneticEncoder(TINY).eval()
    with torch.no_grad():
        encoder.blocks[1][1].bias.normal_()
    return encoder


def features(count, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(1, count, 80))).float()


def test_shapes_and_the_default_reach():
    encoder = PhoneticEncoder(PhoneticConfig())
    assert encoder.look_ahead <= 14
    assert encoder.look_back <= 150
    assert sum(p.numel() for p in encoder.parameters()) * 2 <= 8e6
    with torch.no_grad():
        output = encoder.eval()(features(40))
    assert output.hidden.shape == (1, 20, 192)
    assert output.phones.shape == (1, 20, len(PHONES))
    assert output.hidden.dtype == torch.float32


def test_context_is_what_it_says(tiny):
    """A changed feature moves exactly the frames within reach."""
    a = features(120)
    b = a.clone()
    b[0, 60] += 1.0
    with torch.no_grad():
        moved = (tiny(a).phones - tiny(b).phones).abs().amax(-1)[0] > 0
    at = np.flatnonzero(moved.numpy())
    assert 2 * at[0] + 1 + tiny.look_ahead >= 60 > 2 * at[0] - 1 + tiny.look_ahead
    assert 2 * at[-1] - tiny.look_back <= 60 < 2 * at[-1] + 2 - tiny.look_back
    assert len(at) == at[-1] - at[0] + 1


@pytest.mark.parametrize("sizes", [(1,), (3, 50), (7, 11, 13)])
def test_stream_equals_file(tiny, sizes):
    whole = features(203)
    with torch.no_grad():
        expected = tiny(torch.cat([whole, whole[:, -1:]], 1)).phones[0]
    stream, parts, at, turn = PhoneticStream(tiny), [], 0, 0
    while at < whole.shape[1]:
        size = sizes[turn % len(sizes)]
        parts.append(stream.push(whole[0, at : at + size].numpy()).phones)
        given = sum(len(p) for p in parts)
        at, turn = min(at + size, whole.shape[1]), turn + 1
        assert given == max(0, (at - tiny.look_ahead) // 2)  # no later than it says
        assert len(stream._window) <= tiny.look_back + tiny.look_ahead + max(sizes) + 4
    parts.append(stream.finish().phones)
    got = torch.cat(parts)
    assert got.shape == expected.shape
    assert torch.allclose(got, expected, atol=1e-5)


def test_encode_any_rate_and_length(tiny, monkeypatch):
    rng = np.random.default_rng(1)
    sound = (rng.normal(size=22050 * 2) * 0.1).astype(np.float32)
    encoded = tiny.encode(Audio(sound, 22050))
    assert encoded.shape == (100, tiny.dim)
    assert encoded.dtype == np.float32
    assert np.allclose(encoded[:, TINY.width :].sum(1), 1, atol=1e-5)
    monkeypatch.setattr("talkgen.audio.phonetic.CHUNK", 33)
    assert np.allclose(tiny.encode(Audio(sound, 22050)), encoded, atol=1e-5)
    assert tiny.encode(Audio(np.zeros(0, np.float32))).shape == (0, tiny.dim)
    assert tiny.fps == 50


def test_encode_is_forward_of_the_features(tiny):
    sound = (np.random.default_rng(2).normal(size=16000) * 0.1).astype(np.float32)
    with torch.no_grad():
        output = tiny(torch.from_numpy(level_features(mel_power(sound)))[None])
    encoded = tiny.encode(Audio(sound))
    assert np.allclose(encoded[:, : TINY.width], output.hidden[0].numpy(), atol=1e-5)


def test_save_and_load(tiny, tmp_path):
    tiny.save_pretrained(tmp_path / "phonetic")
    again = PhoneticEncoder.from_pretrained(tmp_path / "phonetic")
    with torch.no_grad():
        assert torch.equal(again(features(40)).phones, tiny(features(40)).phones)


def test_gradient_reaches_every_parameter():
    torch.manual_seed(0)
    encoder = PhoneticEncoder(TINY)
    output = encoder(features(60))
    (output.phones.square().mean() + output.hidden.square().mean()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())
