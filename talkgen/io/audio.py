"""Speech from any audio or video file that FFmpeg's libraries decode, read in blocks.

A file is opened by `open_speech`, which reads it once from end to end in constant memory, so that
its exact length is known and every fault is found before any work starts.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from talkgen.errors import InputError, MediaError
from talkgen.io.truncated import is_cut
from talkgen.types import ENGINE_RATE, Audio, FloatArray

MIN_SECONDS = 0.2
SILENT_PEAK = 10 ** (-70 / 20)
"""Peak of full scale under which a recording counts as silent (-70 dB)."""

LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""What a number of channels means where a file does not say."""

_CENTRE, _FRONT, _AROUND = 1.0, math.sqrt(0.5), 0.5
"""Shares of channels in the mono mix (ITU-R BS.775); the bass channel has none."""
_WHOLE_CONTAINERS = ("w64", "aiff", "flac", "mov", "mp4", "matroska", "webm", "caf", "au")
"""Containers whose stated duration is exact, so that a shorter decode means a cut file."""

BLOCK = 16_384  # samples
LOCAL_ONLY = {"protocol_whitelist": "file,crypto,data"}
"""A play list must not make FFmpeg fetch what it names."""


class Speech(Protocol):
    """Sound that can be read again and again from its start."""

    @property
    def rate(self) -> int:
        """Samples a second."""

    @property
    def layout(self) -> str:
        """FFmpeg's name of the channel layout, such as "mono" or "5.1"."""

    @property
    def seconds(self) -> float:
        """Length in seconds."""

    def planes(self) -> Iterator[FloatArray]:
        """Yield blocks (channels, N) at the sound's own rate."""

    def blocks(self, rate: int = ENGINE_RATE) -> Iterator[FloatArray]:
        """Yield mono blocks (N,) at `rate` Hz."""


def mix_weights(names: tuple[str, ...]) -> FloatArray:
    """Return the share (C,) of each channel in the mono mix, summing to one."""
    if len(names) <= 2:
        return np.full(len(names), 1.0 / len(names), dtype=np.float32)
    known = {"FC": _CENTRE, "FL": _FRONT, "FR": _FRONT, "LFE": 0.0, "LFE2": 0.0}
    shares = np.asarray([known.get(name, _AROUND) for name in names], dtype=np.float32)
    return shares / max(float(shares.sum()), 1e-9)


def resampled(blocks: Iterator[FloatArray], source: int, target: int) -> Iterator[FloatArray]:
    """Yield (..., N) blocks at `target` Hz: soxr, high quality, channels along the first axis."""
    if source == target:
        yield from blocks
        return
    import soxr

    stream: Any = None
    like: FloatArray | None = None
    for block in blocks:
        if stream is None:
            channels = 1 if block.ndim == 1 else len(block)
            stream = soxr.ResampleStream(source, target, channels, "float32", quality="HQ")
        like = block
        made = stream.resample_chunk(np.ascontiguousarray(block.T))
        if len(made):
            yield np.ascontiguousarray(made.T)
    if stream is not None and like is not None:
        made = stream.resample_chunk(np.ascontiguousarray(like[..., :0].T), last=True)
        if len(made):
            yield np.ascontiguousarray(made.T)


@dataclass(frozen=True)
class SpeechFile:
    """Sound of a file, decoded anew on each pass."""

    path: Path
    rate: int
    layout: str
    channels: tuple[str, ...]
    num_samples: int

    @property
    def seconds(self) -> float:
        """Length in seconds, counted in decoded samples."""
        return self.num_samples / self.rate

    def planes(self) -> Iterator[FloatArray]:
        """Yield blocks (channels, N) float32 at the file's own rate."""
        left = self.num_samples
        for _, block in _decoded(self.path):
            yield block[:, :left]
            left -= block.shape[1]
            if left <= 0:
                break

    def blocks(self, rate: int = ENGINE_RATE) -> Iterator[FloatArray]:
        """Yield mono blocks (N,) float32 at `rate` Hz."""
        weights = mix_weights(self.channels)
        mono = ((weights @ block).astype(np.float32) for block in self.planes())
        return resampled(mono, self.rate, rate)


class SpeechArray:
    """Sound that is in memory already."""

    layout = "mono"

    def __init__(self, audio: Audio) -> None:
        self.audio = audio
        self.rate = int(audio.rate)
        self.num_samples = len(audio.samples)
        check_sound("`audio`", self.seconds, float(np.abs(audio.samples).max(initial=0.0)))

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.rate

    def planes(self) -> Iterator[FloatArray]:
        """Yield blocks (1, N)."""
        for start in range(0, self.num_samples, BLOCK):
            yield self.audio.samples[None, start : start + BLOCK]

    def blocks(self, rate: int = ENGINE_RATE) -> Iterator[FloatArray]:
        """Yield mono blocks (N,) at `rate` Hz."""
        return resampled((block[0] for block in self.planes()), self.rate, rate)


def as_speech(value: Any) -> Speech:
    """Return what can be read as speech: a path, an `Audio`, or what is one already."""
    if isinstance(value, Audio):
        return SpeechArray(value)
    if isinstance(value, str | os.PathLike):
        return open_speech(value)
    if hasattr(value, "blocks") and hasattr(value, "planes"):
        speech: Speech = value
        return speech
    raise InputError(
        f"`speech` is a {type(value).__name__}, a path or an Audio(samples, rate) is needed"
    )


def read_audio(path: str | os.PathLike[str], rate: int = ENGINE_RATE) -> Audio:
    """Return the whole sound of a file, mono, at `rate` Hz."""
    return Audio(np.concatenate(list(open_speech(path).blocks(rate))), rate)


def check_sound(name: str, seconds: float, peak: float) -> None:
    """Raise MediaError for sound that is too short or silent."""
    if seconds < MIN_SECONDS:
        have = f"{seconds:.3g} s" if seconds else "0 s"
        raise MediaError(f"{name} is {have} long, at least {MIN_SECONDS} s of speech is needed")
    if peak < SILENT_PEAK:
        level = f"peak {20 * math.log10(peak):.0f} dB" if peak > 0 else "all samples are zero"
        raise MediaError(f"{name} is silent ({level}); give a recording of speech")


def open_speech(path: str | os.PathLike[str]) -> SpeechFile:
    """Return the sound of a file, read through once.

    Of several sound tracks the first is taken.
    Raises MediaError when the file is missing, no media, without a sound track, cut short, empty,
    silent, shorter than 0.2 s, or holds NaN or infinite samples.
    """
    path = Path(path)
    name = repr(str(path))
    rate, layout = 0, ""
    channels: tuple[str, ...] = ()
    count, peak = 0, 0.0
    stated = 0.0
    for info, block in _decoded(path):
        rate, layout, channels, stated = info.rate, info.layout, info.channels, info.seconds
        top = float(np.abs(block).max(initial=0.0))
        if not math.isfinite(top):
            raise MediaError(f"{name} holds NaN or infinite samples; export it again")
        peak = max(peak, top)
        count += block.shape[1]
    seconds = count / rate if rate else 0.0
    if is_cut(path) or stated - seconds > max(0.25, 0.02 * stated):
        lasts = f" and should last {stated:.1f} s" if stated > seconds else ""
        raise MediaError(
            f"{name} is cut short: it ends after {seconds:.1f} s{lasts}; copy it again"
        )
    if 0 < seconds - stated < 0.1 and stated:
        count = round(stated * rate)  # the last packet's padding is no sound
    check_sound(name, seconds, peak)
    return SpeechFile(path, rate, layout, channels, count)


@dataclass(frozen=True)
class _Stream:
    """What a decoder says of its sound; `seconds` is 0 where the container is not exact."""

    rate: int
    layout: str
    channels: tuple[str, ...]
    seconds: float


def open_container(path: Path) -> Any:
    """Return the PyAV container of a file; raise MediaError with one line when it has none."""
    import av

    name = repr(str(path))
    if not path.exists():
        raise MediaError(f"no such file: {name}")
    if path.is_dir():
        raise MediaError(f"{name} is a folder, an audio or video file is needed")
    if path.is_file() and path.stat().st_size == 0:
        raise MediaError(f"{name} is empty (0 bytes)")
    try:
        return av.open(str(path.absolute()), metadata_errors="replace", options=LOCAL_ONLY)
    except PermissionError as error:
        raise MediaError(f"{name} cannot be read (permission denied)") from error
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(
            f"{name} is no audio or video file that can be read, or is cut short"
        ) from error


def _decoded(path: Path) -> Iterator[tuple[_Stream, FloatArray]]:
    """Yield the first sound track of a file as (channels, N) float32 blocks."""
    import av

    name = repr(str(path))
    with closing(open_container(path)) as container:
        if not container.streams.audio:
            raise MediaError(f"{name} has no sound track; give a file with speech")
        stream = container.streams.audio[0]
        exact = any(part in _WHOLE_CONTAINERS for part in container.format.name.split(","))
        seconds = float(stream.duration * stream.time_base) if exact and stream.duration else 0.0
        info: _Stream | None = None
        resampler: Any = None
        source: Any = None
        faults = 0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                frames = packet.decode()
            except (av.FFmpegError, EOFError) as error:
                faults += 1
                if faults > 8 or info is None:
                    raise MediaError(f"{name} is damaged; export it again") from error
                continue
            for frame in frames:
                here = (frame.format.name, frame.layout.name, frame.sample_rate)
                if info is None:
                    if not frame.sample_rate:
                        raise MediaError(f"{name} states no sample rate; export it again")
                    info = _Stream(frame.sample_rate, *_layout(frame), seconds)
                    layout = frame.layout
                if source != here:  # some files change their format on the way
                    source = here
                    resampler = av.AudioResampler("fltp", layout, info.rate)
                for piece in resampler.resample(frame):
                    yield info, piece.to_ndarray()


def _layout(frame: Any) -> tuple[str, tuple[str, ...]]:
    """Return the name of a frame's channel layout and of its channels, guessed where not given."""
    from av import AudioLayout

    layout = frame.layout
    names = tuple(channel.name for channel in layout.channels)
    if set(names) & {"NONE", "UNK", "UNSD"} and len(names) in LAYOUTS:
        layout = AudioLayout(LAYOUTS[len(names)])
        names = tuple(channel.name for channel in layout.channels)
    return layout.name, names
