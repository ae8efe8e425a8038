"""Phones of real speech: known words aligned by the encoder itself, unknown ones by its belief."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.phones import SILENCE
from talkgen.training.synthetic_speech import Espeak

Float32 = NDArray[np.float32]

GRID_WORDS: tuple[dict[str, str], ...] = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {c: c.upper() for c in "abcdefghijklmnopqrstuvxyz"},
    {"z": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six",
     "7": "seven", "8": "eight", "9": "nine"},
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)  # fmt: skip
EMODB_TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
"""The ten sentences of the Berlin database by their code in the file name."""

PAUSE_COST = 5.0  # nats, of a silence between two phones
SURE = 0.65  # posterior from which a frame of unknown words counts as known
SWITCH_COST = 1.0  # nats, of going from one phone to another in free decoding


def grid_sentence(code: str) -> str | None:
    """The sentence that six letters of a GRID file name spell; None where they spell none."""
    if len(code) != 6 or any(c not in w for c, w in zip(code, GRID_WORDS, strict=True)):
        return None
    return " ".join(w[c] for c, w in zip(code, GRID_WORDS, strict=True))


def phones_of(espeak: Espeak, text: str, voice: str) -> list[int]:
    """Phone classes of `text` as espeak-ng says it, without silence and repeats."""
    spoken = espeak.speak(text, voice, 160, 50, 50)
    return collapsed(spoken.phones) if spoken is not None else []


def collapsed(phones: NDArray[np.int64]) -> list[int]:
    """Classes without repeats, then without silence."""
    kept = phones[np.concatenate([[True], phones[1:] != phones[:-1]])] if len(phones) else phones
    return [int(p) for p in kept if p > SILENCE]


def aligned(log_posteriors: Float32, phones: list[int]) -> tuple[NDArray[np.int64], float]:
    """The best path of (T, P) through `phones` in order, with silence allowed anywhere between.

    Returns (T,) classes and the mean log posterior of the frames that are not silent.
    """
    # states: sil, p0, sil, p1, ..., sil; a phone goes on to the silence after it or the next phone
    states = np.full(2 * len(phones) + 1, SILENCE)
    states[1::2] = phones
    emit = log_posteriors[:, states].astype(np.float64)
    count, size = emit.shape
    inner = np.zeros(size)
    inner[2:-1:2] = PAUSE_COST
    score = np.full(size, -np.inf)
    score[:2] = emit[0, :2]
    back = np.zeros((count, size), np.int8)
    for t in range(1, count):
        one = np.concatenate([[-np.inf], score[:-1]]) - inner
        two = np.concatenate([[-np.inf, -np.inf], score[:-2]])
        two[::2] = -np.inf  # from silence to silence past a phone
        options = np.stack([score, one, two])
        back[t] = options.argmax(0)
        score = options.max(0) + emit[t]
    at = size - 1 if score[-1] > score[-2] else size - 2
    path = np.zeros(count, int)
    for t in range(count - 1, -1, -1):
        path[t] = at
        at -= int(back[t, at])
    classes = states[path]
    voiced = path % 2 == 1
    mean = float(emit[np.arange(count), path][voiced].mean()) if voiced.any() else -np.inf
    return classes, mean


def decoded(log_posteriors: Float32, cost: float = SWITCH_COST) -> NDArray[np.int64]:
    """(T,) classes of the best path of (T, P) where every change of phone costs `cost`."""
    score = log_posteriors[0].astype(np.float64)
    back = np.zeros(log_posteriors.shape, np.int64)
    own = np.arange(log_posteriors.shape[1])
    for t in range(1, len(log_posteriors)):
        best = int(score.argmax())
        stay = score >= score[best] - cost
        back[t] = np.where(stay, own, best)
        score = np.where(stay, score, score[best] - cost) + log_posteriors[t]
    path = np.zeros(len(log_posteriors), np.int64)
    at = int(score.argmax())
    for t in range(len(path) - 1, -1, -1):
        path[t] = at
        at = int(back[t, at])
    return path


def believed(log_posteriors: Float32) -> NDArray[np.int64]:
    """(T,) classes where the encoder is sure and its decoded path agrees, elsewhere -1."""
    best = log_posteriors.argmax(1)
    sure = (np.exp(log_posteriors.max(1)) >= SURE) & (decoded(log_posteriors) == best)
    return np.where(sure, best, -1)


def edit_distance(a: list[int], b: list[int]) -> int:
    """Fewest insertions, deletions and substitutions that make `b` of `a`."""
    row = np.arange(len(b) + 1)
    other = np.asarray(b)
    for i, item in enumerate(a):
        changed = np.minimum(row[:-1] + (other != item), row[1:] + 1)
        new = np.concatenate([[i + 1], changed])
        # insertions: a running minimum of new[j] - j
        row = np.minimum.accumulate(new - np.arange(len(new))) + np.arange(len(new))
    return int(row[-1])
