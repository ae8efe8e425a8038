"""Text spoken by espeak-ng; a stand-in takes its place where only its absence matters."""

import os
import stat
import wave
from pathlib import Path

import numpy as np
import pytest

from talkgen.audio import speak
from talkgen.doctor import doctor_report
from talkgen.errors import InputError, MissingDependencyError, OutputError, TalkgenError
from talkgen.io.audio import open_speech

needed = pytest.mark.skipif(speak.installed() is None, reason="espeak-ng is not installed")


@needed
def test_text_becomes_sound(tmp_path: Path) -> None:
    seconds = speak.speak("Good evening, ladies and gentlemen.", tmp_path / "a.wav")
    sound = open_speech(tmp_path / "a.wav")
    assert sound.seconds == pytest.approx(seconds, abs=0.01)
    assert 1.0 < seconds < 4.0
    samples = np.concatenate(list(sound.blocks()))
    assert np.abs(samples).max() > 0.1
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@needed
def test_speed_and_voice_are_heard(tmp_path: Path) -> None:
    text = "One two three four five six seven eight nine ten."
    slow, fast = (speak.speak(text, tmp_path / f"{s}.wav", speed=s) for s in (0.7, 1.8))
    assert slow > 1.7 * fast
    speak.speak(text, tmp_path / "f.wav", voice="en-us+f3")
    speak.speak(text, tmp_path / "m.wav", voice="en-us+m3")
    assert (tmp_path / "f.wav").read_bytes() != (tmp_path / "m.wav").read_bytes()


@needed
def test_text_is_never_an_option_a_file_or_markup(tmp_path: Path) -> None:
    for text in ("--version", "-w other.wav hello", "-f /etc/passwd"):
        assert speak.speak(text, tmp_path / "a.wav") > 0.2
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    assert not Path("other.wav").exists()
    assert speak.speak("nul\0byte \ud800 and more", tmp_path / "a.wav") > 0.5


@needed
def test_languages(tmp_path: Path) -> None:
    known = {voice.name: voice.title for voice in speak.voices()}
    assert {"en-us", "de", "fr-fr", "ja"} <= known.keys()
    assert known["de"] == "German"
    assert "f3" in speak.variants()
    assert all(name == name.strip() for name in speak.variants())
    assert speak.speak("Guten Abend, meine Damen und Herren.", tmp_path / "d.wav", voice="de") > 1


@needed
@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", {}, "`text` is empty; give words to speak"),
        (" ... ", {}, "`text` is '...'"),
        ("a" * 100_001, {}, "`text` has 100001 characters, at most 100000"),
        ("hello", {"speed": 9}, "`speed` is 9, 0.5 to 2.5 is possible"),
        ("hello", {"speed": float("nan")}, "`speed` is nan"),
        ("hello", {"voice": "klingon"}, "`voice` is 'klingon'"),
        ("hello", {"voice": "en-us+nobody"}, "there is no variant 'nobody'"),
        ("hello", {"voice": "en-us -w x"}, "`voice` is 'en-us -w x'"),
        ("hello", {"voice": "../../etc"}, "`talkgen say --list` shows all"),
    ],
)
def test_what_cannot_be_spoken(
    tmp_path: Path, text: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError) as caught:
        speak.speak(text, tmp_path / "a.wav", **options)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_it_one_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for ask in (speak.voices, lambda: speak.speak("hello", tmp_path / "a.wav")):
        with pytest.raises(MissingDependencyError, match="apt-get install espeak-ng") as caught:
            ask()
        assert "brew install espeak-ng" in str(caught.value)
    table, healthy = doctor_report()
    assert healthy
    cells = list(zip(*(column.cells for column in table.columns), strict=True))
    mark, _, text = next(row for row in cells if row[1] == "espeak-ng")
    assert mark == "-"
    assert "apt-get install espeak-ng" in text


def stand_in(folder: Path, script: str) -> None:
    """Put a program of that name into a folder."""
    path = folder / speak.PROGRAM
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


VOICES = """case "$1" in --voices) echo head; echo ' 5 en-us --/M English_(America) f';;
--voices=variant) echo head;;"""


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (f"{VOICES} *) cat >/dev/null; echo 'no data' >&2;; esac", "wrote no sound: no data"),
        (f"{VOICES} *) cat >/dev/null; exit 3;; esac", "wrote no sound: no reason"),
    ],
)
def test_a_broken_program_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    programs, made = tmp_path / "bin", tmp_path / "made"
    programs.mkdir()
    made.mkdir()
    stand_in(programs, script)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(OutputError, match=words):
        speak.speak("hello", made / "a.wav")
    assert list(made.iterdir()) == []


def test_one_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    stand_in(programs, f"{VOICES} *) exec sleep 30;; esac")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(speak, "MOST_SECONDS", 0.3)
    with pytest.raises(TalkgenError, match="took more than"):
        speak.speak("hello", tmp_path / "a.wav")
    assert not (tmp_path / "a.wav").exists()


@needed
def test_the_file_is_plain_wave(tmp_path: Path) -> None:
    speak.speak("hello there", tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 22050)
