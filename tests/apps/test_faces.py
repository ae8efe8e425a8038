"""The face picker: what it shows, what it makes of clicks, and what it refuses."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio", reason="gradio is not installed")

from talkgen.apps.faces import (
    NAMES,
    Seen,
    board_html,
    data_address,
    face_values,
    in_pixels,
    judged_values,
    named,
    read_pixels,
    see,
    shares,
    told,
    told_points,
    whole,
)
from talkgen.apps.stills import FaceBox
from talkgen.errors import InputError
from talkgen.io.points import FIVE, as_points, read_points

SIZE = (400, 200)
POINTS = [(0.4, 0.3), (0.6, 0.3), (0.5, 0.5), (0.42, 0.7), (0.58, 0.7)]
TWO = Seen(
    "data:,", SIZE,
    (
        FaceBox(1, (40.0, 20.0, 120.0, 120.0), "usable", ""),
        FaceBox(2, (300.0, 2.0, 340.0, 42.0), "doubtful", 'the face is doubtful: <b>"small"'),
    ),
)  # fmt: skip


def test_faces_are_buttons_where_the_boxes_are() -> None:
    html = board_html(TWO, 2, [])
    assert "left:20.00%;top:35.00%;width:20.00%;height:50.00%" in html
    assert html.count('class="face') == 2
    first, second = html.split('data-face="2"')
    assert 'aria-pressed="false"' in first
    assert 'aria-pressed="true"' in second
    assert "<b>" not in html  # a message is text
    assert "doubtful below" in html  # no room for the number above a face at the top


def test_one_face_needs_no_choice_but_can_be_marked_by_hand() -> None:
    html = board_html(replace(TWO, boxes=TWO.boxes[:1]), None, [])
    assert "<img" not in html
    assert 'data-do="switch"' in html


def test_marking_shows_the_points_and_the_way_back() -> None:
    html = board_html(replace(TWO, by_hand=True), None, POINTS[:2])
    assert html.count('class="point"') == 2
    assert "left:40.000%;top:30.000%" in html
    assert "Back to the faces found" in html
    assert "Back" not in board_html(Seen("data:,", SIZE, (), by_hand=True), None, [])


def test_messages_say_what_comes_next() -> None:
    assert "Face 2 of 2: the face is doubtful" in told(TWO, 2)
    assert "No face was found. Click the right eye" in told(Seen("", SIZE, by_hand=True), None)
    assert f"3 of 5 points. Now the {NAMES[3]}: on the left" in told_points(POINTS[:3])
    assert "All five" in told_points(POINTS)


def test_where_no_face_can_be_marked_it_is_only_chosen() -> None:
    several = replace(TWO, markable=False)
    assert 'class="face' in board_html(several, 1, [])
    assert "by hand" not in board_html(several, 1, [])
    assert not board_html(replace(several, boxes=TWO.boxes[:1]), None, [])
    nobody = Seen("data:,", SIZE, markable=False)
    assert not board_html(nobody, None, [])
    assert "No face is seen here." in told(nobody, None)


def test_only_a_portrait_need_be_fit_to_be_animated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "two.png"
    Image.new("RGB", SIZE).save(path)
    monkeypatch.setattr("talkgen.apps.uploads.picture", lambda given, page, request: Path(given))
    page: Any = SimpleNamespace(stills=SimpleNamespace(faces=lambda given: list(TWO.boxes)))
    nobody: Any = None
    portrait, film = see(page, str(path), nobody), see(page, str(path), nobody, markable=False)
    assert portrait.boxes == TWO.boxes
    assert portrait.size == film.size == SIZE
    assert "doubtful" in told(portrait, 2)
    assert "Face 2 of 2." in told(film, 2)
    page.stills.faces = lambda given: []
    assert see(page, str(path), nobody).by_hand
    assert not see(page, str(path), nobody, markable=False).by_hand


def test_points_become_what_the_commands_read(tmp_path: Path) -> None:
    made = named(POINTS, SIZE)
    assert made is not None
    assert list(made) == list(FIVE)
    values = face_values(None, made, tmp_path / "points")
    assert list(values) == ["landmarks"]
    path = values["landmarks"]
    assert isinstance(path, Path)
    assert path.is_absolute()
    want = np.array(POINTS) * SIZE
    np.testing.assert_allclose(read_points(path), want, atol=0.06)
    np.testing.assert_allclose(as_points(made), want, atol=0.06)
    assert named(POINTS[:4], SIZE) is None


def test_a_choice_is_told_to_a_command(tmp_path: Path) -> None:
    assert face_values(3, None, tmp_path) == {"face": 3}
    assert face_values(None, None, tmp_path) == {}
    assert not list(tmp_path.iterdir())


def test_the_face_that_was_chosen_is_the_one_measured(tmp_path: Path) -> None:
    picture = tmp_path / "group.jpg"
    assert judged_values(picture, None, None) == {"source": picture}
    assert judged_values(picture, 2, None) == {"source": picture, "face": 2}
    assert judged_values(picture, 2, None, crop=True) == {}  # the video shows one, which is which?
    assert judged_values(picture, None, named(POINTS, SIZE)) is None


def test_typed_points_come_back_as_clicked() -> None:
    np.testing.assert_allclose(read_pixels(in_pixels(POINTS, SIZE), SIZE), POINTS)
    text = "160,60; 240,60; 200,100; 168,140; 232,140"
    np.testing.assert_allclose(read_pixels(text, SIZE), POINTS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2 3,4", "have 4 numbers, ten are needed"),
        ("eyes here", "'eyes here', five pairs"),
        ("160,60 240,60 200,100 168,140 232,240", "corner of the mouth is at 232,240"),
        ("-5,60 240,60 200,100 168,140 232,140", "right eye is at -5,60"),
    ],
)
def test_typed_points_that_are_wrong(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_pixels(text, SIZE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [None, "x", {}, [[0.1]], [[0.1, "2"]], [[2.0, 0.0]], [[float("nan"), 0.0]], [[True, 0]] * 6],
)
def test_what_a_page_cannot_have_sent_is_passed_over(given: object) -> None:
    assert shares(given) is None


def test_a_face_that_is_not_there_is_passed_over() -> None:
    assert [whole(v, 1, 2) for v in (0, 1, 2, 3, True, "1", None, 1.0)] == [
        None, 1, 2, None, None, None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("size", "shown"),
    [((1000, 3000), (960, 320)), ((100, 50), (240, 480)), ((600, 700), (700, 600))],
)
def test_the_picture_shown_can_be_clicked_on(size: tuple[int, int], shown: tuple[int, int]) -> None:
    address = data_address(np.full((*size, 3), 90, np.uint8))
    assert len(address) < 100_000
    picture = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))
    assert picture.size == shown
