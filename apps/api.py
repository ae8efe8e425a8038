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

from talkgen.apps.call import Call, made
from talkgen.apps.defaults import usual
from talkgen.apps.faces import face_values
from talkgen.apps.job import Job
from talkgen.apps.page import Page
from talkgen.apps.uploads import picture, sound, spec, video, visitor_of, words
from talkgen.apps.work import plain
from talkgen.errors import InputError, TalkgenError
from talkgen.io.points import FIVE

Given = gr.FileData | None
Points = dict[str, list[float]]


def endpoints(page: Page) -> None:
    """Add the endpoints to the page that is being built."""
    for endpoint in (_talk(page), _edit(page), _dub(page), _drive(page), _score(page), _say(page)):
        gr.api(endpoint, api_name=endpoint.__name__, concurrency_limit=None)


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
        """Make a portrait speak: a video, its motion as CSV, and its report.

        portrait: picture of a face. speech: a recording, or leave it out and give `text`, which is
        read aloud by `voice` where the server has espeak-ng. emotion: as in "happy:0.7",
        "0:neutral,2.5:sad", "valence:0.6+arousal:-0.2" or "auto". size: longer side in pixels, or
        "source". landmarks: right_eye, left_eye, nose, mouth_right and mouth_left as [x, y] in
        pixels, where no face is found. measure: whether the report is made; else it is empty.
        """

        def calls() -> list[Call]:
            out = []
            asked: dict[str, Any] = {
                "portrait": picture(portrait, page, request), "emotion": spec(emotion),
                "size": size, "fps": fps, "seed": seed, "candidates": candidates, "still": still,
                "crop": crop, **_face(page, face, landmarks, request),
            }  # fmt: skip
            if text.strip() and speech is None:
                said = {"text": words(text), "voice": voice}
                out.append(Call("say", said, {"output": "speech.wav"}, "reading the text aloud"))
                asked["speech"] = made("output")
            else:
                asked["speech"] = sound(speech, page, request)
            written = {"output": "video.mp4", "motion_out": "motion.csv"}
            out.append(Call("talk", asked, written, "making the video"))
            if measure:
                judged = {"video": made("output"), "source": asked["portrait"]}
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
        """Give a portrait another expression, turn of the head or look: a PNG.

        emotion: as in "happy:0.7" or "valence:0.6+arousal:-0.2". au: action units, as in
        "AU12:0.8+AU4:0.3". pose: "yaw,pitch,roll" in degrees. gaze: "x,y" in degrees, or "camera".
        sheet: all emotions at several strengths in one picture. size: longer side in pixels, or
        "source".
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
        """Make somebody in a video say a speech: the video; all but the mouth stays as it is.

        face: who speaks, from 1, by size; left out: whose lips follow the clip's own sound.
        fit: "trim", "hold", "loop" or "slow", where the speech outlasts the picture. mix: keep the
        clip's own music and effects.
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
        """Make a portrait move like the face in a video: the video, and its motion as CSV.

        region: what moves, of "pose", "expression", "mouth", "eyes"; all if left out. absolute: the
        driver's own turn and expression, not what changes from their rest.
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
        """Measure a talking video: all numbers, and a page with curves and worst frames.

        source: the picture the video was made of, for identity. emotion: what was asked for, to be
        held against what is seen.
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
        """Read a text aloud by espeak-ng: a WAV.

        voice: a language as in "en-us" or "de", with a sound as in "en-us+f3". speed: 2 is faster,
        0.5 slower.
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
