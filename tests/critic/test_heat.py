"""Heatmaps of networks whose decision is known: they must mark what it hangs on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from talkgen.critic.heat import deletion, heat, hidden, layer_heat, strongest
from talkgen.errors import InputError

SIDE = 48
PLACE = (slice(8, 18), slice(26, 40))
"""Where the brightness decides."""


class Corner(nn.Module):
    """Class 2 by the contrast inside of PLACE alone, seven others constant."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(1, 1, 3, padding=1, bias=False)
        with torch.no_grad():
            self.look.weight.zero_()
            self.look.weight[0, 0, 1, 1] = 1.0

    def forward(self, crops: Tensor) -> Tensor:
        found = torch.relu(self.look(crops))[:, 0, PLACE[0], PLACE[1]].mean((1, 2))
        out = torch.zeros(len(crops), 8)
        out[:, 2] = 6 * found - 1
        return out


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    rng = np.random.default_rng(0)
    out = rng.normal(-0.5, 0.1, (5, 1, SIDE, SIDE)).astype(np.float32)
    out[:, :, 11:16, 29:37] = 0.9
    out[:, :, 33:40, 5:14] = 0.9  # as bright, of no account
    return out


CLASSES = np.full(5, 2)


def inside(maps: np.ndarray) -> np.ndarray:
    return maps[:, PLACE[0], PLACE[1]].sum((1, 2)) / maps.sum((1, 2))


def test_the_map_lies_where_the_decision_is_made(crops):
    maps = heat(Corner(), crops, CLASSES)
    assert maps.shape == (5, SIDE, SIDE)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps.max((1, 2)), 1, atol=1e-6)
    assert maps.min() >= 0
    assert (inside(maps) > 0.9).all()


def test_same_seed_same_map(crops):
    one, two = (heat(Corner(), crops, CLASSES, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_layer_cam_lies_there_too(crops):
    net = Corner()
    assert (inside(layer_heat(net, net.look, crops, CLASSES)) > 0.8).all()


def test_a_layer_without_maps_is_refused(crops):
    net = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 8))
    with pytest.raises(InputError, match="convolution"):
        layer_heat(net, net[1], crops, CLASSES)


@pytest.mark.parametrize("fill", ["blur", "mean"])
def test_hiding_what_is_marked_matters_and_random_parts_do_not(crops, fill):
    net = Corner()
    found = deletion(net, crops, CLASSES, heat(net, crops, CLASSES), share=0.04, fill=fill)
    assert found.marked.shape == (5,)
    assert found.random.shape == (5, 24)
    row = found.summary()
    assert row["difference, 95 %"][0] > 0.05
    assert row["marked matters more"] == 1.0


def test_a_wrong_map_fails_the_test(crops):
    wrong = np.zeros((5, SIDE, SIDE), np.float32)
    wrong[:, 33:40, 5:14] = 1
    row = deletion(Corner(), crops, CLASSES, wrong, share=0.04).summary()
    assert row["difference"] < 0


def test_marks_and_random_parts_stay_in_the_face(crops):
    maps = np.random.default_rng(1).random((2, SIDE, SIDE)).astype(np.float32)
    face = np.zeros((2, SIDE, SIDE), bool)
    face[:, 10:40, 10:40] = True
    masks = strongest(maps, face, 100)
    assert (masks.sum((1, 2)) == 100).all()
    assert not (masks & ~face).any()
    with pytest.raises(InputError, match="room"):
        deletion(Corner(), crops[:2], CLASSES[:2], maps, within=face, share=0.5)


def test_hidden_pictures_have_the_same_light(crops):
    for fill in ("blur", "mean"):
        np.testing.assert_allclose(
            hidden(crops, fill).mean((1, 2, 3)), crops.mean((1, 2, 3)), atol=0.02
        )


def test_shapes_are_checked(crops):
    with pytest.raises(InputError, match="shape"):
        heat(Corner(), crops[:, 0], CLASSES)
    with pytest.raises(InputError, match="rows"):
        heat(Corner(), crops, CLASSES[:2])
    with pytest.raises(InputError, match="maps"):
        deletion(Corner(), crops, CLASSES, np.zeros((5, 4, 4), np.float32))
