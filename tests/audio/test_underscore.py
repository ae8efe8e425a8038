"""A recording's voice goes where somebody speaks; the rest stays."""

import numpy as np
import pytest

from talkgen.audio.underscore import Underscore, widened
from talkgen.io.audio import SpeechArray
from talkgen.types import Audio

RATE = 16_000


class Recording:
    """(C, N) samples as a recording."""

    rate = RATE

    def __init__(self, samples: np.ndarray, layout: str) -> None:
        self.samples, self.layout = samples.astype(np.float32), layout

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / RATE

    def planes(self):
        for start in range(0, self.samples.shape[1], 5_000):
            yield self.samples[:, start : start + 5_000]

    def blocks(self, rate: int = RATE):
        yield self.samples.mean(axis=0)


def sine(hz: float, seconds: float = 2.0) -> np.ndarray:
    return 0.2 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


SILENT = SpeechArray(Audio(np.r_[np.zeros(RATE - 1), 0.01].astype(np.float32), RATE))
TAKEN = np.r_[np.zeros(50), np.ones(50)].astype(np.float32)  # the second second


def under(samples: np.ndarray, names: tuple[str, ...], layout: str) -> np.ndarray:
    made = Underscore(Recording(samples, layout), names, SILENT, TAKEN)
    return np.concatenate(list(made.planes()), axis=1)


def level(samples: np.ndarray) -> float:
    return float(np.sqrt((samples**2).mean()))


def test_pauses_are_as_recorded() -> None:
    own = sine(300)[None]
    made = under(own, ("FC",), "mono")
    assert made.shape == own.shape
    assert np.abs(made - own)[:, 500:14_000].max() < 1e-3


def test_mono_voice_goes_and_bass_stays() -> None:
    second = slice(20_000, 31_000)
    assert level(under(sine(500)[None], ("FC",), "mono")[0, second]) < 0.01
    bass = under(sine(40)[None], ("X",), "mono")[0, second]
    assert level(bass) == pytest.approx(level(sine(40)[second]), rel=0.05)


def test_sides_of_stereo_stay() -> None:
    voice, music = sine(500), sine(700)
    made = under(np.stack([voice + music, voice - music]), ("FL", "FR"), "stereo")
    second = slice(20_000, 31_000)
    middle, side = 0.5 * (made[0] + made[1])[second], 0.5 * (made[0] - made[1])[second]
    assert level(middle) < 0.1 * level(voice[second])
    assert level(side) == pytest.approx(level(music[second]), rel=0.03)


def test_surround_loses_its_middle_alone() -> None:
    own = np.stack([sine(500)] * 3)
    made = under(own, ("FL", "FR", "FC"), "3.0")[:, 20_000:31_000]
    assert level(made[2]) < 0.01
    assert np.abs(made[:2] - own[:2, 20_000:31_000]).max() < 1e-3


def test_speech_is_laid_over_and_may_last_longer() -> None:
    speech = SpeechArray(Audio(np.full(3 * RATE, 0.3, np.float32), RATE))
    made = Underscore(Recording(sine(500)[None], "mono"), ("FL",), speech, TAKEN)
    whole = np.concatenate(list(made.planes()), axis=1)
    assert whole.shape == (1, 3 * RATE)
    assert made.seconds == 3.0
    assert whole[0, -RATE // 2 :] == pytest.approx(0.3)


def test_widened() -> None:
    sure = np.zeros(100, np.float32)
    sure[40:60] = 1.0
    out = widened(sure)
    assert out.shape == (100,)
    assert out[36:64].min() > 0.9
    assert not out[:20].any()
    assert not out[80:].any()
