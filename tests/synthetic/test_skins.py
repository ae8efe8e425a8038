"""Skins come from photographs of the right people and look like them."""

import os
from pathlib import Path

import numpy as np
import pytest

from talkgen.errors import InputError
from talkgen.face.head import HeadModel
from talkgen.synthetic import photographs
from talkgen.synthetic.skins import skin_of
from talkgen.synthetic.unwrap import TEXTURE_SIDE, Unwrap
from talkgen.training import perception_prepare

DATA = Path(os.environ.get("TALKGEN_DATA", "../shared"))
needs_data = pytest.mark.skipif(
    not (DATA / "data" / "faces" / "london").is_dir(), reason="TALKGEN_DATA has no portraits"
)


@pytest.fixture(scope="module")
def head():
    return HeadModel.from_pretrained()


def test_the_same_people_are_held_out_everywhere():
    names = [f"london/{i:03d}" for i in range(200)] + [f"congress/x{i}" for i in range(200)]
    assert [photographs.held_out(n) for n in names] == [
        perception_prepare.held_out(n) for n in names
    ]


def test_the_unwrap_is_mirrored_and_full(head):
    unwrap = Unwrap(head)
    assert unwrap.inside[:380].mean() > 0.85
    assert np.abs(unwrap.inside[:, ::-1].astype(int) - unwrap.inside).mean() < 0.01
    for name in ("scalp", "lids", "brows", "neck", "lashes"):
        layer = getattr(unwrap, name)
        assert layer.shape == (TEXTURE_SIDE, TEXTURE_SIDE)
        assert 0.0005 < layer.mean() < 0.4, name


def test_a_wrong_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="no data/faces lies there"):
        photographs.portrait_paths(tmp_path, held=False)


@needs_data
def test_the_split_keeps_people_apart():
    train = {p for _, p, _ in photographs.portrait_paths(DATA, held=False)}
    held = {p for _, p, _ in photographs.portrait_paths(DATA, held=True)}
    assert not train & held
    assert len(held) > 50
    assert {p.split("/")[0] for p in held} == {"london", "canada", "congress"}


@needs_data
def test_a_skin_has_its_photographs_colours(head, monkeypatch):
    paths = photographs.portrait_paths(DATA, held=True)[:1]
    monkeypatch.setattr(photographs, "portrait_paths", lambda *_: paths)
    (photo,) = photographs.photographs(DATA, head, held=True)
    assert photo.fit.error < 1.5
    unwrap = Unwrap(head)
    skin = skin_of(photo, head, unwrap)
    assert skin.texture.shape == (TEXTURE_SIDE, TEXTURE_SIDE, 3)
    # lips are redder than cheeks, brows darker, there and on the photograph
    x, y = np.rint(unwrap.landmarks).astype(int).T
    colors = skin.texture[y, x].astype(float)
    cheek, lip, brow = (colors[list(i)].mean(axis=0) for i in ([50, 280], [72, 302, 85], [52, 282]))
    assert lip[0] / lip[1] > cheek[0] / cheek[1]
    assert brow.mean() < cheek.mean()
    x, y = np.rint(photo.landmarks[[50, 280], :2]).astype(int).T
    assert np.abs(photo.image[y, x].mean() - cheek.mean()) < 40
    assert photographs.foreground(photo).mean() < 0.9
