"""The matte network, its enlargement, and the shipped checkpoint."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from talkgen import hub
from talkgen.face.guided import apply_field, guided_fields, with_ones
from talkgen.face.matte import MATTE_PARTS, HeadMatte, MatteConfig, MatteNet, enlarge
from talkgen.face.region import box_of, crop_matrix, region_of
from talkgen.io.image import read_image
from talkgen.types import Face

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
ITS_FACE = Path(__file__).resolve().parents[1] / "render" / "astronaut_face.npz"
TINY = MatteConfig(side=64, stem=4, widths=(4, 6, 6, 8), depths=(1, 1, 1, 1), joined=(4, 4, 4, 4))


@pytest.fixture(scope="module")
def portrait() -> tuple[np.ndarray, Face]:
    with np.load(ITS_FACE) as read:
        return read_image(PORTRAIT), Face(**read)


def test_save_load_equal_and_deterministic(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = MatteNet(TINY).eval()
    net.save_pretrained(tmp_path)
    other = MatteNet.from_pretrained(tmp_path)
    crops = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(net(crops), other(crops))
        assert torch.equal(net(crops), net(crops))
    assert other.config == TINY


def test_gradient_reaches_every_parameter() -> None:
    torch.manual_seed(0)
    net = MatteNet(TINY).train()
    logits = net(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, len(MATTE_PARTS), 64, 64)
    (logits * torch.randn_like(logits)).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def plain_guided(guide: np.ndarray, mask: np.ndarray, radius: int, eps: float) -> np.ndarray:
    """The guided filter as it is defined, one window at a time; windows mirror at the rim."""
    rim = ((radius,) * 2, (radius,) * 2, (0, 0))
    picture = np.pad(guide.astype(np.float64) / 255, rim, "symmetric")
    values = np.pad(mask.astype(np.float64), radius, "symmetric")
    size = 2 * radius + 1
    field = np.empty((*mask.shape, 4))
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            colours = picture[y : y + size, x : x + size].reshape(-1, 3)
            wanted = values[y : y + size, x : x + size].ravel()
            centre = colours.mean(0)
            spread = np.cov(colours.T, bias=True) + eps * np.eye(3)
            together = (colours * wanted[:, None]).mean(0) - centre * wanted.mean()
            weights = np.linalg.solve(spread, together)
            field[y, x] = (*weights, wanted.mean() - weights @ centre)
    padded = np.pad(field, rim, "symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (0, 1))
    return windows.mean((3, 4))


def test_guided_fields_match_the_definition() -> None:
    rng = np.random.default_rng(0)
    guide = cv2.GaussianBlur(rng.integers(0, 256, (14, 17, 3), np.uint8), (0, 0), 1)
    masks = rng.random((2, 14, 17)).astype(np.float32)
    found = guided_fields(guide, masks, radius=2, eps=1e-3)
    for mask, field in zip(masks, found, strict=True):
        assert field == pytest.approx(plain_guided(guide, mask, 2, 1e-3), abs=2e-3)


def test_guided_edge_follows_the_picture() -> None:
    wide = np.zeros((160, 160, 3), np.uint8)
    cv2.circle(wide, (80, 80), 50, (200, 160, 90), -1, cv2.LINE_AA)
    truth = wide[..., 0].astype(np.float32) / 200
    small = cv2.resize(wide, (40, 40), interpolation=cv2.INTER_AREA)
    rough = cv2.GaussianBlur(cv2.resize(truth, (40, 40), interpolation=cv2.INTER_AREA), (0, 0), 1)
    field = guided_fields(small, rough[None])[0]
    sharp = apply_field(cv2.resize(field, (160, 160)), with_ones(wide))
    plain = cv2.resize(rough, (160, 160))
    assert np.abs(sharp - truth).mean() < 0.75 * np.abs(plain - truth).mean()


@pytest.mark.parametrize("refine", [True, False])
@pytest.mark.parametrize("size", [(200, 300), (90, 70), (301, 199)])
def test_enlarged_parts_sum_to_one(size: tuple[int, int], refine: bool) -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    region = region_of(rng.normal(60, 25, (478, 2)))
    small = torch.softmax(torch.randn(5, 64, 64) * 4, 0).numpy()
    crop = rng.integers(0, 256, (64, 64, 3), np.uint8)
    parts = enlarge(small, crop, crop_matrix(region, 64), image, refine=refine)
    assert parts.shape == (5, *size)
    assert parts.dtype == np.float32
    assert 0 <= parts.min() <= parts.max() <= 1
    assert np.abs(parts.sum(0) - 1).max() < 1e-5


def test_beyond_the_crop_the_body_goes_on_and_the_sides_fade() -> None:
    small = np.zeros((5, 64, 64), np.float32)
    small[0] = 1
    small[:, 40:] = 0
    small[4, 40:] = 1  # clothes fill the lower part
    image = np.full((300, 300, 3), 90, np.uint8)
    matrix = np.array([[1.0, 0, 118], [0, 1.0, 60]])
    before = matrix.copy()
    parts = enlarge(small, np.full((64, 64, 3), 90, np.uint8), matrix, image)
    assert np.array_equal(matrix, before)
    assert parts[4, 250, 150] > 0.99  # below
    assert parts[4, 110, 150] > 0.99  # inside
    assert parts[0, 110, 20] > 0.99  # far beside
    assert parts[0, 5, 150] > 0.99  # above


def test_shipped_checkpoint_is_small() -> None:
    assert (hub.resolve("matte") / hub.WEIGHTS_NAME).stat().st_size < 2_000_000


def test_shipped_checkpoint_on_the_portrait(portrait: tuple[np.ndarray, Face]) -> None:
    image, face = portrait
    parts = HeadMatte.from_pretrained().read(image, face)
    x, y = face.landmarks[4, :2].astype(int)
    assert parts[2, y, x] > 0.95  # the nose is face
    top = face.landmarks[10, :2].astype(int)
    above = slice(top[1] - int(0.4 * face.size), top[1] - int(0.1 * face.size))
    assert parts[1, above, top[0]].mean() > 0.5  # hair above the forehead
    assert parts[0, :10, :10].mean() > 0.9  # the corners are background
    assert parts[0, :10, -10:].mean() > 0.9
    chin = face.landmarks[152, :2].astype(int)
    below = parts[3:, min(chin[1] + int(0.12 * face.size), image.shape[0] - 1), chin[0]].sum()
    assert below > 0.8  # neck or clothes below the chin


def test_turned_picture_gives_the_turned_matte(portrait: tuple[np.ndarray, Face]) -> None:
    image, face = portrait
    reader = HeadMatte.from_pretrained()
    parts = reader.read(image, face)
    turned = np.ascontiguousarray(np.rot90(image))
    points = face.landmarks.copy()
    points[:, 0], points[:, 1] = face.landmarks[:, 1], image.shape[1] - 1 - face.landmarks[:, 0]
    other = Face(points, box_of(points), face.scores, face.rotation)
    back = np.rot90(reader.read(turned, other), -1, (1, 2))
    assert np.abs(back[:, 40:-40, 40:-40] - parts[:, 40:-40, 40:-40]).mean() < 0.01
