"""How a voice feels: class, valence and arousal from pitch, loudness, rhythm and colour.

Statistics of three seconds of speech (pitch and its movement, loudness contour, syllables a second,
the mean, spread and movement of twenty mel bands; after eGeMAPS, Eyben et al. 2016, none of which
heeds the recording's level) go through one linear layer. What a stream gives does not depend on how
the sound is cut, and memory does not grow.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from talkgen.audio.features import FEATURES_PER_SECOND, MelStream, Resampler
from talkgen.audio.prosody import Prosody, ProsodyStream, joined
from talkgen.modeling import Config, ModelMixin
from talkgen.types import EMOTIONS, Audio

Float32 = NDArray[np.float32]

VOICES = ("neutral", "happy", "sad", "fear", "disgust", "anger", "bored")
"""What the layer tells apart: the classes of EmoDB (Burkhardt et al. 2005)."""
MEANS: dict[str, dict[str, float]] = {
    **{name: {name: 1.0} for name in VOICES if name != "bored"},
    "bored": {"neutral": 0.6, "sad": 0.4},
}
"""What a class of voice is among `EMOTIONS`."""
WINDOW, HOP = 300, 50
"""Frames (10 ms) that a reading hears, and between readings."""
LEAST_ACTIVE = 60
"""Frames with voice that a reading needs; with fewer the one before stays."""
ACTIVE_DB = 30.0
"""Below the window's loudest: frames this far down are no speech."""
DELAY_S = 1.0
"""A reading at the end of its window stands for what was a second ago."""
KEEP = 0.7
"""Share of the readings before that a reading keeps: smooth over about 1.5 s."""
BANDS = 20


@dataclass(frozen=True)
class VoiceReading:
    """times : (T,) seconds; weights : (T, 8) over `EMOTIONS`, rows sum to 1; valence_arousal :
    (T, 2) in [-1, 1]; all float32"""

    times: Float32
    weights: Float32
    valence_arousal: Float32

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def of(cls, parts: list[VoiceReading]) -> VoiceReading:
        """Return pieces of a stream as one."""
        names = (field.name for field in fields(cls))
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


@dataclass(frozen=True)
class VoiceEmotionConfig(Config):
    """num_features : of `statistics`"""

    num_features: int = 16 + 3 * BANDS


class VoiceEmotion(ModelMixin, nn.Module):
    """Reads feelings off a voice.

    >>> reading = VoiceEmotion.from_pretrained("voice_emotion")(audio)   # doctest: +SKIP
    >>> reading.weights.shape                                            # doctest: +SKIP
    (12, 8)
    """

    config_class: ClassVar[type[Config]] = VoiceEmotionConfig

    def __init__(self, config: VoiceEmotionConfig | None = None) -> None:
        super().__init__()
        self.config: VoiceEmotionConfig = config or VoiceEmotionConfig()
        count = self.config.num_features
        self.mean: torch.Tensor
        self.scale: torch.Tensor
        self.affect: torch.Tensor
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("scale", torch.ones(count))
        self.register_buffer("affect", torch.zeros(len(VOICES), 2))  # valence, arousal of each
        self.layer = nn.Linear(count, len(VOICES))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits (B, 7) over `VOICES` of statistics (B, num_features)."""
        logits: torch.Tensor = self.layer(((features - self.mean) * self.scale).clamp(-4, 4))
        return logits

    def __call__(self, given: Audio | torch.Tensor) -> VoiceReading | torch.Tensor:  # type: ignore[override]
        """Return the reading of a sound, or logits of statistics."""
        if isinstance(given, torch.Tensor):
            return self.forward(given)
        return self.read(given)

    def read(self, audio: Audio) -> VoiceReading:
        """Return the readings of a whole sound, one every half second; at least one."""
        stream = self.stream(audio.rate)
        step = 10 * audio.rate
        parts = [stream.push(audio.samples[i : i + step])
                 for i in range(0, len(audio.samples), step)]  # fmt: skip
        parts.append(stream.finish())
        return VoiceReading.of(parts)

    def stream(self, rate: int) -> VoiceStream:
        """Return a reader of sound that arrives in blocks at `rate` Hz."""
        return VoiceStream(self, rate)


class VoiceStream:
    """Readings of sound that is still arriving."""

    def __init__(self, model: VoiceEmotion, rate: int) -> None:
        self._model = model
        self._resampler, self._mels, self._prosody = Resampler(rate), MelStream(), ProsodyStream()
        self._rows: list[Prosody] = []
        self._power = np.zeros((0, 80), np.float32)
        self._first = 0  # frame at which both buffers begin
        self._next = HOP  # frame at which the next window ends
        self._smooth = np.eye(len(VOICES), dtype=np.float32)[0]
        self._heard = False

    def push(self, samples: Float32) -> VoiceReading:
        """Return the readings that are complete now."""
        sound = self._resampler.push(np.asarray(samples, np.float32))
        self._add(self._prosody.push(sound), self._mels.push(sound))
        return self._take(last=False)

    def finish(self) -> VoiceReading:
        """Return the last readings."""
        sound = self._resampler.finish()
        self._add(self._prosody.push(sound), self._mels.push(sound))
        self._add(self._prosody.finish(), self._mels.finish())
        return self._take(last=True)

    def _add(self, rows: Prosody, power: Float32) -> None:
        self._rows = [joined([*self._rows, rows])]
        self._power = np.concatenate([self._power, power])

    def _take(self, *, last: bool) -> VoiceReading:
        times, voices = [], []
        have = self._first + min(len(self._rows[0]), len(self._power))
        ends = list(range(self._next, have + 1, HOP))
        if last and (not ends or ends[-1] < have) and have - (self._next - HOP) > HOP // 2:
            ends.append(have)
        if last and not ends and not self._heard:
            ends = [have]
        for end in ends:
            start = max(self._first, end - WINDOW) - self._first
            part = slice(start, end - self._first)
            voices.append(self._one(_part(self._rows[0], part), self._power[part]))
            times.append(max(0.0, end / FEATURES_PER_SECOND - DELAY_S))
        if ends:
            self._next = ends[-1] + HOP
        drop = max(0, self._next - WINDOW - HOP - self._first)
        if drop:
            self._rows = [_part(self._rows[0], slice(drop, None))]
            self._power, self._first = self._power[drop:], self._first + drop
        found = np.array(voices, np.float32).reshape(-1, len(VOICES))
        affect = found @ self._model.affect.numpy()
        return VoiceReading(np.array(times, np.float32), found @ _TO_EMOTIONS, affect)

    def _one(self, rows: Prosody, power: Float32) -> Float32:
        features = statistics(rows, power)
        if features is not None:
            with torch.inference_mode():
                logits = self._model.forward(torch.from_numpy(features)[None])[0]
            now = torch.softmax(logits, 0).numpy()
            self._smooth = KEEP * self._smooth + (1 - KEEP) * now if self._heard else now
            self._heard = True
        return self._smooth


_TO_EMOTIONS = np.array(
    [[MEANS[voice].get(name, 0.0) for name in EMOTIONS] for voice in VOICES], np.float32
)


def _part(rows: Prosody, part: slice) -> Prosody:
    return Prosody(rows.pitch[part], rows.voicing[part], rows.energy[part], rows.rate[part])


def statistics(rows: Prosody, power: Float32) -> Float32 | None:
    """Return (76,) statistics of a window: prosody (N,) and mel power (N, 80); None without voice.

    Pitch in semitones over 100 Hz; levels in dB over the window's own, so loudness does not count.
    """
    count = min(len(rows), len(power))
    if not count:
        return None
    pitch, voicing, energy = rows.pitch[:count], rows.voicing[:count], rows.energy[:count]
    active = energy > np.quantile(energy, 0.95) - ACTIVE_DB
    voiced = (pitch > 0) & active
    if voiced.sum() < min(LEAST_ACTIVE, count // 3) or voiced.sum() < 8:
        return None
    semitones = 12 * np.log2(np.maximum(pitch, 1.0) / 100)
    own = semitones[voiced]
    moves = np.diff(semitones)[voiced[1:] & voiced[:-1]]
    moves = moves if len(moves) else np.zeros(1)
    level = 10 * np.log10(power[:count].reshape(count, BANDS, -1).mean(2) + 1e-10)
    colour = level[active].mean(0)
    steps = np.abs(np.diff(level, axis=0))[active[1:]]
    rises = np.abs(np.diff(energy))[active[1:]]
    below = energy[active] - np.quantile(energy, 0.95)
    scalars = [
        own.mean(), own.std(), *np.quantile(own, (0.1, 0.5, 0.9)),
        np.abs(moves).mean(), moves.std(), voiced.sum() / active.sum(), below.std(),
        *np.quantile(below, (0.1, 0.5)),
        rises.mean() if len(rises) else 0.0, rows.rate[:count].max(), rows.rate[:count].mean(),
        active.mean(), voicing[voiced].mean(),
    ]  # fmt: skip
    bands = [colour - colour.mean(), level[active].std(0),
             steps.mean(0) if len(steps) else np.zeros(BANDS)]  # fmt: skip
    return np.concatenate([np.array(scalars), *bands]).astype(np.float32)
