"""Several motions of one speech, of which the best is kept: judged before and after drawing.

Each candidate is a seed. All of them are judged by where they take the portrait's landmarks; the
best few are drawn, tracked as any video is, and judged by their frames. Of a long recording the
first 20 s decide, so that an hour takes no more memory than a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from talkgen.critic.choose import Seen, in_words, standing
from talkgen.critic.guide import Guidance
from talkgen.errors import InputError
from talkgen.io.audio import Speech, SpeechArray
from talkgen.motion.facs import FELT, strengths_of
from talkgen.pipelines.draw import drawn
from talkgen.pipelines.judge import Judge
from talkgen.pipelines.portrait import cropped, prepared
from talkgen.types import EMOTIONS, ENGINE_RATE, Audio, Emotion, FloatArray, Motion, Portrait

DECISIVE_S = 20.0
"""Seconds of the speech that candidates are judged by."""
MOST_DRAWN = 2
"""Candidates that are drawn and judged by their frames."""
MOST_CANDIDATES = 64
JUDGED_PX = 384
"""Longer side of the frames that are judged, of a crop about the head."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A seed and what critics saw: `planned` of its motion, `shown` of its frames, if drawn."""

    seed: int
    planned: Seen
    shown: Seen | None = None


@dataclass(frozen=True, eq=False)
class Choice:
    """The candidate that was kept, all that were tried, and the seconds that decided.

    target : the emotion that was asked for; emotion : the same, suited to the face if that helped
    guidance : what that came to
    `str` is what was asked for beside what was measured, in one line.
    """

    best: Candidate
    tried: Sequence[Candidate]
    target: Emotion | None
    emotion: Emotion | None
    seconds: float
    whole: bool
    guidance: Sequence[Guidance] = ()

    @property
    def seed(self) -> int:
        """The seed that was kept."""
        return self.best.seed

    def __str__(self) -> str:
        seen = self.best.shown or self.best.planned
        part = "" if self.whole else f", judged by the first {self.seconds:g} s"
        several = f"{len(self.tried)} candidate{'s' if len(self.tried) > 1 else ''}"
        said = [f"seed {self.seed} kept of {several}{part}"]
        if self.target is not None and seen.emotions is not None:
            said.append(f"asked for {asked_words(self.target)}; measured {in_words(seen.emotions)}")
        said.append(_lips(seen))
        return "; ".join(said)


def choose(
    judge: Judge,
    renderer: Any,
    ready: Any,
    speech: Speech,
    motion: Callable[[Speech, int, Emotion | None], Motion],
    *,
    candidates: int,
    seed: int = 0,
    target: Emotion | None = None,
    guide: bool = False,
    scores: FloatArray | None = None,
    on_stage: Callable[[str], object] | None = None,
) -> Choice:
    """Return the best of the seeds `seed` to `seed + candidates - 1`.

    ready : the portrait, prepared by `renderer`; a small one is enough (`judged_portrait`)
    motion : makes the motion of a speech by a seed under an emotion, at 25 frames a second
    target : the emotion that was asked for; None: the lips alone decide
    guide : suit its action units to the face first (`talkgen.critic.guide`)
    scores : (52,) of the portrait's face, where they are known
    """
    say = on_stage or (lambda text: None)
    part = beginning(speech, DECISIVE_S)
    heard = judge.hear(part)
    felt, guidance = target, list[Guidance]()
    if guide and target is not None:
        felt, guidance = judge.guide(renderer, ready, motion(part, seed, target), heard, target)
        for one in guidance:
            kept = "kept" if one.kept else "not kept"
            say(f"{one.name} guided: {one.before:.2f} to {one.after:.2f}, {kept}")
    planned = []
    for own in range(seed, seed + candidates):
        seen = judge.plan(ready, motion(part, own, felt), heard, target, scores)
        planned.append(Candidate(own, seen))
        say(f"seed {own} by its motion: {_figures(seen)}")
    order = np.argsort(-standing([one.planned for one in planned]), kind="stable")
    drawn_ones, shown = [], []
    for one in (planned[i] for i in order[:MOST_DRAWN]):
        frames = drawn(renderer, ready, iter([motion(part, one.seed, felt)]), part)
        shown.append(judge.show(ready, frames, heard, target))
        say(f"seed {one.seed} drawn: {_figures(shown[-1])}")
        drawn_ones.append(Candidate(one.seed, one.planned, shown[-1]))
    known = {one.seed: one for one in drawn_ones}
    return Choice(
        drawn_ones[int(np.argmax(standing(shown)))],
        [known.get(one.seed, one) for one in planned], target, felt, part.seconds, part is speech,
        guidance,
    )  # fmt: skip


def judged_portrait(renderer: Any, portrait: Portrait) -> Any:
    """Return the portrait prepared as it is judged: the head alone, small."""
    head = cropped(portrait)
    return prepared(renderer, head, min(JUDGED_PX, max(head.image.shape[:2])))


def check_candidates(candidates: int, seed: int) -> None:
    """Raise InputError for a number of candidates that cannot be tried."""
    if not 1 <= candidates <= MOST_CANDIDATES:
        raise InputError(
            f"`candidates` is {candidates}, 1 to {MOST_CANDIDATES} motions can be tried"
        )
    if seed + candidates > 2**63:
        raise InputError(f"`seed` is {seed}, too large for {candidates} seeds from there on")


def beginning(speech: Speech, seconds: float) -> Speech:
    """Return the first seconds of a speech, mono at 16 kHz; a short one as it is."""
    if speech.seconds <= seconds:
        return speech
    wanted, count, parts = round(seconds * ENGINE_RATE), 0, list[FloatArray]()
    for block in speech.blocks(ENGINE_RATE):
        parts.append(block)
        count += len(block)
        if count >= wanted:
            break
    return _Beginning(Audio(np.concatenate(parts)[:wanted], ENGINE_RATE))


class _Beginning(SpeechArray):
    """Sound that may be silent: the speech may come later."""

    def __init__(self, audio: Audio) -> None:
        self.audio, self.rate = audio, int(audio.rate)
        self.num_samples = len(audio.samples)


def asked_words(target: Emotion) -> str:
    """Return what an emotion track asks for, "happy 0.70" or "neutral, happy 0.80, sad 1.00"."""
    most: dict[str, float] = {}
    for row in strengths_of(target):
        felt = {FELT[i]: float(row[i]) for i in np.argsort(-row) if row[i] > 0} or {EMOTIONS[0]: 0}
        most |= {name: max(value, most.get(name, 0.0)) for name, value in felt.items()}
    return ", ".join(f"{name} {value:.2f}" if value else name for name, value in most.items())


def _figures(seen: Seen) -> str:
    asked = "" if seen.asked is None else f"emotion {seen.asked:.3f}, "
    lips = f"sync {seen.confidence:.3f} at {seen.offset:+d}" if seen.confidence else "no sync"
    return asked + lips


def _lips(seen: Seen) -> str:
    """Return how lips and sound fit, in words; of less than 1 s the critic says nothing."""
    if not seen.confidence:
        return "too little is seen and heard to compare lips and sound"
    return f"lips {seen.offset:+d} frames off the sound, confidence {seen.confidence:.3f}"
