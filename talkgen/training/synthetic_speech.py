"""Synthetic speech with exact phone times: espeak-ng through its library, flite through `-psdur`.

Both are Debian packages used as programs (GPL-3 and BSD); what they say is not covered by their
licences. Needs `libespeak-ng.so.1` and `flite`.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.phones import SILENCE, classes_of_arpa, classes_of_ipa
from talkgen.errors import MissingDependencyError
from talkgen.training.synthetic_text import SENTENCES, TextMaker
from talkgen.types import ENGINE_RATE

VARIANTS = (
    "", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+m8", "+f1", "+f2", "+f3", "+f4", "+f5",
    "+Alex", "+Alicia", "+Andrea", "+Andy", "+Annie", "+Denis", "+Diogo", "+Gene", "+Henrique",
    "+Hugo", "+Jacky", "+Lee", "+Marco", "+Mario", "+Michael", "+Mike", "+Nguyen", "+adam",
    "+anika", "+announcer", "+antonio", "+aunty", "+belinda", "+benjamin", "+boris", "+caleb",
    "+croak", "+david", "+ed", "+edward", "+edward2", "+grandma", "+grandpa", "+gustave", "+iven",
    "+iven2", "+iven3", "+john", "+kaukovalta", "+klatt", "+klatt2", "+klatt3", "+klatt4",
    "+klatt5", "+klatt6", "+linda", "+marcelo", "+max", "+michel", "+miguel", "+norbert", "+pablo",
    "+paul", "+pedro", "+quincy", "+rob", "+robert", "+sandro", "+shelby", "+steph", "+steph2",
    "+steph3", "+travis", "+victor", "+zac", "+whisper", "+whisperf", "+anikaRobot", "+UniRobot",
    "+robosoft",
)  # fmt: skip
HELD_OUT_VARIANTS = ("+m5", "+f4", "+Annie", "+Lee", "+grandma", "+klatt3", "+benjamin", "+steph2")
"""Voices that never train: the measure of how a strange voice is heard."""
LANGUAGES = tuple(SENTENCES)
HELD_OUT_LANGUAGES = ("tr", "el")
"""Languages that never train."""
ACCENTS = {
    "en": ("en-us", "en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-us-nyc"),
    "pt": ("pt", "pt-br"),
    "es": ("es", "es-419"),
    "fr": ("fr", "fr", "fr-be", "fr-ch"),
    "cmn": ("cmn", "cmn", "yue"),
    "vi": ("vi", "vi-vn-x-central", "vi-vn-x-south"),
}
FLITE_VOICES = ("kal16", "awb", "rms", "slt")
HELD_OUT_FLITE = ("awb",)

_PHONEME, _RATE, _VOLUME, _PITCH, _RANGE = 7, 1, 2, 3, 4


@dataclass(frozen=True)
class Utterance:
    """Sound with its phones.

    samples : (N,) float32 at 16 kHz
    starts, ends : (P,) float32, seconds
    phones : (P,) int class indices of talkgen.audio.phones
    voice : language and voice, for splits
    """

    samples: NDArray[np.float32]
    starts: NDArray[np.float32]
    ends: NDArray[np.float32]
    phones: NDArray[np.int64]
    voice: str


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("string", ctypes.c_char * 8),
    ]  # fmt: skip


class Espeak:
    """The espeak-ng library; one instance a process."""

    def __init__(self) -> None:
        try:
            self._lib = ctypes.CDLL("libespeak-ng.so.1")
        except OSError as error:
            raise MissingDependencyError(
                "libespeak-ng.so.1 is absent; install the Debian package libespeak-ng1"
            ) from error
        self.rate = self._lib.espeak_Initialize(2, 200, None, 1 | 2 | 0x8000)
        self._parts: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, str]] = []
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
        )
        self._callback = kind(self._receive)  # kept: the library holds only its address
        self._lib.espeak_SetSynthCallback(self._callback)

    def _receive(self, wave_data, count, events) -> int:  # type: ignore[no-untyped-def]
        if wave_data and count > 0:
            self._parts.append(np.ctypeslib.as_array(wave_data, (count,)).copy())
        index = 0
        while events and events[index].type:
            if events[index].type == _PHONEME:
                name = bytes(events[index].string).decode("utf-8", "ignore")
                self._events.append((events[index].audio_position, name))
            index += 1
        return 0

    def speak(self, text: str, voice: str, rate: int, pitch: int, spread: int) -> Utterance | None:
        """`text` in the voice `voice` (such as "de+f2"); rate in words a minute; None if silent."""
        import soxr

        lib = self._lib
        if lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise MissingDependencyError(f"espeak-ng has no voice {voice!r}; update espeak-ng-data")
        for what, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, spread), (_VOLUME, 80)):
            lib.espeak_SetParameter(what, value, 0)
        self._parts, self._events = [], []
        data = text.encode("utf-8") + b"\0"
        lib.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 1, 0, 1, None, None)
        if not self._parts or not self._events:
            return None
        sound = np.concatenate(self._parts).astype(np.float32) / 32768
        starts, phones = [0.0], [SILENCE]
        times = [t / 1000 for t, _ in self._events] + [len(sound) / self.rate]
        for (_, name), start, end in zip(self._events, times[:-1], times[1:], strict=True):
            classes = classes_of_ipa(name)
            for part, phone in enumerate(classes):
                starts.append(start + (end - start) * 0.55 * part)
                phones.append(phone)
        ends = np.append(starts[1:], times[-1])
        samples = soxr.resample(sound, self.rate, ENGINE_RATE).astype(np.float32)
        return Utterance(
            samples,
            np.asarray(starts, np.float32),
            ends.astype(np.float32),
            np.asarray(phones),
            voice,
        )


def flite(text: str, voice: str, stretch: float, pitch_hz: float) -> Utterance:
    """`text` by a voice of flite; stretch > 1 is slower."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        try:
            done = subprocess.run(
                ["flite", "-voice", voice, "-psdur", "--setf", f"duration_stretch={stretch:.2f}",
                 "--setf", f"int_f0_target_mean={pitch_hz:.0f}", "-t", text, "-o", str(path)],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise MissingDependencyError(
                "the program `flite` is absent; install the Debian package flite"
            ) from error
        with wave.open(str(path)) as file:
            rate = file.getframerate()
            raw = file.readframes(file.getnframes())
    import soxr

    sound = np.frombuffer(raw, np.int16).astype(np.float32) / 32768
    starts, ends, phones, at = [], [], [], 0.0
    for item in done.stdout.split():
        name, _, end_text = item.rpartition(":")
        end = float(end_text)
        classes = classes_of_arpa(name)
        for part, phone in enumerate(classes):
            cut = at + (end - at) * 0.55
            starts.append(cut if part else at)
            ends.append(cut if len(classes) == 2 and not part else end)
            phones.append(phone)
        at = end
    return Utterance(
        soxr.resample(sound, rate, ENGINE_RATE).astype(np.float32),
        np.asarray(starts, np.float32),
        np.asarray(ends, np.float32),
        np.asarray(phones),
        "flite-" + voice,
    )


@dataclass(frozen=True)
class Cast:
    """Who speaks what in `make_utterances`.

    english_share : of sentences that are English whatever `languages` weighs; 0: as `languages`
    flite_share : of the English sentences
    """

    languages: tuple[str, ...] = tuple(c for c in LANGUAGES if c not in HELD_OUT_LANGUAGES)
    variants: tuple[str, ...] = tuple(v for v in VARIANTS if v not in HELD_OUT_VARIANTS)
    flite_voices: tuple[str, ...] = tuple(v for v in FLITE_VOICES if v not in HELD_OUT_FLITE)
    english_share: float = 0.2
    flite_share: float = 0.3


def make_utterances(seconds: float, seed: int, cast: Cast | None = None) -> list[Utterance]:
    """About `seconds` of speech over all languages and voices of `cast`."""
    cast = cast or Cast()
    rng = np.random.default_rng(seed)
    espeak = Espeak()
    makers = {language: TextMaker(language) for language in cast.languages}
    out: list[Utterance] = []
    total = 0.0
    while total < seconds:
        english = "en" in makers and rng.random() < cast.english_share
        language = "en" if english else cast.languages[rng.integers(len(cast.languages))]
        text = " ".join(makers[language].sentence(rng) for _ in range(rng.integers(1, 4)))
        if language == "en" and rng.random() < cast.flite_share:
            voice = cast.flite_voices[rng.integers(len(cast.flite_voices))]
            high = 180 if voice == "slt" else 110
            spoken: Utterance | None = flite(
                text, voice, float(rng.uniform(0.8, 1.35)), high * float(rng.uniform(0.8, 1.25))
            )
        else:
            accents = ACCENTS.get(language, (language,))
            voice = str(rng.choice(accents)) + str(rng.choice(cast.variants))
            spoken = espeak.speak(
                text, voice, int(rng.integers(100, 230)), int(rng.integers(15, 85)),
                int(rng.integers(10, 95)),
            )  # fmt: skip
        if spoken is not None and len(spoken.samples) > ENGINE_RATE // 2:
            out.append(spoken)
            total += len(spoken.samples) / ENGINE_RATE
    return out
