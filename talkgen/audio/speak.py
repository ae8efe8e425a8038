"""Text spoken by espeak-ng, a program that is not part of talkgen.

Small, quick and in a hundred languages; it sounds like the machine that it is. The text goes to it
by standard input and the voice is one of its own list, so that no text can pass for an option.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from talkgen.errors import InputError, MissingDependencyError, OutputError
from talkgen.io.output import check_output, whole_file

PROGRAM = "espeak-ng"
HOW = "apt-get install espeak-ng (Debian, Ubuntu) or brew install espeak-ng (macOS)"
DEFAULT_VOICE = "en-us"
SUFFIXES = (".wav",)

WORDS_A_MINUTE = 175
"""Of espeak-ng at speed 1."""
SLOWEST, FASTEST = 0.5, 2.5
MOST_CHARACTERS = 100_000
"""About two hours of speech."""
MOST_SECONDS = 300
"""How long espeak-ng may take; it speaks some hundred times faster than time passes."""
LEAST_SECONDS = 0.2
_VARIANT = re.compile(r"!v/(\S+(?: [^\s(]\S*)*)")
"""The file of a variant; some names have spaces."""


@dataclass(frozen=True)
class Voice:
    """A voice of espeak-ng. name : as `--voice` takes it; title : its language, in words"""

    name: str
    title: str


def installed() -> str | None:
    """Return where espeak-ng is, None where it is not installed."""
    return shutil.which(PROGRAM)


def version() -> str:
    """Return the version of espeak-ng, as it tells it."""
    found = re.search(r"\d+(\.\d+)+", _asked("--version"))
    return found.group(0) if found else "of unknown version"


def voices() -> tuple[Voice, ...]:
    """Return the voices that are there, by name.

    Raises MissingDependencyError without espeak-ng.
    """
    return tuple(_voices(_program()).values())


def variants() -> tuple[str, ...]:
    """Return what can be added to a voice's name, as in "en-us+f3": other sounds of voice."""
    return _variants(_program())


def check_speech(text: str, voice: str = DEFAULT_VOICE, speed: float = 1.0) -> None:
    """Raise InputError for what cannot be spoken, MissingDependencyError without espeak-ng."""
    if not any(character.isalnum() for character in text):
        shown = "is empty" if not text.strip() else f"is {text.strip()[:40]!r}"
        raise InputError(f"`text` {shown}; give words to speak")
    if len(text) > MOST_CHARACTERS:
        raise InputError(
            f"`text` has {len(text)} characters, at most {MOST_CHARACTERS} are possible; split it"
        )
    if not (math.isfinite(speed) and SLOWEST <= speed <= FASTEST):
        raise InputError(f"`speed` is {speed:g}, {SLOWEST:g} to {FASTEST:g} is possible")
    program = _program()
    name, plus, variant = voice.partition("+")
    if name not in _voices(program):
        near = [known for known in _voices(program) if known.startswith(name[:2].lower())][:4]
        hint = f"near it are {', '.join(near)}; " if near and name else ""
        raise InputError(f"`voice` is {voice!r}; {hint}`talkgen say --list` shows all")
    if plus and variant not in _variants(program):
        raise InputError(
            f"`voice` is {voice!r}, but there is no variant {variant!r}; "
            "`talkgen say --list` shows all"
        )


def speak(
    text: str,
    path: str | os.PathLike[str],
    *,
    voice: str = DEFAULT_VOICE,
    speed: float = 1.0,
) -> float:
    """Write a text as a .wav file (mono, 16 bits, 22 050 Hz); return its length in seconds.

    voice : of `voices`, with "+" and one of `variants` if wanted
    speed : 0.5 to 2.5, 1 is 175 words a minute
    Raises InputError where nothing of the text can be spoken.
    """
    check_speech(text, voice, speed)
    target = check_output(path, SUFFIXES)
    with whole_file(target) as part:
        said = _run(
            [_program(), "--stdin", "-b", "1", "-v", voice,
             "-s", str(round(speed * WORDS_A_MINUTE)), "-w", str(part)],
            text.replace("\0", " "),
        )  # fmt: skip
        seconds = _seconds(part)
        if seconds is None:
            raise OutputError(f"espeak-ng wrote no sound: {' '.join(said.split()) or 'no reason'}")
        if seconds < LEAST_SECONDS:
            raise InputError(
                f"`text` is {text.strip()[:40]!r}, of which the voice {voice!r} can speak nothing; "
                "give words of its language"
            )
    return seconds


def _program() -> str:
    found = installed()
    if found is None:
        raise MissingDependencyError(f"{PROGRAM} is not installed, which speaks text; run: {HOW}")
    return found


def _seconds(path: Path) -> float | None:
    try:
        with wave.open(str(path)) as sound:
            return sound.getnframes() / sound.getframerate()
    except (wave.Error, EOFError, OSError):
        return None


def _asked(*arguments: str) -> str:
    return _run([_program(), *arguments])


def _run(command: list[str], text: str = "") -> str:
    """Return what a program prints and complains of."""
    try:
        done = subprocess.run(
            command, input=text.encode("utf-8", "replace"), capture_output=True, check=False,
            timeout=MOST_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"espeak-ng took more than {MOST_SECONDS} s; give it a shorter text"
        ) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MissingDependencyError(f"{PROGRAM} cannot be run ({reason}); run: {HOW}") from error
    return (done.stdout + done.stderr).decode("utf-8", "replace")


@cache
def _voices(program: str) -> Mapping[str, Voice]:
    found: dict[str, Voice] = {}
    for line in _run([program, "--voices"]).splitlines()[1:]:
        row = line.split()  # priority, language, gender, name, file, other languages
        if len(row) >= 5:
            found.setdefault(row[1], Voice(row[1], row[3].replace("_", " ").strip()))
    return dict(sorted(found.items()))


@cache
def _variants(program: str) -> tuple[str, ...]:
    found = _VARIANT.findall(_run([program, "--voices=variant"]))
    return tuple(sorted(set(found), key=str.lower))
