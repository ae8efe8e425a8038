"""The report in words and the motion as curves, from files as the commands write them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.dom.minidom import parseString

import numpy as np
import pytest

from talkgen.apps.results import motion_plot, report_html, silence_of, strengths_asked
from talkgen.critic.report import score, to_dict
from talkgen.motion.export import write_motion
from talkgen.types import EMOTIONS, MOTION_CHANNELS, Motion, Report


def report(folder: Path, absent: dict[str, str] | None = None, **values: float) -> Path:
    """Write a report with these scores, as `talkgen score --json` does."""
    scores = {name: score(name, value, 20) for name, value in values.items()}
    mean = dict.fromkeys(EMOTIONS, 0.005) | {"happy": 0.7, "neutral": 0.24}
    over_time = {name: [None, *[value] * 24] for name, value in mean.items()}
    feeling: Any = {"clip": "happy", "mean": mean, "evidence": "AU12 0.9", "emotions": over_time}
    found = to_dict(Report(scores)) | {
        "absent": absent or {}, "fps": 25.0, "tracks": {"silence": [True] * 5 + [False] * 20},
        "expression": None if absent and "expression" in absent else feeling,
    }  # fmt: skip
    path = folder / "report.json"
    path.write_text(json.dumps(found), "utf-8")
    return path


def words(html: str) -> str:
    """Return what is read of a page, one space between words."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_asked_and_measured_stand_side_by_side(tmp_path: Path) -> None:
    path = report(tmp_path, emotion_named=0.9, av_offset=0.0, sync_confidence=0.42)
    html = report_html(path, "happy:0.8")
    parseString(f"<p>{html}</p>")
    text = words(html)
    assert "reads happy ; asked for happy 80%, the likeliest of eight in 90%" in text
    assert 'aria-label="happy: measured 70%, asked 80%"' in html
    assert "neutral: measured 24%" in html
    assert "anger" not in html
    assert "in time" in text
    assert "confidence 0.42" in text


@pytest.mark.parametrize(
    ("lag", "said"), [(-1.0, "1 frame (0.04 s) early"), (5.0, "5 frames (0.20 s) late")]
)
def test_the_offset_says_which_way(tmp_path: Path, lag: float, said: str) -> None:
    html = report_html(report(tmp_path, av_offset=lag), None)
    assert said in words(html)
    assert ("unusual" in html) == (abs(lag) > 1)


def test_silence_likeness_and_blinks_have_their_numbers(tmp_path: Path) -> None:
    path = report(tmp_path, parted_in_silence=0.25, csim=0.876, blink_rate=80.0)
    text = words(report_html(path, None))
    assert "Silence 75% lips shut, of 20 silent frames" in text
    assert "Likeness 0.88 cosine" in text
    assert "Blinks 80 unusual usual 6 to 40 per minute" in text


def test_what_was_not_measured_says_why(tmp_path: Path) -> None:
    why = {"expression": "no <face>", "sync": "no sound", "identity": "no source"}
    html = report_html(report(tmp_path, why), "happy")
    parseString(f"<p>{html}</p>")
    text = words(html)
    assert "Emotion not measured no &lt;face&gt;" in text
    assert "Lip sync not measured no sound" in text
    assert "Likeness not measured no source" in text


def test_what_was_asked_over_a_track_is_its_mean() -> None:
    assert strengths_asked(None) == {}
    assert strengths_asked("auto") == {}
    assert strengths_asked("happy:0.5+sad:0.25") == pytest.approx({"happy": 0.5, "sad": 0.25})
    track = strengths_asked("0:happy,4:sad")
    assert set(track) == {"happy", "sad"}


def test_motion_is_drawn_with_its_silence(tmp_path: Path) -> None:
    weights = np.zeros((25, 52), np.float32)
    weights[:, MOTION_CHANNELS.index("jawOpen")] = np.linspace(0, 1, 25)
    turn = np.zeros((25, 3), np.float32)
    motion = Motion(weights, turn, np.zeros((25, 3), np.float32), 25.0)
    path = tmp_path / "motion.csv"
    write_motion(motion, path)
    html = motion_plot(path, silence_of(report(tmp_path)))
    page = parseString(html)
    pictures = page.getElementsByTagName("svg")
    assert [p.getAttribute("aria-label") for p in pictures] == [
        "Mouth over time", "Eyes and brows over time", "Head over time",
    ]  # fmt: skip
    jaw = pictures[0].getElementsByTagName("polyline")[0].getAttribute("points").split()
    heights = [float(point.split(",")[1]) for point in jaw]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] - heights[-1] > 100
    assert pictures[0].getElementsByTagName("rect")
    assert 'data-end="0.9600"' in html
    assert "<rect" not in motion_plot(path)


def test_emotions_over_time_stand_above_the_motion(tmp_path: Path) -> None:
    zero = np.zeros((25, 3), np.float32)
    path, found = tmp_path / "motion.csv", report(tmp_path)
    write_motion(Motion(np.zeros((25, 52), np.float32), zero, zero, 25.0), path)
    both = parseString(motion_plot(path, (), found, "0:sad,0.5:happy"))
    titles = [node.firstChild.nodeValue for node in both.getElementsByTagName("figcaption")]
    assert titles[:2] == ["Emotion asked for", "Emotion measured"]
    asked, measured = both.getElementsByTagName("figure")[:2]
    assert {"sad", "happy"} <= set(words(asked.toxml()).split())
    assert "sad" not in words(measured.toxml())
    assert "asked" not in motion_plot(path, (), found, "auto")
    assert "Emotion" not in motion_plot(path, (), report(tmp_path, {"expression": "no face"}))
