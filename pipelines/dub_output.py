"""A dubbed video to be written, who is who as a table and pictures, and a cast list."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.errors import InputError
from talkgen.io.audio import Speech, SpeechFile, open_speech
from talkgen.io.output import check_output, make_folder, whole_file
from talkgen.io.pictures import Picture, PictureFile
from talkgen.io.remux import CRF, SUFFIXES, PictureWriter, can_copy, check_crf, copy_pictures
from talkgen.pipelines.dub_draw import Dubber
from talkgen.pipelines.dub_people import Person
from talkgen.pipelines.dub_survey import Survey


class DubOutput:
    """A dubbed video that is still to be drawn.

    source : the video; people : who is seen in it; voices : who of them says what
    num_frames, fps, size : pictures, how many a second on average, (width, height)
    speech : its sound; drawn : how many pictures of the source get another mouth
    """

    def __init__(
        self, source: PictureFile, found: Survey, people: list[Person], dubber: Dubber,
        speech: Speech | None,
    ) -> None:  # fmt: skip
        self.source, self.people, self.speech = source, people, speech
        self.voices = dubber.voices
        self.num_frames = len(dubber.times)
        self.fps = float(source.rate)
        self.size = source.size
        self.drawn = dubber.drawn
        self._found, self._dubber = found, dubber

    @property
    def untouched(self) -> bool:
        """Whether the picture stays wholly as it is."""
        return not self.drawn and self.num_frames == self._found.count

    @property
    def pictures(self) -> Iterator[Picture]:
        """The new pictures, from the first; every access starts anew."""
        return self._dubber.pictures()

    def save(
        self, path: str | os.PathLike[str], *, crf: int = CRF,
        on_frame: Callable[[], object] | None = None,
    ) -> None:  # fmt: skip
        """Write the video, whole or not at all; on_frame is called after each picture.

        crf : constant quality, 0 (lossless) to 51
        Further sound tracks and subtitles are copied as long as the picture keeps its time.
        """
        target = check_output(path, SUFFIXES, inputs=[self.source.path])
        check_crf(crf)
        if self.untouched and can_copy(self.source, target.suffix):
            with whole_file(target) as part:
                copy_pictures(part, self.source, self.speech)
            return
        keeps_time = self.num_frames == self._found.count
        with PictureWriter(
            target, self.source, speech=self.speech, crf=crf, others=keeps_time
        ) as writer:
            for picture in self.pictures:
                writer.write(picture)
                if on_frame is not None:
                    on_frame()


def people_table(people: Sequence[Person], folder: Path | None = None) -> Any:
    """Return a rich table, a line a person; with a folder, a picture of each is written there."""
    from PIL import Image
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("person", "seconds", "px", "lips fit the sound", "picture"):
        table.add_column(column, justify="left" if column == "picture" else "right")
    if folder is not None:
        make_folder(folder)
    for person in people:
        picture = ""
        key, _ = person.clearest.portraits()
        if folder is not None and key is not None:
            path = check_output(folder / f"person{person.number}.png", (".png",))
            with whole_file(path) as part:
                Image.fromarray(key.image).save(part)
            picture = str(path)
        follows = f"{person.follows:.2f}" if np.isfinite(person.follows) else "-"
        table.add_row(
            str(person.number), f"{person.seconds:.1f}", f"{person.size:.0f}", follows, picture
        )
    return table


def read_cast(path: str | os.PathLike[str]) -> dict[int, tuple[SpeechFile, float]]:
    """Return who says what, and from when on, of a JSON file.

    {"1": "a.wav", "2": {"speech": "b.wav", "start": 3.5}}: a person's number, and a file beside
    the JSON file or anywhere. Raises InputError, with the entry, for anything else.
    """
    path = Path(path)
    name = repr(str(path))
    try:
        given = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"no such file: {name}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{name} is no JSON that can be read ({str(error)[:80]})") from error
    if not isinstance(given, dict) or not given:
        raise InputError(f'{name} names nobody; {{"1": "speech.wav"}} is needed')
    found: dict[int, tuple[SpeechFile, float]] = {}
    for number, value in given.items():
        entry = {"speech": value} if isinstance(value, str) else value
        if not number.isdecimal() or not int(number):
            raise InputError(f"{name} names {number!r}, a person's number from 1 is needed")
        if not isinstance(entry, dict) or not isinstance(entry.get("speech"), str):
            raise InputError(f'{name}: person {number} needs a file, {{"speech": "a.wav"}}')
        start = entry.get("start", 0.0)
        if not isinstance(start, int | float) or isinstance(start, bool) or not 0 <= start < 1e6:
            raise InputError(f"{name}: person {number} starts at {start!r}, seconds are needed")
        if unknown := sorted(set(entry) - {"speech", "start"}):
            raise InputError(
                f"{name}: person {number} has {unknown[0]!r}; speech and start are known"
            )
        found[int(number)] = (open_speech(path.parent / entry["speech"]), float(start))
    return found
