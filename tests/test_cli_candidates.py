"""`talk --candidates` and `score --syncnet`: what is said of the choice; what is wrong input."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from talkgen.cli import main
from talkgen.pipelines.judge import Judge
from tests.pipelines.test_candidates import Gapes, InStep

PORTRAIT = Path(__file__).resolve().parent.parent / "examples" / "portrait.jpg"


@pytest.fixture
def run(capfd):
    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        said = capfd.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return call


@pytest.fixture
def speech(tmp_path, voice_like) -> Path:
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes((voice_like(0.6) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture
def small(tmp_path) -> Path:
    with Image.open(PORTRAIT) as picture:
        picture.crop((80, 0, 336, 256)).save(tmp_path / "small.png")
    return tmp_path / "small.png"


@pytest.fixture
def scripted(monkeypatch) -> None:
    """Critics that take open mouths for surprise and like the second seed's lips."""

    def judge(analyzer: Any) -> Judge:
        return Judge(analyzer, Gapes(), InStep((0, 1.0), (0, 5.0), (0, 5.0), (0, 1.0)))

    monkeypatch.setattr(Judge, "from_pretrained", judge)


def test_candidates_are_reported_and_the_best_is_drawn(run, small, speech, tmp_path, scripted):
    out = tmp_path / "o.mp4"
    code, _, err = run(
        "talk", small, speech, "-o", out, "--size", 128, "--seed", 4, "--candidates", 2,
        "--emotion", "surprise:0.7", "--no-guide", "--motion-out", tmp_path / "kept.npz",
    )  # fmt: skip
    assert code == 0, err
    assert out.exists()
    assert "seed 4 by its motion: emotion" in err
    assert "seed 5 drawn: emotion" in err
    assert "seed 5 kept of 2 candidates; asked for surprise 0.70; measured" in err
    code, _, err = run(
        "talk", small, speech, "-o", out, "--size", 128, "--seed", 5, "--emotion", "surprise:0.7",
        "--motion-out", tmp_path / "alone.npz", "--quiet",
    )  # fmt: skip
    assert (code, err) == (0, "")
    kept, alone = (np.load(tmp_path / f"{name}.npz") for name in ("kept", "alone"))
    np.testing.assert_array_equal(kept["blendshapes"], alone["blendshapes"])


def test_candidates_are_guided_if_nothing_else_is_said(run, small, speech, tmp_path, scripted):
    code, _, err = run(
        "talk", small, speech, "-o", tmp_path / "o.mp4", "--size", 128, "--candidates", 2,
        "--emotion", "surprise:0.7",
    )  # fmt: skip
    assert code == 0, err
    assert "surprise guided: " in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--candidates", 0), "1 to 64"),
        (("--candidates", 65), "1 to 64"),
        (("--candidates", 2, "--seed", 2**63 - 1), "too large"),
        (("--candidates", "many"), "--candidates"),
    ],
)
def test_bad_candidates_are_one_line(run, small, speech, tmp_path, arguments, words):
    code, _, err = run("talk", small, speech, "-o", tmp_path / "o.mp4", *arguments)
    lines = err.splitlines()
    assert code == 2, err
    assert len(lines) == 1
    assert words in lines[0]
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize("content", [None, b"no model"])
def test_a_syncnet_file_that_is_none_is_one_line(run, small, tmp_path, content):
    path = tmp_path / "syncnet_v2.model"
    if content is not None:
        path.write_bytes(content)
    code, _, err = run("score", small, "--syncnet", path, "--quiet")
    lines = [line for line in err.splitlines() if line.startswith("talkgen: error: ")]
    assert code == 2, err
    assert len(lines) == 1
    assert "syncnet_v2.model" in lines[0]
