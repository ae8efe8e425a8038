"""Small pictures, sounds and videos, made on the spot."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

CLICKS = (0.3, 0.9)  # seconds


def chirp(rate: int) -> np.ndarray:
    """Return a sound of 20 ms that is easy to find again."""
    count = rate // 50
    time = np.arange(count) / rate
    return (0.5 * np.sin(2 * np.pi * (400 + 50 * np.arange(count) / count * 20) * time)).astype(
        "f4"
    )


def voice(rate: int, seconds: float = 1.2, channels: int = 1) -> np.ndarray:
    """Return (N, channels) of faint noise with a chirp at each of `CLICKS`."""
    rng = np.random.default_rng(0)
    sound = (0.003 * rng.standard_normal((round(rate * seconds), channels))).astype("f4")
    for start in CLICKS:
        first = round(start * rate)
        piece = chirp(rate)[: len(sound) - first, None]
        sound[first : first + len(piece)] += piece
    return sound


def write_sound(path: Path, rate: int = 16_000, seconds: float = 1.2, channels: int = 1) -> Path:
    soundfile.write(path, voice(rate, seconds, channels), rate)
    return path


def find_clicks(mono: np.ndarray, rate: int) -> list[float]:
    """Return where the chirps are, in seconds."""
    match = np.abs(np.correlate(mono, chirp(rate), "valid"))
    found = []
    for start in CLICKS:
        low = round((start - 0.1) * rate)
        found.append((low + int(match[low : low + rate // 5].argmax())) / rate)
    return found


def write_video(
    path: Path,
    *,
    size: tuple[int, int] = (64, 48),
    times: list[float] | None = None,
    fps: float = 25,
    frames: int = 10,
    sound: bool = False,
    rotation: int = 0,
) -> Path:
    """Write a video whose picture n is grey 10 + 20 n, shown from `times[n]` on."""
    times = times or [n / fps for n in range(frames)]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "5", "bf": "0"}
        stream.codec_context.time_base = Fraction(1, 12_800)
        if rotation:
            stream.set_display_rotation(rotation)
        audio = file.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for n, time in enumerate(times):
            grey = np.full((size[1], size[0], 3), min(10 + 20 * n, 250), np.uint8)
            if rotation:
                grey[: size[1] // 2] = 255  # the upper half is white as stored
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = round(time * 12_800), Fraction(1, 12_800)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if audio is not None:
            wave = voice(16_000, times[-1] + 1 / fps if times[-1] > 1 else 1.2).T.copy()
            piece = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            piece.sample_rate, piece.pts = 16_000, 0
            file.mux(audio.encode(piece))
            file.mux(audio.encode(None))
    return path
