"""`talkgen say`: text becomes speech, by espeak-ng."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from talkgen.errors import InputError
from talkgen.options import Debug, Quiet
from talkgen.terminal import print_table, reported


def say(
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT|-", help="What to say; - reads standard input.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="SPEECH.wav", help="The sound.")
    ] = None,
    voice: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="A language as in en-us, de or pt-br, with a sound as in en-us+f3."
        ),
    ] = "en-us",
    speed: Annotated[float, typer.Option(help="Faster (2) or slower (0.5).")] = 1.0,
    voices: Annotated[
        bool, typer.Option("--list", help="List the voices and their sounds.")
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Speak TEXT into a file for `talk`, by espeak-ng where that is installed."""
    with reported(quiet, debug) as tell:
        from talkgen.audio.speak import SUFFIXES, check_speech, speak
        from talkgen.io.output import check_output

        if voices:
            print_table(_table())
            return
        if text is None or output is None:
            lacking = "TEXT" if text is None else "-o SPEECH.wav"
            raise InputError(
                f"{lacking} is missing, as in: talkgen say 'Good evening.' -o speech.wav"
            )
        check_output(output, SUFFIXES)
        words = _read() if text == "-" else text
        check_speech(words, voice, speed)
        tell.stage("speaking")
        seconds = speak(words, output, voice=voice, speed=speed)
        tell.done(output, f"{seconds:.1f} s")


def _read() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError(
            "TEXT is -, but nothing comes by standard input; as in: talkgen say - < a.txt"
        )
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _table() -> object:
    from rich.table import Table

    from talkgen.audio.speak import variants
    from talkgen.audio.speak import voices as known

    table = Table(box=None, pad_edge=False)
    table.add_column("voice")
    table.add_column("language")
    for voice in known():
        table.add_row(voice.name, voice.title)
    table.add_row("", "")
    table.add_row("+sound", " ".join(variants()))
    return table
