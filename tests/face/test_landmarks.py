"""The landmark network: saved and loaded, deterministic, trainable in every parameter."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from talkgen.face.blocks import fused
from talkgen.face.landmarks import LandmarkConfig, LandmarkNet, as_input, in_pixels, upright
from talkgen.face.points import LIPS, RIGHT_EYE

TINY = LandmarkConfig(
    side=64, stem=4, widths=(4, 4, 4), depths=(1, 1, 1), hidden=8, detail_side=32,
    detail_stem=4, detail_widths=(4, 4), detail_depths=(1, 1), detail_hidden=8, reader_hidden=8,
)  # fmt: skip


@pytest.fixture
def net() -> LandmarkNet:
    torch.manual_seed(0)
    return LandmarkNet(TINY).eval()


FEATURES = TINY.hidden + 3 * TINY.detail_hidden


def outputs(net: LandmarkNet) -> list[torch.Tensor]:
    crop = torch.linspace(-1, 1, 2 * 3 * 64 * 64).view(2, 3, 64, 64)
    detail = crop[:, :, ::2, ::2]
    whole, eye, mouth = net.coarse(crop), net.eye(detail), net.mouth(detail)
    hidden = torch.cat([whole.hidden, eye.hidden, eye.hidden, mouth.hidden], dim=1)
    return [*whole[:3], eye.points, mouth.points, *net.read(whole.points, hidden)]


def test_shapes(net: LandmarkNet) -> None:
    shapes = [tuple(o.shape) for o in outputs(net)]
    lids, lips = len(RIGHT_EYE), len(LIPS)
    assert shapes == [
        (2, 478, 3), (2,), (2, 478), (2, lids, 2), (2, lips, 2), (2, 52), (2, 3)
    ]  # fmt: skip


def test_save_and_load(net: LandmarkNet, tmp_path: Path) -> None:
    net.save_pretrained(tmp_path)
    again = LandmarkNet.from_pretrained(tmp_path)
    assert again.config == TINY
    for one, other in zip(outputs(net), outputs(again), strict=True):
        assert torch.equal(one, other)


def test_deterministic(net: LandmarkNet) -> None:
    for one, other in zip(outputs(net), outputs(net), strict=True):
        assert torch.equal(one, other)


def test_gradient_reaches_every_parameter(net: LandmarkNet) -> None:
    net.train()
    torch.manual_seed(1)
    whole = net.coarse(torch.randn(4, 3, 64, 64))
    detail = torch.randn(4, 3, 32, 32)
    read = net.read(torch.randn(4, 478, 3) * 40, torch.randn(4, FEATURES))
    torch.nn.init.normal_(net.join.wide.weight)
    moved = net.settle(
        torch.randn(4, 478, 3) * 40, torch.randn(4, 478, 3) * 40, torch.randn(4, FEATURES)
    )
    parts = (*whole[:3], moved / 40, net.eye(detail).points, net.mouth(detail).points, *read)
    sum(p.square().sum() for p in parts).backward()
    missing = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not missing


def test_reading_does_not_depend_on_place_and_size(net: LandmarkNet) -> None:
    rng = np.random.default_rng(0)
    points = torch.from_numpy(rng.normal(0, 30, (1, 478, 3)).astype(np.float32))
    hidden = torch.ones(1, FEATURES)
    scores, rotation = net.read(points, hidden)
    moved = points * 3 + torch.tensor([500.0, -20.0, 7.0])
    again, turned = net.read(moved, hidden)
    assert torch.allclose(scores, again, atol=1e-5)
    assert torch.allclose(rotation, turned, atol=1e-4)


def test_settling_follows_the_picture(net: LandmarkNet) -> None:
    """A face that is turned, moved and enlarged is settled the same way; untrained, not at all."""
    torch.manual_seed(2)
    first = torch.randn(2, 478, 3) * 20
    first[:, 33, :2], first[:, 263, :2] = torch.tensor([-20.0, 3]), torch.tensor([20.0, -1])
    points, hidden = first + torch.randn(2, 478, 3) * 0.3, torch.randn(2, FEATURES)
    assert torch.allclose(net.settle(first, points, hidden), points, atol=1e-4)
    torch.nn.init.normal_(net.join.wide.weight, std=0.01)
    moved = net.settle(first, points, hidden)
    assert (moved - points).abs().mean() > 0.1
    turn = torch.tensor(Rotation.from_euler("z", 0.5).as_matrix()).float() * 2
    shift = torch.tensor([100.0, -30.0, 5.0])
    again = net.settle(first @ turn.T + shift, points @ turn.T + shift, hidden)
    assert torch.allclose(again, moved @ turn.T + shift, atol=1e-2)


def test_upright_takes_the_roll_out() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(0, 30, (478, 3))
    points[33], points[263] = (-20, 0, 0), (20, 0, 0)
    turn = Rotation.from_euler("z", 0.4).as_matrix()
    level, roll = upright(torch.from_numpy((points @ turn.T)[None]))
    assert float(roll) == pytest.approx(0.4)
    assert level[0].numpy() == pytest.approx(points / 40, abs=1e-6)


def test_pixels_and_units() -> None:
    assert in_pixels(np.array([[0.0, 0.0, 0.5]]), 64) == pytest.approx(np.array([[31.5, 31.5, 32]]))
    black = as_input(np.zeros((1, 4, 4, 3), np.uint8))
    assert black.shape == (1, 3, 4, 4)
    assert (black == -1).all()


def test_folding_the_batch_norms_changes_nothing(net: LandmarkNet) -> None:
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.uniform_(module.bias, -1, 1)
    before = outputs(net)
    fused(net)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())
    for one, other in zip(before, outputs(net), strict=True):
        assert torch.allclose(one, other, atol=1e-3, rtol=1e-3)
