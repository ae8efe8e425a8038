"""Dub, Drive and Score in the browser, each with a moment of video."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.apps.visitor import PORTRAIT, SPEECH, Visitor, plays

SECONDS, FPS, SIZE = 1.0, 25, 256
WHILE = 90_000
"""Milliseconds that a run may take on a busy machine."""


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example portrait, moving sideways a little while the example's speech is heard."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    still = np.asarray(Image.open(PORTRAIT).convert("RGB").resize((SIZE, SIZE)))
    sound, rate = soundfile.read(SPEECH, dtype="float32")
    with av.open(str(path), "w") as file:
        picture = file.add_stream("libx264", rate=FPS)
        picture.width, picture.height, picture.pix_fmt = SIZE, SIZE, "yuv420p"
        voice = file.add_stream("aac", rate=rate, layout="mono")
        for n in range(round(SECONDS * FPS)):
            frame = av.VideoFrame.from_ndarray(np.roll(still, n // 3, 1), format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            file.mux(picture.encode(frame))
        file.mux(picture.encode(None))
        heard = av.AudioFrame.from_ndarray(
            sound[None, : round(SECONDS * rate)], format="fltp", layout="mono"
        )
        heard.sample_rate, heard.pts = rate, 0
        file.mux(voice.encode(heard))
        file.mux(voice.encode(None))
    return path


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other words than the clip's."""
    sound, rate = soundfile.read(SPEECH)
    path = tmp_path_factory.mktemp("words") / "words.wav"
    soundfile.write(path, sound[2 * rate : round((2 + SECONDS) * rate)], rate)
    return path


def shown(panel: Any, part: str) -> Any:
    """Return a <video> of the page, once it is there."""
    video = panel.locator(f"{part} video").filter(visible=True)
    video.wait_for(timeout=WHILE)
    return video


def test_examples_load_with_one_click(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    for tab, example, filled in (
        ("Dub", "Other words for a clip", ["Video of who speaks", "Speech: file or microphone"]),
        ("Drive", "Astronaut, and who moves her", ["Portrait", "Driving video: file or webcam"]),
        ("Edit still", "Astronaut", ["Portrait"]),
        ("Score", "A clip", ["Talking video"]),
    ):
        panel = visitor.tab(tab)
        panel.get_by_role("button", name=example).click()
        for label in filled:
            shown = visitor.group(panel, label).locator("video, img, time")
            shown.first.wait_for()


def test_a_video_is_dubbed(visit: Callable[..., Visitor], clip: Path, words: Path) -> None:
    visitor = visit()
    panel = visitor.tab("Dub")
    visitor.upload(panel, "Video of who speaks", clip)
    visitor.upload(panel, "Speech: file or microphone", words)
    panel.get_by_label("Measure the video too").uncheck()
    panel.get_by_role("button", name="See who is in it").click()
    panel.locator("#dub-gallery img").wait_for(timeout=WHILE)
    panel.get_by_role("button", name="Dub the video").click()
    length, moved = plays(shown(panel, "#dub-video"))
    assert length == pytest.approx(SECONDS, abs=0.1)
    assert moved > 0.1


def test_a_portrait_is_driven(visit: Callable[..., Visitor], clip: Path, tmp_path: Path) -> None:
    visitor = visit()
    panel = visitor.tab("Drive")
    visitor.upload(panel, "Portrait", PORTRAIT)
    visitor.upload(panel, "Driving video: file or webcam", clip)
    panel.get_by_label("Measure the video too").uncheck()
    panel.get_by_role("button", name="Make the video").click()
    length, _ = plays(shown(panel, "#drive-video"))
    assert length == pytest.approx(SECONDS, abs=0.1)
    path = visitor.download(panel.get_by_role("button", name="motion.csv"), tmp_path)
    assert len(path.read_text().splitlines()) > SECONDS * FPS


def test_a_video_is_measured(visit: Callable[..., Visitor], clip: Path, tmp_path: Path) -> None:
    visitor = visit()
    panel = visitor.tab("Score")
    visitor.give(panel, "Talking video", clip)
    visitor.upload(panel, "Portrait it was made of", PORTRAIT)
    panel.get_by_role("button", name="Measure", exact=True).click()
    panel.get_by_text("Lip sync").first.wait_for(timeout=WHILE)
    panel.get_by_role("status").filter(has_text="Done in").wait_for(timeout=WHILE)
    whole = panel.frame_locator("iframe[title='The whole report']")
    whole.locator("svg").first.wait_for()
    path = visitor.download(panel.get_by_role("button", name="report.json"), tmp_path)
    scores = json.loads(path.read_text())["scores"]
    assert scores["csim"]["value"] > 0.5  # the portrait itself


def test_a_sound_is_no_video(visit: Callable[..., Visitor], words: Path, tmp_path: Path) -> None:
    named = tmp_path / "words.mp4"
    named.write_bytes(words.read_bytes())
    visitor = visit()
    panel = visitor.tab("Score")
    visitor.upload(panel, "Talking video", named)
    panel.get_by_role("button", name="Measure", exact=True).click()
    alert = panel.get_by_role("alert").filter(visible=True)
    alert.wait_for()
    assert re.search(r"'words.mp4' is a sound, a video is needed", alert.inner_text())
    field, after = visitor.group(panel, "Talking video"), panel.get_by_label("Emotion that was")
    tops = [part.bounding_box()["y"] for part in (field, alert, after)]
    assert tops == sorted(tops)
