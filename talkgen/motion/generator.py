"""Speech to face motion: the one entry for files and for sound that is still arriving.

Sound goes through small streams (resampling, mels, levelling, loudness) into windows of a fixed
grid (`talkgen.motion.hearing`); encoder and trunk read each window with the whole of their context,
and what has memory (blinks, gaze, head) steps frame by frame. So `generate` and `stream` give the
same motion whatever the chunks, and memory does not grow with length.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkgen.audio.vad import HANGOVER
from talkgen.errors import InputError
from talkgen.face.head import HeadModel
from talkgen.motion.behaviour import Behaviour, Heard
from talkgen.motion.chunks import joined
from talkgen.motion.controls import CONTROLS, PAIRS, SHAPES, SIDES, TO_CHANNELS, UPPER
from talkgen.motion.emotion import condition_of
from talkgen.motion.flow import RAISED, SHAPED, TURN, UNEVEN, FlowSampler
from talkgen.motion.hearing import PER_FRAME, SoundWindows, Window
from talkgen.motion.mouth import LipGeometry, closing_gate, mouth_motion, pause_limit
from talkgen.motion.scales import Scales
from talkgen.motion.speech_motion import Said, SpeechMotion, SpeechMotionConfig
from talkgen.motion.state import State, capture, restore
from talkgen.types import ENGINE_FPS, ENGINE_RATE, Audio, Emotion, Motion

Float32 = NDArray[np.float32]

ROTATION_UNIT = 0.1  # radians, of the net's rotation outputs
SOFTNESS = 0.5  # share of a drawn head turn that a frame takes
MOST_GUIDANCE = 5.0
FADE = 10.0  # an emotion under a tenth of its strength fades with it
CHUNK_S = 2.0  # pieces in which `generate` feeds a file


class MotionGenerator:
    """Makes face and head motion from speech.

    >>> motion = MotionGenerator.from_pretrained()(audio)      # doctest: +SKIP
    >>> motion.blendshapes.shape                               # doctest: +SKIP
    (250, 52)
    """

    def __init__(self, model: SpeechMotion, head: HeadModel):
        self.model = model.eval()
        self.lips = LipGeometry(head)

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | os.PathLike[str] = "motion", head: HeadModel | None = None
    ) -> MotionGenerator:
        """The generator of a shipped name or a folder; `head` defaults to the shipped one."""
        model = SpeechMotion.from_pretrained(name_or_path)
        return cls(model, head if head is not None else HeadModel.from_pretrained("head"))

    def __call__(self, audio: Audio, **options: Any) -> Motion:
        """Same as `generate`."""
        return self.generate(audio, **options)

    def generate(self, audio: Audio, **options: Any) -> Motion:
        """Motion of `round(seconds * 25)` frames in portrait space; same seed, same motion.

        options : those of `open`
        Raises InputError where the sound is shorter than half a frame (0.02 s).
        """
        step = max(1, int(CHUNK_S * audio.rate))
        chunks = (audio.samples[i : i + step] for i in range(0, len(audio.samples), step))
        parts = list(self.stream(chunks, audio.rate, **options))
        if not parts:
            raise InputError(f"`audio` is {audio.seconds:.3f} s long, at least 0.04 s is needed")
        return joined(parts)

    def stream(self, chunks: Iterable[Float32], rate: int, **options: Any) -> Iterator[Motion]:
        """Yield Motion pieces (1 frame first, 8 later) while `chunks` of (N,) samples arrive.

        The pieces joined equal what `generate` gives for the joined chunks. A piece is ready when
        the sound 0.24 s past its end has arrived. options : those of `open`
        """
        running = self.open(rate, **options)
        for chunk in chunks:
            yield from running.push(chunk)
        yield from running.finish()

    def open(
        self,
        rate: int = ENGINE_RATE,
        *,
        seed: int = 0,
        still: bool = False,
        emotion: Emotion | None = None,
        scales: Scales | None = None,
        pose_scale: float = 1.0,
        expression_scale: float = 1.0,
        audio_guidance: float = 1.0,
        emotion_guidance: float = 1.0,
        style: int | None = None,
        shape: Float32 | None = None,
    ) -> LiveMotion:
        """A stream to push sound of `rate` Hz into, whose state can be saved.

        seed : a person's habits (blinks, liveliness of head and brows) and all that chance decides
        still : no head motion and no glances; the eyes still blink
        emotion : laid under the speech (`talkgen.motion.emotion`)
        scales : factors on mouth, brow, pose, blink
        pose_scale, expression_scale : the same for the pose, and for mouth and brow together
        audio_guidance : 0 to 5; at 1 head, brows and mouth shapes are drawn as learned, above they
            follow more what the voice alone explains, at 0 they do not listen to it
        emotion_guidance : 0 to 5; at 1 brows, cheeks and mouth shapes feel the emotion as learned,
            above more strongly, at 0 not at all (lids and openings, which the flow does not
            draw, keep theirs). A checkpoint whose flow knows no emotions does not heed it
        style : the manner of a training person (1 to `num_styles`), 0: the average; None: by `seed`
        shape : (50,) identity of a head fit, which the manner may depend on
        """
        if rate <= 0:
            raise InputError(f"`rate` is {rate} Hz, a positive rate is needed")
        for name, value in (("audio", audio_guidance), ("emotion", emotion_guidance)):
            if not 0 <= value <= MOST_GUIDANCE:
                raise InputError(
                    f"`{name}_guidance` is {value:g}, "
                    f"a number from 0 to {MOST_GUIDANCE:g} is needed"
                )
        knobs = (scales or Scales()).times(pose=pose_scale, expression=expression_scale)
        behaviour = Behaviour(seed, still=still, emotion=emotion, scales=knobs)
        flow = None
        if self.model.flow is not None and not still:
            count = self.model.flow.config.num_styles
            chosen = int(np.random.default_rng([seed, 6]).integers(0, count + 1))
            if style is not None:
                if not 0 <= style <= count:
                    raise InputError(f"`style` is {style}, a number from 0 to {count} is needed")
                chosen = style
            flow = FlowSampler(
                self.model.flow, seed, audio_guidance=audio_guidance,
                emotion_guidance=emotion_guidance, style=chosen, shape=shape,
            )  # fmt: skip
        return LiveMotion(self, rate, behaviour, knobs, flow, emotion)


class LiveMotion:
    """Sound in, motion out, as both arrive; made by `MotionGenerator.open`."""

    def __init__(
        self, owner: MotionGenerator, rate: int, behaviour: Behaviour, scales: Scales,
        flow: FlowSampler | None, emotion: Emotion | None,
    ):  # fmt: skip
        learned = flow is not None and owner.model.flow.config.emotional
        self._emotion = emotion if learned else None
        self._rate, self._scales, self._flow = rate, scales, flow
        self._sound, self._behaviour = SoundWindows(rate), behaviour
        self._voice = _Voice(owner.model)
        self._lips = owner.lips
        self._turn = np.zeros(3, np.float32)
        self._samples = 0

    def push(self, chunk: Float32) -> Iterator[Motion]:
        """The motion that `chunk` (N,) of samples completes; raise InputError on NaN."""
        samples = np.asarray(chunk, np.float32)
        if not np.isfinite(samples).all():
            raise InputError("`chunks` hold NaN or infinite samples; remove them first")
        self._samples += len(samples)
        for window in self._sound.push(samples):
            yield self._motion(window, window.stop)

    def finish(self) -> Iterator[Motion]:
        """The rest, so that all pieces hold `round(seconds * 25)` frames."""
        total = round(self._samples / self._rate * ENGINE_FPS)
        for window in self._sound.finish():
            if window.start < total:
                yield self._motion(window, min(window.stop, total))

    def state(self) -> State:
        """All that the stream remembers, as arrays; `resume` goes on from there.

        At 16 kHz the rest is the same to the bit; at other rates the last half second of sound is
        resampled again, which is the same to 1e-6 of full scale.
        """
        return capture(self)

    def resume(self, state: State) -> LiveMotion:
        """This stream, opened with the same options, as it was when `state` was taken."""
        restore(self, state)
        return self

    def _motion(self, window: Window, stop: int) -> Motion:
        phones, said = self._voice.listen(window)
        first = window.stop - self._voice.reach(window)
        frames = len(phones) // 2
        part = slice((first - window.first) * PER_FRAME, (first - window.first + frames) * 4)
        loud = window.loud[part]
        controls, gap = wanted_mouth(self._voice.model.config, said)
        gate = closing_gate(phones)
        limit = pause_limit(phones, loud, from_start=first == 0)
        lower, upper = self._scales.lower, self._scales.upper
        turn, uneven, felt = learned_turn(said), None, None
        if self._flow is not None:
            block = slice(window.start - first, window.stop - first)
            told = self._condition(window)
            drawn, moved = self._flow.block(flow_input(said)[block], told)
            if told is not None:
                share = np.clip(FADE * told[:, 1:-2].sum(1, keepdims=True), 0.0, 1.0)
                change = (moved - drawn) * share
                felt = felt_channels(change)
                drawn[:, TURN] += change[:, TURN]
            controls[block, SHAPES] += drawn[:, SHAPED]
            controls[block, UPPER] = drawn[:, RAISED]
            turn[block] = self._calm(drawn[:, TURN] * ROTATION_UNIT)
            uneven = drawn[:, UNEVEN]
        controls = mouth_motion(controls, gap, gate, limit, self._lips, lower, upper)
        mouth = controls @ TO_CHANNELS
        if uneven is not None:
            most = controls[block][:, [CONTROLS.index(name) for name in PAIRS]]
            mouth[block] += np.clip(uneven, -most, most) @ SIDES
        heard = Heard(
            mouth=mouth,
            closing=1.0 - gate,
            speech=with_hangover(loud).reshape(-1, PER_FRAME).any(1),
            loud_db=window.level[part].reshape(-1, PER_FRAME).max(1),
            turn=turn,
            pitch=frame_pitch(window.pitch[part]),
            felt=felt,
        )
        return self._behaviour.block(heard, window.start - first, stop - window.start)

    def _condition(self, window: Window) -> Float32 | None:
        """(F, CONDITION) of the block's frames."""
        if self._emotion is None:
            return None
        return condition_of(self._emotion, np.arange(window.start, window.stop) / ENGINE_FPS)

    def _calm(self, turns: Float32) -> Float32:
        """(F, 3) drawn turns without their tremble."""
        out = np.empty_like(turns)
        for t, turn in enumerate(turns):
            out[t] = self._turn = self._turn + SOFTNESS * (turn - self._turn)
        return out


class _Voice:
    """Windows to what the net says; remembers what the encoder has said for good."""

    def __init__(self, model: SpeechMotion):
        self.model = model
        config = model.encoder.config
        self._hidden = np.zeros((0, config.width), np.float32)
        self._phones = np.zeros((0, config.num_phones), np.float32)
        self._first = 0  # motion frame at which the two begin

    def reach(self, window: Window) -> int:
        """Frames from where `listen` of this window begins to the end of its block."""
        return window.stop - max(0, window.start - self.model.trunk_back)

    def listen(self, window: Window) -> tuple[Float32, Said]:
        """(2 T, P) posteriors and what the trunk says of the T frames from `reach` on."""
        done = self._first + len(self._phones) // 2  # frames that are settled
        begin = max(window.first, done - self.model.encoder_back)
        given = window.features[(begin - window.first) * PER_FRAME :]
        given = given[: len(given) // PER_FRAME * PER_FRAME]
        with torch.inference_mode():
            hidden, phones = self.model.listen(torch.from_numpy(given)[None])
            fresh = 2 * (done - begin)
            hidden_all = np.concatenate([self._hidden, hidden[0, fresh:].numpy()])
            phones_all = np.concatenate([self._phones, phones[0, fresh:].numpy()])
            start = max(0, window.start - self.model.trunk_back)
            low = 2 * (start - self._first)
            said = self.model.say(_one(hidden_all[low:]), _one(phones_all[low:]))
        self._remember(hidden_all, phones_all, window)
        return phones_all[low:], said

    def _remember(self, hidden: Float32, phones: Float32, window: Window) -> None:
        """Keep what no coming sound can change, as far back as the next window reaches."""
        settled = window.first * PER_FRAME + window.settled - self.model.unsettled
        last = min(settled // PER_FRAME, window.stop)
        keep = max(self._first, window.stop - self.model.trunk_back)
        part = slice(2 * (keep - self._first), 2 * (last - self._first))
        self._hidden, self._phones, self._first = hidden[part].copy(), phones[part].copy(), keep


def _one(values: Float32) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))[None]


def frame_pitch(pitch: Float32) -> Float32:
    """(4 T,) pitch in Hz, 0 where unvoiced, to (T,): a median where two of four are voiced."""
    rows = np.sort(pitch.reshape(-1, PER_FRAME), axis=1)
    voiced = (rows > 0).sum(1)
    middle = (rows[np.arange(len(rows)), PER_FRAME - 1 - voiced // 2]).astype(np.float32)
    return np.where(voiced >= 2, middle, np.float32(0.0))


def with_hangover(loud: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) loud frames of 10 ms, each lasting HANGOVER frames longer."""
    count = np.cumsum(np.concatenate([np.zeros(HANGOVER + 1, int), loud]))
    return np.asarray(count[HANGOVER + 1 :] > count[: len(loud)])


def flow_input(said: Said) -> Float32:
    """(T, heard) of what the flow hears."""
    return np.concatenate([said.hidden[0].numpy(), said.tracked[0].numpy()], 1)


def felt_channels(change: Float32) -> Float32:
    """(F, SIZE) that an emotion changes in what the flow draws, to (F, 52) channel weights."""
    controls = np.zeros((len(change), len(CONTROLS)), np.float32)
    controls[:, UPPER], controls[:, SHAPES] = change[:, RAISED], change[:, SHAPED]
    return controls @ TO_CHANNELS + change[:, UNEVEN] @ SIDES


def learned_turn(said: Said) -> Float32:
    """(T, 3) head rotation in radians that the net hears, smoothed over five frames."""
    turn = said.tracked[0, :, len(CONTROLS) + 1 :].numpy() * ROTATION_UNIT
    padded = np.pad(turn, ((2, 2), (0, 0)), mode="edge")
    return np.mean([padded[i : i + len(turn)] for i in range(5)], axis=0).astype(np.float32)


def wanted_mouth(config: SpeechMotionConfig, said: Said) -> tuple[Float32, Float32]:
    """(T, C) controls and (T,) lip gap over IOD that the net asks for: both heads, with their
    gains."""
    count = len(CONTROLS)
    tracked, rule = said.tracked[0].numpy(), said.rule[0].numpy()
    share = np.asarray(config.rule_share or (0.0,) * count, np.float32)
    gain = np.asarray(config.control_gain or (1.0,) * count, np.float32)
    controls = tracked[:, :count] * gain * (1 - share) + rule[:, :count] * share
    return controls, tracked[:, count] * config.gap_unit * config.gap_gain
