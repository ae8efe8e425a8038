"""Dub, Drive, Edit still and Score turn what is filled in into the commands' own arguments."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

gr = pytest.importorskip("gradio")

from talkgen.apps import given as portraits  # noqa: E402
from talkgen.apps.call import Call  # noqa: E402
from talkgen.apps.compare import compared  # noqa: E402
from talkgen.apps.film_faces import first_picture  # noqa: E402
from talkgen.apps.outcome import blank, outcome  # noqa: E402
from talkgen.apps.page import Page  # noqa: E402
from talkgen.apps.tabs import drive, dub, edit, score  # noqa: E402
from talkgen.apps.work import Faults, FieldError, command_lines  # noqa: E402
from talkgen.errors import InputError  # noqa: E402
from talkgen.pipelines.dub_output import people_table, read_cast  # noqa: E402
from tests.media import write_sound, write_video  # noqa: E402

VISITOR = "someone"


@pytest.fixture
def page(tmp_path: Path) -> Page:
    nothing: Any = None
    return Page(nothing, nothing, nothing, tmp_path)


@pytest.fixture(autouse=True)
def given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads are as they should be: checking them is `test_uploads`' part."""

    def checked(path: str | None, page: Page, request: Any) -> Path:
        if not path:
            raise InputError("no file is given; upload one")
        return Path(path)

    for tab in (drive, dub, edit, score, portraits):
        for name in ("picture", "sound", "video"):
            monkeypatch.setattr(tab, name, checked, raising=False)
        monkeypatch.setattr(tab, "visitor_of", lambda request: VISITOR, raising=False)


@pytest.fixture
def filled(page: Page) -> Iterator[Callable[..., dict[Any, Any]]]:
    """A maker of what a visitor fills in: the fields' own values, and others by component."""

    def values(fields: Any, changed: dict[Any, Any]) -> dict[Any, Any]:
        own = {part: getattr(part, "value", None) for part in fields.inputs()}
        assert set(changed) <= set(own)
        return own | changed

    with gr.Blocks():
        yield values


def typed(tab: Any, page: Page, fields: Any, values: dict[Any, Any]) -> list[list[str]]:
    """Return the commands that a person would type, word by word, options sorted."""
    lines = command_lines(tab.calls(page, fields, values, None)).splitlines()
    return [shlex.split(line) for line in lines]


def test_score_says_what_was_asked(page: Page, filled: Callable[..., Any]) -> None:
    fields = score._fields(page, Faults(page))
    changed = {
        fields.video: "/u/clip.mp4", fields.source: "/u/me.jpg", fields.emotion: "happy:0.7",
        fields.picker.number: 2,
    }  # fmt: skip
    (words,) = typed(score, page, fields, filled(fields, changed))
    assert words[:3] == ["talkgen", "score", "clip.mp4"]
    rest = " ".join(words[3:])
    for part in ("--source me.jpg", "--emotion happy:0.7", "--face 2", "--html report.html"):
        assert part in rest
    with pytest.raises(FieldError) as found:
        score.calls(page, fields, filled(fields, changed | {fields.emotion: "hapy"}), None)
    assert found.value.at == "emotion"
    with pytest.raises(FieldError, match="no file") as found:
        score.calls(page, fields, filled(fields, {}), None)
    assert found.value.at == "video"


def test_a_report_can_run_no_script() -> None:
    html = score.page_html('<p title="x">a</p><script>alert(1)</script>', "The whole report")
    assert 'sandbox=""' in html
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_drive_moves_what_is_chosen(page: Page, filled: Callable[..., Any]) -> None:
    fields = drive._fields(page, Faults(page))
    given = {fields.portrait: "/u/group.jpg", fields.driver: "/u/clip.webm"}
    made, judged = typed(drive, page, fields, filled(fields, given))
    assert made[:4] == ["talkgen", "drive", "group.jpg", "clip.webm"]
    assert "--region" not in made
    assert judged[:3] == ["talkgen", "score", "video.mp4"]
    some = given | {
        fields.regions: ["mouth", "pose"], fields.picker.number: 2, fields.driving.number: 3,
    }  # fmt: skip
    made, judged = typed(drive, page, fields, filled(fields, some))
    assert " ".join(made).count("--region") == 2
    assert "--face 2" in " ".join(made)
    assert "--driver-face 3" in " ".join(made)
    assert "--face 2" in " ".join(judged)
    with pytest.raises(FieldError) as found:
        drive.calls(page, fields, filled(fields, given | {fields.regions: []}), None)
    assert found.value.at == "region"


def test_the_driver_is_chosen_on_the_first_picture(tmp_path: Path) -> None:
    film = write_video(tmp_path / "clip.mp4", times=[0.0, 0.04, 0.08])
    path = first_picture(film, tmp_path / "home")
    image = np.asarray(Image.open(path))
    assert image.shape == (48, 64, 3)
    assert abs(float(image.mean()) - 10) < 4  # grey 10 is the first, 30 the second
    assert first_picture(film, tmp_path / "home") == path


def test_a_face_marked_by_hand_is_driven_but_not_measured(
    page: Page, filled: Callable[..., Any]
) -> None:
    fields = drive._fields(page, Faults(page))
    points = {
        name: [1.0, 2.0] for name in ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
    }
    given = {
        fields.portrait: "/u/dog.jpg", fields.driver: "/u/clip.mp4",
        fields.picker.landmarks: points,
    }  # fmt: skip
    (made,) = typed(drive, page, fields, filled(fields, given))
    assert "--landmarks" in made
    assert len(list((page.root / "made" / VISITOR).glob("points-*/points.json"))) == 1


def test_dub_is_told_who_speaks(page: Page, filled: Callable[..., Any]) -> None:
    fields = dub._fields(page, gr.Video(), Faults(page))
    given = {fields.video: "/u/clip.mp4", fields.speech: "/u/words.wav"}
    made, judged = typed(dub, page, fields, filled(fields, given))
    assert made == ["talkgen", "dub", "clip.mp4", "words.wav", "-o", "video.mp4"]
    assert judged[1] == "score"
    chosen = given | {fields.person: 2, fields.more["mix"]: True, fields.more["fit"]: "loop"}
    (made,) = typed(dub, page, fields, filled(fields, chosen))
    assert {"--face", "2", "--mix", "--fit", "loop"} <= set(made)


def test_two_people_say_what_the_command_reads(
    page: Page, filled: Callable[..., Any], tmp_path: Path
) -> None:
    words = [write_sound(tmp_path / f"{name}.wav", seconds=0.5) for name in "ab"]
    fields = dub._fields(page, gr.Video(), Faults(page))
    given = {
        fields.video: "/u/clip.mp4", fields.speech: str(words[0]), fields.person: 2,
        fields.second["speech"]: str(words[1]), fields.second["person"]: 1,
        fields.second["start"]: 1.5,
    }  # fmt: skip
    (made,) = typed(dub, page, fields, filled(fields, given))
    assert made[3] == "cast.json"
    (written,) = (page.root / "made" / VISITOR).glob("cast-*/cast.json")
    said = {number: (speech.path.read_bytes(), start)
            for number, (speech, start) in read_cast(written).items()}  # fmt: skip
    assert said == {2: (words[0].read_bytes(), 0.0), 1: (words[1].read_bytes(), 1.5)}
    for person, wrong in ((0, "must be chosen"), (1, "both speeches are person 1's")):
        with pytest.raises(FieldError, match=wrong) as found:
            dub.calls(page, fields, filled(fields, given | {fields.person: person}), None)
        assert found.value.at == "second"


def test_people_are_those_that_the_command_lists(tmp_path: Path) -> None:
    from rich.console import Console

    class Person:
        """As `talkgen.pipelines.dub_people.Person` shows itself in the table."""

        def __init__(self, number: int, seconds: float, size: float, follows: float) -> None:
            self.number, self.seconds, self.size, self.follows = number, seconds, size, follows
            self.clearest = self

        def portraits(self) -> tuple[Any, None]:
            from types import SimpleNamespace

            return SimpleNamespace(image=np.zeros((8, 8, 3), np.uint8)), None

    several: Any = [Person(1, 4.0, 224.6, 0.51), Person(12, 10.25, 90, float("nan"))]
    console = Console(width=240)
    with console.capture() as said:
        console.print(people_table(several, tmp_path / "people"))
    found = dub.people_of(tmp_path / "people", said.get())
    assert list(found) == [1, 12]
    assert found[1] == (tmp_path / "people" / "person1.png",
                        "4 s, 225 px, lips fit the sound 0.51")  # fmt: skip
    assert found[12][1] == "10.2 s, 90 px"
    assert all(path.is_file() for path, _ in found.values())


def test_edit_asks_for_what_the_fields_say(page: Page, filled: Callable[..., Any]) -> None:
    fields = edit._fields(page, Faults(page))
    given = {
        fields.portrait: "/u/me.jpg", fields.emotion: "happy:0.5+surprise:0.3",
        fields.units: "AU12:0.8", fields.pose["yaw"]: -10, fields.gaze["y"]: 4.5,
    }  # fmt: skip
    (made,) = typed(edit, page, fields, filled(fields, given))
    rest = " ".join(made)
    assert made[:3] == ["talkgen", "edit", "me.jpg"]
    assert "-o edited.png" in rest
    assert "--emotion happy:0.5+surprise:0.3" in rest
    assert "--pose=-10,0,0" in rest.replace("--pose -", "--pose=-")
    assert "--gaze 0,4.5" in rest
    (plain,) = typed(edit, page, fields, filled(fields, {fields.portrait: "/u/me.jpg"}))
    assert plain == ["talkgen", "edit", "me.jpg", "-o", "edited.png"]
    sheet = given | {fields.camera: True, fields.sheet: True, fields.format: "JPEG"}
    (made,) = typed(edit, page, fields, filled(fields, sheet))
    assert {"--sheet", "sheet.png", "camera"} <= set(made)


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("emotion", "hapy", "emotion"),
        ("emotion", "track.json", "emotion"),
        ("units", "AU99:1", "au"),
        ("units", "happy:1", "au"),
    ],
)
def test_a_wrong_text_is_blamed_on_its_field(
    page: Page, filled: Callable[..., Any], name: str, text: str, where: str
) -> None:
    fields = edit._fields(page, Faults(page))
    with pytest.raises(FieldError) as found:
        edit.wanted(fields, filled(fields, {getattr(fields, name): text}))
    assert found.value.at == where
    assert "\n" not in str(found.value)


def test_two_pictures_lie_over_each_other() -> None:
    dark, light = np.zeros((20, 30, 3), np.uint8), np.full((20, 30, 3), 255, np.uint8)
    html = compared(dark, light)
    first, second = html.split('class="edited"')
    assert first.count("data:image/jpeg;base64,") == second.count("data:image/jpeg;base64,") == 1
    assert 'type="range"' in html


def test_the_last_video_is_the_visitors_own(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from talkgen.apps.again import last_video

    made = [tmp_path / name for name in ("old.mp4", "new.mp4", "gone.mp4", "still.png")]
    for path in made[:2] + made[3:]:
        path.touch()
    several: list[Any] = [SimpleNamespace(files={"output": path}) for path in made]
    jobs: Any = SimpleNamespace(of=lambda visitor: several if visitor == VISITOR else [])
    assert last_video(jobs, VISITOR) == made[1]
    with pytest.raises(InputError, match="make one in Talk"):
        last_video(jobs, "another")


def test_what_the_command_reads_can_be_kept_with_what_it_made(page: Page, tmp_path: Path) -> None:
    from types import SimpleNamespace

    with gr.Blocks():
        kept = outcome("edit", blank("Here."), ("edited.png", "sheet.png"))
    job: Any = SimpleNamespace(files={}, notes=[], ended=False)
    points = tmp_path / "points.json"
    asked = [Call("edit", {"portrait": Path("/u/dog.jpg"), "landmarks": points},
                  {"output": "edited.png"})]  # fmt: skip
    assert not kept.shown(page, job, asked)
    assert kept.empty()[kept.blank]["visible"]
    job.files = {"output": tmp_path / "edited.png"}
    job.notes = ["the eyes <b>go</b> no further"] * 2
    shown = kept.shown(page, job, asked)
    assert set(shown) <= set(kept.outputs())
    assert not shown[kept.blank]["visible"]
    assert shown[kept.given]["label"] == "points.json"
    assert shown[kept.command] == "talkgen edit dog.jpg -o edited.png --landmarks points.json"
    assert shown[kept.notes]["value"].count("&lt;b&gt;") == 1
    assert kept.files["sheet.png"] not in shown
