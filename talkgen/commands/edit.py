"""`talkgen edit`: a portrait with another expression, turn of the head or look."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from talkgen.commands import parts
from talkgen.options import (
    Backend,
    BackendOption,
    Crop,
    Debug,
    FaceNumber,
    Landmarks,
    PortraitArg,
    Quiet,
)
from talkgen.terminal import reported

log = logging.getLogger("talkgen")


def edit(
    portrait: PortraitArg,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="OUT.png",
            help="The picture, .png, .jpg or .webp. Colour profile and transparency are kept; in a "
            ".png every pixel that does not move is the source's own, at 8 bits.",
        ),
    ],
    emotion: Annotated[
        str | None,
        typer.Option(
            "--emotion", metavar="SPEC",
            help="neutral, happy, sad, surprise, fear, disgust, anger or contempt, with a strength "
            "as in happy:0.7; mixed as in happy:0.5+surprise:0.3; or valence:0.6+arousal:-0.2, "
            "from -1 to 1. The picture's own expression gives way to it.",
        ),
    ] = None,
    au: Annotated[
        str | None,
        typer.Option(
            "--au", metavar="SPEC",
            help="Action units of FACS from 0 to 1, as in AU12:0.8+AU4:0.3; AU12L or AU12R moves "
            "one side of the face.",
        ),
    ] = None,
    pose: Annotated[
        str | None,
        typer.Option(
            metavar="YAW,PITCH,ROLL",
            help="Degrees to turn the head from where it is: above 0 to the left of the picture, "
            "down, with the clock. It goes as far as 30, 20 and 25.",
        ),
    ] = None,
    gaze: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y|camera",
            help="Degrees to turn the eyes from where they look: above 0 to the right of the "
            "picture, down, up to about 24; camera: they look at the viewer, however the head is "
            "turned.",
        ),
    ] = None,
    sheet: Annotated[
        bool,
        typer.Option(
            "--sheet",
            help="One labelled picture of the face under all eight emotions at three strengths, "
            "or under --emotion at six; --au, --pose and --gaze hold for all.",
        ),
    ] = False,
    size: Annotated[
        str,
        typer.Option(
            metavar="source|N",
            help="Longer side in pixels, or the picture's own; with --sheet of each picture, 256 "
            "if left out.",
        ),
    ] = "source",
    crop: Crop = False,
    face: FaceNumber = None,
    landmarks: Landmarks = None,
    backend: BackendOption = Backend.embedded,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Give PORTRAIT another expression, turn of the head or look."""
    with reported(quiet, debug) as say:
        from talkgen.io.edited import as_source, check_picture_output
        from talkgen.motion.still import as_still
        from talkgen.pipelines.edit import EditPipeline, check_size

        pixels = parts.pixels(size)
        check_size(pixels)
        as_still(emotion, au, pose, gaze)
        check_picture_output(output, inputs=(portrait,))
        source = as_source(portrait)
        say.stage("loading the models")
        pipeline: EditPipeline = say.loaded(EditPipeline.from_pretrained, backend=backend.value)
        say.stage("finding the face")
        made = pipeline(
            source, emotion=emotion, au=au, pose=pose, gaze=gaze, face=face, landmarks=landmarks,
            size=pixels, crop=crop, sheet=sheet,
        )  # fmt: skip
        for note in made.notes:
            log.warning("%s", note)
        made.save(output)
        height, width = made.image.shape[:2]
        say.done(output, f"{width} x {height} pixels")
