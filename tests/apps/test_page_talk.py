"""Talk in the browser: a video that plays, its report, cancelling, what is wrong said where."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from talkgen.cli import app
from talkgen.motion.export import read_motion
from tests.apps.visitor import PORTRAIT, SPEECH, Visitor, plays

SHORT = 1.6
"""Seconds of speech."""
WHILE = 90_000
"""Milliseconds that a run may take on a busy machine."""
SOUND = "Speech"


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A moment of the example's speech."""
    sound, rate = soundfile.read(SPEECH)
    path = tmp_path_factory.mktemp("speech") / "hello.wav"
    soundfile.write(path, sound[: round(SHORT * rate)], rate)
    return path


@pytest.fixture(scope="session")
def long_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three minutes of speech: more than any test waits for."""
    sound, rate = soundfile.read(SPEECH)
    path = tmp_path_factory.mktemp("speech") / "long.wav"
    soundfile.write(path, np.tile(sound, 36), rate)
    return path


def filled(visitor: Visitor, speech: Path, *, size: str = "256") -> Any:
    """Return the Talk panel with a portrait, speech and a small size."""
    panel = visitor.tab("Talk")
    visitor.upload(panel, "Portrait", PORTRAIT)
    visitor.upload(panel, SOUND, speech)
    panel.get_by_role("button", name="More").click()
    longer = panel.get_by_label("Longer side")
    longer.fill(size)
    longer.press("Enter")
    return panel


def run(panel: Any) -> Any:
    return panel.get_by_role("button", name="Make the video")


def status(panel: Any, text: str | re.Pattern[str]) -> Any:
    """Return the line that says where the work is, once it says this."""
    line = panel.get_by_role("status").filter(has_text=text)
    line.wait_for(timeout=WHILE)
    return line


def shown_video(panel: Any) -> Any:
    """Return the finished video, once it is there."""
    video = panel.locator("video").filter(visible=True)
    video.wait_for(timeout=WHILE)
    return video


def test_a_portrait_and_speech_become_a_video_that_plays(
    visit: Callable[..., Visitor], speech: Path, tmp_path: Path
) -> None:
    visitor = visit()
    panel = filled(visitor, speech)
    panel.get_by_label("Emotion as text").fill("happy:0.8")
    run(panel).click()
    panel.get_by_role("progressbar").first.wait_for(timeout=WHILE)
    video = shown_video(panel)
    measured = panel.get_by_text("Lip sync")
    assert not measured.is_visible()  # the video is there before it is measured
    length, moved = plays(video)
    assert length == pytest.approx(SHORT, abs=0.1)
    assert 0.2 < moved < 1.6
    assert video.evaluate("v => [v.videoWidth, v.videoHeight]") == [256, 256]

    status(panel, "Done in")
    report = panel.locator("#talk-report").inner_text()
    for said in ("Emotion", "happy 80%", "Lip sync", "Silence", "Likeness"):
        assert said in report, report
    curves = panel.locator("#talk-motion svg")
    assert [c.get_attribute("aria-label") for c in curves.all()] == [
        "Emotion asked for over time", "Emotion measured over time", "Mouth over time",
        "Eyes and brows over time", "Head over time",
    ]  # fmt: skip

    assert not (wrong := visitor.by_day_and_night()), "\n".join(wrong)

    files = {
        name: visitor.download(panel.get_by_role("button", name=name, exact=True), tmp_path)
        for name in ("video.mp4", "motion.csv", "report.json")
    }
    with av.open(str(files["video.mp4"])) as made:
        frames = sum(1 for _ in made.decode(made.streams.video[0]))
        assert made.streams.audio
    assert frames == len(read_motion(files["motion.csv"]).blendshapes)
    assert frames / 25 == pytest.approx(SHORT, abs=0.1)
    assert json.loads(files["report.json"].read_text())["scores"]["av_offset"]["n"] > 0

    panel.get_by_role("button", name="The same on the command line").click()
    typed = panel.get_by_label("Commands").input_value()
    assert typed.startswith("talkgen talk portrait.jpg hello.wav")
    assert "--emotion happy:0.8" in typed


def test_a_run_is_cancelled_and_the_next_one_works(
    visit: Callable[..., Visitor], speech: Path, long_speech: Path
) -> None:
    visitor = visit()
    panel = filled(visitor, long_speech, size="512")
    run(panel).click()
    panel.get_by_text(re.compile(r"\d+ of \d+ frames")).wait_for(timeout=WHILE)
    panel.get_by_role("button", name="Cancel").click()
    status(panel, "Cancelled")
    assert panel.locator("video").filter(visible=True).count() == 0
    assert run(panel).is_enabled()
    visitor.clear(panel, SOUND)
    visitor.upload(panel, SOUND, speech)
    run(panel).click()
    shown_video(panel)


def test_what_is_wrong_is_said_next_to_it_in_the_commands_words(
    visit: Callable[..., Visitor], speech: Path, tmp_path: Path
) -> None:
    visitor = visit()
    panel = filled(visitor, speech)
    panel.get_by_label("Emotion as text").fill("hapy:0.8")
    run(panel).click()
    alert = panel.get_by_role("alert")
    alert.wait_for()
    said = CliRunner().invoke(
        app, ["talk", str(PORTRAIT), str(speech), "-o", str(tmp_path / "o.mp4"),
              "--emotion", "hapy:0.8"],
    )  # fmt: skip
    assert said.exit_code != 0
    line = said.stderr.strip().splitlines()[-1]
    assert alert.inner_text().removeprefix("Error: ") in line
    field, button = panel.get_by_label("Emotion as text"), run(panel)
    assert _top(field) < _top(alert) < _top(button)
    panel.get_by_label("Emotion as text").fill("happy:0.8")
    run(panel).click()
    status(panel, re.compile("Making|Waiting"))
    assert panel.get_by_role("alert").filter(visible=True).count() == 0  # mended: it is gone
    panel.get_by_role("button", name="Cancel").click()
    status(panel, re.compile("Cancelled|Done"))


def test_a_wrong_file_is_refused_where_it_was_given(
    visit: Callable[..., Visitor], speech: Path, tmp_path: Path
) -> None:
    visitor = visit()
    panel = visitor.tab("Talk")
    alert = panel.get_by_role("alert").filter(visible=True)
    for name, is_said in {
        "notes.txt": "'notes.txt' is no picture, a picture is needed",  # by the browser, as it says
        "sound.wav": "'sound.wav' is a sound, a picture is needed",
        "sound.jpg": "'sound.jpg' is a sound, a picture is needed",  # by the server, as it is
        "notes.jpg": "'notes.jpg'",
    }.items():
        if name.startswith("sound"):
            shutil.copy(speech, tmp_path / name)
        else:
            (tmp_path / name).write_text("these are words, not a picture\n" * 20)
        visitor.give(panel, "Portrait", tmp_path / name)
        line = alert.filter(has_text=f"Error: {is_said}")
        line.wait_for()
        assert alert.count() == 1
        assert _top(line) < _top(visitor.group(panel, SOUND))
        visitor.clear(panel, "Portrait")
    visitor.give(panel, "Portrait", PORTRAIT)
    panel.get_by_text("One face found").wait_for()
    assert alert.count() == 0


def test_two_visitors_at_once_get_what_is_theirs(
    visit: Callable[..., Visitor], speech: Path, tmp_path: Path
) -> None:
    sound, rate = soundfile.read(speech)
    other = tmp_path / "other.wav"
    soundfile.write(other, sound[: rate // 2 * 2], rate)  # 1 s
    one, two = visit(), visit()
    panels = [filled(one, speech), filled(two, other)]
    for panel in panels:
        run(panel).click()
    for panel in panels:  # neither is held up until the other has ended
        panel.get_by_role("status").filter(has_text=re.compile("Making|Waiting")).wait_for()
    videos = [shown_video(panel) for panel in panels]
    lengths = [plays(video)[0] for video in videos]
    assert lengths == [pytest.approx(SHORT, abs=0.1), pytest.approx(1.0, abs=0.1)]
    address = videos[0].evaluate("v => v.currentSrc")
    assert one.page.request.get(address).status == 200
    assert two.page.request.get(address).status == 404


def test_who_leaves_makes_room(
    visit: Callable[..., Visitor], speech: Path, long_speech: Path
) -> None:
    leaving, staying = visit(), visit()
    panel = filled(leaving, long_speech, size="512")
    run(panel).click()
    panel.get_by_text(re.compile(r"\d+ of \d+ frames")).wait_for(timeout=WHILE)
    other = filled(staying, speech)
    leaving.page.close()
    run(other).click()
    shown_video(other)


def test_a_reload_is_asked_about_during_a_run_and_loses_no_result(
    visit: Callable[..., Visitor], speech: Path, long_speech: Path
) -> None:
    visitor = visit()
    asked: list[str] = []
    visitor.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    panel = filled(visitor, speech)
    run(panel).click()
    shown_video(panel)
    status(panel, "Done in")
    visitor.page.reload()
    assert asked == []
    visitor.page.get_by_role("tab", name="Talk", exact=True).wait_for()
    panel = visitor.tab("Talk")
    panel.get_by_role("button", name="Your last video").click()
    length, _ = plays(shown_video(panel))
    assert length == pytest.approx(SHORT, abs=0.1)
    panel.get_by_role("button", name="report.json").wait_for()
    panel = filled(visitor, long_speech, size="512")
    run(panel).click()
    panel.get_by_text(re.compile(r"\d+ of \d+ frames")).wait_for(timeout=WHILE)
    visitor.page.reload()
    visitor.page.wait_for_load_state()
    assert asked == ["beforeunload"]


def test_a_typed_text_is_spoken(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    panel = visitor.tab("Talk")
    if not panel.get_by_text("Typed text", exact=True).count():
        pytest.skip("espeak-ng is not installed: apt-get install espeak-ng")
    panel.get_by_text("Typed text", exact=True).click()
    panel.get_by_label("Text to say").fill("Hello there.")
    visitor.upload(panel, "Portrait", PORTRAIT)
    run(panel).click()
    length, _ = plays(shown_video(panel))
    assert 0.5 < length < 3


def test_the_keyboard_alone_is_enough(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    panel = visitor.page.get_by_role("tabpanel").first
    keys = visitor.page.keyboard
    visitor.press_until(panel.get_by_role("button", name="Cheerful"))
    outline = "e => getComputedStyle(e).outlineStyle + getComputedStyle(e).boxShadow"
    assert panel.get_by_role("button", name="Cheerful").evaluate(outline) != "nonenone"
    keys.press("Enter")
    visitor.group(panel, "Portrait").locator("img").wait_for()
    visitor.press_until(run(panel))
    keys.press("Enter")
    status(panel, re.compile("Making|Waiting"))
    visitor.press_until(panel.get_by_role("button", name="Cancel"))
    keys.press("Enter")
    status(panel, "Cancelled")


def _top(locator: Any) -> float:
    return float(locator.first.bounding_box()["y"])
