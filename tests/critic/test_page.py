"""Curves are where their values are; reports say what they mean."""

from __future__ import annotations

import re

import numpy as np
import pytest

from talkgen.critic import plots
from talkgen.critic.report import DEFINITIONS, SLOTS, merged, score, scores_of, to_dict
from talkgen.critic.watch import Look, watch
from talkgen.types import Report, Score


def points(svg: str) -> list[np.ndarray]:
    return [
        np.array([pair.split(",") for pair in line.split()], float)
        for line in re.findall(r'<polyline points="([^"]+)"', svg)
    ]


def test_a_curve_rises_where_its_values_do():
    svg = plots.curves({"rising": np.linspace(0, 2, 50, dtype=np.float32)}, fps=25)
    (line,) = points(svg)
    assert len(line) == 50
    assert (np.diff(line[:, 0]) > 0).all()
    assert (np.diff(line[:, 1]) < 0).all()  # up on the page
    assert line[0, 1] == pytest.approx(plots.HEIGHT - plots.BOTTOM)
    assert line[-1, 1] == pytest.approx(plots.TOP)
    assert "rising" in svg


def test_a_gap_is_no_line():
    values = np.ones(100, np.float32)
    values[40:44] = np.nan
    first, second = points(plots.curves({"gap": values}))
    assert (len(first), len(second)) == (40, 56)
    sparse = np.full(100, np.nan, np.float32)
    sparse[::5] = 1  # read on every fifth frame: one line
    assert [len(line) for line in points(plots.curves({"sparse": sparse}))] == [20]


def test_a_long_clip_is_thinned_and_an_unknown_one_is_empty():
    assert len(points(plots.curves({"long": np.sin(np.arange(90_000) / 500)}))[0]) <= 1200
    assert points(plots.curves({"unknown": np.full(10, np.nan, np.float32)})) == []
    assert plots.curves({}) == ""


def test_silence_is_shaded():
    quiet = np.zeros(100, bool)
    quiet[25:50] = True
    svg = plots.curves({"gap": np.arange(100, dtype=np.float32)}, shaded=quiet)
    (width,) = re.findall(r'<rect [^>]*width="([\d.]+)"', svg)
    whole = plots.WIDTH - plots.LEFT - plots.RIGHT
    assert float(width) == pytest.approx(whole * 25 / 99, abs=1)


@pytest.mark.parametrize(
    ("span", "wanted"),
    [((0, 5.56), [0, 1, 2, 3, 4, 5]), ((-15, 15), [-15, -10, -5, 0, 5, 10, 15])],
)
def test_ticks_are_round(span, wanted):
    assert plots.ticks(*span) == wanted


def test_bands_stack_to_one():
    shares = np.tile(np.array([[0.25, 0.75, 0.0]], np.float32), (10, 1))
    svg = plots.bands(shares, ("neutral", "happy", "sad"))
    assert svg.count("<polygon") == 2  # what never shows has no band
    assert "sad" not in svg


def test_bands_keep_their_colours_and_leave_gaps():
    shares = np.tile(np.array([[0.4, 0.0, 0.6]], np.float32), (30, 1))
    shares[10:20] = np.nan
    order = ("happy", "sad", "neutral")
    svg = plots.bands(shares, ("neutral", "happy", "sad"), of=order)
    assert svg.count("<polygon") == 4  # two bands, before and after the gap
    assert f'background:{plots.COLOURS[2]}"></i>neutral' in svg
    assert f'background:{plots.COLOURS[1]}"></i>sad' in svg
    assert "nan" not in svg
    blank = plots.bands(np.full((5, 3), np.nan, np.float32), ("neutral", "happy", "sad"))
    assert "<polygon" not in blank


def test_an_axis_may_be_given():
    svg = plots.curves({"valence": np.zeros(10, np.float32)}, span=(-1.0, 1.0))
    (line,) = points(svg)
    middle = (plots.TOP + plots.HEIGHT - plots.BOTTOM) / 2
    assert line[:, 1] == pytest.approx(middle, abs=0.06)
    assert ">-1<" in svg


def test_every_definition_says_what_it_is():
    for name, about in DEFINITIONS.items():
        assert len(about.what) > 5, name
        assert about.usual is None or about.usual[0] < about.usual[1]
        plain = name in ("mouth_energy_r", "valence", "arousal")
        assert about.higher_is_better is not None or plain or about.usual
    assert set(SLOTS) == {"expression", "sync"}


def test_reports_join_in_the_table_s_order():
    one = Report({"seam": score("seam", 2.0, 5), "own.thing": Score(1.0, "", True, 1)}, {"a": "b"})
    other = Report(scores_of({"face_seen": [1, 1, 0, np.nan], "detail": [np.nan]}), {"c": "d"})
    both = merged([one, other])
    assert list(both.scores) == ["face_seen", "seam", "own.thing"]
    assert both.scores["face_seen"].n == 3
    assert both.scores["face_seen"].value == pytest.approx(2 / 3)
    told = to_dict(both)
    assert told["scores"]["own.thing"]["group"] == "own"
    assert told["scores"]["seam"]["definition"]
    assert told["provenance"] == {"a": "b", "c": "d"}


class Brightness:
    every, bad = 2, {"brightness": 1}

    def look(self, look: Look):
        return {"brightness": look.image.mean(), "pair": [1.0, look.index]}


def test_readers_see_their_frames_and_the_worst_stay():
    frames = [(np.full((48, 64, 3), v, np.uint8), None) for v in range(0, 200, 2)]
    seen = watch(frames, 25.0, [Brightness()])
    assert (len(seen), seen.size, seen.seen.any()) == (100, (64, 48), False)
    assert seen.readings["pair"].shape == (100, 2)
    assert np.isnan(seen.readings["brightness"][1::2]).all()
    assert seen.reading("brightness").tolist() == list(range(0, 200, 4))
    assert seen.reading("nothing").size == 0
    indices = [moment.index for moment in seen.moments]
    assert indices[0] == 98
    assert len(indices) <= 3
    assert all(abs(a - b) >= 10 for a in indices for b in indices if a != b)
