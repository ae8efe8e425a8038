"""Does an emotion spoil the lips, and can it be read? Figures of made motion, class by class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from talkgen.audio.vad import silent_stretches
from talkgen.motion.giving import REST_KEPT
from talkgen.training.behaviour_measure import speech_frames
from talkgen.types import Audio, Emotion, FloatArray, Motion

SHUT = 0.02  # lip gap over inter-ocular distance of shut lips
PARTED = 0.03  # and from which lips in silence count as parted (EVALUATION.md)
PAUSE_FRAMES = 8  # 0.3 s
READ_STRENGTH = 8.0  # of the penalty on the reader's weights


def lips_under(
    generator: Any, sounds: list[FloatArray], slopes: FloatArray, emotion: Emotion
) -> dict[str, float]:
    """What the emotion does to the lips that the same sounds have without it.

    slopes : (52,) lip gap that a channel adds, over inter-ocular distance
    """
    kept, shut, parted, silent, ratios, agree = 0, 0, 0, 0, [], []
    for seed, samples in enumerate(sounds):
        plain, felt = (
            generator.generate(Audio(samples), seed=seed, emotion=given).blendshapes @ slopes
            for given in (None, emotion)
        )
        heard = speech_frames(samples)[: len(plain)]
        speech = np.zeros(len(plain), bool)
        speech[: len(heard)] = heard
        pause = silent_stretches(speech, PAUSE_FRAMES)
        closed = speech & (plain < SHUT)
        kept, shut = kept + int((felt[closed] < SHUT).sum()), shut + int(closed.sum())
        parted, silent = parted + int((felt[pause] >= PARTED).sum()), silent + int(pause.sum())
        if speech.sum() > 25:
            ratios.append(felt[speech].std() / max(plain[speech].std(), 1e-6))
            agree.append(np.corrcoef(plain[speech], felt[speech])[0, 1])
    return {
        "shut while speaking, stay shut": round(kept / max(shut, 1), 4),
        "frames of those": shut,
        "parted in silence": round(parted / max(silent, 1), 4),
        "frames of silence": silent,
        "amplitude over that without": round(float(np.mean(ratios)), 3),
        "correlation with that without": round(float(np.mean(agree)), 3),
    }


class Reader:
    """Logistic regression from an analyzer's 52 scores to classes; balanced, with a penalty."""

    def __init__(self, scores: FloatArray, labels: NDArray[np.int64], classes: int) -> None:
        self._mean = np.sqrt(scores).mean(0)
        self._spread = np.sqrt(scores).std(0) + 0.02
        rows = self._rows(scores)
        balance = len(labels) / classes / np.bincount(labels, minlength=classes)[labels]
        shape = (rows.shape[1], classes)

        def loss(flat: FloatArray) -> tuple[float, FloatArray]:
            table = flat.reshape(shape)
            logits = rows @ table
            logits -= logits.max(1, keepdims=True)
            chance = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            wrong = chance.copy()
            wrong[np.arange(len(labels)), labels] -= 1
            slope = rows.T @ (wrong * balance[:, None])
            slope[:-1] += 2 * READ_STRENGTH * table[:-1]
            own = np.log(np.maximum(chance[np.arange(len(labels)), labels], 1e-12))
            value = -(balance * own).sum() + READ_STRENGTH * (table[:-1] ** 2).sum()
            return float(value), slope.ravel()

        self._table = minimize(loss, np.zeros(np.prod(shape)), jac=True).x.reshape(shape)

    def _rows(self, scores: FloatArray) -> FloatArray:
        rows = (np.sqrt(np.maximum(scores, 0)) - self._mean) / self._spread
        return np.concatenate([rows, np.ones((len(rows), 1))], 1)

    def chances(self, scores: FloatArray) -> FloatArray:
        """(N, 52) scores to (N, C) probabilities."""
        logits = self._rows(scores) @ self._table
        chance = np.exp(logits - logits.max(1, keepdims=True))
        return np.asarray(chance / chance.sum(1, keepdims=True))


def frames_of(motion: Motion, frames: list[int]) -> Motion:
    """Those frames of a motion, with what they keep of a portrait's rest."""
    return Motion(
        motion.blendshapes[frames], motion.rotation[frames], motion.translation[frames],
        extra={name: motion.extra[name][frames] for name in {REST_KEPT} & motion.extra.keys()},
    )  # fmt: skip
