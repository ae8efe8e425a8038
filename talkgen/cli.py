"""The `talkgen` commands: each parses, builds, runs; the work is in the pipelines.

Exit codes and what is said on standard error: `talkgen.terminal`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

import talkgen
from talkgen.apps.command import demo
from talkgen.commands import parts
from talkgen.commands.batch import batch
from talkgen.commands.drive import drive
from talkgen.commands.dub import dub
from talkgen.commands.edit import edit
from talkgen.commands.say import say as say_text
from talkgen.errors import NoFaceError
from talkgen.options import (
    AdapterOption,
    Also,
    Backend,
    BackendOption,
    BlinkScale,
    BrowScale,
    Candidates,
    Crop,
    Debug,
    Device,
    EmotionOption,
    ExpressionScale,
    FaceNumber,
    Fps,
    Guide,
    IdentityScale,
    Landmarks,
    MotionOut,
    MouthScale,
    OwnFps,
    PortraitArg,
    PoseScale,
    Quiet,
    RendererName,
    RendererOption,
    Seed,
    Size,
    SpeechArg,
    Steps,
    Still,
    SyncNet,
    VideoOut,
)
from talkgen.terminal import (
    EXIT_DEFECT,
    EXIT_INPUT,
    EXIT_INTERRUPT,
    NAME,
    print_table,
    reported,
)

app = typer.Typer(
    name=NAME,
    help="A portrait and speech become a talking video, on a laptop's CPU.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"{NAME} {talkgen.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """A portrait and speech become a talking video, on a laptop's CPU."""


@app.command(epilog="Example: talkgen talk portrait.jpg speech.wav -o out.mp4 --emotion happy:0.7")
def talk(
    portrait: PortraitArg,
    speech: SpeechArg,
    output: VideoOut,
    size: Size = "source",
    fps: Fps = 25.0,
    seed: Seed = 0,
    still: Still = False,
    emotion: EmotionOption = None,
    pose_scale: PoseScale = 1.0,
    expression_scale: ExpressionScale = 1.0,
    mouth_scale: MouthScale = 1.0,
    brow_scale: BrowScale = 1.0,
    blink_scale: BlinkScale = 1.0,
    motion_out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the motion too, .npz or .csv."),
    ] = None,
    candidates: Candidates = 1,
    guide: Guide = None,
    face: FaceNumber = None,
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
    """Make PORTRAIT speak SPEECH in a video."""
    with reported(quiet, debug) as say:
        from talkgen.io.output import check_output
        from talkgen.motion.export import SUFFIXES, write_motion
        from talkgen.pipelines.candidates import check_candidates
        from talkgen.pipelines.output import VIDEO_SUFFIXES
        from talkgen.pipelines.talk import TalkPipeline, asked, check_inputs

        pixels = parts.pixels(size)
        scales = {
            "pose_scale": pose_scale, "expression_scale": expression_scale,
            "mouth_scale": mouth_scale, "brow_scale": brow_scale, "blink_scale": blink_scale,
        }  # fmt: skip
        check_inputs(size=pixels, fps=fps, seed=seed, **scales)
        check_candidates(candidates, seed)
        look = parts.look(renderer, steps, identity_scale, adapter, device)
        feeling = asked(emotion)
        check_output(output, VIDEO_SUFFIXES, inputs=[portrait, speech])
        if motion_out is not None:
            check_output(motion_out, SUFFIXES, inputs=[portrait, speech, output])
        image, sound = parts.read_picture(portrait), parts.read_speech(speech)
        say.stage("loading the models")
        pipeline = say.loaded(
            TalkPipeline.from_pretrained, backend=backend.value, **parts.chosen(look, say)
        )
        several = f", then the best of {candidates} motions" if candidates > 1 else ""
        say.stage(f"finding the face{several}")
        video = pipeline(
            image, sound, size=pixels, fps=fps, seed=seed, still=still, emotion=feeling,
            face=face, crop=crop, landmarks=landmarks, candidates=candidates, guide=guide,
            sources=also or (), on_stage=say.note, **scales,
        )  # fmt: skip
        parts.draw(video, output, say)
        if video.choice is not None:
            say.note(str(video.choice))
        if motion_out is not None:
            write_motion(video.motion, motion_out)
            say.done(motion_out)


@app.command(epilog="Example: talkgen motion speech.wav -o motion.csv --emotion sad")
def motion(
    speech: SpeechArg,
    output: MotionOut,
    fps: Fps = 25.0,
    seed: Seed = 0,
    still: Still = False,
    emotion: EmotionOption = None,
    pose_scale: PoseScale = 1.0,
    expression_scale: ExpressionScale = 1.0,
    mouth_scale: MouthScale = 1.0,
    brow_scale: BrowScale = 1.0,
    blink_scale: BlinkScale = 1.0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Turn SPEECH into a motion file for `render`, Blender or Unreal."""
    with reported(quiet, debug) as say:
        from talkgen.io.output import check_output
        from talkgen.motion.chunks import joined
        from talkgen.motion.export import SUFFIXES, write_motion
        from talkgen.motion.resample import num_frames
        from talkgen.pipelines.talk import asked, check_inputs, felt, motion_chunks

        scales = check_inputs(
            fps=fps, seed=seed, pose_scale=pose_scale, expression_scale=expression_scale,
            mouth_scale=mouth_scale, brow_scale=brow_scale, blink_scale=blink_scale,
        )  # fmt: skip
        feeling = asked(emotion)
        check_output(output, SUFFIXES, inputs=[speech])
        sound = parts.read_speech(speech)
        say.stage("loading the model")
        from talkgen.motion.generator import MotionGenerator

        chunks = motion_chunks(
            MotionGenerator.from_pretrained("motion"), sound, fps, seed=seed, still=still,
            emotion=felt(feeling, sound), scales=scales,
        )  # fmt: skip
        with say.counted("making motion", num_frames(sound.seconds, fps)) as step:
            made = []
            for chunk in chunks:
                made.append(chunk)
                step(len(chunk))
        write_motion(joined(made), output)
        say.done(output)


@app.command(epilog="Example: talkgen render portrait.jpg motion.csv -o out.mp4 --audio speech.wav")
def render(
    portrait: PortraitArg,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Motion file, .npz or .csv.")],
    output: VideoOut,
    audio: Annotated[
        Path | None, typer.Option(metavar="SPEECH", help="Sound to go with the video.")
    ] = None,
    size: Size = "source",
    fps: OwnFps = None,
    face: FaceNumber = None,
    landmarks: Landmarks = None,
    renderer: RendererOption = RendererName.auto,
    steps: Steps = None,
    identity_scale: IdentityScale = None,
    adapter: AdapterOption = None,
    device: Device = None,
    backend: BackendOption = Backend.embedded,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make PORTRAIT move as a motion FILE says."""
    with reported(quiet, debug) as say:
        from talkgen.io.output import check_output
        from talkgen.motion.export import read_motion
        from talkgen.pipelines.output import VIDEO_SUFFIXES
        from talkgen.pipelines.render import RenderPipeline
        from talkgen.pipelines.talk import check_inputs

        pixels = parts.pixels(size)
        check_inputs(size=pixels, fps=fps)
        look = parts.look(renderer, steps, identity_scale, adapter, device)
        check_output(output, VIDEO_SUFFIXES, inputs=[portrait, file])
        image, moves = parts.read_picture(portrait), read_motion(file)
        sound = None if audio is None else parts.read_speech(audio)
        say.stage("loading the models")
        pipeline = say.loaded(
            RenderPipeline.from_pretrained, backend=backend.value, **parts.chosen(look, say)
        )
        say.stage("finding the face")
        video = pipeline(
            image, moves, speech=sound, size=pixels, fps=fps, face=face, landmarks=landmarks
        )
        parts.draw(video, output, say)


@app.command(epilog="Example: talkgen track clip.mp4 -o motion.npz")
def track(
    source: Annotated[Path, typer.Argument(metavar="IMAGE|VIDEO", help="What shows the face.")],
    output: MotionOut,
    fps: OwnFps = None,
    face: FaceNumber = None,
    refine: Annotated[
        bool,
        typer.Option(
            "--refine",
            help="Look at every frame again beside the drawn head, by optical flow: a finer "
            "motion, and in the .npz how hair, neck and body move. About 0.4 s a frame.",
        ),
    ] = False,
    backend: BackendOption = Backend.embedded,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Read the motion of a face off a picture or a video."""
    with reported(quiet, debug) as say:
        from talkgen.io.output import check_output
        from talkgen.motion.export import SUFFIXES, write_motion
        from talkgen.pipelines.talk import check_inputs
        from talkgen.pipelines.track import TrackPipeline

        check_inputs(fps=fps)
        check_output(output, SUFFIXES, inputs=[source])
        parts.must_exist(source)
        say.stage("loading the models")
        pipeline = say.loaded(TrackPipeline.from_pretrained, backend=backend.value, refine=refine)
        with say.counted("reading the face", 0) as step:
            moves = pipeline(
                source, fps=fps, face=face, on_start=say.expect, on_frame=lambda: step(1)
            )
        write_motion(moves, output)
        say.done(output)


@app.command(epilog="Example: talkgen faces group.jpg -o faces.json --overlay seen.png --masks m")
def faces(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="Any picture.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.json", help="All numbers.")
    ] = None,
    overlay: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="The picture with the points drawn in.")
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Soft masks of skin, lips, hair, ... as face1_skin.png."),
    ] = None,
    backend: BackendOption = Backend.embedded,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say what is seen of every face in PICTURE, and whether it can be animated."""
    with reported(quiet, debug) as say:
        from talkgen.io.output import check_output
        from talkgen.pipelines.faces import FacesPipeline
        from talkgen.pipelines.faces_output import (
            check_folder,
            faces_table,
            write_json,
            write_masks,
            write_overlay,
        )

        if output is not None:
            check_output(output, (".json",), inputs=[picture])
        if overlay is not None:
            check_output(overlay, (".png", ".jpg"), inputs=[picture])
        if masks is not None:
            check_folder(masks)
        image = parts.read_picture(picture)
        say.stage("loading the models")
        pipeline = say.loaded(FacesPipeline.from_pretrained, backend=backend.value)
        readings = pipeline(image)
        if not readings:
            raise NoFaceError(
                f"no human face found in {str(picture)!r} "
                f"({image.shape[1]} x {image.shape[0]} pixels)"
            )
        print_table(faces_table(readings))
        if output is not None:
            write_json(output, image, readings)
            say.done(output)
        if overlay is not None:
            write_overlay(overlay, image, readings)
            say.done(overlay)
        if masks is not None:
            with say.counted("drawing masks", len(readings)) as step:
                for number, reading in enumerate(readings, 1):
                    write_masks(masks, number, pipeline.masks(image, reading.face))
                    step(1)
            say.done(masks)


@app.command(epilog="Example: talkgen adapt me.mp4 -o me.safetensors")
def adapt(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="VIDEO|IMAGES...", help="Clips or pictures of one person."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="NAME.safetensors", help="The adapter.")
    ],
    steps: Annotated[
        int | None, typer.Option(help="How many steps to learn, at most; 400 if left out.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="How long to learn, at most; 10 if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed and steps, same adapter.")] = 0,
    device: Device = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Learn one person's face for `--adapter` of the diffusion renderer, from VIDEO or IMAGES."""
    with reported(quiet, debug) as say:
        from talkgen.io.output import check_output

        check_output(output, (".safetensors",), inputs=sources)
        for source in sources:
            parts.must_exist(source)
        say.stage("loading the models")
        from talkgen.pipelines.adapt import AdaptPipeline
        from talkgen.render.performance import as_device
        from talkgen.training.adapt import Effort

        wanted: dict[str, Any] = {"steps": steps, "minutes": minutes, "seed": seed}
        effort = Effort(**{k: v for k, v in wanted.items() if v is not None})
        place = str(as_device(device or "auto"))
        pipeline = say.loaded(AdaptPipeline.from_pretrained)
        with say.counted("looking at the face", 0) as step:
            shown = 0

            def on_step(share: float) -> None:
                nonlocal shown
                say.expect(100)
                step(round(100 * share) - shown)
                shown = round(100 * share)

            made = pipeline(
                sources, effort=effort, on_stage=say.stage, on_step=on_step, device=place
            )
        made.adapter.save(output)
        say.done(output, str(made))


@app.command(epilog="Example: talkgen score out.mp4 --source portrait.jpg --html report.html")
def score(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A talking face.")],
    reference: Annotated[
        Path | None, typer.Option(metavar="VIDEO", help="A real clip of the same speech.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option(metavar="IMAGE", help="The picture the video was made of.")
    ] = None,
    emotion: Annotated[
        str | None, typer.Option(metavar="EMOTION", help="What was asked for, as in `talk`.")
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE.json", help="All numbers.")] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="A page with curves and worst frames.")
    ] = None,
    syncnet: SyncNet = None,
    face: FaceNumber = None,
    backend: BackendOption = Backend.embedded,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Measure a talking VIDEO: lips and sound, picture, identity, expression, likeness."""
    with reported(quiet, debug) as say:
        from talkgen.io.output import check_output
        from talkgen.motion.emotion import as_emotion
        from talkgen.pipelines.score import ScorePipeline, published_sync
        from talkgen.pipelines.score_output import score_table, write_html, write_json

        given = [path for path in (video, reference, source, syncnet) if path is not None]
        for path, suffixes in ((json, (".json",)), (html, (".html", ".htm"))):
            if path is not None:
                check_output(path, suffixes, inputs=given)
        for path in given:
            parts.must_exist(path)
        target = as_emotion(emotion)
        say.stage("loading the models")
        more = [] if syncnet is None else [published_sync(syncnet)]
        pipeline = say.loaded(ScorePipeline.from_pretrained, backend=backend.value, more=more)
        with say.counted("watching", 0) as step:
            judged = pipeline(
                video, reference=reference, source=source, emotion=target, face=face,
                on_start=say.expect, on_frame=lambda: step(1),
            )  # fmt: skip
        print_table(score_table(judged))
        if json is not None:
            write_json(json, judged)
            say.done(json)
        if html is not None:
            write_html(html, judged, video.name)
            say.done(html)


app.command(
    epilog="Example: talkgen drive portrait.jpg clip.mp4 -o out.mp4 --region pose --region eyes"
)(drive)
app.command(epilog="Example: talkgen dub clip.mp4 speech.wav -o out.mp4")(dub)
app.command(
    epilog="Example: talkgen edit portrait.jpg -o out.png --emotion happy:0.7 --pose 10,0,0"
)(edit)
app.command(name="say", epilog="Example: talkgen say 'Good evening.' -o speech.wav --voice en-gb")(
    say_text
)
app.command(epilog="Example: talkgen batch jobs.csv --out made --workers 2")(batch)
app.command(epilog="Example: talkgen demo --port 0 --open")(demo)


@app.command()
def models(
    debug: Debug = False,
) -> None:
    """List the checkpoints that talkgen ships."""
    with reported(False, debug):
        from talkgen.doctor import models_table

        print_table(models_table())


@app.command()
def doctor(
    debug: Debug = False,
) -> None:
    """Show versions, devices and checkpoints, what is missing and how to get it."""
    with reported(False, debug):
        from talkgen.doctor import doctor_report

        table, healthy = doctor_report()
        print_table(table)
        if not healthy:
            raise typer.Exit(EXIT_DEFECT)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; wrong usage is one line too."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        # Products this small lose by threads that wait for each other; the renderer has its own.
        os.environ.setdefault(name, "1")
    command = typer.main.get_command(app)
    try:
        code = command.main(arguments, prog_name=NAME, standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        print(f"{NAME}: error: interrupted; nothing was written", file=sys.stderr)
        sys.exit(EXIT_INTERRUPT)
    except Exception as error:
        usage = getattr(error, "format_message", None)  # click's, or the click inside typer
        if usage is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(usage())
            sys.exit(EXIT_INPUT)
        context = getattr(error, "ctx", None)
        where = f" (see `{context.command_path} --help`)" if context else ""
        text = " ".join(usage().split()).rstrip(".")
        print(f"{NAME}: error: {text}{where}", file=sys.stderr)
        sys.exit(EXIT_INPUT)
    sys.exit(code if isinstance(code, int) else 0)
