"""Pain read off action units: the score of Prkachin and Solomon.

Prkachin & Solomon 2008, "The structure, reliability and validity of pain expression: Evidence from
patients with shoulder pain" (Pain 139): PSPI = AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, with
the FACS letters A to E as 1 to 5 and AU43 (eyes shut) as 0 or 1, hence 0 to 16. Here units are
intensities from 0 to 1: times 5 they stand for the letters, and AU43 counts with the share of the
eyes' closing instead of a yes or no.

An expression, not a diagnosis: who squints at the sun scores as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from talkgen.errors import InputError
from talkgen.types import FloatArray

PAIN_UNITS = ("AU4", "AU6", "AU7", "AU9", "AU10", "AU43")
"""Units that the score is made of."""
MOST_PAIN = 16.0
LETTERS = 5.0
"""Value of the letter E, the most intense of FACS."""


def pspi(units: Mapping[str, Any]) -> FloatArray:
    """Return the pain score in [0, 16] of units in [0, 1], each a number or an array of one shape.

    Raise InputError where one of `PAIN_UNITS` is not among them: what is not read is not absent.
    """
    missing = [name for name in PAIN_UNITS if name not in units]
    if missing:
        raise InputError(
            f"the pain score needs {', '.join(missing)}, which `units` lacks; "
            f"it is made of {', '.join(PAIN_UNITS)}"
        )
    brow, cheek, lid, nose, lip, shut = (
        np.clip(np.asarray(units[name], np.float32), 0.0, 1.0) for name in PAIN_UNITS
    )
    return np.asarray(
        LETTERS * (brow + np.maximum(cheek, lid) + np.maximum(nose, lip)) + shut, np.float32
    )
