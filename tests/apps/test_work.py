"""Errors go to the field that caused them; closing a page cancels what it had begun."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

gr = pytest.importorskip("gradio")

from talkgen.apps.fields import Film, Picture, Sound  # noqa: E402
from talkgen.apps.page import Page  # noqa: E402
from talkgen.apps.work import Faults, FieldError, at, notes_html, plain  # noqa: E402
from talkgen.errors import InputError  # noqa: E402


@pytest.fixture
def faults(page: Page) -> Any:
    """Places as Talk has them."""
    with gr.Blocks():
        found = Faults(page)
        found.slot("portrait", "face", "landmarks", "picture")
        found.slot("speech", "audio", "sound")
        found.slot("emotion", "strength")
        found.slot("more", "size", "seed", "pose_scale")
        found.rest = gr.HTML()
    return found


@pytest.fixture
def page(tmp_path: Path) -> Page:
    nothing: Any = None
    return Page(nothing, nothing, nothing, tmp_path)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("no human face found in 'a.jpg' (80 x 80 pixels)", "portrait"),
        ("`audio` is 0.02 s long, at least 0.2 s is needed", "speech"),
        ("the strength of 'happy' is 2, 0 to 1 is possible", "emotion"),
        ("`pose_scale` is 9, a number from 0 to 4 is needed", "more"),
        ("`--size` is 'x', 'source' or a number of pixels is needed", "more"),
        ("the disk is full", None),
    ],
)
def test_an_error_is_shown_where_it_was_caused(
    faults: Faults, text: str, place: str | None
) -> None:
    assert faults.place(text) == place
    shown = {part for part, update in faults.shown(text).items() if update["value"]}
    assert shown == {faults.slots[place] if place else faults.rest}


def test_a_named_field_or_parameter_comes_first(faults: Faults) -> None:
    shown = faults.shown(FieldError("emotion", "no face here"))
    assert "no face here" in shown[faults.slots["emotion"]]["value"]
    assert "seed" in faults.shown("no face: seed", "seed")[faults.slots["more"]]["value"]
    assert not any(update["value"] for update in faults.cleared().values())
    shown = faults.shown("the file is damaged", otherwise="portrait")
    assert "damaged" in shown[faults.slots["portrait"]]["value"]
    assert faults.rest not in shown


def test_fields_are_blamed_once() -> None:
    with pytest.raises(FieldError, match="bad") as found, at("outer"), at("inner"):
        raise InputError("bad")
    assert found.value.at == "inner"


def test_messages_are_escaped_and_name_no_folder(faults: Faults, page: Page) -> None:
    assert "<b>x</b>" not in faults.shown("face <b>x</b>")[faults.slots["portrait"]]["value"]
    path = page.root / "made" / "someone" / "video.mp4"
    assert plain(page, f"cannot read {str(path)!r}") == "cannot read 'video.mp4'"
    shown = faults.shown(f"{str(path)!r} is damaged, no sound")[faults.slots["speech"]]["value"]
    assert "video.mp4" in shown
    assert str(page.root) not in shown
    assert "&lt;i&gt;" in notes_html(["<i>"])


def test_a_closed_page_cancels_what_it_began(page: Page) -> None:
    cancelled: list[str] = []

    class Begun:
        def __init__(self, name: str) -> None:
            self.name = name

        def cancel(self) -> None:
            cancelled.append(self.name)

    first, second, third = (Begun(name) for name in "abc")
    page.begun("one", first)  # type: ignore[arg-type]
    page.begun("one", second)  # type: ignore[arg-type]
    page.begun("two", third)  # type: ignore[arg-type]
    page.ended("one", second)  # type: ignore[arg-type]
    page.left("one")
    assert cancelled == ["a"]
    page.left("one")
    assert cancelled == ["a"]


def test_examples_are_set_out_below_the_root(page: Page) -> None:
    assert {"portrait.jpg", "speech.flac"} <= page.examples.keys()
    assert all(page.root in path.parents and path.is_file() for path in page.examples.values())


@pytest.mark.parametrize("kind", [Picture, Sound, Film])
def test_upload_fields_hand_over_the_file_unopened(kind: Any, tmp_path: Path) -> None:
    odd = tmp_path / "no-media.bin"
    odd.write_bytes(b"neither picture nor sound")
    field = kind("Something")
    assert field.preprocess(SimpleNamespace(path=str(odd))) == str(odd)
    assert field.preprocess(None) is None
    assert not list(Path(__file__).parents[2].glob("apps/*.pyi"))
