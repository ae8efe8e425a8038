"""What of a photographed expression stays under an emotion."""

import numpy as np
import pytest

from talkgen.motion.emotion import GAP_SLOPES, ONSET_S, parse_emotion
from talkgen.motion.giving import MOST_GAP, REST_KEPT, rest_kept
from talkgen.motion.retarget import Retargeter
from talkgen.pipelines.draw import giving_way
from talkgen.types import MOTION_CHANNELS, Emotion, Motion

SMILE, BROW, JAW = map(MOTION_CHANNELS.index, ("mouthSmileLeft", "browDownLeft", "jawOpen"))
LATER = np.array([ONSET_S + 1.0])


def test_a_smile_goes_under_what_does_not_smile():
    for name in ("sad", "surprise", "fear", "anger", "disgust", "neutral"):
        kept = rest_kept(parse_emotion(f"{name}:0.6"), LATER)[0]
        assert kept[SMILE] == pytest.approx(0.4, abs=1e-5), name
    assert rest_kept(parse_emotion("happy"), LATER)[0, SMILE] == 1.0
    assert rest_kept(parse_emotion("happy"), LATER)[0, BROW] == 0.0


def test_it_goes_as_the_emotion_comes_up():
    kept = rest_kept(parse_emotion("sad"), np.array([0.0, ONSET_S / 2, ONSET_S]))[:, SMILE]
    assert kept.tolist() == pytest.approx([1.0, 0.5, 0.0])


def test_what_holds_lips_shut_or_opens_them_stays():
    kept = rest_kept(parse_emotion("sad"), LATER)[0]
    opening = [abs(GAP_SLOPES.get(c, 0.0)) > MOST_GAP for c in MOTION_CHANNELS]
    assert (kept[opening] == 1.0).all()
    assert kept[JAW] == 1.0


def test_units_alone_are_laid_over_the_photograph():
    kept = rest_kept(parse_emotion("AU4:0.8"), LATER)
    assert kept is None or (kept == 1.0).all()
    units = Emotion(action_units={"AU4": np.ones(1, np.float32)})
    assert rest_kept(units, LATER) is None


def test_chunks_go_on_where_the_last_one_ended():
    chunk = Motion(np.zeros((20, 52)), np.zeros((20, 3)), np.zeros((20, 3)), fps=40.0)
    parts = list(giving_way([chunk, chunk], parse_emotion("sad")))
    both = np.concatenate([part.extra[REST_KEPT] for part in parts])
    assert np.array_equal(both, rest_kept(parse_emotion("sad"), np.arange(40) / 40.0))
    assert [part.extra for part in giving_way([chunk], None)] == [{}]


def test_poses_start_from_what_is_kept(monkeypatch):
    retargeter = Retargeter.__new__(Retargeter)
    retargeter.rest = np.zeros(52, np.float32)
    retargeter.rest[SMILE] = 0.8
    monkeypatch.setattr(Retargeter, "_pose", lambda self, weights, *_: weights)
    still = Motion(np.zeros((2, 52)), np.zeros((2, 3)), np.zeros((2, 3)))
    kept = np.ones((2, 52), np.float32)
    kept[1, SMILE] = 0.25
    shown = list(retargeter.poses(Motion(still.blendshapes, still.rotation, still.translation,
                                         extra={REST_KEPT: kept})))  # fmt: skip
    assert [round(float(w[SMILE]), 3) for w in shown] == [0.8, 0.2]
    assert [round(float(w[SMILE]), 3) for w in retargeter.poses(still)] == [0.8, 0.8]
