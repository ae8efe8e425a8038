"""Phones of both synthesisers land in the right classes, and the rule shuts lips where it must."""

import numpy as np
import pytest

from talkgen.audio.phones import PHONES, classes_of_arpa, classes_of_ipa
from talkgen.motion.controls import CONTROLS, FROM_CHANNELS, TO_CHANNELS
from talkgen.training.viseme_rules import FULL_GAP, phone_frames, rule_motion


@pytest.mark.parametrize(
    ("symbol", "names"),
    [("b", ["p"]), ("tʃ", ["sh"]), ("ts", ["s"]), ("aɪ", ["a", "ih"]), ("uː", ["u"]), ("m", ["m"]),
     ("ɾ", ["t"]), ("", ["sil"]), ("ʔ", ["h"])],
)  # fmt: skip
def test_ipa(symbol, names):
    assert [PHONES[i] for i in classes_of_ipa(symbol)] == names


def test_arpa():
    assert [PHONES[i] for i in classes_of_arpa("ow")] == ["o", "uh"]
    assert classes_of_arpa("pau") == (0,)


def test_controls_and_channels_are_inverse():
    assert np.allclose(TO_CHANNELS @ FROM_CHANNELS, np.eye(len(CONTROLS)))


def test_rule_closes_on_m_and_opens_on_a():
    starts = np.array([0.0, 0.3, 0.4, 0.6], np.float32)
    ends = np.array([0.3, 0.4, 0.6, 1.0], np.float32)
    phones = np.array([PHONES.index(p) for p in ("a", "m", "a", "sil")])
    times = (np.arange(25) + 0.5) / 25
    motion = rule_motion(starts, ends, phones, times)
    gap = motion[:, -1]
    assert gap[4] > 0.7 * FULL_GAP
    assert gap[12] > 0.5 * FULL_GAP
    assert gap[8] < 0.02
    assert gap[-3:].max() < 0.02
    assert motion[4, CONTROLS.index("jawOpen")] > 0.5
    assert phone_frames(starts, ends, phones, 50).tolist()[16] == PHONES.index("m")
