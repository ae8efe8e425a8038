"""Encoder and trunk at a tiny width: shapes, saving, gradients, bounded reach."""

import pytest
import torch
from safetensors import safe_open

from talkgen.audio.phonetic import PhoneticEncoder
from talkgen.errors import CheckpointError
from talkgen.motion.flow import FlowConfig
from talkgen.motion.speech_motion import SpeechMotion, SpeechMotionConfig

ENCODER = {
    "width": 16, "hidden": 24, "num_heads": 2, "conv_back": (2, 3), "conv_ahead": (1, 1),
    "attend_back": (0, 4),
}  # fmt: skip
FLOW = FlowConfig(width=16, num_heads=2, hidden=24, num_layers=1, heard=16 + 25, num_styles=3)
TINY = SpeechMotionConfig(
    encoder=ENCODER, width=16, num_heads=2, hidden=24, look_back=(4, 6), look_ahead=(1, 0),
    num_members=2, flow=FLOW.to_dict(),
)  # fmt: skip


@pytest.fixture
def model():
    torch.manual_seed(0)
    return SpeechMotion(TINY).eval()


def test_shapes(model):
    phones, said = model(torch.randn(3, 48, 80))
    assert phones.shape == (3, 24, 29)
    assert torch.allclose(phones.sum(-1), torch.ones(3, 24), atol=1e-5)
    assert said.tracked.shape == said.rule.shape == (3, 12, TINY.num_outputs)
    assert torch.isfinite(said.tracked).all()


def test_save_and_load_give_the_same_motion(model, tmp_path):
    model.save_pretrained(tmp_path)
    again = SpeechMotion.from_pretrained(tmp_path)
    features = torch.randn(1, 40, 80)
    assert torch.equal(model(features)[0], again(features)[0])
    assert torch.equal(model(features)[1].tracked, again(features)[1].tracked)
    assert again.flow is not None
    assert torch.equal(model.flow.velocity.weight, again.flow.velocity.weight)


def test_encoder_in_a_checkpoint_of_its_own(model, tmp_path):
    model.share_encoder(tmp_path / "ears")
    model.save_pretrained(tmp_path / "mouth")
    with safe_open(tmp_path / "mouth" / "model.safetensors", "pt") as file:
        assert not [name for name in file.keys() if name.startswith("encoder.")]  # noqa: SIM118
    again = SpeechMotion.from_pretrained(tmp_path / "mouth")
    features = torch.randn(1, 40, 80)
    assert torch.equal(model(features)[1].tracked, again(features)[1].tracked)
    encoder = PhoneticEncoder.from_pretrained(tmp_path / "ears")
    assert torch.equal(encoder(features).hidden, model.encoder(features).hidden)
    # a trunk knows the encoder it was trained on, and no other
    PhoneticEncoder(encoder.config).save_pretrained(tmp_path / "ears")
    with pytest.raises(CheckpointError, match="trained on another ears"):
        SpeechMotion.from_pretrained(tmp_path / "mouth")


def test_every_parameter_gets_a_gradient(model):
    model.train()
    phones, said = model(torch.randn(2, 40, 80))
    (phones.square().sum() + sum(part.square().mean() for part in said)).backward()
    for name, parameter in model.named_parameters():
        if not name.startswith("flow."):  # tests/motion/test_flow.py
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def test_reach_is_what_it_says(model):
    features = torch.randn(1, 240, 80)
    frame = 30
    with torch.no_grad():
        one = model(features)[1].tracked[:, frame]
        beyond = features.clone()
        beyond[:, (frame + 1) * 4 + model.look_ahead :] += 5.0
        beyond[:, : frame * 4 - model.look_back] -= 5.0
        assert torch.allclose(one, model(beyond)[1].tracked[:, frame], atol=1e-5)
        within = features.clone()
        within[:, (frame + 1) * 4 + model.look_ahead - 1] += 5.0
        assert not torch.allclose(one, model(within)[1].tracked[:, frame], atol=1e-6)


def test_members_are_averaged(model):
    hidden, phones = model.listen(torch.randn(1, 40, 80))
    mean = sum(m(hidden, phones).tracked for m in model.members) / 2
    assert torch.allclose(model.say(hidden, phones).tracked, mean, atol=1e-6)
