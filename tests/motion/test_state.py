"""The memory of a stream as arrays: all kinds of it come back."""

from collections import deque

import numpy as np
import pytest

from talkgen.audio.features import MelLeveler
from talkgen.errors import InputError
from talkgen.motion.blink import BlinkProcess
from talkgen.motion.state import capture, restore


def test_numbers_arrays_lists_and_chance_come_back(voice_like):
    one, other = (BlinkProcess(np.random.default_rng(3)) for _ in range(2))
    for _ in range(200):
        one.step(True)
    state = capture(one)
    assert all(isinstance(v, np.ndarray) for v in state.values())
    restore(other, state)
    assert [one.step(True) for _ in range(300)] == [other.step(True) for _ in range(300)]


def test_waiting_frames_and_nested_objects_come_back():
    power = np.random.default_rng(0).gamma(2.0, 0.01, (300, 80)).astype(np.float32)
    one, other = MelLeveler(), MelLeveler()
    one.push(power[:200])
    restore(other, capture(one))
    assert np.array_equal(one.push(power[200:]), other.push(power[200:]))
    assert np.array_equal(one.finish(), other.finish())


class _Holder:
    def __init__(self) -> None:
        self.last = deque([1.0, 2.0], maxlen=2)


def test_a_deque_keeps_its_limit():
    one, other = _Holder(), _Holder()
    one.last.append(5.0)
    restore(other, capture(one))
    assert list(other.last) == [2.0, 5.0]
    assert other.last.maxlen == 2


def test_a_foreign_state_is_refused():
    with pytest.raises(InputError, match="another stream"):
        restore(MelLeveler(), {})
