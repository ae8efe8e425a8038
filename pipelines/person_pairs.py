"""Pairs of one person, from whatever there is of them: pictures, a clip, or a single picture.

Of a clip, stretches of frames are drawn from two of its frames. Each picture is drawn from each
other one, and from drawings of itself that were turned or made to smile: what the way there and
back lost is what the denoiser learns to put right.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.errors import InputError, MediaError, NoFaceError
from talkgen.face.identity import similarity
from talkgen.io.audio import read_audio
from talkgen.io.image import as_image, is_image
from talkgen.io.video import open_video
from talkgen.pipelines.pairs import PairMaker, Pairs
from talkgen.pipelines.portrait import load_portrait
from talkgen.training.render_scores import clear_frame
from talkgen.types import ENGINE_RATE, MOTION_CHANNELS, FloatArray, ImageArray

OF_FRAMES = ("real", "mesh", "maps", "weights", "angles", "sound", "frames")
"""Fields of `Pairs` with a row a frame."""

FPS = 25.0
SECONDS = 60.0
"""Of a clip that are looked at."""
RUNS, RUN, STEP = 12, 10, 2
"""Stretches spread over a clip, frames of each, and how many frames apart these are."""
ASIDE, FEWEST_FRAMES, FEWEST_PICTURES = 0.2, 20, 8
"""Share of frames or pictures, the last, that is kept aside, and below how many none are."""
MOST_PICTURES, MOST_OTHERS = 24, 5
"""Pictures that are used, and into how many others each is drawn."""
VARIANTS: tuple[tuple[dict[str, float], tuple[float, float, float]], ...] = (
    ({"jawOpen": 0.45}, (0.0, 0.18, 0.0)),
    ({"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7}, (0.0, -0.18, 0.0)),
    ({"mouthPucker": 0.6, "eyeBlinkLeft": 0.8, "eyeBlinkRight": 0.8}, (0.1, 0.0, 0.0)),
    ({"jawOpen": 0.2, "browInnerUp": 0.6}, (-0.1, 0.0, 0.0)),
)
"""How a picture is drawn anew to be drawn back from there: weights, and a turn in radians."""

log = logging.getLogger("talkgen")


@dataclass(eq=False)
class PersonPairs:
    """Pairs to learn from, and others, of frames or pictures that are in none of those, to measure
    on; each entry has one portrait. names : of the sources of `learned`, "" for drawings"""

    learned: list[Pairs] = field(default_factory=list)
    aside: list[Pairs] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def person_pairs(
    maker: PairMaker, sources: Sequence[Any], *, on_stage: Callable[[str], object] | None = None
) -> PersonPairs:
    """Return the pairs of a person.

    sources : paths of pictures or clips, Pillow images, or arrays
    on_stage : called with what begins now
    Raises NoFaceError, which names the source, where one shows no face; what seems to be another
    person is said in a warning.
    """
    if isinstance(sources, (str, bytes)):
        raise InputError(f"`sources` is the text {sources!r}; give a list of pictures or clips")
    if not sources:
        raise InputError("no picture and no clip is given; give at least one")
    say = on_stage or (lambda _: None)
    pictures, clips = [], []
    for number, source in enumerate(sources, 1):
        if isinstance(source, (str, Path)) and Path(source).is_file() and not is_image(source):
            clips.append(Path(source))
        else:
            known = isinstance(source, (str, Path))
            name = Path(source).name if known else f"picture {number}"
            pictures.append((name, as_image(source)))
    found = PersonPairs()
    for path in clips:
        say(f"reading {path.name}")
        with _naming(path.name):
            _add_clip(found, maker, path)
    if len(pictures) > MOST_PICTURES:
        log.warning("%d pictures given, the first %d are used", len(pictures), MOST_PICTURES)
    for name, image in pictures:
        if not maker.analyzer.analyze(image):
            raise NoFaceError(f"no face found in {name}; leave it out or give a clearer one")
    _add_pictures(found, maker, pictures[:MOST_PICTURES], say)
    _warn_of_strangers(found, maker.embedder.threshold)
    return found


def _add_clip(found: PersonPairs, maker: PairMaker, path: Path) -> None:
    """Add the pairs of a clip from its clearest frame, and from one more."""
    video = open_video(path)
    most = round(SECONDS * FPS)
    motion = maker.track(islice(video.frames(FPS), most))
    if video.seconds > SECONDS + 1.0:
        log.warning("%s lasts %.0f s, the first %.0f s are used", path.name, video.seconds, SECONDS)
    try:
        samples = read_audio(path).samples[: round(ENGINE_RATE * SECONDS)]
    except MediaError:  # none, or silent: the pictures are good all the same
        samples = None
    wanted = spread(len(motion))
    learned = len(wanted) if len(wanted) < FEWEST_FRAMES else round((1 - ASIDE) * len(wanted))
    until = wanted[learned - 1] + 1
    clear = clear_frame(motion.extra["landmarks"][:until], motion.extra["scores"][:until])
    for own in dict.fromkeys((clear, int(np.random.default_rng(0).integers(until)))):
        frames = _Frames(lambda: islice(video.frames(FPS), most), len(motion))
        try:
            pairs = maker.clip(frames, motion, samples, own, wanted)
        except NoFaceError:
            if own == clear:
                raise
            continue  # the other one is drawn by lot and may be a bad picture of the face
        found.names.append(path.name)
        found.learned.append(rows_of(pairs, 0, learned))
        if learned < len(wanted):
            found.aside.append(rows_of(pairs, learned, len(wanted)))


def spread(count: int) -> list[int]:
    """Return which of `count` frames are taken: all, or every other, of long clips stretches."""
    if count <= RUNS * RUN:
        return list(range(count))
    if count <= RUNS * RUN * STEP:
        return list(range(0, count, STEP))
    starts = np.linspace(0, count - RUN * STEP, RUNS).astype(int).tolist()
    return [start + STEP * k for start in starts for k in range(RUN)]


def _add_pictures(
    found: PersonPairs, maker: PairMaker, pictures: Sequence[tuple[str, ImageArray]],
    say: Callable[[str], object],
) -> None:  # fmt: skip
    """Add the pairs of pictures: each from others, and from drawings of itself."""
    count = len(pictures)
    learned = count if count < FEWEST_PICTURES else round((1 - ASIDE) * count)
    rng = np.random.default_rng(0)
    for index, (name, image) in enumerate(pictures[:learned]):
        say(f"reading {name}")
        others = [k for k in rng.permutation(learned).tolist() if k != index][:MOST_OTHERS]
        last = list(range(learned, count))
        with _naming(name):
            pairs = maker.pictures(*(pictures[k][1] for k in (index, index, *others, *last)))
        found.names.append(name)
        found.learned.append(rows_of(pairs, 0, 1 + len(others)))
        back = drawn_back(maker, image)
        found.learned += back
        found.names += [""] * len(back)
        if last:
            found.aside.append(rows_of(pairs, 1 + len(others), 1 + len(others) + len(last)))


def drawn_back(maker: PairMaker, image: ImageArray) -> list[Pairs]:
    """Return pairs that lead from drawings of a picture, turned and moved, back to it."""
    portrait = load_portrait(maker.analyzer, image)
    ready = maker.renderer.prepare(portrait)
    found = []
    for moved, turn in VARIANTS:
        weights = np.array(ready.fit.weights, np.float32)
        for name, value in moved.items():
            k = MOTION_CHANNELS.index(name)
            weights[k] = value if weights[k] < value / 2 else 0.0  # what smiles stops smiling
        rotation = np.asarray(ready.fit.rotation, np.float32) + np.array(turn, np.float32)
        try:
            found.append(maker.pictures(ready.frame(weights, rotation), image))
        except NoFaceError:  # not every drawing can be read again
            continue
    return found


def rows_of(pairs: Pairs, first: int, last: int) -> Pairs:
    """Return rows `first` to before `last` of pairs."""
    return replace(pairs, **{name: getattr(pairs, name)[first:last] for name in OF_FRAMES})


class _Frames(Sequence[ImageArray]):
    """Frames of a clip by number, decoded anew when one before the last is asked for."""

    def __init__(self, opened: Callable[[], Iterator[ImageArray]], count: int) -> None:
        self._opened, self._count = opened, count
        self._left: Iterator[ImageArray] = iter(())
        self._at, self._shown = count, np.zeros((0, 0, 3), np.uint8)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if index < self._at or self._at == self._count:
            self._left, self._at = self._opened(), -1
        while self._at < index:
            self._shown = next(self._left)
            self._at += 1
        return self._shown


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except NoFaceError as error:
        raise NoFaceError(f"{name}: {error}") from error


def _warn_of_strangers(found: PersonPairs, threshold: float) -> None:
    """Say which source looks like somebody else than the rest."""
    known: dict[str, list[FloatArray]] = {}
    for name, pairs in zip(found.names, found.learned, strict=True):
        if name:
            known.setdefault(name, []).append(pairs.embedding)
    for name, own in known.items():
        others = [vector for label, them in known.items() if label != name for vector in them]
        nearest = max((similarity(a, b) for a in own for b in others), default=1.0)
        if nearest < threshold:
            log.warning(
                "%s looks like another person than the other sources (similarity %.2f, %.2f and "
                "more is usual); leave it out if so", name, nearest, threshold,
            )  # fmt: skip
