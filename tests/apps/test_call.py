"""A call is what a person would type; nothing typed is taken for a file."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import typer

from talkgen.apps.call import Call, made, written
from talkgen.cli import app
from talkgen.commands.rows import Commands
from talkgen.errors import InputError

PORTRAIT, SPEECH = Path("/up/1/my face.jpg"), Path("/up/2/-speech.wav")
TALK = Call(
    "talk",
    {
        "portrait": PORTRAIT, "speech": SPEECH, "emotion": "0:neutral,2:happy:0.7", "size": 512,
        "seed": 7.0, "pose_scale": 1, "mouth_scale": 1.5, "still": True, "crop": False,
        "face": None, "also": [], "renderer": "auto",
    },
    {"output": "talk.mp4", "motion_out": "motion.csv"},
    "making the video",
)  # fmt: skip
SCORE = Call("score", {"video": made(), "source": PORTRAIT}, {"json": "report.json"})


def test_shell_is_short_and_names_no_folder() -> None:
    assert TALK.shell() == (
        "talkgen talk 'my face.jpg' ./-speech.wav -o talk.mp4 --size 512 --seed 7 --still "
        "--emotion 0:neutral,2:happy:0.7 --mouth-scale 1.5 --motion-out motion.csv"
    )
    assert SCORE.shell([TALK]) == "talkgen score talk.mp4 --source 'my face.jpg' --json report.json"


def test_shell_asks_the_command_for_the_same_as_the_worker_does(tmp_path: Path) -> None:
    group = typer.main.get_command(app)
    typed = shlex.split(TALK.shell())
    context = group.commands["talk"].make_context("talk", typed[2:])
    given = Commands(group).parsed(TALK.task(tmp_path, {}).row).params
    paths = ("portrait", "speech")
    assert {n: v for n, v in context.params.items() if n not in paths} == {
        n: v for n, v in given.items() if n not in paths
    }
    assert [context.params[n].name for n in paths] == [given[n].name for n in paths]


def test_shell_keeps_values_that_look_like_options_or_commands() -> None:
    call = Call(
        "drive",
        {
            "portrait": PORTRAIT, "video": Path("/a;rm -rf ~.mp4"), "region": ["pose", "eyes"],
            "sound": False, "fps": -3,
        },
        {"output": "out.mp4"},
    )  # fmt: skip
    line = call.shell()
    assert line == (
        "talkgen drive 'my face.jpg' 'a;rm -rf ~.mp4' -o out.mp4 --region pose --region eyes "
        "--no-sound --fps=-3"
    )


def test_an_earlier_output_is_read_where_it_was_written(tmp_path: Path) -> None:
    task = SCORE.task(tmp_path, written([TALK]))
    assert task.row is not None
    assert task.row.values["video"] == [str(tmp_path / "talk.mp4")]
    assert task.outputs == {"json": ["report.json"]}
    with pytest.raises(ValueError, match="no earlier call"):
        SCORE.task(tmp_path, {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("emotion", "/etc/talkgen/track.csv"),
        ("emotion", "track.json"),
        ("speech", "/etc/passwd"),
        ("speech", "webcam"),
        ("landmarks", "points.csv"),
        ("also", ["/etc/passwd"]),
    ],
)
def test_no_typed_text_is_a_file(name: str, text: str | list[str], tmp_path: Path) -> None:
    call = Call("talk", {**TALK.values, name: text}, TALK.outputs)
    with pytest.raises(InputError, match=f"`{name}` is .* no file can be named here"):
        call.task(tmp_path, {})


def test_a_text_to_be_said_may_end_like_a_file(tmp_path: Path) -> None:
    call = Call("say", {"text": "Then open /etc/settings.json"}, {"output": "speech.wav"})
    row = call.task(tmp_path, {}).row
    assert row is not None
    assert row.values["text"] == ["Then open /etc/settings.json"]


def test_wrong_values_are_refused_before_anything_runs(tmp_path: Path) -> None:
    call = Call("talk", {**TALK.values, "seed": "many"}, TALK.outputs)
    with pytest.raises(InputError, match=r"'--seed'.*'many'"):
        call.task(tmp_path, {})


@pytest.mark.parametrize(
    ("error", "told", "at"),
    [
        (f"'{PORTRAIT}' is not an image", "'my face.jpg' is not an image", "portrait"),
        ("`size` is 9, 32 to 4096", "`size` is 9, 32 to 4096", "size"),
        ("Invalid value for '--seed': x", "Invalid value for '--seed': x", "seed"),
        ("emotion '0:neutral,2:happy:0.7' is odd", None, "emotion"),
        ("no emotion is called 'hapy'", None, "emotion"),
        ("the face is 38 px wide", None, None),
        ("out of memory", "out of memory", None),
    ],
)
def test_errors_name_files_as_a_person_does(error: str, told: str | None, at: str | None) -> None:
    assert TALK.named(error) == (told or error, at)


def test_a_file_name_with_a_list_sign_is_one_file(tmp_path: Path) -> None:
    call = Call("talk", {**TALK.values, "also": [Path("/a/x;y.jpg")]}, TALK.outputs)
    row = call.task(tmp_path, {}).row
    assert row is not None
    assert row.values["also"] == ["/a/x;y.jpg"]
