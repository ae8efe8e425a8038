"""What a clip's face shows, on the page and in the file; scripted critics read it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from talkgen.critic.expression_net import UNITS
from talkgen.critic.feeling import between, feeling_of
from talkgen.critic.page import html_page
from talkgen.critic.report import score
from talkgen.critic.score import ClipCritic
from talkgen.critic.watch import Look, Watched, watch
from talkgen.motion.emotion import parse_emotion
from talkgen.types import EMOTIONS, Face, Report

FRAMES = 150


class Scripted:
    """Sees happiness come at two seconds and go at four; nothing in half a second at the end."""

    fills = ("expression",)
    every, bad = 2, {}

    def reader(self) -> Scripted:
        return self

    def look(self, look: Look):
        if look.face is None:
            return {}
        happy = 0.9 if 50 <= look.index < 100 else 0.02
        emotions = np.full(8, (1 - happy) / 14)
        emotions[1], emotions[0] = happy, (1 - happy) / 2 + (1 - happy) / 14
        units = np.zeros(len(UNITS))
        units[UNITS.index("AU12")] = happy
        units[UNITS.index("AU6")] = 0.8 * happy
        return {"emotions": emotions, "affect": [happy, 0.5 * happy], "units": units, "pspi": happy}

    def score(self, video: Watched, *, reference=None, target=None) -> Report:
        return Report({"valence": score("valence", 0.3, 75)}, {"expression critic": "scripted"})


class InStep:
    fills = ("sync",)

    def curve(self, video: Watched) -> np.ndarray:
        return np.abs(np.arange(-15, 16) - 2).astype(np.float32) / 15

    def score(self, video: Watched, *, reference=None, target=None) -> Report:
        return Report({"av_offset": score("av_offset", 2.0, 75)})


class Silent:
    fills = ("sync",)

    def score(self, video: Watched, *, reference=None, target=None) -> Report:
        return Report({})


@pytest.fixture(scope="module")
def video() -> Watched:
    points = np.random.default_rng(0).normal(100, 30, (478, 3)).astype(np.float32)
    face = Face(points, np.array([50, 50, 150, 150]), np.zeros(52), np.zeros(3))
    image = np.full((200, 200, 3), 128, np.uint8)
    frames = [(image, face if t < 138 else None) for t in range(FRAMES)]
    return watch(frames, 25.0, [Scripted()])


def test_what_comes_and_goes(video: Watched) -> None:
    seen = feeling_of(video)
    assert seen is not None
    assert seen.emotions.shape == (FRAMES, 8)
    assert seen.emotions[75, 1] > 0.8
    assert seen.emotions[10, 1] < 0.2
    (one,) = seen.episodes
    assert one.emotion == "happy"
    assert one.onset == pytest.approx(2.0, abs=0.2)
    assert one.offset == pytest.approx(4.0, abs=0.2)
    assert one.onset < one.apex < one.offset
    assert seen.units["AU12"][75] == pytest.approx(0.9)
    assert np.isnan(seen.units["AU12"][140:]).all()
    assert seen.words == "neutral"
    assert "neutral 0.39" in seen.why
    assert sum(seen.mean.values()) == pytest.approx(1, abs=1e-3)


def test_units_count_where_the_emotion_shows(video: Watched) -> None:
    seen = feeling_of(
        Watched(25.0, video.size, video.landmarks[40:105], video.scores[40:105],
                video.rotation[40:105], {n: v[40:105] for n, v in video.readings.items()})
    )  # fmt: skip
    assert seen is not None
    assert seen.words == "happy"
    assert "AU12 0.9, AU6 0.7" in seen.why
    assert "smile reaching the eyes → happy" in seen.why


def test_nothing_without_a_critic() -> None:
    empty = np.zeros((4, 478, 3), np.float32)
    assert feeling_of(Watched(25.0, (8, 8), empty, np.zeros((4, 52)), np.zeros((4, 3)))) is None


def test_lines_go_between_what_was_read_but_not_over_gaps() -> None:
    values = np.full(40, np.nan, np.float32)
    values[0:20:2] = np.arange(10)
    values[34:40:2] = 5
    out = between(values)
    assert out[3] == pytest.approx(1.5)
    assert np.isnan(out[19:34]).all()
    assert out[35] == 5
    assert np.isnan(out[39])


def test_page_and_file_show_it(video: Watched) -> None:
    judged = ClipCritic([Scripted(), InStep()]).judged(
        video, target=parse_emotion("0:neutral,2:happy:0.8")
    )
    assert judged.absent == {}
    page = html_page(judged, "clip")
    for words in ("asked for", "measured", "valence and arousal", "AU12", "onset", "scripted",
                  "distance of mouth and sound by lag", "The clip as a whole"):  # fmt: skip
        assert words in page, words
    assert "AU43" not in page  # never shown, so not drawn
    assert "no sync network" not in page
    told = json.loads(json.dumps(judged.to_dict(), allow_nan=False))
    assert told["offsets"]["sync_distance"][17] == 0
    assert set(told["expression"]["emotions"]) == set(EMOTIONS)
    assert told["expression"]["action_units"]["AU12"][149] is None
    (row,) = told["expression"]["episodes"]
    assert row["emotion"] == "happy"
    assert row["there_after"] is False


def test_without_the_critic_the_page_says_so(video: Watched) -> None:
    blind = Watched(25.0, video.size, video.landmarks, video.scores, video.rotation)
    judged = ClipCritic([]).judged(blind, target=parse_emotion("happy"))
    page = html_page(judged, "clip")
    assert "measured: absent" in page
    assert judged.to_dict()["expression"] is None
    assert set(judged.absent) == {"expression", "sync"}
    silent = ClipCritic([Silent()]).judged(blind)
    assert "nothing to judge" in silent.absent["sync"]
    assert judged.to_dict()["offsets"]["sync_distance"] is None
