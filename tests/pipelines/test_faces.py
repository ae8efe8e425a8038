"""What `talkgen faces` reads, says and writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen.cli import main
from talkgen.pipelines.faces import FacesPipeline
from talkgen.types import MOTION_CHANNELS

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"


@pytest.fixture(scope="module")
def pipeline() -> FacesPipeline:
    return FacesPipeline.from_pretrained()


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return int(stop.value.code or 0)


def test_reading_of_the_example(pipeline):
    (reading,) = pipeline(PORTRAIT)
    assert reading.quality.verdict == "usable"
    assert np.abs(np.degrees(reading.face.rotation)).max() < 20
    assert 0 < reading.fit.error < 2
    assert np.linalg.norm(reading.identity.embedding) == pytest.approx(1, abs=1e-4)
    assert np.linalg.norm(reading.gaze.direction) == pytest.approx(1, abs=1e-4)
    plain = reading.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert len(plain["landmarks"]) == 478
    assert set(plain["scores"]) == set(MOTION_CHANNELS)


def test_masks_cover_every_pixel_once(pipeline):
    image = np.asarray(Image.open(PORTRAIT).convert("RGB"))
    masks = pipeline.masks(image, pipeline(image)[0].face)
    assert {"skin", "lips", "hair", "neck", "background"} <= set(masks)
    total = np.sum(list(masks.values()), axis=0)
    assert total.shape == image.shape[:2]
    assert np.abs(total - 1).max() < 1e-3


def test_no_face_is_an_empty_list(pipeline):
    assert pipeline(np.full((200, 300, 3), 128, np.uint8)) == []


def test_command_writes_all_it_was_asked_for(tmp_path, capfd):
    one = Image.open(PORTRAIT).convert("RGB")
    both = Image.new("RGB", (2 * one.width, one.height))
    both.paste(one, (0, 0))
    both.paste(one, (one.width, 0))
    both.save(tmp_path / "both.png")
    code = run("faces", tmp_path / "both.png", "-o", tmp_path / "f.json",
               "--overlay", tmp_path / "seen.png", "--masks", tmp_path / "m")  # fmt: skip
    assert code == 0
    assert "usable" in capfd.readouterr().out
    content = json.loads((tmp_path / "f.json").read_text())
    assert content["size"] == [both.width, both.height]
    assert len(content["faces"]) == 2
    seen = np.asarray(Image.open(tmp_path / "seen.png"))
    assert (seen != np.asarray(both)).any()
    assert (tmp_path / "m" / "face2_hair.png").is_file()


def test_command_says_in_one_line_what_is_wrong(tmp_path, capfd):
    Image.new("RGB", (200, 200), (90, 120, 60)).save(tmp_path / "blank.png")
    for arguments, words in (
        ((tmp_path / "blank.png", "-o", tmp_path / "f.json"), "no human face"),
        ((tmp_path / "none.png",), "no such file"),
        ((tmp_path / "blank.png", "-o", tmp_path / "f.txt"), ".json"),
        ((PORTRAIT, "--masks", tmp_path / "no" / "where"), "does not exist"),
    ):
        assert run("faces", *arguments) == 2
        lines = [x for x in capfd.readouterr().err.splitlines() if "error" in x]
        assert len(lines) == 1
        assert words in lines[0]
    assert {p.name for p in tmp_path.iterdir()} == {"blank.png"}
