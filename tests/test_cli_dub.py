"""`talkgen dub`: what it says of wrong input."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from talkgen.cli import app
from tests.media import write_video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.mp4")


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    soundfile.write(path, 0.1 * np.sin(np.arange(16_000) / 20), 16_000)
    return path


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["dub", *map(str, words)])
    return done.exit_code, done.stderr.strip()


def test_wrong_input_is_one_line(clip: Path, speech: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    picture = tmp_path / "p.png"
    Image.new("RGB", (64, 64)).save(picture)
    cast = tmp_path / "cast.json"
    cast.write_text('{"one": "a.wav"}', "utf-8")
    other = tmp_path / "other.mp4"
    shutil.copy(speech, other)
    named = tmp_path / "named.json"
    named.write_text('{"1": "speech.wav", "2": "other.mp4"}', "utf-8")
    cases = (
        ((clip,), "SPEECH is missing"),
        ((clip, speech), "belong together"),
        ((clip, speech, "-o", tmp_path / "o.avi"), "must end with .mp4 or .mkv or .mov"),
        ((clip, speech, "-o", clip), "is an input too"),
        ((clip, speech, "-o", out, "--face", 0), "`face` is 0"),
        ((clip, named, "-o", out, "--face", 1), "none where SPEECH names them"),
        ((clip, named, "-o", other), "is an input too"),
        ((clip, speech, "-o", out, "--crf", 70), "`crf` is 70"),
        ((clip, speech, "-o", out, "--mouth-scale", 9), "`mouth_scale` is 9"),
        ((clip, tmp_path / "no.wav", "-o", out), "no such file"),
        ((clip, cast, "-o", out), "names 'one'"),
        ((speech, speech, "-o", out), "has no pictures"),
        ((picture, speech, "-o", out), "is the picture"),
        ((clip, "--list", speech), "is a file; name a folder"),
        ((clip, "--list", tmp_path / "faces", "-q"), "no face found"),
    )
    for words, said in cases:
        code, text = run(*words)
        assert code == 2, words
        assert said in text
        assert text.count("\n") == 0
        assert not out.exists()
    assert not (tmp_path / "faces").exists()
