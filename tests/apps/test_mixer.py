"""Sliders that are one part of the page: what is sent is checked, each has its name."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest

gr = pytest.importorskip("gradio")

from talkgen.apps.mixer import levels, mixer, moved, text_line  # noqa: E402
from talkgen.errors import InputError  # noqa: E402

NAMES = ("happy", "sad")


class Inputs(HTMLParser):
    """The <input> elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, Any]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "input":
            self.found.append(dict(attrs))


def test_the_slider_that_was_moved_is_found() -> None:
    assert moved('{"moved": "sad", "happy": 0.2, "sad": 0.75}', NAMES) == ("sad", 0.75)


@pytest.mark.parametrize(
    "sent",
    [
        None, "", "0,0", "[]", '{"sad": 1}', '{"moved": "sad"}', '{"moved": "rage", "rage": 1}',
        '{"moved": "sad", "sad": 1.5}', '{"moved": "sad", "sad": "x"}', '{"moved": ["sad"]}',
        '{"moved": "sad", "sad": NaN}',
    ],
)  # fmt: skip
def test_what_no_slider_sends_is_refused_in_one_line(sent: Any) -> None:
    with pytest.raises(InputError) as found:
        moved(sent, NAMES)
    assert "\n" not in str(found.value)


def test_levels_are_rounded_and_named() -> None:
    assert json.loads(levels({"happy": 0.123456, "sad": 0.0})) == {"happy": 0.12, "sad": 0.0}


def test_every_slider_has_a_name_for_screen_readers() -> None:
    with gr.Blocks():
        made = mixer({"": {"happy": "happy"}, "Brows": {"AU4": "brows <down> · AU4"}}, "m")
        line = text_line("Emotion as text", "t", placeholder='say "it"', most=50)
    inputs = Inputs(made.html_template).found
    assert [i["aria-label"] for i in inputs] == [
        "range slider for happy", "number input for happy",
        "range slider for brows <down> · AU4", "number input for brows <down> · AU4",
    ]  # fmt: skip
    assert all((i["min"], i["max"]) == ("0", "1") for i in inputs)
    (field,) = Inputs(line.html_template).found
    assert (field["aria-label"], field["maxlength"]) == ("Emotion as text", "50")
    assert field["placeholder"] == 'say "it"'
