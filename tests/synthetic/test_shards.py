"""Shards can be written in pieces and read back."""

import numpy as np
import pytest

from talkgen.errors import InputError
from talkgen.synthetic import shards
from talkgen.synthetic.heads import HeadStudio


@pytest.fixture(scope="module")
def studio():
    return HeadStudio.plain(seed=1, size=64)


def test_written_again_only_what_is_missing(studio, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD", 2)
    assert shards.write_shards(studio, tmp_path, 3) == 3
    assert shards.write_shards(studio, tmp_path, 3) == 0
    (tmp_path / "shard_00000_labels.npz").unlink()
    assert shards.write_shards(studio, tmp_path, 4) == 4
    found = shards.RenderedSet(tmp_path)
    assert len(found) == 4
    for index in range(4):
        head = studio.sample(index)
        assert np.array_equal(found.image(index), head.image)
        assert np.array_equal(found.parts(index), head.parts)
        assert np.array_equal(found.landmarks[index], head.landmarks)
        assert found.person[index] == head.person
    assert (tmp_path / "README.txt").read_text().startswith("Rendered heads")
    with pytest.raises(IndexError, match="`index` is 4"):
        found.image(4)


def test_no_pictures(studio, tmp_path):
    with pytest.raises(InputError, match="holds no shards"):
        shards.RenderedSet(tmp_path)
    with pytest.raises(InputError, match="`count` is 0"):
        shards.write_shards(studio, tmp_path, 0)
