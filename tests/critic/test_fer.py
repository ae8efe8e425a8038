"""The FER critic: its network at a small size, its crop, and the shipped one on real faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from talkgen import hub
from talkgen.critic.expression_net import UNITS, ExpressionConfig, ExpressionNet
from talkgen.critic.expression_view import (
    NET_SIDE,
    as_input,
    expression_region,
    grey_crop,
    level_points,
)
from talkgen.critic.fer import Expression, FERCritic
from talkgen.errors import NoFaceError
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.points import MIRROR, MIRROR_CHANNELS
from talkgen.io.image import as_image
from talkgen.types import EMOTIONS, Face, ImageArray

ROOT = Path(__file__).parents[2]
SMALL = ExpressionConfig(side=32, stem=4, widths=(6, 8), depths=(1, 1), hidden=8, shapes=5)


@pytest.fixture(scope="module")
def picture() -> ImageArray:
    return as_image(ROOT / "examples" / "portrait.jpg")


@pytest.fixture(scope="module")
def face(picture: ImageArray) -> Face:
    return FaceAnalyzer.from_pretrained().analyze(picture)[0]


@pytest.fixture(scope="module")
def critic() -> FERCritic:
    if "expression" not in hub.registry():
        pytest.skip("the checkpoint `expression` is not there")
    return FERCritic.from_pretrained()


def inputs(count: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn((count, 1, 32, 32), generator=generator),
        torch.randn((count, 478, 3), generator=generator),
        torch.rand((count, 52), generator=generator),
    )


def test_network_answers_with_probabilities_and_intensities() -> None:
    seen = ExpressionNet(SMALL).eval()(*inputs())
    assert seen.logits.shape == (3, 8)
    assert torch.allclose(seen.logits.exp().sum(1), torch.ones(3), atol=1e-5)
    assert seen.units.shape == (3, len(UNITS))
    assert 0 <= float(seen.units.detach().min()) <= float(seen.units.detach().max()) <= 1


def test_every_parameter_learns() -> None:
    net = ExpressionNet(SMALL)
    net.basis.normal_()
    crops, points, scores = inputs()
    seen = net(crops, points, scores)
    hidden = net.does(crops)
    total = seen.logits[:, 0].sum() + seen.units.sum() + net.by_geometry(points, scores)[:, 0].sum()
    (total + net.scores(hidden).sum() + net.shapes(hidden).sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_saved_network_is_the_same(tmp_path: Path) -> None:
    net = ExpressionNet(SMALL).eval()
    net.basis.normal_()
    net.save_pretrained(tmp_path)
    again = ExpressionNet.from_pretrained(tmp_path)
    assert torch.equal(net(*inputs()).logits, again(*inputs()).logits)


def test_both_readers_count_in_the_answer() -> None:
    net = ExpressionNet(SMALL).eval()
    net.basis.normal_()
    crops, points, scores = inputs()
    whole = net(crops, points, scores).logits
    assert not torch.allclose(whole, net(crops.flip(0), points, scores).logits)
    assert not torch.allclose(whole, net(crops, points.flip(0), scores).logits)


def test_crop_heeds_neither_light_nor_contrast(picture: ImageArray, face: Face) -> None:
    crop = grey_crop(picture, face.landmarks)
    assert crop.shape == (NET_SIDE, NET_SIDE)
    one = as_input(crop[None])
    other = as_input(np.clip(crop[None].astype(float) * 0.6 + 30, 0, 255).astype(np.uint8))
    assert float((one - other).abs().max()) < 0.03


def test_crop_follows_a_turned_picture(picture: ImageArray, face: Face) -> None:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 25, 1.0)
    turned = cv2.warpAffine(picture, matrix, (width, height))
    points = face.landmarks.copy()
    points[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    one, other = grey_crop(picture, face.landmarks), grey_crop(turned, points)
    inner = slice(16, 80)
    assert np.abs(one[inner, inner].astype(int) - other[inner, inner]).mean() < 5


def test_open_jaw_does_not_shrink_the_crop(face: Face) -> None:
    opened = face.landmarks.copy()
    jaw = opened[:, 1] > opened[14, 1]
    opened[jaw, 1] += 0.2 * face.interocular
    one, other = expression_region(face.landmarks), expression_region(opened)
    assert other.size == pytest.approx(one.size, rel=0.01)


def test_happy_portrait(critic: FERCritic, picture: ImageArray) -> None:
    seen = critic.predict(picture)
    assert isinstance(seen, Expression)
    assert tuple(seen.emotions) == EMOTIONS
    assert sum(seen.emotions.values()) == pytest.approx(1, abs=1e-4)
    assert len(seen.action_units) >= 16
    assert 0 <= seen.pspi <= 16
    assert -1 <= seen.valence <= 1
    assert -1 <= seen.arousal <= 1
    assert seen.verdict
    assert "→" in seen.evidence


def test_tight_crop_and_whole_photograph_agree(
    critic: FERCritic, picture: ImageArray, face: Face
) -> None:
    x0, y0, x1, y1 = np.clip(face.box.round().astype(int), 0, None)
    whole, tight = critic.predict(picture), critic.predict(picture[y0:y1, x0:x1])
    gap = max(abs(whole.emotions[n] - tight.emotions[n]) for n in EMOTIONS)
    assert gap < 0.25


def test_grey_and_colour_say_the_same(critic: FERCritic, picture: ImageArray, face: Face) -> None:
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    one, other = critic.predict(picture, face), critic.predict(grey, face)
    assert max(abs(one.emotions[n] - other.emotions[n]) for n in EMOTIONS) < 0.02


def test_mirror_image_says_nearly_the_same(
    critic: FERCritic, picture: ImageArray, face: Face
) -> None:
    points = face.landmarks[MIRROR] * (-1, 1, 1) + (picture.shape[1] - 1, 0, 0)
    mirrored = replace(
        face, landmarks=points.astype(np.float32), scores=face.scores[MIRROR_CHANNELS]
    )
    flipped = np.ascontiguousarray(picture[:, ::-1])
    one, other = critic.predict(picture, face), critic.predict(flipped, mirrored)
    assert max(abs(one.emotions[n] - other.emotions[n]) for n in EMOTIONS) < 0.2


def test_geometry_alone_answers_for_motions(critic: FERCritic, face: Face) -> None:
    read = critic.of_geometry(face.landmarks[None], face.scores[None])
    assert read.emotions.shape == (1, 8)
    assert float(read.emotions.sum()) == pytest.approx(1, abs=1e-4)
    assert level_points(face.landmarks[None]).shape == (1, 478, 3)


def test_no_face_is_one_clear_line(critic: FERCritic) -> None:
    with pytest.raises(NoFaceError, match="no face found in the picture"):
        critic.predict(np.full((120, 120, 3), 128, np.uint8))
