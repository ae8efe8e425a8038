"""Phones of real speech: alignment and decoding of posteriors whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from talkgen.audio.phones import PHONES, SILENCE
from talkgen.training import phonetic_align as align
from talkgen.training.phonetic_evaluate import Count

P, A, M = (PHONES.index(name) for name in ("p", "a", "m"))


def posteriors(classes: list[int], sure: float = 0.8, seed: int = 0) -> np.ndarray:
    """Log posteriors that favour `classes`, with noise."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 0.5, (len(classes), len(PHONES)))
    logits[np.arange(len(classes)), classes] += np.log(sure * len(PHONES) / (1 - sure))
    return (logits - np.log(np.exp(logits).sum(1, keepdims=True))).astype(np.float32)


def test_edit_distance() -> None:
    assert align.edit_distance([], [1, 2]) == 2
    assert align.edit_distance([1, 2, 3], [1, 2, 3]) == 0
    assert align.edit_distance([1, 2, 3], [1, 3]) == 1
    assert align.edit_distance(list("kitten"), list("sitting")) == 3


def test_collapsed_joins_repeats_and_drops_silence() -> None:
    assert align.collapsed(np.array([SILENCE, P, P, SILENCE, P, A, A])) == [P, P, A]
    assert align.collapsed(np.zeros(0, np.int64)) == []


def test_known_phones_are_found_at_their_times() -> None:
    truth = [SILENCE] * 6 + [P] * 5 + [A] * 9 + [M] * 7 + [SILENCE] * 5
    found, mean = align.aligned(posteriors(truth), [P, A, M])
    assert (found == np.array(truth)).mean() > 0.9
    assert mean > -1
    _, other = align.aligned(posteriors(truth), [PHONES.index(name) for name in ("s", "u", "k")])
    assert other < mean - 1


def test_decoding_does_not_flicker() -> None:
    truth = [P] * 8 + [A] * 12 + [M] * 8
    noisy = posteriors(truth, sure=0.3, seed=3)
    path = align.decoded(noisy, 2.0)
    assert align.collapsed(path) == [P, A, M]
    assert len(align.collapsed(noisy.argmax(1))) > 3


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("bbaf2n", "bin blue at F two now"),
        ("pgbk6p", "place green by K six please"),
        ("xxxxxx", None),
        ("", None),
    ],
)
def test_grid_names_spell_sentences(code: str, text: str | None) -> None:
    assert align.grid_sentence(code) == text


def test_count_of_errors() -> None:
    count = Count()
    count.add([P, A], [P, A, M])
    count.add([A], [A])
    assert count.table() == {"phoneme_error_rate": 0.25, "phones": 4, "files": 2}
