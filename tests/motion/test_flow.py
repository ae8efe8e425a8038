"""The flow at a tiny width: repeatable, bounded memory, learns, every parameter in use."""

import numpy as np
import pytest
import torch

from talkgen.motion.flow import SIZE, FlowConfig, FlowNet, FlowSampler
from talkgen.training.motion_flow import FlowClip, FlowTrainConfig, train_flow

TINY = FlowConfig(
    width=16, num_heads=2, hidden=24, num_layers=1, history=4, most=5, heard=6, num_styles=2,
    shape_size=3, steps=3,
)  # fmt: skip


@pytest.fixture
def net():
    torch.manual_seed(0)
    return FlowNet(TINY).eval()


def heard(frames, seed=0):
    return np.random.default_rng(seed).normal(size=(frames, TINY.heard)).astype(np.float32)


def drawn(net, blocks=(1, 2, 5, 5), **options):
    sampler = FlowSampler(net, **options)
    return np.concatenate([sampler.block(heard(frames, frames)) for frames in blocks])


def test_same_seed_same_motion(net):
    assert drawn(net, seed=3).shape == (13, SIZE)
    assert np.array_equal(drawn(net, seed=3), drawn(net, seed=3))
    assert not np.allclose(drawn(net, seed=3), drawn(net, seed=4))


def test_conditions_matter(net):
    plain = drawn(net, seed=3)
    assert not np.allclose(plain, drawn(net, seed=3, style=2))
    assert not np.allclose(plain, drawn(net, seed=3, shape=np.ones(3, np.float32)))
    assert not np.allclose(plain, drawn(net, seed=3, audio_guidance=2.0), atol=1e-5)


def test_unknown_past_is_not_read(net):
    """What stands where no frame is known changes nothing."""
    noisy, time = torch.randn(1, 2, SIZE), torch.tensor([0.5])
    known = torch.tensor([[False] * 4 + [True] * 2])
    given = {"heard": torch.randn(1, 6, TINY.heard), "known": known,
             "listen": torch.tensor([True]), "style": torch.tensor([0]),
             "shape": torch.zeros(1, 3)}  # fmt: skip
    with torch.no_grad():
        one = net(noisy, time, torch.zeros(1, 4, SIZE), **given)
        other = net(noisy, time, torch.ones(1, 4, SIZE), **given)
    assert torch.allclose(one, other, atol=1e-6)


def test_every_parameter_gets_a_gradient(net):
    net.train()
    out = net(
        torch.randn(3, 5, SIZE), torch.rand(3), torch.randn(3, 4, SIZE),
        torch.randn(3, 9, TINY.heard), known=torch.ones(3, 9, dtype=torch.bool),
        listen=torch.tensor([True, False, True]), style=torch.tensor([0, 1, 2]),
        shape=torch.randn(3, 3),
    )  # fmt: skip
    out.square().mean().backward()
    for name, parameter in net.named_parameters():
        if name != "place":  # its last places serve blocks that are longer
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def test_it_learns_the_mean_of_what_it_sees():
    """A constant motion is drawn as that constant."""
    count = 60
    rng = np.random.default_rng(0)
    motion = np.full((count, SIZE), 0.7, np.float32)
    motion += rng.normal(0, 0.4, motion.shape).astype(np.float32)
    clip = FlowClip(motion, heard(count), np.ones(count, bool), 1, np.zeros(3, np.float32))
    settings = FlowTrainConfig(steps=250, batch=16, average=0.9)
    net = train_flow(TINY, settings, [clip], 0, report=lambda _: None)
    sampler = FlowSampler(net, 0)
    made = np.concatenate([sampler.block(heard(5, n)) for n in range(8)])
    assert abs(float(made.mean()) - 0.7) < 0.2
