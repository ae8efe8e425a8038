"""What programs may ask of the server: the commands, named and documented, by `gr.api`.

Each runs the command of its name in the same queue as the page, and ends with the same error line.
`gradio_client.Client(url).view_api()` lists them; `Client.submit(...).status()` tells stage and
progress.
"""
# No postponed annotations here: Gradio reads the types of these functions as they stand.

import asyncio
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import get_blocks_context
from gradio.utils import get_function_description, get_function_params

from talkgen.apps.call import Call, made
from talkgen.apps.defaults import usual
from talkgen.apps.faces import face_values, judged_values
from talkgen.apps.job import Job
from talkgen.apps.page import Page
from talkgen.apps.uploads import picture, sound, spec, video, visitor_of, words
from talkgen.apps.work import plain
from talkgen.errors import InputError, TalkgenError
from talkgen.io.points import FIVE

SAMPLES = {"portrait": "portrait.jpg", "speech": "speech.flac", "clip": "clip.mp4"}
"""What stands for a file in the examples of the API's page."""
Given = gr.FileData | None
Points = dict[str, list[float]]


def endpoints(page: Page) -> None:
    """Add the endpoints to the page that is being built."""
    blocks = get_blocks_context()
    assert blocks is not None
    for endpoint in (_talk(page), _edit(page), _dub(page), _drive(page), _score(page), _say(page)):
        gr.api(endpoint, api_name=endpoint.__name__, concurrency_limit=None)
        _name(endpoint, next(reversed(blocks.fns.values())))


def _name(endpoint: Callable[..., Any], added: Any) -> None:
    """Give parameters and results the names and words of the endpoint's docstring."""
    _, given, told = get_function_description(endpoint)
    results = [line.split(":", 1) for line in told]
    names = [(name, given[name]) for name, *_ in get_function_params(endpoint)]
    for parts, known in ((added.inputs, names), (added.outputs, results)):
        for part, (name, text) in zip(parts, known, strict=True):
            part.label = name
            part._api_info |= {"additional_description": text.strip(), "description": text.strip()}
            if name in SAMPLES:
                file = {"path": SAMPLES[name], "url": SAMPLES[name]}
                sample = file | {"meta": {"_type": "gradio.FileData"}}
                part.example_payload = lambda shown=sample: shown


def _talk(page: Page) -> Callable[..., Any]:
    async def talk(
        portrait: gr.FileData,
        speech: Given = None,
        text: str = "",
        voice: str = usual("say", "voice"),
        emotion: str = "",
        size: str = str(usual("talk", "size")),
        fps: float = usual("talk", "fps"),
        seed: int = usual("talk", "seed"),
        candidates: int = usual("talk", "candidates"),
        still: bool = False,
        crop: bool = False,
        face: int | None = None,
        landmarks: Points | None = None,
        measure: bool = True,
        request: gr.Request | None = None,
    ) -> tuple[gr.FileData, gr.FileData, dict[str, Any]]:
        """Make a portrait speak.

        Parameters:
            portrait: Picture of a face.
            speech: A recording, or a video with sound; or leave it out and give `text`.
            text: What is read aloud in its place, where the server has espeak-ng.
            voice: A language as in en-us or de, with a sound as in en-us+f3.
            emotion: As in happy:0.7, 0:neutral,2.5:sad, valence:0.6+arousal:-0.2, or auto.
            size: Longer side in pixels, or source for the picture's own.
            fps: Frames a second.
            seed: Same seed, same motion.
            candidates: Motions tried; the one that the critics like best is kept.
            still: Whether the head keeps still.
            crop: Whether only a square about the head is shown.
            face: Which face, from 1, largest first; else the largest.
            landmarks: right_eye, left_eye, nose, mouth_right and mouth_left as [x, y] in pixels.
            measure: Whether the report is made, which doubles the time; never with landmarks.
        Returns:
            video: The video, an MP4.
            motion: Its motion, a CSV.
            report: What was measured of it, score by score.
        """

        def calls() -> list[Call]:
            out = []
            asked: dict[str, Any] = {
                "portrait": picture(portrait, page, request), "emotion": spec(emotion),
                "size": size, "fps": fps, "seed": seed, "candidates": candidates, "still": still,
                "crop": crop, **_face(page, face, landmarks, request),
            }  # fmt: skip
            if (text or "").strip() and speech is None:
                said = {"text": words(text), "voice": voice}
                out.append(Call("say", said, {"output": "speech.wav"}, "reading the text aloud"))
                asked["speech"] = made("output")
            else:
                asked["speech"] = sound(speech, page, request)
            written = {"output": "video.mp4", "motion_out": "motion.csv"}
            out.append(Call("talk", asked, written, "making the video"))
            same = judged_values(asked["portrait"], face, landmarks, crop)
            if measure and same is not None:
                judged: dict[str, Any] = {"video": made("output"), **same}
                if asked["emotion"] not in (None, "auto"):
                    judged["emotion"] = asked["emotion"]
                out.append(Call("score", judged, {"json": "report.json"}, "measuring it"))
            return out

        job = await _run(page, request, calls)
        return _file(job, "output"), _file(job, "motion_out"), _report(job)

    return talk


def _edit(page: Page) -> Callable[..., Any]:
    async def edit(
        portrait: gr.FileData,
        emotion: str = "",
        au: str = "",
        pose: str = "",
        gaze: str = "",
        sheet: bool = False,
        size: str = str(usual("edit", "size")),
        face: int | None = None,
        landmarks: Points | None = None,
        request: gr.Request | None = None,
    ) -> gr.FileData:
        """Give a portrait another expression, turn of the head or look.

        Parameters:
            portrait: Picture of a face.
            emotion: As in happy:0.7 or valence:0.6+arousal:-0.2.
            au: Action units from 0 to 1, as in AU12:0.8+AU4:0.3.
            pose: Yaw, pitch and roll in degrees from where the head is, as in 10,0,-5.
            gaze: Degrees to the right and down from where the eyes look, as in 5,0; or camera.
            sheet: Whether it is one picture of all emotions at several strengths.
            size: Longer side in pixels, or source for the picture's own.
            face: Which face, from 1, largest first; else the largest.
            landmarks: right_eye, left_eye, nose, mouth_right and mouth_left as [x, y] in pixels.
        Returns:
            picture: The picture, a PNG.
        """

        def calls() -> list[Call]:
            asked = {
                "portrait": picture(portrait, page, request), "emotion": spec(emotion),
                "au": spec(au), "pose": pose, "gaze": gaze, "sheet": sheet, "size": size,
                **_face(page, face, landmarks, request),
            }  # fmt: skip
            return [Call("edit", asked, {"output": "edited.png"}, "drawing the picture")]

        return _file(await _run(page, request, calls), "output")

    return edit


def _dub(page: Page) -> Callable[..., Any]:
    async def dub(
        clip: gr.FileData,
        speech: gr.FileData,
        face: int | None = None,
        fit: str = str(usual("dub", "fit")),
        mix: bool = False,
        seed: int = usual("dub", "seed"),
        mouth_scale: float = usual("dub", "mouth_scale"),
        request: gr.Request | None = None,
    ) -> gr.FileData:
        """Make somebody in a video say something else; all but the mouth stays as it is.

        Parameters:
            clip: A video that shows who speaks.
            speech: A recording, or a video with sound.
            face: Who speaks, from 1; else the one whose lips follow the clip's own sound.
            fit: What a speech does that outlasts the picture: trim, hold, loop or slow.
            mix: Whether the clip's own music and effects stay.
            seed: Same seed, same motion.
            mouth_scale: More or less of lips, jaw and cheeks; 1 is as spoken.
        Returns:
            video: The video, an MP4.
        """

        def calls() -> list[Call]:
            asked = {
                "video": video(clip, page, request), "speech": sound(speech, page, request),
                "face": face, "fit": fit, "mix": mix, "seed": seed, "mouth_scale": mouth_scale,
            }  # fmt: skip
            return [Call("dub", asked, {"output": "dubbed.mp4"}, "dubbing the video")]

        return _file(await _run(page, request, calls), "output")

    return dub


def _drive(page: Page) -> Callable[..., Any]:
    async def drive(
        portrait: gr.FileData,
        clip: gr.FileData,
        region: list[str] | None = None,
        absolute: bool = False,
        keep_sound: bool = True,
        size: str = str(usual("drive", "size")),
        crop: bool = False,
        face: int | None = None,
        driver_face: int | None = None,
        landmarks: Points | None = None,
        request: gr.Request | None = None,
    ) -> tuple[gr.FileData, gr.FileData]:
        """Make a portrait move like the face in a video.

        Parameters:
            portrait: Picture of a face.
            clip: The video that drives it.
            region: What moves, some of pose, expression, mouth and eyes; else all.
            absolute: Whether it is the driver's own turn and expression, not what changes in them.
            keep_sound: Whether the clip's sound is kept.
            size: Longer side in pixels, or source for the picture's own.
            crop: Whether only a square about the head is shown.
            face: Which face of the portrait, from 1, largest first; else the largest.
            driver_face: Which face of the clip, from 1, largest first; else the largest.
            landmarks: right_eye, left_eye, nose, mouth_right and mouth_left as [x, y] in pixels.
        Returns:
            video: The video, an MP4.
            motion: The driver's motion, a CSV.
        """

        def calls() -> list[Call]:
            asked = {
                "portrait": picture(portrait, page, request), "video": video(clip, page, request),
                "region": region or None, "absolute": absolute, "sound": keep_sound, "size": size,
                "crop": crop, "driver_face": driver_face, **_face(page, face, landmarks, request),
            }  # fmt: skip
            written = {"output": "driven.mp4", "motion_out": "motion.csv"}
            return [Call("drive", asked, written, "making the video")]

        job = await _run(page, request, calls)
        return _file(job, "output"), _file(job, "motion_out")

    return drive


def _score(page: Page) -> Callable[..., Any]:
    async def score(
        clip: gr.FileData,
        source: Given = None,
        emotion: str = "",
        face: int | None = None,
        request: gr.Request | None = None,
    ) -> tuple[dict[str, Any], gr.FileData]:
        """Measure a talking video: lips and sound, picture, identity, expression, likeness.

        Parameters:
            clip: A video of a talking face.
            source: The picture that the video was made of, for its identity.
            emotion: What was asked for, to be held against what is seen; as in happy:0.7.
            face: Which face, from 1, largest first; else the largest.
        Returns:
            report: What was measured, score by score.
            page: The same as a page with curves and worst frames, HTML.
        """

        def calls() -> list[Call]:
            asked: dict[str, Any] = {
                "video": video(clip, page, request), "emotion": spec(emotion), "face": face,
            }  # fmt: skip
            if source is not None:
                asked["source"] = picture(source, page, request)
            return [
                Call("score", asked, {"json": "report.json", "html": "report.html"}, "measuring")
            ]

        job = await _run(page, request, calls)
        return _report(job), _file(job, "html")

    return score


def _say(page: Page) -> Callable[..., Any]:
    async def say(
        text: str,
        voice: str = usual("say", "voice"),
        speed: float = usual("say", "speed"),
        request: gr.Request | None = None,
    ) -> gr.FileData:
        """Read a text aloud, by espeak-ng where the server has it.

        Parameters:
            text: What to say.
            voice: A language as in en-us or de, with a sound as in en-us+f3.
            speed: Faster (2) or slower (0.5).
        Returns:
            speech: The sound, a WAV.
        """

        def calls() -> list[Call]:
            said = {"text": words(text), "voice": voice, "speed": speed}
            return [Call("say", said, {"output": "speech.wav"}, "reading the text aloud")]

        return _file(await _run(page, request, calls), "output")

    return say


async def _run(page: Page, request: gr.Request | None, calls: Callable[[], Sequence[Call]]) -> Job:
    """Return the job of these calls when it is done; raise gr.Error with its line if it failed.

    Who leaves or cancels meanwhile ends it.
    """
    session = (request.session_hash if request else None) or ""
    progress = gr.Progress()
    try:
        job = page.jobs.submit(await asyncio.to_thread(calls), visitor_of(request))
    except TalkgenError as error:
        raise _error(page, str(error)) from error
    page.begun(session, job)
    try:
        async for now in job.updates():
            line = f"{now.ahead} before you" if now.ahead else now.stage or now.call.title
            progress((now.done, now.total or None), desc=line, unit="frames")
    finally:
        page.ended(session, job)
        if not job.ended:
            job.cancel()
    if job.state != "done":
        raise _error(page, job.error or "cancelled")
    return job


def _error(page: Page, line: str) -> gr.Error:
    return gr.Error(plain(page, line), print_exception=False)


def _file(job: Job, output: str) -> gr.FileData:
    path = job.files[output]
    return gr.FileData(path=str(path), orig_name=path.name)


def _report(job: Job) -> dict[str, Any]:
    """Return the report that `score` wrote, empty where it was not asked for."""
    if "json" not in job.files:
        return {}
    report: dict[str, Any] = json.loads(job.files["json"].read_text("utf-8"))
    for name in ("video", "source", "reference"):  # the server's folders are no one's business
        if isinstance(report.get(name), str):
            report[name] = Path(report[name]).name
    return report


def _face(
    page: Page, face: int | None, landmarks: Mapping[str, Any] | None, request: gr.Request | None
) -> dict[str, Any]:
    """Return which face is meant; raise InputError for points that are none."""
    if landmarks is not None:
        good = isinstance(landmarks, Mapping) and all(_is_point(landmarks.get(n)) for n in FIVE)
        if not good:
            raise InputError(f"`landmarks` needs {', '.join(FIVE)}, each as [x, y] in pixels")
    return dict(face_values(face, landmarks, page.folder(visitor_of(request))))


def _is_point(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and len(value) == 2
        and all(isinstance(v, int | float) and math.isfinite(v) for v in value)
    )
