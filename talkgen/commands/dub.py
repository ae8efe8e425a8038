"""`talkgen dub`: other words in the mouth of somebody in a video."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from talkgen.commands import parts
from talkgen.options import Backend, BackendOption, Debug, MouthScale, Quiet, Seed
from talkgen.terminal import Say, print_table, reported


class FitName(StrEnum):
    """What is done with speech that outlasts the picture (`talkgen.pipelines.dub_plan.FITS`)."""

    trim = "trim"
    hold = "hold"
    loop = "loop"
    slow = "slow"


def dub(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video that shows who speaks.")],
    speech: Annotated[
        Path | None,
        typer.Argument(
            metavar="SPEECH",
            help='Audio, a video with a sound track, or a .json such as {"1": "a.wav", "2": '
            '{"speech": "b.wav", "start": 3.5}}: the person\'s number and what they say.',
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT.mp4", help="The video; .mp4, .mkv or .mov."),
    ] = None,
    face: Annotated[
        int | None,
        typer.Option(
            "--face", metavar="N",
            help="Who speaks, by the number that `--list` gives; if left out, whose lips follow "
            "the video's own sound.",
        ),
    ] = None,
    people: Annotated[
        Path | None,
        typer.Option(
            "--list", metavar="DIR",
            help="Write a picture of everybody in VIDEO into DIR and say who is who; without "
            "SPEECH that is all.",
        ),
    ] = None,
    fit: Annotated[
        FitName,
        typer.Option(
            help="Speech that outlasts the picture: trim cuts it, hold holds the last picture, "
            "loop starts the picture again, slow slows it down.",
        ),
    ] = FitName.trim,
    mix: Annotated[
        bool,
        typer.Option("--mix", help="Keep music and effects of the video's own sound under it."),
    ] = False,
    crf: Annotated[
        int | None,
        typer.Option(help="Quality of the picture, 0 lossless to 51; 16 if left out."),
    ] = None,
    seed: Seed = 0,
    mouth_scale: MouthScale = 1.0,
    backend: BackendOption = Backend.embedded,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Make somebody in VIDEO say SPEECH; all but lips, jaw and cheeks stays as it is."""
    with reported(quiet, debug) as say:
        from talkgen.errors import InputError, NoFaceError
        from talkgen.io.output import check_output
        from talkgen.io.pictures import open_pictures
        from talkgen.io.remux import CRF, SUFFIXES, check_crf
        from talkgen.pipelines.dub import DubPipeline, check_face
        from talkgen.pipelines.dub_output import people_table, read_cast
        from talkgen.pipelines.faces_output import check_folder
        from talkgen.pipelines.talk import check_inputs

        quality = check_crf(CRF if crf is None else crf)
        check_inputs(seed=seed, mouth_scale=mouth_scale)
        if speech is None and people is None:
            raise InputError(
                "SPEECH is missing; give a recording, or `--list DIR` to see who is in"
            )
        if (speech is None) != (output is None):
            raise InputError("SPEECH and `-o OUT.mp4` belong together; give both or none")
        if output is not None:
            check_output(output, SUFFIXES, inputs=[video, *([speech] if speech else [])])
        if people is not None:
            check_folder(people)
        said: Any = None
        if speech is not None:
            cast = speech.suffix.lower() == ".json"
            said = read_cast(speech) if cast else parts.read_speech(speech)
            if cast and output is not None:
                check_output(output, SUFFIXES, inputs=[one.path for one, _ in said.values()])
        check_face(face, said)
        source = open_pictures(video)
        say.stage("loading the models")
        pipeline = say.loaded(DubPipeline.from_pretrained, backend=backend.value)
        with say.counted("looking at the video", source.expected) as step:
            looked = pipeline.look(source, on_frame=lambda: step(1))
        try:
            if not looked.people and said is None:
                raise NoFaceError(
                    f"no face found in {str(video)!r}, or none for long enough to be dubbed"
                )
            if people is not None or len(looked.people) > 1:
                print_table(people_table(looked.people, people))
            if said is not None and output is not None:
                made = pipeline(
                    looked, said, face=face, fit=fit.value, mix=mix, seed=seed,
                    mouth_scale=mouth_scale,
                )  # fmt: skip
                _write(made, output, quality, say)
        finally:
            looked.close()


def _write(made: Any, output: Path, crf: int, say: Say) -> None:
    start = time.monotonic()
    with say.counted("drawing", made.num_frames) as step:
        made.save(output, crf=crf, on_frame=lambda: step(1))
    took = max(time.monotonic() - start, 1e-9)
    if made.untouched:
        say.done(output, f"{made.num_frames} frames, the picture as it was")
        return
    rate = f"{made.num_frames / took:.0f} a second"
    say.done(output, f"{made.num_frames} frames, {made.drawn} with another mouth, {rate}")
