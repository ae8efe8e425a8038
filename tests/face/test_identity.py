"""Who a face belongs to: alignment, the shipped network, and ONNX networks of one's own."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from talkgen.errors import InputError, MissingDependencyError
from talkgen.face.alignment import TEMPLATE, TEMPLATE_SIDE, aligned, five_points, similarity
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.identity import IdentityEmbedder, find_onnx
from talkgen.face.identity import similarity as likeness
from talkgen.face.identity_net import IdentityConfig, IdentityNet, as_grey
from talkgen.types import Identity

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
DATA = Path(os.environ.get("TALKGEN_DATA", "../shared"))
TINY = IdentityConfig(side=32, stem=4, widths=(4, 4, 8, 8), depths=(1, 1, 1, 1), dim=8)


@pytest.fixture(scope="module")
def analyzer():
    return FaceAnalyzer.from_pretrained()


@pytest.fixture(scope="module")
def embedder():
    return IdentityEmbedder.from_pretrained()


@pytest.fixture(scope="module")
def example(analyzer):
    image = np.asarray(Image.open(PORTRAIT).convert("RGB"))
    return image, analyzer.analyze(image)[0]


def test_similarity_recovers_turn_scale_and_shift():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(5, 2)) * 40
    cos, sin = 1.7 * np.cos(0.6), 1.7 * np.sin(0.6)
    wanted = points @ np.array([[cos, -sin], [sin, cos]]).T + [12, -7]
    matrix = similarity(points, wanted)
    assert np.allclose(points @ matrix[:, :2].T + matrix[:, 2], wanted)


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_crop_puts_the_five_points_on_the_template(example, scale):
    image, face = example
    size = [round(s * scale) for s in image.shape[1::-1]]
    factor = np.array([size[0] / image.shape[1], size[1] / image.shape[0], 1.0])
    half = np.array([0.5, 0.5, 0.0])  # pixel centres lie at whole numbers
    landmarks = (face.landmarks + half) * factor - half
    moved = dataclasses.replace(
        face, landmarks=landmarks, box=face.box * np.tile(factor[:2], 2).astype(np.float32)
    )
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    crop = aligned(resized, moved)
    plain = aligned(image, face)
    assert crop.shape == (TEMPLATE_SIDE, TEMPLATE_SIDE, 3)
    # The same face at the same place; a smaller picture has lost fine detail, which counts too.
    assert np.abs(crop.astype(float) - plain).mean() < (4 if scale >= 1 else 7)
    matrix = similarity(five_points(face.landmarks), np.array(TEMPLATE))
    at = five_points(face.landmarks) @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(at - TEMPLATE).max() < 10


def test_same_person_under_other_light_size_and_side(example, analyzer, embedder):
    image, face = example
    own = embedder.embed(image, face)
    assert own.dtype == np.float32
    assert np.linalg.norm(own) == pytest.approx(1, abs=1e-5)
    grey = np.repeat(image.mean(2, keepdims=True), 3, axis=2)
    others = {
        "mirrored": image[:, ::-1],
        "darker": (image * 0.6).astype(np.uint8),
        "grey": grey.astype(np.uint8),
        "small": cv2.resize(image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA),
        "blurred": cv2.GaussianBlur(image, (0, 0), 2),
    }
    for name, other in others.items():
        again = embedder.embed(other, analyzer.analyze(other)[0])
        assert likeness(own, again) > embedder.threshold, name


def test_embedding_needs_no_contiguous_array(example, embedder):
    image, face = example
    wide = np.concatenate([image, image], axis=1)[:, : image.shape[1]]
    assert not wide.flags.c_contiguous
    assert np.allclose(embedder.embed(wide, face), embedder.embed(image, face), atol=1e-5)


def test_batches_of_none_and_of_two(example, embedder):
    image, face = example
    assert embedder.embed_many([]).shape == (0, 240)
    two = embedder.embed_many([(image, face), (image, face)])
    assert np.allclose(two[0], two[1], atol=1e-5)
    filled = embedder.identify(image, face, Identity(np.zeros(50)))
    assert np.allclose(filled.embedding, two[0], atol=1e-5)


def test_london_people_are_nearer_to_themselves(analyzer, embedder):
    folder = DATA / "data" / "faces" / "london"
    if not folder.is_dir():
        pytest.skip("the London set is not at TALKGEN_DATA")
    people = sorted({p.name.split("_")[0] for p in folder.glob("*.jpg")})[:60:6]
    found = {}
    for person in people:
        for kind in ("neutral", "smiling"):
            image = np.asarray(Image.open(folder / f"{person}_{kind}.jpg").convert("RGB"))
            found[person, kind] = embedder.embed(image, analyzer.analyze(image)[0])
    own = [likeness(found[p, "neutral"], found[p, "smiling"]) for p in people]
    strange = [likeness(found[p, "neutral"], found[q, "smiling"])
               for p in people for q in people if p != q]  # fmt: skip
    assert min(own) > np.mean(strange) + 0.15
    assert np.mean([o > max(strange) for o in own]) > 0.6


def test_network_saves_loads_and_learns(tmp_path):
    torch.manual_seed(0)
    net = IdentityNet(TINY)
    crops = np.random.default_rng(0).integers(0, 255, (6, 32, 32, 3), np.uint8)
    net.train()
    net.features(as_grey(crops)).square().sum().backward()
    lacking = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    # A batch norm in front takes constants out: only that may leave a gradient of zero.
    assert not lacking
    net.eval()
    net.save_pretrained(tmp_path / "n")
    other = IdentityNet.from_pretrained(tmp_path / "n")
    with torch.inference_mode():
        one = net(as_grey(crops))
        assert torch.equal(one, other(as_grey(crops)))
        assert torch.equal(one, net(as_grey(crops)))
        assert torch.allclose(one.norm(dim=1), torch.ones(6), atol=1e-5)


def test_colour_does_not_matter():
    crops = np.random.default_rng(0).integers(60, 200, (2, 32, 32, 3), np.uint8)
    grey = (crops @ np.array([0.299, 0.587, 0.114]))[..., None].repeat(3, axis=3)
    assert torch.allclose(as_grey(crops), as_grey(np.rint(grey).astype(np.uint8)), atol=0.02)


def test_wrong_names_and_files(tmp_path, monkeypatch):
    monkeypatch.setenv("TALKGEN_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="choose one of embedded, sface, arcface"):
        IdentityEmbedder.from_pretrained("facenet")
    for backend in ("sface", "arcface"):
        with pytest.raises(MissingDependencyError, match="put it at"):
            IdentityEmbedder.from_pretrained(backend)
        with pytest.raises(InputError, match="no such file"):
            find_onnx(backend, tmp_path / "none.onnx")
        (tmp_path / "bad.onnx").write_bytes(b"no network")
        with pytest.raises(InputError, match="no ONNX network"):
            IdentityEmbedder.from_pretrained(backend, tmp_path / "bad.onnx")
    with pytest.raises(InputError, match="shapes"):
        likeness(np.ones(3), np.ones(4))


@pytest.mark.parametrize("backend", ["arcface", "sface"])
def test_onnx_network_of_ones_own(tmp_path, example, backend):
    onnx = pytest.importorskip("onnx", reason="writing an ONNX file needs the package onnx")
    path = tmp_path / "net.onnx"
    _write_onnx(onnx, path)
    image, face = example
    embedder = IdentityEmbedder.from_pretrained(backend, path)
    own = embedder.embed(image, face)
    assert own.shape == (12,)
    assert likeness(own, embedder.embed(image, face)) == pytest.approx(1)
    assert likeness(own, embedder.embed(255 - image, face)) < 0.9


def _write_onnx(onnx, path: Path) -> None:
    """Write a network of the ArcFace form: (1, 3, 112, 112) -> mean of 4 blocks per channel."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["data"], ["pooled"], kernel_shape=[56, 56],
                             strides=[56, 56]),
            helper.make_node("Flatten", ["pooled"], ["fc1"]),
        ],
        "tiny", [helper.make_tensor_value_info("data", kind, [1, 3, 112, 112])],
        [helper.make_tensor_value_info("fc1", kind, [1, 12])],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(path))
