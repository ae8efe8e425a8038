"""All of the face that is not speech: emotion, blinks, gaze, brows and head, block by block.

The mouth comes in as the motion model made it; what goes out is the whole motion. Processes with
memory step frame by frame, each with random numbers of its own, so that changing one leaves the
others as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkgen.motion.blink import BlinkProcess, lid_weights
from talkgen.motion.breath import LIFT, PART, TILT, BreathProcess, breath_gap, speech_onsets
from talkgen.motion.emotion import GAP_SLOPES, apply_emotion, strengths_at, with_gap_of
from talkgen.motion.gaze import GazeProcess, look_weights
from talkgen.motion.head_motion import LEAD, HeadProcess, accents_of
from talkgen.motion.manifold import regulated
from talkgen.motion.manner import PLAIN, manner_of, style_of
from talkgen.motion.scales import Scales
from talkgen.types import ENGINE_FPS, MOTION_CHANNELS, Emotion, FloatArray, Motion

LOOK_AHEAD = 6
"""Frames past a block's end that a window needs: accents, breaths and `speaking_share` reach so
far."""

SPEAKING_REACH = 5
"""Frames either side over which speech fades in and out for the emotion."""

BROW_RAISE = np.array(
    [{"browInnerUp": 1.0, "browOuterUpLeft": 0.7, "browOuterUpRight": 0.7}.get(c, 0.0)
     for c in MOTION_CHANNELS], np.float32,
)  # fmt: skip
_JAW = MOTION_CHANNELS.index("jawOpen")
_SLOPES = np.array([GAP_SLOPES.get(c, 0.0) for c in MOTION_CHANNELS], np.float32)
_WIDE = [MOTION_CHANNELS.index("eyeWideLeft"), MOTION_CHANNELS.index("eyeWideRight")]


@dataclass(frozen=True, eq=False)
class Heard:
    """What was heard in a window of W frames around a block.

    mouth : (W, 52) float32, weights of speech, lip closures and silence already kept
    closing : (W,) in [0, 1], 1 where p, b or m shuts the lips
    speech : (W,) bool, somebody speaks
    loud_db : (W,) level
    turn : (W, 3) radians, head rotation heard in the voice
    pitch : (W,) Hz, 0 where unvoiced, where somebody knows it: accents on its tops move more
    felt : (F, 52) of the block alone: what the flow drew of the emotion (`apply_emotion`)
    """

    mouth: FloatArray
    closing: FloatArray
    speech: NDArray[np.bool_]
    loud_db: FloatArray
    turn: FloatArray
    pitch: FloatArray | None = None
    felt: FloatArray | None = None


class Behaviour:
    """Gives windows of speech the rest of the face; one for each stream.

    seed : a person's habits and all that chance decides
    still : no head motion and no glances; the eyes still blink
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        still: bool = False,
        emotion: Emotion | None = None,
        scales: Scales | None = None,
    ) -> None:
        self._seed, self._still, self._emotion = seed, still, emotion
        self._scales = scales if scales is not None else Scales()
        style = style_of(seed)
        streams = [np.random.default_rng([seed, number]) for number in range(4)]
        self._blink = BlinkProcess(streams[0], rate=style.blink * self._scales.blink)
        self._gaze = GazeProcess(streams[1], spread=style.gaze)
        self._head = HeadProcess(streams[2], style=style)
        self._breath = BreathProcess(streams[3])
        self.count = 0
        """Frames made so far."""

    def block(self, heard: Heard, begin: int, frames: int) -> Motion:
        """The motion of the next `frames` frames, which begin at `begin` of the window."""
        part = slice(begin, begin + frames)
        weights = usual_mouths(np.array(heard.mouth[part], np.float32), self._scales.lower)
        times = np.asarray((self.count + np.arange(frames)) / ENGINE_FPS)
        manners = [PLAIN] * frames
        if self._emotion is not None:
            weights = apply_emotion(
                weights, self._emotion, times, heard.closing[part],
                speaking_share(heard.speech)[part], seed=self._seed,
                mouth_scale=self._scales.lower, brow_scale=self._scales.upper,
                drawn=None if heard.felt is None else heard.felt[:frames],
            )  # fmt: skip
            manners = [manner_of(row) for row in strengths_at(self._emotion, times)]
        turns, shifts = np.zeros((frames, 3), np.float32), np.zeros((frames, 3), np.float32)
        level = max(float(np.quantile(heard.loud_db, 0.9)), -60.0)
        accents = accents_of(heard.loud_db - level, heard.pitch)
        onsets = speech_onsets(heard.speech)
        room = breath_gap(onsets)[part] * self._scales.lower - weights @ _SLOPES
        weights[:, _JAW] += np.clip(room, 0, PART) * (1 - heard.closing[part]) / _SLOPES[_JAW]
        scale = 0.0 if self._still else self._scales.pose
        for t, manner in enumerate(manners):
            at = begin + t
            speaking = bool(heard.speech[at])
            accent = int(accents[at + LEAD]) if at + LEAD < len(accents) else 0
            turn, shift, brow = self._head.step(speaking, accent, heard.turn[at], manner)
            full = self._breath.step(speaking, bool(onsets[at]))
            turn[0] -= TILT * full
            shift[1] -= LIFT * full
            turns[t], shifts[t] = turn * scale, shift * scale
            look = self._gaze.step(turns[t], speaking=speaking, manner=manner)
            lids = self._blink.step(speaking, manner.blink, accent > 0)
            row = weights[t]
            row += brow * self._scales.upper * BROW_RAISE
            row[_WIDE] *= 1.0 - lids  # a blink is a whole one from wide eyes too
            row += lid_weights(lids, MOTION_CHANNELS)
            if not self._still:
                row += look_weights(float(look[0]), float(look[1]), MOTION_CHANNELS)
        self.count += frames
        return Motion(np.clip(weights, 0.0, 1.0), turns, shifts)


def usual_mouths(weights: FloatArray, scale: float = 1.0) -> FloatArray:
    """(T, 52) weights of speech with outliers pulled back (`manifold`), the lip gap as it was."""
    out = regulated(weights, scale)
    changed = (out != weights).any(axis=1)
    if changed.any():
        out[changed] = with_gap_of(out[changed], weights[changed])
    return out


def speaking_share(speech: NDArray[np.bool_]) -> FloatArray:
    """(W,) speech detector to (W,) in [0, 1], smooth, up before speech begins."""
    reach = SPEAKING_REACH
    padded = np.pad(speech.astype(np.float64), reach, mode="edge")
    bell = np.hanning(2 * reach + 3)[1:-1]
    out = np.convolve(padded, bell / bell.sum(), "valid")
    return np.asarray(np.clip(1.6 * out, 0.0, 1.0), np.float32)


