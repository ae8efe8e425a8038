"""Real speech of the shared data with its phones, and who of it is only measured on."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from talkgen.audio.features import HOP, mel_power
from talkgen.audio.phonetic import PhoneticEncoder
from talkgen.io.audio import read_audio
from talkgen.training import phonetic_align as align
from talkgen.training.synthetic_speech import Espeak
from talkgen.types import ENGINE_RATE, Audio

GRID_TRAIN = ("GRID s1", "GRID s10", "GRID s31", "GRID s32")
EMODB_HELD_OUT = ("09", "16")  # a man and a woman
LEAST_FIT = -3.5  # mean log posterior below which an alignment is not believed
LEAST_FRAME = 0.01  # posterior below which a frame of an alignment is left unknown
SPEEDS = (0.88, 1.0, 1.13)


@dataclass(frozen=True)
class Spoken:
    """One real utterance: sound at 16 kHz, its words where they are known, and its use.

    kind : grid, emodb, ljspeech, languages, addresses; held_out : never trained on
    """

    name: str
    speaker: str
    kind: str
    samples: NDArray[np.float32]
    text: str | None
    voice: str
    held_out: bool


def utterances(data: Path) -> Iterator[Spoken]:
    """All `train` speech. LJSpeech is held out whole, GRID and EmoDB by speaker."""
    clips = data / "data" / "clips" / "train"
    for row in csv.DictReader((clips / "clips.csv").open(encoding="utf-8")):
        if row["sound"] != "yes" or "720x576" in row["file"]:
            continue
        grid, person = row["file"].startswith("grid"), row["person"]
        code = Path(row["file"]).stem.split("_")[-1]
        text = align.grid_sentence(code) if grid else None
        if grid and text is None:
            continue
        yield Spoken(
            row["file"], person, "grid" if grid else "addresses",
            read_audio(clips / row["file"]).samples, text, "en" if grid else "en-us",
            grid and person not in GRID_TRAIN,
        )  # fmt: skip
    speech = data / "data" / "speech"
    for path in sorted((speech / "emodb").glob("*.flac")):
        speaker = path.name[:2]
        yield Spoken(
            path.name, "emodb " + speaker, "emodb", read_audio(path).samples,
            align.EMODB_TEXTS[path.name[2:5]], "de", speaker in EMODB_HELD_OUT,
        )  # fmt: skip
    lines = (speech / "ljspeech" / "metadata.csv").read_text("utf-8").splitlines()
    texts = {line.split("|")[0]: line.split("|")[2] for line in lines if line}
    for path in sorted((speech / "ljspeech").glob("*.flac")):
        if path.stem in texts:
            yield Spoken(
                path.name, "ljspeech", "ljspeech", read_audio(path).samples, texts[path.stem],
                "en-us", True,
            )  # fmt: skip
    for path in sorted((speech / "languages").glob("*/*.flac")):
        language = path.parent.name
        yield Spoken(
            f"{language}/{path.name}", f"{language} {path.stem}", "languages",
            read_audio(path).samples, None, language[:2], False,
        )  # fmt: skip


def log_posteriors(encoder: PhoneticEncoder, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T, P) log posteriors, 50 a second."""
    encoded = encoder.encode(Audio(samples, ENGINE_RATE))[:, encoder.config.width :]
    return np.log(np.maximum(encoded, 1e-7))


def label(data: Path, encoder: PhoneticEncoder, out: Path) -> dict[str, tuple[int, float, float]]:
    """Write phones of all speech that may train; per kind: files, seconds, share of known frames.

    out : npz with log_mel (sum of 4 L, 80) float16, phones (sum of 2 L,) int8, lengths (N,),
        speakers (N,) with the speed in the name
    """
    espeak = Espeak()
    phone_lists: dict[tuple[str, str], list[int]] = {}
    mels, phones, lengths, speakers = [], [], [], []
    counts: dict[str, list[float]] = {}
    for spoken in utterances(data):
        if spoken.held_out:
            continue
        for speed in SPEEDS:
            sound = spoken.samples
            if speed != 1.0:
                sound = soxr.resample(sound, ENGINE_RATE, ENGINE_RATE / speed).astype(np.float32)
            posteriors = log_posteriors(encoder, sound)
            if spoken.text is None:
                found = align.believed(posteriors)
            else:
                key = (spoken.text, spoken.voice)
                if key not in phone_lists:
                    phone_lists[key] = align.phones_of(espeak, *key)
                found, fit = align.aligned(posteriors, phone_lists[key])
                own = posteriors[np.arange(len(found)), found]
                found = np.where((fit < LEAST_FIT) | (own < np.log(LEAST_FRAME)), -1, found)
            length = min(len(sound) // (4 * HOP), len(found) // 2)
            mels.append(np.log10(mel_power(sound)[: 4 * length] + 1e-9).astype(np.float16))
            phones.append(found[: 2 * length].astype(np.int8))
            lengths.append(length)
            speakers.append(f"{spoken.speaker} x{speed}")
            if speed == 1.0:
                count = counts.setdefault(spoken.kind, [0, 0.0, 0.0])
                count[0] += 1
                count[1] += length / 25
                count[2] += float((phones[-1] >= 0).mean()) * length / 25
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        out, log_mel=np.concatenate(mels), phones=np.concatenate(phones),
        lengths=np.array(lengths), speakers=np.array(speakers),
    )  # fmt: skip
    return {k: (int(n), seconds, known / seconds) for k, (n, seconds, known) in counts.items()}
