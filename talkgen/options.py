"""Options that several commands share; the defaults stand in the commands' signatures."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Backend(StrEnum):
    """What finds and reads faces."""

    embedded = "embedded"
    mediapipe = "mediapipe"
    face_alignment = "face-alignment"


class RendererName(StrEnum):
    """What draws."""

    auto = "auto"
    mesh = "mesh"
    diffusion = "diffusion"


PortraitArg = Annotated[Path, typer.Argument(metavar="PORTRAIT", help="Picture of a face.")]
SpeechArg = Annotated[
    Path, typer.Argument(metavar="SPEECH", help="Audio, or a video with a sound track.")
]
VideoOut = Annotated[Path, typer.Option("-o", "--output", metavar="OUT.mp4", help="The video.")]
MotionOut = Annotated[
    Path, typer.Option("-o", "--output", metavar="FILE", help="Motion file, .npz or .csv.")
]
Size = Annotated[
    str,
    typer.Option(metavar="source|N", help="Longer side of the video in pixels, or the picture's."),
]
Fps = Annotated[float, typer.Option(help="Frames a second.")]
OwnFps = Annotated[float | None, typer.Option(help="Frames a second; the input's own if left out.")]
Seed = Annotated[int, typer.Option(help="Same seed, same motion.")]
Still = Annotated[bool, typer.Option("--still", help="Keep the head still.")]
PoseScale = Annotated[float, typer.Option(help="More (2) or less (0.5) head movement.")]
ExpressionScale = Annotated[float, typer.Option(help="More or less movement of the face.")]
MouthScale = Annotated[float, typer.Option(help="More or less of lips, jaw and cheeks.")]
BrowScale = Annotated[float, typer.Option(help="More or less of brows and lids.")]
BlinkScale = Annotated[float, typer.Option(help="More (2) or fewer (0.5) blinks; 0 none.")]
EmotionOption = Annotated[
    str | None,
    typer.Option(
        "--emotion", metavar="EMOTION",
        help="neutral, happy, sad, surprise, fear, disgust, anger or contempt, with a strength as "
        "in happy:0.7; or valence:0.6+arousal:-0.2, from -1 to 1; a track as in "
        "0:neutral,2.5:happy:0.8,6:sad; a .csv or .json of times; or auto: what the voice sounds "
        "like.",
    ),
]  # fmt: skip
FaceNumber = Annotated[
    int | None,
    typer.Option(
        "--face", metavar="N", help="Which face, from 1, largest first; else the largest."
    ),
]
Landmarks = Annotated[
    Path | None,
    typer.Option(
        "--landmarks", metavar="FILE",
        help="Points of the face, where none is found or to correct them: .json or .csv with 478 "
        "or 68 points, or right_eye, left_eye, nose, mouth_right and mouth_left, in pixels; the "
        "file of `faces -o` is one.",
    ),
]  # fmt: skip
Also = Annotated[
    list[Path] | None,
    typer.Option(
        "--also", metavar="PICTURE",
        help="Another picture of the person, or a clip, for a truer head; may be repeated.",
    ),
]  # fmt: skip
Crop = Annotated[bool, typer.Option("--crop", help="Only a square about the head.")]
Candidates = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Try N motions, of the seeds from --seed on, and keep the one whose emotion and lips "
        "the critics like best.",
    ),
]
Guide = Annotated[
    bool | None,
    typer.Option(
        "--guide/--no-guide",
        help="Suit the emotion's action units to this face by what the critic sees in it; if left "
        "out, where --candidates are tried.",
    ),
]
SyncNet = Annotated[
    Path | None,
    typer.Option(
        "--syncnet", metavar="FILE",
        help="The published syncnet_v2.model, for LSE-D and LSE-C; slow.",
    ),
]  # fmt: skip
RendererOption = Annotated[
    RendererName,
    typer.Option(
        "--renderer",
        help="mesh: the photograph on a 3D head; diffusion: a neural network adds to that what "
        "geometry cannot make; auto: diffusion on a GPU, else mesh.",
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(help="Steps of the diffusion, 4 if left out; 1 is faster and hardly worse."),
]
IdentityScale = Annotated[
    float | None,
    typer.Option(help="How much the diffusion heeds who the person is, 0 to 1 (default)."),
]
AdapterOption = Annotated[
    Path | None,
    typer.Option(
        "--adapter", metavar="FILE",
        help="What `talkgen adapt` learned of this person for the diffusion renderer.",
    ),
]  # fmt: skip
Device = Annotated[
    str | None,
    typer.Option(metavar="auto|cpu|cuda|cuda:N", help="Where the diffusion is computed."),
]
BackendOption = Annotated[Backend, typer.Option(help="What finds and reads the face.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but warnings and errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
