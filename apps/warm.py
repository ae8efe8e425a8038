"""What a new worker does for nothing, so that the first visitor need not wait for the models."""

from __future__ import annotations

import math
import wave
from array import array
from pathlib import Path

from talkgen.apps.call import Call, made

SECONDS, RATE = 0.6, 16_000


def warm_calls(portrait: Path, folder: Path) -> list[Call]:
    """Return calls that load what most visitors need: a short talk, and its measuring.

    portrait : of a face; folder : where the sound is put that it says
    """
    sound = folder / "warm.wav"
    buzz = [
        round(6000 * math.sin(2 * math.pi * 140 * n / RATE) ** 15)
        for n in range(round(SECONDS * RATE))
    ]
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(array("h", buzz).tobytes())
    return [
        Call("talk", {"portrait": portrait, "speech": sound, "size": 256}, {"output": "warm.mp4"}),
        Call("score", {"video": made(), "source": portrait}, {"json": "warm.json"}),
    ]
