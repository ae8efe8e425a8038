"""`talkgen edit` and `talkgen say`: what works, and one clear line for what cannot."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen.audio import speak
from talkgen.cli import main
from talkgen.io.audio import open_speech

PORTRAIT = Path(__file__).resolve().parent.parent / "examples" / "portrait.jpg"
Run = Callable[..., tuple[int, str, str]]
spoken = pytest.mark.skipif(speak.installed() is None, reason="espeak-ng is not installed")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; return its exit code, standard output and error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        said = capfd.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return call


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_edit_writes_a_picture_at_its_own_size(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    code, _, text = run(
        "edit", PORTRAIT, "-o", out, "--emotion", "valence:0.6+arousal:0.4", "--au", "AU2:0.4",
        "--pose", "-10,5,0", "--gaze", "-5,2",
    )  # fmt: skip
    assert code == 0, text
    assert f"wrote {out} (512 x 512 pixels)" in text
    made, source = pixels(out), pixels(PORTRAIT)
    changed = (made != source).any(axis=2)
    assert 0.01 < changed.mean() < 0.3
    assert not changed[-60:].any()
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_edit_says_what_could_not_be(run: Run, tmp_path: Path) -> None:
    code, _, text = run("edit", PORTRAIT, "-o", tmp_path / "o.jpg", "--pose", "50,0,0", "-q")
    assert code == 0
    assert text.startswith("talkgen: warning: the head turns less far than asked, by ")
    assert len(text.splitlines()) == 1


def test_edit_makes_sheets(run: Run, tmp_path: Path) -> None:
    code, _, text = run(
        "edit", PORTRAIT, "-o", tmp_path / "s.webp", "--sheet", "--size", 100, "--gaze", "camera"
    )
    assert code == 0, text
    height, width = pixels(tmp_path / "s.webp").shape[:2]
    assert width > 800
    assert height > 300


def test_edit_takes_points_where_no_face_is_found(run: Run, tmp_path: Path) -> None:
    points = {
        "right_eye": [204, 100], "left_eye": [247, 101], "nose": [223, 124],
        "mouth_right": [207, 143], "mouth_left": [242, 145],
    }  # fmt: skip
    (tmp_path / "p.json").write_text(json.dumps(points))
    code, _, text = run(
        "edit", PORTRAIT, "-o", tmp_path / "o.png", "--emotion", "sad", "--landmarks",
        tmp_path / "p.json",
    )  # fmt: skip
    assert code == 0, text
    assert (pixels(tmp_path / "o.png") != pixels(PORTRAIT)).any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--emotion", "glee"], "unknown emotion 'glee'"),
        (["--emotion", "auto"], "`emotion` is 'auto', which needs a voice"),
        (["--emotion", "0:happy,2:sad"], "`emotion` is the track"),
        (["--au", "AU12:7"], "the strength of 'AU12' is 7"),
        (["--pose", "10"], "`pose` is '10', degrees are needed, yaw,pitch,roll"),
        (["--gaze", "90,0"], "`gaze` is '90,0', -30 to 30 degrees are possible"),
        (["--size", "huge"], "`--size` is 'huge'"),
        (["--size", "20"], "`size` is 20"),
        (["--face", "9"], "`face` is 9"),
        (["-o", "out.gif"], "must end with .png or .jpg or .jpeg or .webp"),
        (["-o", "nowhere/out.png"], "does not exist"),
        (["--landmarks", "none.json"], "no such file: 'none.json'"),
    ],
)
def test_edit_refuses_in_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [] if "-o" in options else ["-o", "out.png"]
    code, _, text = run("edit", PORTRAIT, *given, *options)
    lines = [line for line in text.splitlines() if line.startswith("talkgen: error: ")]
    assert code == 2
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in text
    assert list(tmp_path.iterdir()) == []


def test_edit_never_writes_over_its_source(run: Run, tmp_path: Path) -> None:
    (tmp_path / "me.jpg").write_bytes(PORTRAIT.read_bytes())
    code, _, text = run("edit", tmp_path / "me.jpg", "-o", tmp_path / "me.jpg")
    assert code == 2
    assert "is an input too" in text
    assert (tmp_path / "me.jpg").read_bytes() == PORTRAIT.read_bytes()


@spoken
def test_say_speaks_text_and_standard_input(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, text = run("say", "Good evening.", "-o", tmp_path / "a.wav", "--voice", "en-gb+f3")
    assert code == 0, text
    assert out == ""
    assert f"wrote {tmp_path / 'a.wav'} (" in text
    assert open_speech(tmp_path / "a.wav").seconds > 0.5

    class Piped:
        buffer = io.BytesIO("Schönen guten Abend.".encode())

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Piped())
    code, _, text = run("say", "-", "-o", tmp_path / "b.wav", "--voice", "de", "--speed", 0.8)
    assert code == 0, text
    assert open_speech(tmp_path / "b.wav").seconds > 0.8


@spoken
def test_say_lists_voices(run: Run) -> None:
    code, out, _ = run("say", "--list")
    assert code == 0
    assert "en-us" in out
    assert "German" in out
    assert "f3" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "a.wav"], "TEXT is missing, as in: talkgen say"),
        (["hello"], "-o SPEECH.wav is missing"),
        (["hello", "-o", "a.mp3"], "must end with .wav"),
        pytest.param(["...", "-o", "a.wav"], "`text` is '...'", marks=spoken),
        pytest.param(["hi", "-o", "a.wav", "--speed", "0"], "`speed` is 0", marks=spoken),
        pytest.param(["hi", "-o", "a.wav", "--voice", "xx"], "`voice` is 'xx'", marks=spoken),
    ],
)
def test_say_refuses_in_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, text = run("say", *arguments)
    assert code == 2
    assert text.startswith("talkgen: error: ")
    assert words in text
    assert len(text.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_say_without_espeak_is_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for arguments in (["--list"], ["hello", "-o", str(tmp_path / "a.wav")]):
        code, _, text = run("say", *arguments)
        assert code == 2
        assert "espeak-ng is not installed" in text
        assert "apt-get install espeak-ng" in text


@spoken
def test_batch_runs_both(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "jobs.csv"
    table.write_text(
        "command,portrait,text,output,emotion,pose,voice,crop\n"
        f'edit,{PORTRAIT},,a.png,happy:0.6,"-8,0,0",,yes\n'
        f'edit,{PORTRAIT},,b.png,valence:-0.5,"0,0,0",,\n'
        'say,,"- Hello, you.",c.wav,,,en-gb,\n'
    )
    code, _, text = run("batch", table, "--out", tmp_path / "made", "--workers", 1)
    assert code == 0, text
    made = {path.name for path in (tmp_path / "made").rglob("*") if path.is_file()}
    assert {"a.png", "b.png", "c.wav"} <= made
