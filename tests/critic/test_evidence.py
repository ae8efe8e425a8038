"""Evidence in words: units of the prototype, what they mean together, what speaks against it."""

from __future__ import annotations

import pytest

from talkgen.critic.evidence import MEANINGS, belonging, evidence, meaning
from talkgen.motion.facs import FELT, PROTOTYPES
from talkgen.types import EMOTIONS


def sure(name: str, share: float = 0.86) -> dict[str, float]:
    rest = (1 - share) / (len(EMOTIONS) - 1)
    return {other: share if other == name else rest for other in EMOTIONS}


def test_a_smile_that_reaches_the_eyes():
    said = evidence(sure("happy"), {"AU12": 0.7, "AU6": 0.5, "AU4": 0.1})
    assert said == "AU12 0.7, AU6 0.5: smile reaching the eyes → happy 0.86"


def test_a_smile_that_does_not():
    said = evidence(sure("happy"), {"AU12": 0.7, "AU6": 0.1})
    assert "mouth alone" in said
    assert "AU6" not in said


@pytest.mark.parametrize("name", FELT)
def test_the_prototype_of_each_emotion_has_words_of_its_own(name):
    units = {unit.rstrip("LR"): share for unit, share in PROTOTYPES[name].items()}
    said = evidence(sure(name), units)
    assert said.endswith(f"→ {name} 0.86")
    assert "\n" not in said
    words = meaning(name, {n: v for n, v in units.items() if v >= 0.2})
    assert words in said
    others = [row.words for row in MEANINGS if row.emotion != name]
    assert words not in others
    assert not words.startswith("a trace")


@pytest.mark.parametrize("name", FELT)
def test_meanings_name_units_of_the_prototype_only(name):
    rows = [row for row in MEANINGS if row.emotion == name]
    assert rows
    for row in rows:
        assert set(row.units) <= set(belonging(name)), row


def test_what_speaks_against_it_is_said():
    said = evidence(sure("happy", 0.5), {"AU12": 0.6, "AU4": 0.7})
    assert said.endswith("(against it: AU4 0.7)")


def test_an_open_mouth_is_no_evidence_while_speaking():
    units = {"AU26": 0.8, "AU25": 0.8}
    assert "dropped jaw" in evidence(sure("surprise"), units)
    assert evidence(sure("surprise"), units, speaking=True).startswith("no action unit of surprise")


def test_one_side_is_said():
    said = evidence(sure("contempt"), {"AU14L": 0.1, "AU14R": 0.8})
    assert said.startswith("AU14R 0.8: tightened lip corner")


def test_two_at_once():
    both = {**dict.fromkeys(EMOTIONS, 0.0), "happy": 0.5, "surprise": 0.5}
    said = evidence(both, {"AU12": 0.7, "AU1": 0.6, "AU2": 0.5}, of=("happy", "surprise"))
    assert said == (
        "AU12 0.7: smile of the mouth alone; AU1 0.6, AU2 0.5: raised brows → happy 0.50 and "
        "surprise 0.50"
    )


def test_a_face_at_rest():
    assert evidence(sure("neutral"), {"AU12": 0.05}) == "no action unit stands out → neutral 0.86"
