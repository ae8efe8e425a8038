"""Phoneme error rates of the phonetic encoder, beside pocketsphinx on English.

The error rate is the edit distance of phone classes, repeats joined and silence dropped, over the
number of classes that ought to be there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.features import level_features
from talkgen.audio.phones import classes_of_arpa
from talkgen.audio.phonetic import PhoneticEncoder
from talkgen.training import phonetic_align as align
from talkgen.training.phonetic_data import synthetic_speech
from talkgen.training.phonetic_real import Spoken, log_posteriors, utterances
from talkgen.training.phonetic_train import frame_accuracy
from talkgen.training.synthetic_speech import Espeak
from talkgen.types import ENGINE_RATE

CHANGE_COST = 2.0
"""Nats of a change of phone while decoding, the same for every set."""
PIECE = 1000
"""Phone frames (20 s) of synthetic speech that are decoded at a time."""
ENGLISH = ("grid", "ljspeech")


@dataclass
class Count:
    """Edits and phones of a set."""

    edits: int = 0
    phones: int = 0
    files: int = 0

    def add(self, said: list[int], wanted: list[int]) -> None:
        """Count an utterance."""
        self.edits += align.edit_distance(said, wanted)
        self.phones += len(wanted)
        self.files += 1

    def table(self) -> dict[str, Any]:
        """Return the rate and what it was counted over."""
        rate = round(self.edits / max(self.phones, 1), 3)
        return {"phoneme_error_rate": rate, "phones": self.phones, "files": self.files}


def synthetic(encoder: PhoneticEncoder, folder: Path, seconds: float) -> dict[str, Any]:
    """Return error rate and frame accuracy of each shard of held-out synthetic speech."""
    import torch

    out = {}
    for speech in synthetic_speech(folder):
        count = Count()
        for start in range(0, min(len(speech.phones), int(seconds * 50)) - PIECE + 1, PIECE):
            part = speech.log_mel[2 * start : 2 * (start + PIECE)].astype(np.float32)
            with torch.inference_mode():
                features = torch.from_numpy(level_features((10.0**part).astype(np.float32)))[None]
                logits = torch.log_softmax(encoder(features).phones[0].float(), -1).numpy()
            said = align.collapsed(align.decoded(logits, CHANGE_COST))
            count.add(said, align.collapsed(speech.phones[start : start + PIECE]))
        out[speech.name] = count.table() | {
            "frame_accuracy": round(frame_accuracy(encoder, speech, seconds), 3)
        }
    return out


def real(
    encoder: PhoneticEncoder, data: Path, most: int, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Return error rates on real speakers that are held out, ours and pocketsphinx's (English).

    most : files of a kind, evenly chosen
    """
    espeak = Espeak()
    sphinx = Sphinx.or_none()
    texts: dict[tuple[str, str], list[int]] = {}
    ours: dict[str, Count] = {}
    theirs: dict[str, Count] = {}
    for spoken in _chosen(data, most):
        key = (spoken.text or "", spoken.voice)
        if key not in texts:
            texts[key] = align.phones_of(espeak, *key)
        logits = log_posteriors(encoder, spoken.samples)
        said = align.collapsed(align.decoded(logits, CHANGE_COST))
        ours.setdefault(spoken.kind, Count()).add(said, texts[key])
        if sphinx is not None and spoken.kind in ENGLISH:
            theirs.setdefault(spoken.kind, Count()).add(sphinx(spoken.samples), texts[key])
    if sphinx is None:
        report("pocketsphinx is not installed: no comparison")
    out: dict[str, Any] = {kind: {"ours": c.table()} for kind, c in ours.items()}
    for kind, c in theirs.items():
        out[kind]["pocketsphinx"] = c.table()
    return out


def _chosen(data: Path, most: int) -> Iterator[Spoken]:
    known = [s for s in utterances(data) if s.held_out and s.text]
    for kind in dict.fromkeys(s.kind for s in known):
        own = [s for s in known if s.kind == kind]
        picked = np.unique(np.linspace(0, len(own) - 1, min(most, len(own))).astype(int))
        yield from (own[i] for i in picked)


class Sphinx:
    """The phone loop of pocketsphinx with its English model."""

    def __init__(self) -> None:
        import pocketsphinx

        path = pocketsphinx.get_model_path
        self._decoder = pocketsphinx.Decoder(
            hmm=path("en-us/en-us"), allphone=path("en-us/en-us-phone.lm.bin"), lw=2.0,
            beam=1e-20, pbeam=1e-20, loglevel="FATAL",
        )  # fmt: skip

    @classmethod
    def or_none(cls) -> Sphinx | None:
        """Return it where the package is installed."""
        try:
            return cls()
        except ImportError:
            return None

    def __call__(self, samples: NDArray[np.float32]) -> list[int]:
        """Return the phone classes that it hears in sound at 16 kHz."""
        assert ENGINE_RATE == 16000
        sound = (np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes()
        self._decoder.start_utt()
        self._decoder.process_raw(sound, full_utt=True)
        self._decoder.end_utt()
        phones: list[int] = []
        for segment in self._decoder.seg() or ():
            phones += classes_of_arpa(segment.word.lower())
        return align.collapsed(np.array(phones, np.int64))
