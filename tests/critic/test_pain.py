"""The pain score: the published sum, letters of FACS against intensities from 0 to 1."""

from __future__ import annotations

import numpy as np
import pytest

from talkgen.critic.pain import MOST_PAIN, PAIN_UNITS, pspi
from talkgen.errors import InputError

CALM = dict.fromkeys(PAIN_UNITS, 0.0)


def test_a_coded_face_scores_as_published():
    """4B + 7C + 10D + 43: 2 + 3 + 4 + 1, the larger of 6 and 7, of 9 and 10."""
    face = {"AU4": 0.4, "AU6": 0.2, "AU7": 0.6, "AU9": 0.2, "AU10": 0.8, "AU43": 1.0}
    assert float(pspi(face)) == pytest.approx(10.0, abs=1e-5)


def test_from_nothing_to_the_most():
    assert float(pspi(CALM)) == 0.0
    assert float(pspi(dict.fromkeys(PAIN_UNITS, 1.0))) == MOST_PAIN


def test_of_a_clip():
    track = {name: np.zeros(5) for name in PAIN_UNITS} | {"AU9": np.linspace(0, 1, 5)}
    np.testing.assert_allclose(pspi(track), 5 * np.linspace(0, 1, 5), atol=1e-6)


def test_a_unit_that_was_not_read_is_named():
    with pytest.raises(InputError, match="AU9"):
        pspi({name: 0.0 for name in PAIN_UNITS if name != "AU9"})
