"""`talkgen score`: a table and two files; one clear line for what cannot be scored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen.cli import main
from talkgen.io.writer import VideoWriter

PORTRAIT = Path(__file__).resolve().parent.parent / "examples" / "portrait.jpg"


@pytest.fixture
def run(capfd):
    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(["score", *(str(a) for a in arguments)])
        said = capfd.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return call


@pytest.fixture
def clip(tmp_path):
    with Image.open(PORTRAIT) as image:
        picture = np.asarray(image.convert("RGB").crop((80, 0, 336, 256)))
    with VideoWriter(tmp_path / "clip.mp4", size=(256, 256), fps=25) as writer:
        for _ in range(6):
            writer.write(picture)
    return tmp_path / "clip.mp4"


def test_score_prints_a_table_and_writes_both_files(run, clip, tmp_path):
    code, out, err = run(
        clip, "--source", PORTRAIT, "--json", tmp_path / "r.json", "--html", tmp_path / "r.html"
    )
    assert code == 0, err
    assert "csim" in out
    assert "higher" in out
    assert "absent" in out
    told = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert told["scores"]["csim"]["value"] > 0.9
    assert told["scores"]["csim"]["unit"] == "cosine"
    assert told["absent"]["sound"] == "the video has no sound track"
    assert "<svg" in (tmp_path / "r.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("CLIP", "--json", "r.txt"), "must end with .json"),
        (("CLIP", "--html", "none/r.html"), "does not exist"),
        (("CLIP", "--reference", "nothing.mp4"), "no such file"),
        (("nothing.mp4",), "no such file"),
        (("CLIP", "--emotion", "angrily"), "angrily"),
        (("PORTRAIT",), "a video is needed"),
    ],
)
def test_bad_input_is_one_line(run, clip, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    real = {"CLIP": clip, "PORTRAIT": PORTRAIT}
    code, _, err = run(*(real.get(a, a) for a in arguments), "--quiet")
    lines = [line for line in err.splitlines() if line.startswith("talkgen: error: ")]
    assert code == 2, err
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in err
    assert {p.name for p in tmp_path.iterdir()} == {"clip.mp4"}
