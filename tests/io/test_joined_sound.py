"""Sound cut, lengthened and joined to the sample."""

import numpy as np
import pytest

from talkgen.io.audio import SpeechArray
from talkgen.io.joined_sound import Fitted, Together
from talkgen.types import Audio


def tone(seconds: float, rate: int = 16_000, level: float = 0.5) -> SpeechArray:
    return SpeechArray(Audio(np.full(round(seconds * rate), level, np.float32), rate))


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.3])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_fitted(seconds: float, rate: int) -> None:
    fitted = Fitted(tone(1.0, rate), seconds)
    whole = np.concatenate(list(fitted.planes()), axis=1)
    assert whole.shape == (1, round(seconds * rate))
    assert fitted.seconds == pytest.approx(seconds, abs=1 / rate)
    assert (whole[0, : round(min(seconds, 1.0) * rate)] == 0.5).all()
    assert not whole[0, rate:].any()
    assert sum(map(len, fitted.blocks(16_000))) == round(seconds * 16_000)


def test_together() -> None:
    both = Together([(tone(1.0, level=0.2), 0.0), (tone(1.0, level=0.3), 0.5)])
    whole = np.concatenate(list(both.planes()), axis=1)[0]
    assert len(whole) == 24_000 == round(both.seconds * 16_000)
    assert whole[4_000] == pytest.approx(0.2)
    assert whole[12_000] == pytest.approx(0.5)
    assert whole[20_000] == pytest.approx(0.3)
