"""Several pictures of one person make one head."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen.errors import InputError, NoFaceError
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.fit import fit_face, fit_identity
from talkgen.face.head import HeadModel
from talkgen.pipelines.portrait import load_portrait
from talkgen.pipelines.sources import with_sources

LONDON = Path(os.environ.get("TALKGEN_DATA", "../shared")) / "data" / "faces" / "london"
EXAMPLE = Path(__file__).parents[2] / "examples" / "portrait.jpg"


@pytest.fixture(scope="module")
def analyzer() -> FaceAnalyzer:
    return FaceAnalyzer.from_pretrained()


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.from_pretrained()


def test_the_shared_head_fits_every_view(head: HeadModel) -> None:
    """Views made of one head under two expressions and poses."""
    rng = np.random.default_rng(0)
    identity = rng.normal(0, 1, head.num_identity).astype(np.float32)
    neutral = head.neutral(identity)
    views = []
    for smile, yaw in ((0.0, 0.3), (0.8, -0.2)):
        weights = np.zeros(52, np.float32)
        weights[[23, 24]] = smile
        points = head.landmarks(head.deform(neutral, weights)) * 20
        turn = np.float32(
            [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
        )
        views.append(points @ turn.T + np.float32([300, 250, 0]))
    joint = fit_identity(head, views)
    one = fit_face(head, views[0]).identity
    errors = [fit_face(head, view, identity=joint).error for view in views]
    assert max(errors) < 0.5
    assert errors[1] < fit_face(head, views[1], identity=one).error


@pytest.mark.skipif(not LONDON.is_dir(), reason="needs TALKGEN_DATA with faces/london")
def test_a_second_picture_is_fitted_better(analyzer: FaceAnalyzer, head: HeadModel) -> None:
    neutral = sorted(LONDON.rglob("*neutral*"))[5]
    smiling = Path(str(neutral).replace("neutral", "smiling"))
    alone = load_portrait(analyzer, neutral)
    both = with_sources(analyzer, head, alone, [smiling])
    assert both.identity is not None
    there = load_portrait(analyzer, smiling).face.landmarks
    one = fit_face(head, alone.face.landmarks).identity
    assert (
        fit_face(head, there, identity=both.identity.shape).error
        < fit_face(head, there, identity=one).error
    )


def test_sources_without_a_face_are_refused(analyzer: FaceAnalyzer, head: HeadModel) -> None:
    portrait = load_portrait(analyzer, EXAMPLE)
    assert with_sources(analyzer, head, portrait, []) is portrait
    with pytest.raises(NoFaceError, match="no face"):
        with_sources(analyzer, head, portrait, [Image.new("RGB", (200, 200), "white")])
    with pytest.raises(InputError, match="list"):
        with_sources(analyzer, head, portrait, "picture.jpg")
