"""`talkgen drive`: a portrait moves like the face in a video."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from talkgen.commands import parts
from talkgen.options import (
    AdapterOption,
    Also,
    Backend,
    BackendOption,
    Crop,
    Debug,
    Device,
    FaceNumber,
    IdentityScale,
    Landmarks,
    OwnFps,
    PortraitArg,
    Quiet,
    RendererName,
    RendererOption,
    Size,
    Steps,
    VideoOut,
)
from talkgen.terminal import Say, reported


class Region(StrEnum):
    """What of the portrait moves (`talkgen.motion.driving.REGIONS`)."""

    pose = "pose"
    expression = "expression"
    mouth = "mouth"
    eyes = "eyes"
    all = "all"


def drive(
    portrait: PortraitArg,
    video: Annotated[
        Path,
        typer.Argument(metavar="VIDEO", help="What drives: a file, or `webcam`, `webcam:1`, ..."),
    ],
    output: VideoOut,
    region: Annotated[
        list[Region] | None,
        typer.Option(
            "--region",
            help="What moves; may be repeated. pose: the head; mouth; eyes: lids and gaze; "
            "expression: the whole face but the gaze; all if left out.",
        ),
    ] = None,
    absolute: Annotated[
        bool,
        typer.Option(
            "--absolute",
            help="The driver's own turn and expression, not what changes from their rest.",
        ),
    ] = False,
    refine: Annotated[
        bool,
        typer.Option(
            "--refine",
            help="Look at every frame twice, for a portrait that is a frame of VIDEO itself.",
        ),
    ] = False,
    sound: Annotated[
        bool, typer.Option("--sound/--no-sound", help="Keep the sound of VIDEO.")
    ] = True,
    seconds: Annotated[
        float | None,
        typer.Option(help="How long a webcam is watched; 10 if left out, Ctrl-C ends it."),
    ] = None,
    motion_out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the driver's motion too, .npz or .csv."),
    ] = None,
    size: Size = "source",
    fps: OwnFps = None,
    face: FaceNumber = None,
    driver_face: Annotated[
        int | None, typer.Option(metavar="N", help="Which face of VIDEO, from 1, largest first.")
    ] = None,
    landmarks: Landmarks = None,
    also: Also = None,
    crop: Crop = False,
    renderer: RendererOption = RendererName.auto,
    steps: Steps = None,
    identity_scale: IdentityScale = None,
    adapter: AdapterOption = None,
    device: Device = None,
    backend: BackendOption = Backend.embedded,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make PORTRAIT move like the face in VIDEO."""
    with reported(quiet, debug) as say, tempfile.TemporaryDirectory(prefix="talkgen-") as folder:
        from talkgen.errors import InputError
        from talkgen.io.output import check_output
        from talkgen.io.video import open_clip
        from talkgen.io.webcam import camera_of
        from talkgen.motion.export import SUFFIXES, write_motion
        from talkgen.pipelines.drive import OWN, DrivePipeline
        from talkgen.pipelines.output import VIDEO_SUFFIXES
        from talkgen.pipelines.talk import check_inputs

        pixels = parts.pixels(size)
        check_inputs(size=pixels, fps=fps)
        look = parts.look(renderer, steps, identity_scale, adapter, device)
        check_output(output, VIDEO_SUFFIXES, inputs=[portrait, video])
        if motion_out is not None:
            check_output(motion_out, SUFFIXES, inputs=[portrait, video, output])
        image = parts.read_picture(portrait)
        camera = camera_of(str(video))
        if camera is None:
            open_clip(video)
            if seconds is not None:
                raise InputError(f"`--seconds` is for a webcam, but VIDEO is {str(video)!r}")
        else:
            video = _recorded(camera, Path(folder) / "webcam.mp4", seconds, fps, say)
        say.stage("loading the models")
        pipeline: Any = say.loaded(
            DrivePipeline.from_pretrained,
            backend=backend.value,
            refine=refine,
            **parts.chosen(look, say),
        )
        with say.counted("reading the driving face", 0) as step:
            made = pipeline(
                image, video, regions=[r.value for r in region or (Region.all,)],
                absolute=absolute, speech=OWN if sound else None, size=pixels, fps=fps, face=face,
                driver_face=driver_face, crop=crop, landmarks=landmarks, sources=also or (),
                on_start=say.expect, on_frame=lambda: step(1),
            )  # fmt: skip
        parts.draw(made, output, say)
        if motion_out is not None:
            write_motion(made.motion, motion_out)
            say.done(motion_out)


def _recorded(camera: int, path: Path, seconds: float | None, fps: float | None, say: Say) -> Path:
    from talkgen.io.webcam import checked_seconds, record
    from talkgen.types import ENGINE_FPS

    long, rate = checked_seconds(seconds), fps or ENGINE_FPS
    with say.counted("watching the camera", round(long * rate)) as step:
        record(camera, path, seconds=long, fps=rate, on_frame=lambda: step(1))
    return path
