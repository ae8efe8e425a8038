"""Emotion and Edit still in the browser: previews follow what is asked for, faces are chosen."""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.apps.visitor import PORTRAIT, Visitor


def pixels(picture: Any) -> np.ndarray:
    """Return what an <img> with a data address shows, (H, W, 3) uint8."""
    data = picture.get_attribute("src").partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def changed(picture: Any, before: str, seconds: float = 20.0) -> float:
    """Wait until an <img> shows something else; return how long it took, in seconds."""
    start = time.monotonic()
    while picture.get_attribute("src") == before:
        assert time.monotonic() - start < seconds, f"the preview is the same after {seconds:g} s"
        time.sleep(0.01)
    return time.monotonic() - start


def moved_most(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return (2,) where the picture changed, row and column, shares of its size."""
    difference = np.abs(before.astype(float) - after).sum(-1)
    assert difference.max() > 60
    rows, columns = np.nonzero(difference > 60)
    return np.array([rows.mean() / len(before), columns.mean() / before.shape[1]])


def opened_mixer(visitor: Visitor) -> tuple[Any, Any]:
    """Return the Emotion panel with the example in it, and its preview."""
    panel = visitor.tab("Emotion")
    panel.get_by_role("button", name="Astronaut").click()
    preview = panel.get_by_role("img", name=re.compile("^The portrait"))
    preview.wait_for()
    return panel, preview


def slider(panel: Any, name: str) -> Any:
    return panel.get_by_role("slider", name=re.compile(rf"^(range slider for )?{name}$"))


def test_the_preview_follows_the_emotion(visit: Callable[..., Visitor]) -> None:
    panel, preview = opened_mixer(visit())
    before, calm = preview.get_attribute("src"), pixels(preview)
    slider(panel, "happy").fill("0.9")
    took = changed(preview, before)
    print(f"preview after {took:.2f} s")
    row, column = moved_most(calm, pixels(preview))
    assert 0.25 < row < 0.75  # in the face, not in what is around it
    assert 0.25 < column < 0.75
    assert panel.get_by_label("Emotion as text").input_value() == "happy:0.9"
    assert preview.get_attribute("alt") == "The portrait, happy:0.9"


def test_quick_presses_are_neither_lost_nor_an_error(visit: Callable[..., Visitor]) -> None:
    panel, preview = opened_mixer(visit())
    sad, text = slider(panel, "sad"), panel.get_by_label("Emotion as text")
    sad.focus()
    for _ in range(14):
        sad.press("ArrowRight")
    panel.get_by_text("Close-up").click()  # lets go while answers are on their way
    preview.page.wait_for_function(
        "(field) => field.value === 'sad:0.14'", arg=text.element_handle()
    )
    preview.page.wait_for_timeout(2500)
    assert (sad.input_value(), text.input_value()) == ("0.14", "sad:0.14")
    assert not panel.get_by_role("alert").filter(visible=True).count()


def test_all_views_show_the_same_emotion(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    panel, preview = opened_mixer(visitor)
    text, plane = panel.get_by_label("Emotion as text"), panel.get_by_label("Valence and arousal")
    before = preview.get_attribute("src")
    text.fill("sad:0.6")
    text.press("Enter")
    changed(preview, before)
    assert float(slider(panel, "sad").input_value()) == 0.6
    assert float(plane.get_attribute("aria-valuenow")) < -0.2
    panel.get_by_role("button", name="Action units").click()
    assert float(slider(panel, "lip corners down · AU15").input_value()) > 0.1

    before = preview.get_attribute("src")
    plane.focus()
    visitor.page.keyboard.press("Home")
    for _ in range(10):
        visitor.page.keyboard.press("ArrowRight")
    changed(preview, before)
    visitor.page.wait_for_function(
        "e => e.value.startsWith('valence:0.5')", arg=text.element_handle()
    )
    assert plane.get_attribute("aria-valuetext") == "valence 0.50, arousal 0.00"

    assert not (wrong := visitor.by_day_and_night()), "\n".join(wrong)
    panel.get_by_role("button", name="As photographed").click()
    visitor.page.wait_for_function("e => e.value === ''", arg=text.element_handle())
    assert float(slider(panel, "happy").input_value()) == 0


def test_an_emotion_is_saved_and_taken_to_talk(
    visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    visitor = visit()
    panel, preview = opened_mixer(visitor)
    before = preview.get_attribute("src")
    slider(panel, "surprise").fill("0.8")
    changed(preview, before)
    panel.get_by_role("button", name="Save the still").click()
    path = visitor.download(panel.get_by_role("button", name="still.png"), tmp_path)
    made, source = np.asarray(Image.open(path)), np.asarray(Image.open(PORTRAIT))
    assert made.shape == source.shape
    row, _ = moved_most(source, made)
    assert row < 0.45
    panel.get_by_role("button", name="Use in Talk").click()
    talk = visitor.page.locator("#talk-run")
    talk.wait_for()
    assert visitor.page.get_by_role("tab", name="Talk").get_attribute("aria-selected") == "true"
    panel = visitor.page.get_by_role("tabpanel").filter(visible=True)
    visitor.group(panel, "Portrait").locator("img").wait_for()
    assert panel.get_by_label("Emotion as text").input_value() == "surprise:0.8"


def test_a_still_is_edited_and_saved(visit: Callable[..., Visitor], tmp_path: Path) -> None:
    visitor = visit()
    panel = visitor.tab("Edit still")
    visitor.upload(panel, "Portrait", PORTRAIT)
    edited = panel.get_by_role("img", name="The photograph, edited")
    edited.wait_for()
    before, calm = edited.get_attribute("src"), pixels(edited)
    turn = panel.get_by_role("slider", name=re.compile("Turn"))
    turn.fill("15")
    changed(edited, before)
    moved_most(calm, pixels(edited))
    panel.get_by_role("slider", name=re.compile("How much of the photograph")).fill("50")
    visible = edited.evaluate("e => getComputedStyle(e).clipPath")
    assert "50%" in visible

    panel.get_by_label("Action units").fill("AU99:1")
    alert = panel.get_by_role("alert").filter(visible=True)
    alert.wait_for()
    assert "AU99" in alert.inner_text()
    below = alert.bounding_box()["y"] - panel.get_by_label("Action units").bounding_box()["y"]
    assert 0 < below < 120
    panel.get_by_label("Action units").fill("")
    alert.wait_for(state="hidden")

    panel.get_by_role("button", name="Save the picture").click()
    button = panel.get_by_role("button", name=re.compile(r"\.png$"))
    path = visitor.download(button, tmp_path)
    made, source = np.asarray(Image.open(path)), np.asarray(Image.open(PORTRAIT))
    assert made.shape == source.shape
    moved_most(source, made)
    panel.get_by_role("button", name="The same on the command line").click()
    assert "--pose 15,0,0" in panel.get_by_label("Commands").input_value()


def test_one_of_two_faces_is_chosen(visit: Callable[..., Visitor], tmp_path: Path) -> None:
    one = Image.open(PORTRAIT)
    two = Image.new("RGB", (768, 512), "grey")
    two.paste(one.crop((0, 0, 400, 512)), (0, 0))
    two.paste(one.resize((384, 384)).crop((0, 0, 368, 384)), (400, 60))
    two.save(tmp_path / "two.png")
    visitor = visit()
    panel = visitor.tab("Edit still")
    visitor.upload(panel, "Portrait", tmp_path / "two.png")
    second = panel.get_by_role("button", name=re.compile("^Face 2"))
    second.wait_for()
    assert second.get_attribute("aria-pressed") == "false"
    edited = panel.get_by_role("img", name="The photograph, edited")
    edited.wait_for()
    second.focus()
    visitor.page.keyboard.press("Enter")
    panel.get_by_text("Face 2 of 2").wait_for()
    before, calm = edited.get_attribute("src"), pixels(edited)
    panel.locator("label").filter(has_text="happy").click()
    changed(edited, before)
    _, column = moved_most(calm, pixels(edited))
    assert column > 0.5  # the face on the right, not the one on the left


def test_a_face_is_marked_by_five_clicks(visit: Callable[..., Visitor], tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(90, 160, (300, 300, 3))
    Image.fromarray(noise.astype(np.uint8)).save(tmp_path / "noise.png")
    visitor = visit()
    panel = visitor.tab("Edit still")
    visitor.upload(panel, "Portrait", tmp_path / "noise.png")
    panel.get_by_text("No face was found").wait_for()
    board = panel.get_by_role("group", name=re.compile("^Picture to mark"))
    box = board.bounding_box()
    for number, (x, y) in enumerate([(0.4, 0.4), (0.6, 0.4), (0.5, 0.5), (0.42, 0.62)], 1):
        board.click(position={"x": x * box["width"], "y": y * box["height"]})
        panel.get_by_text(f"{number} of 5 points").wait_for()
    board.focus()
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.keyboard.press("Enter")
    panel.get_by_text("All five points are placed").wait_for()
    typed = panel.get_by_label("The five points in pixels").input_value()
    assert len(re.findall(r"\d+,\d+", typed)) == 5
    panel.get_by_role("button", name="Undo").click()
    panel.get_by_text("4 of 5 points").wait_for()
