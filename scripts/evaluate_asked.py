"""Is the emotion that was asked for seen, in still frames and in speech? Writes asked.json.

    TALKGEN_DATA=../shared python scripts/evaluate_asked.py [--people 20] [--pairs 24]
        [--only named|smiling|candidates|seeds|guide] [--out results/asked.json] [--sheets FOLDER]

Londoners speak 2.4 s of sounds kept for measuring after 1.2 s of silence, in each of the eight
emotions at strength 1, as `talkgen talk --crop --size 320` draws them. "still": frames of the
silence, after the onset; "speaking": the speech; "posed": the emotion's prototype alone, without
speech, which keeps the lips shut in silence. Two readers: our critic, and the one of
`@vladmandic/face-api`, which had no part in this project and knows no contempt
(`talkgen.training.independent_fer`). Our critic has learned from other people posed by the same
renderer; the Londoners' pictures gave it geometry, never an emotion. `--pairs`: as many
performances, each with the first of four candidates and with what the critics make of them,
measured from frames. "smiling": the same people from pictures in which they smile, which an emotion
takes away first. `--only` adds a part to what the file holds; `smiling`, `seeds` and `guide`,
several seeds or guidance alone, are done only then.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

from talkgen.types import (
    EMOTIONS,
    ENGINE_FPS,
    ENGINE_RATE,
    Audio,
    Face,
    FloatArray,
    ImageArray,
    Motion,
)

QUIET_S, SPOKEN_S = 1.2, 2.4
STILL = (21, 25)
"""Frames of the silence that are looked at, after the onset of 0.5 s."""
SPOKEN_FROM, EVERY = 36, 10
"""First frame of speech that is looked at, and every how many."""
PARTS = ("posed", "still", "speaking")
SIZE = 320
SHUT = 0.3
"""Weight of a blink from which a frame is not looked at."""
CANDIDATES = 4
OPTIONS: dict[str, dict[str, Any]] = {
    "candidates": {"candidates": CANDIDATES},
    "seeds": {"candidates": CANDIDATES, "guide": False},
    "guide": {"guide": True},
}
"""Options of `talk` that are compared with their absence: candidates as they are made by default,
guided; several seeds alone; guidance alone."""
KEPT_ASIDE = ("019", "025", "030", "044", "107", "117", "139")
"""Londoners of whom no network of this project has seen anything."""
SOUNDS = ("RD_Radio31_000", "RD_Radio34_002", "RD_Radio36_000", "RD_Radio40_000", "chinese_news",
          "deyu", "fayu")  # fmt: skip


@dataclass
class Performance:
    """One emotion of one person: frames and faces that were seen, by part."""

    person: str
    asked: str
    images: dict[str, list[ImageArray]] = field(default_factory=dict)
    faces: dict[str, list[Face]] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--only", choices=("named", "smiling", *OPTIONS))
    parser.add_argument("--critic", default="expression", help="a checkpoint: name or folder")
    parser.add_argument("--out", type=Path, default=Path("results/asked.json"))
    parser.add_argument("--sheets", type=Path, help="folder for pictures to look at")
    args = parser.parse_args()
    data = Path(os.environ.get("TALKGEN_DATA", "../shared")) / "data"
    import torch

    torch.set_num_threads(1)
    bench = Bench(data, args.critic)
    began = time.perf_counter()
    found: dict[str, Any] = {"what": __doc__.split("\n\n")[2].replace("\n", " ")}
    if args.only in (None, "named"):
        found |= name_all(bench, args.people, args.sheets)
    if args.only == "smiling":
        bench.kind = "smiling"
        found["smiling"] = name_all(bench, args.people, args.sheets)
    for name, options in OPTIONS.items():
        if args.only == name or (args.only is None and name == "candidates"):
            found[name] = pair_all(bench, args.pairs, **options)
    kept = json.loads(args.out.read_text("utf-8")) if args.only and args.out.exists() else {}
    seconds = kept.get("seconds", {}) | {args.only or "all": round(time.perf_counter() - began)}
    result = kept | found | {
        "seconds": seconds, "seed": 0, "checkpoint": weights_of(args.critic),
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }  # fmt: skip
    from talkgen.io.output import whole_file

    with whole_file(args.out) as part:
        part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def weights_of(critic: str) -> str:
    """Return the first 16 digits of the SHA-256 of a checkpoint's weights."""
    from talkgen import hub

    return hub.sha256(hub.resolve(critic) / hub.WEIGHTS_NAME)[:16]


class Bench:
    """What is measured with, loaded once; people and sounds by number."""

    def __init__(self, data: Path, critic: str) -> None:
        from talkgen.critic.fer import FERCritic
        from talkgen.io.audio import read_audio
        from talkgen.pipelines.talk import TalkPipeline
        from talkgen.training.independent_fer import IndependentFER

        self.pipeline = TalkPipeline.from_pretrained(renderer="mesh")
        self.critic = FERCritic.from_pretrained(critic, self.pipeline.analyzer)
        self.other = IndependentFER.load()
        folder = data / "speech" / "misc"
        self.sounds = [read_audio(folder / f"{name}.flac").samples for name in SOUNDS]
        paths = sorted((data / "faces" / "london").glob("*_neutral.jpg"))
        first = [p for p in paths if p.stem.split("_")[0] in KEPT_ASIDE]
        rest = [p for p in paths if p not in first]
        self.paths = first + rest[:: max(1, len(rest) // 13)]
        self.kind = "neutral"

    def person(self, number: int) -> str:
        """Return the name of a person."""
        return self.paths[number % len(self.paths)].stem.split("_")[0]

    def portrait(self, number: int) -> Any:
        """Return the portrait of a person, neutral or smiling as `kind` says."""
        from talkgen.pipelines.portrait import load_portrait

        path = self.paths[number % len(self.paths)]
        return load_portrait(
            self.pipeline.analyzer, path.with_name(path.name.replace("neutral", self.kind))
        )

    def speech(self, number: int, *, quiet: float = QUIET_S) -> Audio:
        """Return silence, then a part of a sound; parts differ from number to number."""
        sound = self.sounds[number % len(self.sounds)]
        length = round(SPOKEN_S * ENGINE_RATE)
        room = len(sound) - length
        start = round(room * ((number * 0.618) % 1.0))
        silence = np.zeros(round(quiet * ENGINE_RATE), np.float32)
        return Audio(np.concatenate([silence, sound[start : start + length]]), ENGINE_RATE)

    def seen(self, frames: Iterator[ImageArray]) -> tuple[list[ImageArray], list[Face]]:
        """Return the frames in which a face is seen, and the largest face of each."""
        shown = list(frames)
        tracked = self.pipeline.analyzer.track(iter(shown))
        found = [(f, faces[0]) for f, faces in zip(shown, tracked, strict=True) if faces]
        return [f for f, _ in found], [face for _, face in found]


def name_all(bench: Bench, people: int, sheets: Path | None) -> dict[str, Any]:
    """Return tables of what both readers name, in still frames and in speech, and on photographs
    of the same people."""
    from talkgen.training.asked_measure import named, told_apart
    from talkgen.training.independent_fer import CLASSES

    asked, persons = [], []
    ours: dict[str, list[str]] = {part: [] for part in PARTS}
    others: dict[str, list[str]] = {part: [] for part in PARTS}
    chances: dict[str, list[FloatArray]] = {part: [] for part in PARTS}
    other_chances: dict[str, list[FloatArray]] = {part: [] for part in PARTS}
    for number in range(people):
        row = []
        for one in performances(bench, number):
            row.append(one)
            asked.append(one.asked)
            persons.append(one.person)
            for part in PARTS:
                p = our_reading(bench, one, part)
                q = bench.other.read(one.images[part], one.faces[part]).mean(0)
                ours[part].append(EMOTIONS[int(p.argmax())])
                others[part].append(CLASSES[int(q.argmax())])
                chances[part].append(p)
                other_chances[part].append(q)
        last = {part: (ours[part][-8:], others[part][-8:]) for part in PARTS}
        if sheets is not None:
            write_sheet(sheets / f"{bench.person(number)}.jpg", row, last)
        print(number, persons[-1], json.dumps(last), flush=True)
    out: dict[str, Any] = {"our critic": {}, "independent": {}}
    for part in PARTS:
        for who, read, p, classes in (
            ("our critic", ours[part], chances[part], EMOTIONS),
            ("independent", others[part], other_chances[part], CLASSES),
        ):
            out[who][part] = named(asked, read, persons, classes)
            out[who][part]["told apart (area under the ROC)"] = told_apart(asked, p, classes)
    out["photographs"] = photographs(bench, people)
    return out


def performances(bench: Bench, number: int) -> Iterator[Performance]:
    """Yield the eight performances of a person."""
    from talkgen.io.audio import as_speech
    from talkgen.motion.chunks import joined
    from talkgen.pipelines.draw import giving_way
    from talkgen.pipelines.portrait import cropped, prepared
    from talkgen.pipelines.talk import asked as parsed
    from talkgen.pipelines.talk import motion_chunks
    from talkgen.training.emotion_measure import frames_of

    pipeline, sound = bench.pipeline, as_speech(bench.speech(number))
    ready = prepared(pipeline.renderer, cropped(bench.portrait(number)), SIZE)
    for index, name in enumerate(EMOTIONS):
        feeling = parsed(name)
        spoken = motion_chunks(
            pipeline.generator, sound, ENGINE_FPS, seed=8 * number + index, emotion=feeling
        )
        (motion,) = giving_way([joined(spoken)], feeling)
        lids = motion.blendshapes[:, 0]
        parts = {"still": STILL, "speaking": range(SPOKEN_FROM, len(motion), EVERY)}
        one = Performance(bench.person(number), name)
        for part, frames in parts.items():
            chosen = [t for t in frames if lids[t] < SHUT] or list(frames)
            shown = pipeline.renderer.render(ready, frames_of(motion, chosen))
            one.images[part], one.faces[part] = bench.seen(shown)
        shown = pipeline.renderer.render(ready, posed(name))
        one.images["posed"], one.faces["posed"] = bench.seen(shown)
        yield one


def posed(name: str) -> Motion:
    """Return one frame of an emotion's prototype at strength 1."""
    from talkgen.motion.facs import PROTOTYPES, weights_of_units

    units = {unit: np.full(1, v, np.float32) for unit, v in PROTOTYPES.get(name, {}).items()}
    weights = weights_of_units(units) if units else np.zeros((1, 52), np.float32)
    return Motion(weights, np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32))


def our_reading(bench: Bench, one: Performance, part: str) -> FloatArray:
    """Return (8,) probabilities of our critic; of speech, what a clip's reading says."""
    readings = bench.critic.read(one.images[part], one.faces[part])
    if part != "speaking":
        return np.asarray(readings.emotions.mean(0))
    spoken = np.ones(len(readings), bool)
    return np.asarray(bench.critic.clip(readings, spoken, fps=ENGINE_FPS / EVERY))


def photographs(bench: Bench, people: int) -> dict[str, Any]:
    """Return how both readers name the same people's real pictures, neutral and smiling."""
    from talkgen.io.image import read_image
    from talkgen.training.asked_measure import named
    from talkgen.training.independent_fer import CLASSES

    asked, persons, ours, others = [], [], [], []
    for number in range(people):
        path = bench.paths[number % len(bench.paths)]
        for kind, name in (("neutral", "neutral"), ("smiling", "happy")):
            image = read_image(path.with_name(path.name.replace("neutral", kind)))
            small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            images, faces = bench.seen(iter([np.asarray(small, np.uint8)]))
            if not faces:
                continue
            asked.append(name)
            persons.append(bench.person(number))
            ours.append(EMOTIONS[int(bench.critic.read(images, faces).emotions[0].argmax())])
            others.append(CLASSES[int(bench.other.read(images, faces)[0].argmax())])
    both = ("neutral", "happy")
    return {
        "our critic": named(asked, ours, persons, both),
        "independent": named(asked, others, persons, both),
    }


def pair_all(bench: Bench, pairs: int, **options: Any) -> dict[str, Any]:
    """Return what options of `talk` change, pair by pair: measured from frames, the first seed
    without them against whatever comes of them."""
    from talkgen.critic.sync import SyncCritic
    from talkgen.io.audio import as_speech
    from talkgen.pipelines.candidates import judged_portrait
    from talkgen.pipelines.judge import Judge
    from talkgen.pipelines.talk import TalkPipeline
    from talkgen.pipelines.talk import asked as parsed
    from talkgen.training.asked_measure import paired
    from talkgen.training.independent_fer import CLASSES

    plain, rows = bench.pipeline, []
    judge = Judge(plain.analyzer, bench.critic, SyncCritic.from_pretrained())
    pipeline = TalkPipeline(plain.analyzer, plain.generator, plain.renderer, judge)
    for number in range(pairs):
        # another emotion for a person's second turn
        name = EMOTIONS[(number + number // len(bench.paths)) % len(EMOTIONS)]
        if name == EMOTIONS[0] and options.get("guide"):
            continue
        speech, portrait = bench.speech(number, quiet=0.0), bench.portrait(number)
        ready, heard = judged_portrait(pipeline.renderer, portrait), judge.hear(as_speech(speech))
        row: dict[str, Any] = {"person": bench.person(number), "asked": name}
        for when, more in (("before", {}), ("after", options)):
            made = pipeline(portrait, speech, emotion=name, seed=CANDIDATES * number, crop=True,
                            size=max(ready.frame_size), **more)  # fmt: skip
            frames = list(made.frames)
            seen = judge.show(ready, iter(frames), heard, parsed(name))
            found = {"emotion": seen.asked, "sync": seen.confidence, "offset": seen.offset}
            if name in CLASSES:
                q = bench.other.read(*bench.seen(iter(frames[15::8]))).mean(0)
                found["independent"] = float(q[CLASSES.index(name)])
            row[when] = {key: round(float(value), 4) for key, value in found.items()}
        print(number, json.dumps(row), flush=True)
        rows.append(row)
    out: dict[str, Any] = {"options": options}
    for figure in ("emotion", "sync", "independent"):
        known = [r for r in rows if figure in r["before"]]
        before, after = ([r[when][figure] for r in known] for when in ("before", "after"))
        out[figure] = paired(before, after, [r["person"] for r in known])
    return out | {"rows": rows}


def write_sheet(
    path: Path, row: list[Performance], read: dict[str, tuple[list[str], list[str]]]
) -> None:
    """Write a row of frames of each part, with what was asked and what both read."""
    lines = []
    for part, (ours, others) in read.items():
        tiles = []
        for one, mine, theirs in zip(row, ours, others, strict=True):
            image = one.images[part][len(one.images[part]) // 2]
            tile = cv2.resize(image, (256, round(256 * image.shape[0] / image.shape[1])))
            tile = cv2.copyMakeBorder(tile, 66, 0, 0, 0, cv2.BORDER_CONSTANT)
            for line, (text, good) in enumerate(
                ((f"{one.asked} ({part})", True), (f"ours {mine}", mine == one.asked),
                 (f"other {theirs}", theirs == one.asked))
            ):  # fmt: skip
                colour = (255, 255, 255) if good else (255, 120, 90)
                cv2.putText(tile, text, (6, 18 + 20 * line), 0, 0.55, colour, 1, cv2.LINE_AA)
            tiles.append(tile)
        lines.append(np.concatenate(tiles, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.concatenate(lines)[..., ::-1])


if __name__ == "__main__":
    main()
