"""The landmark network: saved and loaded, deterministic, trainable in every parameter."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from talkgen.face.blocks import fused
from talkgen.face.landmarks import LandmarkConfig, LandmarkNet, as_input, in_pixels, upright
from talkgen.face.points import LIPS, RIGHT_EYE
from talkgen.types import MOTION_CHANNELS

TINY = LandmarkConfig(
    side=64, stem=4, widths=(4, 4, 4), depths=(1, 1, 1), hidden=8, detail_side=32,
    detail_stem=4, detail_widths=(4, 4), detail_depths=(1, 1), detail_hidden=8, reader_hidden=8,
)  # fmt: skip


@pytest.fixture
def net() -> LandmarkNet:
    torch.manual_seed(0)
    return LandmarkNet(TINY).eval()


def outputs(net: LandmarkNet) -> list[torch.Tensor]:
    crop = torch.linspace(-1, 1, 2 * 3 * 64 * 64).view(2, 3, 64, 64)
    detail = crop[:, :, ::2, ::2]
    points, presence = net.coarse(crop)
    return [points, presence, net.eye(detail), net.mouth(detail), *net.read(points)]


def test_shapes(net: LandmarkNet) -> None:
    shapes = [tuple(o.shape) for o in outputs(net)]
    lids, lips = len(RIGHT_EYE), len(LIPS)
    assert shapes == [(2, 478, 3), (2,), (2, lids, 2), (2, lips, 2), (2, 52), (2, 3)]


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
    points, presence = net.coarse(torch.randn(4, 3, 64, 64))
    detail = torch.randn(4, 3, 32, 32)
    scores, rotation = net.read(torch.randn(4, 478, 3) * 40)
    parts = (points, presence, net.eye(detail), net.mouth(detail), scores, rotation)
    sum(p.square().sum() for p in parts).backward()
    missing = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not missing


def test_reading_does_not_depend_on_place_and_size(net: LandmarkNet) -> None:
    rng = np.random.default_rng(0)
    points = torch.from_numpy(rng.normal(0, 30, (1, 478, 3)).astype(np.float32))
    scores, rotation = net.read(points)
    moved = points * 3 + torch.tensor([500.0, -20.0, 7.0])
    again, turned = net.read(moved)
    assert torch.allclose(scores, again, atol=1e-5)
    assert torch.allclose(rotation, turned, atol=1e-4)
    assert scores[0, MOTION_CHANNELS.index("tongueOut")] == 0


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
