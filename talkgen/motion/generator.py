"""Speech to face motion: the one entry for files and for sound that is still arriving.

Sound goes through small streams (resampling, mels, levelling, speech detection); the transformer
reads windows of it on a fixed grid of `BLOCK` frames with the whole of its context around, and
what has memory (blinks, gaze, head) steps frame by frame. So `generate` and `stream` give the same
motion whatever the chunks, and memory does not grow with length.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from talkgen.audio.features import LOUD_BAND, MelLeveler, MelStream, Resampler
from talkgen.audio.vad import SpeechDetector
from talkgen.errors import InputError
from talkgen.face.head import HeadModel
from talkgen.motion.behaviour import Behaviour, Heard
from talkgen.motion.controls import CONTROLS, TO_CHANNELS
from talkgen.motion.mouth import LipGeometry, closure_gate, mouth_controls
from talkgen.motion.scales import Scales
from talkgen.motion.transformer import (
    MotionOutput,
    MotionTransformer,
    MotionTransformerConfig,
)
from talkgen.types import ENGINE_FPS, ENGINE_RATE, Audio, Emotion, Motion

Float32 = NDArray[np.float32]

BLOCK = 25  # motion frames that are made at a time
BACK, AHEAD = 80, 13  # frames of context: all that the transformer reaches, and the gates
PER_FRAME = 4  # feature frames a motion frame
TAIL_S = 0.8  # silence appended, so that the last frames have their look-ahead
ROTATION_UNIT = 0.1  # radians, of the net's rotation outputs
CHUNK_S = 2.0  # pieces in which `generate` feeds a file


class MotionGenerator:
    """Makes face and head motion from speech.

    >>> motion = MotionGenerator.from_pretrained()(audio)      # doctest: +SKIP
    >>> motion.blendshapes.shape                               # doctest: +SKIP
    (250, 52)
    """

    def __init__(self, model: MotionTransformer, head: HeadModel):
        self.model = model.eval()
        self.lips = LipGeometry(head)

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | os.PathLike[str] = "motion", head: HeadModel | None = None
    ) -> MotionGenerator:
        """The generator of a shipped name or a folder; `head` defaults to the shipped one."""
        model = MotionTransformer.from_pretrained(name_or_path)
        return cls(model, head if head is not None else HeadModel.from_pretrained("head"))

    def __call__(self, audio: Audio, **options: Any) -> Motion:
        """Same as `generate`."""
        return self.generate(audio, **options)

    def generate(
        self,
        audio: Audio,
        *,
        seed: int = 0,
        still: bool = False,
        emotion: Emotion | None = None,
        scales: Scales | None = None,
        pose_scale: float = 1.0,
        expression_scale: float = 1.0,
    ) -> Motion:
        """Motion of `round(seconds * 25)` frames in portrait space; same seed, same motion.

        seed : a person's habits (blinks, liveliness of head and brows) and all that chance decides
        still : no head motion and no glances; the eyes still blink
        emotion : laid under the speech (`talkgen.motion.emotion`)
        scales : factors on mouth, brow, pose, blink
        pose_scale, expression_scale : the same for the pose, and for mouth and brow together
        Raises InputError where the sound is shorter than half a frame (0.02 s).
        """
        step = max(1, int(CHUNK_S * audio.rate))
        chunks = (audio.samples[i : i + step] for i in range(0, len(audio.samples), step))
        parts = list(
            self.stream(
                chunks, audio.rate, seed=seed, still=still, emotion=emotion, scales=scales,
                pose_scale=pose_scale, expression_scale=expression_scale,
            )
        )
        if not parts:
            raise InputError(f"`audio` is {audio.seconds:.3f} s long, at least 0.04 s is needed")
        return Motion(
            np.concatenate([p.blendshapes for p in parts]),
            np.concatenate([p.rotation for p in parts]),
            np.concatenate([p.translation for p in parts]),
        )

    def stream(
        self,
        chunks: Iterable[Float32],
        rate: int,
        *,
        seed: int = 0,
        still: bool = False,
        emotion: Emotion | None = None,
        scales: Scales | None = None,
        pose_scale: float = 1.0,
        expression_scale: float = 1.0,
    ) -> Iterator[Motion]:
        """Yield Motion pieces (25 frames, the last shorter) while `chunks` of (N,) samples arrive.

        The pieces joined equal what `generate` gives for the joined chunks. A piece is ready when
        the sound `AHEAD` frames (0.52 s) past its end has arrived.
        """
        if rate <= 0:
            raise InputError(f"`rate` is {rate} Hz, a positive rate is needed")
        sound = _SoundWindow(rate)
        knobs = (scales or Scales()).times(pose=pose_scale, expression=expression_scale)
        behaviour = Behaviour(seed, still=still, emotion=emotion, scales=knobs)
        finisher = _Finisher(self, behaviour, knobs)
        samples = 0
        for given in chunks:
            chunk = np.asarray(given, np.float32)
            if not np.isfinite(chunk).all():
                raise InputError("`chunks` hold NaN or infinite samples; remove them first")
            samples += len(chunk)
            sound.push(chunk)
            while sound.ready():
                yield finisher.finish(sound.take(), BLOCK)
        total = round(samples / rate * ENGINE_FPS)
        sound.finish()
        while finisher.count < total:
            yield finisher.finish(sound.take(), min(BLOCK, total - finisher.count))


class _Window:
    """Features (4 T, 80), loudness detector (4 T,) and level (4 T,) dB around a block."""

    def __init__(self, features: Float32, loud: NDArray[np.bool_], level: Float32, start: int):
        self.features, self.loud, self.level, self.start = features, loud, level, start


class _SoundWindow:
    """The last seconds of sound as features, handed out on the block grid."""

    def __init__(self, rate: int):
        self._resampler, self._mels = Resampler(rate), MelStream()
        self._leveler, self._detector = MelLeveler(), SpeechDetector()
        self._features = np.zeros((0, 80), np.float32)
        self._loud = np.zeros(0, bool)
        self._level = np.zeros(0, np.float32)
        self._first = 0  # motion frame at which the buffers begin
        self._block = 0

    def push(self, chunk: Float32) -> None:
        self._push(self._resampler.push(chunk))

    def _push(self, samples: Float32) -> None:
        self._add(self._mels.push(samples))

    def _add(self, power: Float32) -> None:
        if not len(power):
            return
        self._features = np.concatenate([self._features, self._leveler.push(power)])
        self._loud = np.concatenate([self._loud, self._detector.push(power)])
        mean = power[:, LOUD_BAND].mean(1)
        self._level = np.concatenate([self._level, (10 * np.log10(mean + 1e-10)).astype("f4")])

    def finish(self) -> None:
        """Take in the rest and a tail of silence."""
        self._push(self._resampler.finish())
        self._push(np.zeros(int(TAIL_S * ENGINE_RATE), np.float32))
        self._add(self._mels.finish())
        self._features = np.concatenate([self._features, self._leveler.finish()])

    def ready(self) -> bool:
        """Whether the next block has its whole look-ahead."""
        needed = (self._block + 1) * BLOCK + AHEAD - self._first
        return len(self._features) >= needed * PER_FRAME

    def take(self) -> tuple[_Window, int]:
        """The next window and where its block begins in it (motion frames)."""
        block = self._block * BLOCK
        start = max(0, block - BACK)
        stop = block + BLOCK + AHEAD
        low = (start - self._first) * PER_FRAME
        high = min((stop - self._first) * PER_FRAME, len(self._features))
        high = low + (high - low) // PER_FRAME * PER_FRAME
        part = slice(low, high)
        window = _Window(self._features[part], self._loud[part], self._level[part], start)
        self._block += 1
        keep = max(0, self._block * BLOCK - BACK)
        drop = (keep - self._first) * PER_FRAME
        if drop > 0:
            self._features, self._loud = self._features[drop:], self._loud[drop:]
            self._level, self._first = self._level[drop:], keep
        return window, block - start


class _Finisher:
    """Windows to Motion pieces; holds what has memory."""

    def __init__(self, owner: MotionGenerator, behaviour: Behaviour, scales: Scales):
        self._model, self._lips = owner.model, owner.lips
        self._behaviour, self._scales = behaviour, scales

    @property
    def count(self) -> int:
        """Frames made so far."""
        return self._behaviour.count

    def finish(self, taken: tuple[_Window, int], frames: int) -> Motion:
        window, begin = taken
        with torch.inference_mode():
            said = self._model(torch.from_numpy(window.features)[None])
        phones = said.phones[0].exp().numpy()
        controls, gap = wanted_mouth(self._model.config, said)
        lower, upper = self._scales.lower, self._scales.upper
        controls = mouth_controls(controls, gap, phones, window.loud, self._lips, lower, upper)
        heard = Heard(
            mouth=controls @ TO_CHANNELS,
            closing=1.0 - closure_gate(phones),
            speech=window.loud.reshape(-1, PER_FRAME).any(1),
            loud_db=window.level.reshape(-1, PER_FRAME).max(1),
            turn=learned_turn(said),
        )
        return self._behaviour.block(heard, begin, frames)


def learned_turn(said: MotionOutput) -> Float32:
    """(T, 3) head rotation in radians that the net hears, smoothed over five frames."""
    turn = said.tracked[0, :, len(CONTROLS) + 1 :].numpy() * ROTATION_UNIT
    padded = np.pad(turn, ((2, 2), (0, 0)), mode="edge")
    return np.mean([padded[i : i + len(turn)] for i in range(5)], axis=0).astype(np.float32)


def wanted_mouth(config: MotionTransformerConfig, said: MotionOutput) -> tuple[Float32, Float32]:
    """(T, C) controls and (T,) lip gap over IOD that the net asks for: both heads, with their
    gains."""
    count = len(CONTROLS)
    tracked, rule = said.tracked[0].numpy(), said.rule[0].numpy()
    share = np.asarray(config.rule_share or (0.0,) * count, np.float32)
    gain = np.asarray(config.control_gain or (1.0,) * count, np.float32)
    controls = tracked[:, :count] * gain * (1 - share) + rule[:, :count] * share
    return controls, tracked[:, count] * config.gap_unit * config.gap_gain
