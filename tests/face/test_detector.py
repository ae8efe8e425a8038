"""The detector: saved and loaded, deterministic, trainable, and its grid decoded rightly."""

from pathlib import Path

import numpy as np
import pytest
import torch

from talkgen.face.detector import (
    AGREEMENT,
    STRIDE,
    DetectorConfig,
    FaceDetector,
    agreed,
    decode,
    shown_sizes,
)
from talkgen.face.region import Region

TINY = DetectorConfig(stem=4, widths=(4, 4, 4, 4), depths=(1, 1, 1, 1), joined=4, sides=(64, 96))


@pytest.fixture
def net() -> FaceDetector:
    torch.manual_seed(0)
    return FaceDetector(TINY).eval()


def test_shapes(net: FaceDetector) -> None:
    scores, shapes = net(torch.zeros(2, 3, 64, 96))
    assert scores.shape == (2, 8, 12)
    assert shapes.shape == (2, 13, 8, 12)


def test_save_and_load(net: FaceDetector, tmp_path: Path) -> None:
    net.save_pretrained(tmp_path)
    again = FaceDetector.from_pretrained(tmp_path)
    picture = torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64)
    for one, other in zip(net(picture), again(picture), strict=True):
        assert torch.equal(one, other)


def test_gradient_reaches_every_parameter(net: FaceDetector) -> None:
    net.train()
    scores, shapes = net(torch.randn(2, 3, 64, 64))
    (scores.square().sum() + shapes.square().sum()).backward()
    missing = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not missing


def test_decode_gives_the_face_that_was_meant() -> None:
    logits = torch.full((8, 8), -9.0)
    logits[2, 5] = 4.0
    logits[2, 6] = 3.0  # no peak
    shapes = torch.zeros(13, 8, 8)
    # Eyes above the centre, mouth below, all turned by 0.3.
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    upright = np.array([[-0.2, -0.2], [0.2, -0.2], [0.0, 0.0], [-0.1, 0.2], [0.1, 0.2]])
    cell = [0.25, -0.5, np.log(3.0), *(upright @ turn.T).ravel()]
    shapes[:, 2, 5] = torch.tensor(cell)
    (region,) = decode(logits, shapes, 0.5, scale=0.5)
    assert region.x == pytest.approx(((5.75) * STRIDE - 0.5) / 0.5)
    assert region.y == pytest.approx(((2.0) * STRIDE - 0.5) / 0.5)
    assert region.size == pytest.approx(3 * STRIDE / 0.5, rel=1e-5)
    assert region.roll == pytest.approx(0.3, abs=1e-5)
    assert region.score == pytest.approx(1 / (1 + np.exp(-4.0)))


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (700, 20), (100, 100)])
def test_odd_pictures(net: FaceDetector, shape: tuple[int, int]) -> None:
    assert isinstance(net.find(np.zeros((*shape, 3), np.uint8)), list)


def test_what_two_sizes_show_is_surer() -> None:
    face, same = Region(50, 50, 40, 0.1, 0.5), Region(52, 49, 43, 0.3, 0.6)
    other, piece = Region(150, 50, 40, 0.0, 0.6), Region(55, 50, 20, 0.0, 0.4)
    for scale, place in ((1.0, face), (5.0, same)):  # over-large: the smaller picture places it
        first, second = agreed([[face, other], [same, piece]], [scale, 0.2])
        assert (first.x, first.size, first.roll) == (place.x, place.size, place.roll)
        assert first.score == pytest.approx(1 - 0.4 * 0.5**AGREEMENT)
        assert second == other
    assert agreed([[], []], [1.0, 0.5]) == []


@pytest.mark.parametrize(
    ("longer", "sides"),
    [(100, [256, 128]), (200, [256, 128]), (512, [512, 256, 128]), (1280, [640, 256, 128]),
     (4000, [1600, 256, 128]), (8000, [2560, 256, 128])],
)  # fmt: skip
def test_large_pictures_are_shown_large(longer: int, sides: list[int]) -> None:
    image = np.zeros((longer // 4, longer, 3), np.uint8)
    shown = list(shown_sizes(image, DetectorConfig()))
    assert [canvas.shape[1] for canvas, _ in shown] == sides
    assert [scale for _, scale in shown] == pytest.approx([side / longer for side in sides])
