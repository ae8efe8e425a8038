"""One emotion seen four ways, kept the same whichever is moved."""

from __future__ import annotations

import pytest

from talkgen.apps.emotion_views import (
    UNITS,
    base_text,
    views_of,
    with_affect,
    with_strength,
    with_unit,
)
from talkgen.errors import InputError
from talkgen.motion.facs import ACTION_UNITS, PROTOTYPES, VALENCE_AROUSAL
from talkgen.types import EMOTIONS

TEXTS = (
    "", "happy:0.8", "neutral:0.5+happy:0.3", "happy:0.5+sad:0.5+AU4:0.3", "contempt:1",
    "valence:0.6+arousal:-0.2", "valence:-0.3+arousal:0.4+AU12:0.5", "AU12L:0.5",
)  # fmt: skip


def test_every_action_unit_has_a_name_and_a_place() -> None:
    assert sorted(UNITS) == sorted(ACTION_UNITS)


def test_nothing_asked_for_is_nothing_seen() -> None:
    views = views_of(None)
    assert not any(views.strengths.values())
    assert not any(views.units.values())
    assert views.affect == (0.0, 0.0)
    assert list(views.strengths) == list(EMOTIONS)


def test_a_class_is_seen_in_all_views() -> None:
    views = views_of("happy:0.5")
    assert views.strengths["happy"] == pytest.approx(0.5)
    assert views.affect == pytest.approx([0.5 * v for v in VALENCE_AROUSAL["happy"]])
    assert views.units["AU12"] == pytest.approx(0.5 * PROTOTYPES["happy"]["AU12"])
    assert views_of("contempt").units["AU14"] == pytest.approx(PROTOTYPES["contempt"]["AU14R"])


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_not_moved_stays(text: str) -> None:
    views = views_of(text)
    for name, value in views.strengths.items():
        again = views_of(with_strength(views, name, value))
        assert again.strengths == pytest.approx(dict(views.strengths), abs=0.011)
        assert again.given == pytest.approx(dict(views.given), abs=0.011)
    again = views_of(with_affect(views, *views.affect))
    assert again.affect == pytest.approx(views.affect, abs=0.011)
    assert views_of(base_text(views)).strengths == pytest.approx(dict(views.strengths), abs=0.011)


def test_a_moved_emotion_keeps_its_strength_and_the_others_give_way() -> None:
    text = with_strength(views_of("happy:0.6+fear:0.3"), "sad", 0.7)
    assert text == "happy:0.2+sad:0.7+fear:0.1"
    assert with_strength(views_of("happy:0.6"), "sad", 0.3) == "happy:0.6+sad:0.3"
    assert with_strength(views_of("happy:0.6"), "happy", 0.0) == ""
    assert with_strength(views_of("happy:0.6"), "neutral", 1.0) == "neutral:1"


def test_the_plane_takes_the_place_of_the_classes() -> None:
    assert with_affect(views_of("happy:0.6+AU4:0.2"), -0.5, 0.25) == (
        "valence:-0.5+arousal:0.25+AU4:0.2"
    )
    assert with_affect(views_of("happy:0.6"), 0.0, 0.0) == ""
    assert with_affect(views_of(""), 3.0, -3.0) == "valence:1+arousal:-1"


def test_an_action_unit_takes_the_place_of_both_sides() -> None:
    assert with_unit(views_of("AU12L:0.5"), "AU12", 0.4) == "AU12:0.4"
    smile = with_unit(views_of("happy:0.8"), "AU12", 0.0)
    assert smile == "happy:0.8+AU12:0"
    assert views_of(smile).units["AU12"] == 0
    assert with_unit(views_of("happy:0.8+AU4:0.5"), "AU4", 0.0) == "happy:0.8"


@pytest.mark.parametrize("text", ["hapy", "0:neutral,2:sad", "auto", "happy:2"])
def test_what_is_no_single_emotion_is_said_in_one_line(text: str) -> None:
    with pytest.raises(InputError) as found:
        views_of(text)
    assert "\n" not in str(found.value)
