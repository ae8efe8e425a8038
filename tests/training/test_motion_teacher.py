"""The teacher at a tiny width: shapes, saving, gradients, bounded reach."""

import pytest
import torch

from talkgen.training.motion_teacher import MotionTeacher, MotionTeacherConfig

TINY = MotionTeacherConfig(
    width=16, stem_dilations=(1, 2), num_heads=2, hidden=24, look_back=6, look_ahead=(2, 1),
    num_members=2,
)  # fmt: skip


@pytest.fixture
def model():
    torch.manual_seed(0)
    return MotionTeacher(TINY).eval()


def test_shapes(model):
    out = model(torch.randn(3, 48, 80))
    assert out.phones.shape == (3, 24, 29)
    assert out.tracked.shape == out.rule.shape == (3, 12, TINY.num_outputs)
    assert torch.isfinite(out.tracked).all()


def test_save_and_load_give_the_same_motion(model, tmp_path):
    model.save_pretrained(tmp_path)
    again = MotionTeacher.from_pretrained(tmp_path)
    assert again.config == TINY
    features = torch.randn(1, 40, 80)
    for one, other in zip(model(features), again(features), strict=True):
        assert torch.equal(one, other)


def test_every_parameter_gets_a_gradient(model):
    model.train()
    out = model(torch.randn(2, 40, 80))
    (out.phones.square().mean() + out.tracked.square().mean() + out.rule.square().mean()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_look_ahead_is_bounded(model):
    features = torch.randn(1, 160, 80)
    changed = features.clone()
    frame = 20
    changed[:, (frame + 8) * 4 :] += 5.0
    with torch.no_grad():
        one, other = model(features).tracked, model(changed).tracked
    assert torch.allclose(one[:, : frame + 1], other[:, : frame + 1], atol=1e-6)
    assert not torch.allclose(one[:, frame + 8 :], other[:, frame + 8 :], atol=1e-3)


def test_members_are_averaged(model):
    features = torch.randn(1, 40, 80)
    mean = sum(m(features).tracked for m in model.members) / 2
    assert torch.allclose(model(features).tracked, mean, atol=1e-6)
