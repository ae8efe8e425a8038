"""`talkgen batch`: tables are checked whole, and their rows do what the commands do."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer

from talkgen.cli import app, main
from talkgen.commands.plan import Plan
from talkgen.commands.rows import Commands, Row
from talkgen.commands.runner import CommandRunner
from talkgen.errors import InputError
from talkgen.io.video import open_video
from talkgen.motion.export import read_motion
from talkgen.pipelines.batch_state import StateFolder
from tests.media import write_video

ROOT = Path(__file__).resolve().parent.parent
PORTRAIT = ROOT / "examples" / "portrait.jpg"
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    def call(table: Path, *more: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in ("batch", table, "--out", tmp_path / "out", *more)])
        return int(stop.value.code or 0), capfd.readouterr().err

    return call


@pytest.fixture
def speech(tmp_path: Path, voice_like: Callable[..., np.ndarray]) -> Path:
    soundfile.write(tmp_path / "speech.wav", voice_like(0.6), 16_000)
    return tmp_path / "speech.wav"


@pytest.fixture(scope="module")
def commands() -> Commands:
    return Commands(typer.main.get_command(app))


def table(path: Path, *rows: dict[str, object]) -> Path:
    """Write rows as .csv or .jsonl."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
        return path
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, names)
        out.writeheader()
        out.writerows(rows)
    return path


def kept(folder: Path) -> list[str]:
    with (folder / "summary.csv").open(newline="") as file:
        return [row["status"] for row in csv.DictReader(file)]


def test_columns_are_the_commands_own(commands: Commands) -> None:
    assert {"talk", "render", "track", "drive", "dub", "score", "adapt", "motion"} <= set(
        commands.columns
    )
    assert not {"batch", "doctor", "models"} & set(commands.columns)
    talk = commands.columns["talk"]
    assert {"portrait", "speech", "emotion", "mouth_scale", "also", "still"} <= set(talk)
    assert {n for n, c in talk.items() if c.kind == "written"} == {"output", "motion_out"}
    assert {n for n, c in talk.items() if c.kind == "read"} >= {"portrait", "speech", "landmarks"}
    assert talk["portrait"].required
    assert talk["also"].many
    assert not {"quiet", "debug", "help"} & set(talk)
    row = commands.row(2, {
        "Command": "drive", "PORTRAIT": "a.png", "video": "v.mp4", "--output": "o.mp4",
        "region": "pose;eyes", "no such": "", "sound": "no", "absolute": "TRUE", "also": None,
    })  # fmt: skip
    given = commands.parsed(row).params
    assert [r.value for r in given["region"]] == ["pose", "eyes"]
    assert (given["sound"], given["absolute"], given["refine"]) == (False, True, False)


def test_options_go_by_their_own_names_too(commands: Commands) -> None:
    row = commands.row(2, {"command": "dub", "video": "v.mp4", "list": "who"})
    assert row.values["people"] == ["who"]
    with pytest.raises(InputError, match="`video` is missing"):  # no argument takes its place
        commands.row(2, {"command": "dub", "speech": "a.wav", "output": "o.mp4"})


def test_a_list_of_speech_counts_by_what_it_names(tmp_path: Path) -> None:
    from talkgen.commands.plan import Plan
    from talkgen.commands.runner import CommandRunner
    from talkgen.pipelines.batch_state import StateFolder

    plan = Plan(StateFolder(tmp_path), CommandRunner())
    (tmp_path / "a.wav").write_text("one")
    (tmp_path / "cast.json").write_text('{"1": {"speech": "a.wav", "start": 2}}')
    before = plan._content(tmp_path / "cast.json")
    assert plan._content(tmp_path / "cast.json") == before
    (tmp_path / "a.wav").write_text("another")
    assert plan._content(tmp_path / "cast.json") != before
    (tmp_path / "bad.json").write_text("{")
    assert plan._content(tmp_path / "bad.json")


def test_no_cell_can_pass_for_an_option(commands: Commands) -> None:
    row = commands.row(2, {
        "portrait": "--output=/etc/x.mp4", "speech": "-o", "output": "--debug", "emotion": "--help",
    })  # fmt: skip
    given = commands.parsed(row).params
    assert str(given["portrait"]) == "--output=/etc/x.mp4"
    assert (str(given["speech"]), str(given["output"]), given["emotion"]) == (
        "-o", "--debug", "--help",
    )  # fmt: skip
    assert not given["debug"]
    assert commands.arguments(Row(1, "talk", {"still": ["false"]})) == ["--"]


def test_all_that_is_wrong_is_said_by_row(run: Run, tmp_path: Path, speech: Path) -> None:
    good = {"portrait": PORTRAIT, "speech": "speech.wav"}
    (tmp_path / "broken.wav").write_bytes(b"RIFFxxxx")
    path = table(
        tmp_path / "jobs.csv",
        {**good, "output": "fine.mp4"},  # line 2
        {**good, "output": "../out.mp4"},
        {**good, "output": "FINE.mp4"},
        {**good, "output": "a.avi"},
        {"portrait": PORTRAIT, "output": "b.mp4"},
        {**good, "output": "c.mp4", "speech": "none.wav"},
        {**good, "output": "d.mp4", "speech": "https://example.org/a.wav"},
        {**good, "output": "e.mp4", "size": "12"},
        {**good, "output": "f.mp4", "emotion": "happi"},
        {**good, "output": "g.mp4", "seed": "first"},
        {**good, "output": "h.mp4", "command": "walk"},
        {**good, "output": "i.mp4", "speech": "broken.wav"},
        {"command": "score", "video": "speech.wav"},
        {**good, "output": "j.mp4", "wings": "2"},
    )
    code, text = run(path)
    assert code == 2
    said = {
        int(line.split()[2].rstrip(":")): line
        for line in text.splitlines()
        if line.startswith("talkgen: row ")
    }
    for number, words in {
        3: "leaves the batch's folder", 4: "is that of row 2 too", 6: "`speech` is missing",
        5: "output 'a.avi' must end with .mp4", 7: "no such file", 8: "by `--allow-url`",
        9: "`size` is 12", 10: "happi", 11: "first", 12: "'walk'", 13: "broken.wav",
        14: "the row writes nothing; give one of json, html", 15: "`talk` has no 'wings'",
    }.items():  # fmt: skip
        assert words in said[number], said
    assert 2 not in said
    assert "nothing was started" in text.splitlines()[-1]
    assert not [p for p in (tmp_path / "out").iterdir() if not p.name.startswith(".")]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("jobs.txt", "x", "must end with .csv or .jsonl"),
        ("jobs.csv", "", "must name the columns"),
        ("jobs.csv", "portrait,speech\n", "holds no job"),
        ("jobs.csv", "seed,seed\n1,2\n", "names 'seed' twice"),
        ("jobs.csv", b"\xff\xfe\x00", "not UTF-8"),
        ("jobs.jsonl", '{"a": 1\n[2]\n', "2 rows are wrong"),
        ("jobs.jsonl", "[" * 100_000, "no JSON"),
        ("jobs.csv", f"portrait,speech,output\n{'x' * 5000},s.wav,a.mp4\n", "no such file"),
    ],
)
def test_no_table(run: Run, tmp_path: Path, name: str, content: str | bytes, words: str) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(raw)
    code, text = run(tmp_path / name)
    assert code == 2
    assert words in text
    assert text.count("talkgen: error: ") == 1


def test_a_table_is_done_and_gone_on_with(run: Run, tmp_path: Path, speech: Path) -> None:
    """Three commands, one of which reads what another makes; then a change, then scores."""
    rows = [
        {"command": "render", "portrait": PORTRAIT, "file": "out/m/one.npz", "size": 64,
         "output": "r.mp4"},
        {"command": "motion", "speech": "speech.wav", "output": "m/one.npz"},
        {"command": "motion", "speech": "speech.wav", "output": "m/two.csv", "seed": 3},
        {"command": "track", "source": PORTRAIT, "output": "t.npz"},
    ]  # fmt: skip
    path, out = table(tmp_path / "jobs.jsonl", *rows), tmp_path / "out"
    code, text = run(path, "--check")
    assert code == 0, text
    assert "row 3: motion m/two.csv" in text
    assert not (out / "summary.csv").exists()
    code, text = run(path, "--workers", 1)
    assert code == 0, text
    assert kept(out) == ["made"] * 4
    assert len(list(open_video(out / "r.mp4").frames())) == len(read_motion(out / "m" / "one.npz"))
    assert read_motion(out / "t.npz").space == "camera"
    before = (out / "m" / "one.npz").stat().st_mtime_ns

    assert run(path)[0] == 0
    assert kept(out) == ["kept"] * 4
    rows[2]["seed"] = 4
    rows[3]["fps"] = 25.0
    code, text = run(table(path, *rows), "--workers", 1)
    assert code == 0, text
    assert kept(out) == ["kept", "kept", "made", "made"]
    assert (out / "m" / "one.npz").stat().st_mtime_ns == before
    soundfile.write(speech, soundfile.read(speech)[0][:8000], 16_000)  # its reader's reader too
    assert run(path, "--check")[1].count("talkgen: row ") == 3


def test_a_run_in_use_and_wrong_options(run: Run, tmp_path: Path, speech: Path) -> None:
    from talkgen.pipelines.batch import locked
    from talkgen.pipelines.batch_state import StateFolder

    path = table(
        tmp_path / "jobs.csv", {"command": "motion", "speech": "speech.wav", "output": "a.csv"}
    )
    (tmp_path / "out").mkdir()
    with locked(StateFolder((tmp_path / "out").resolve())):
        code, text = run(path)
    assert code == 2
    assert "runs a batch in" in text
    assert "`workers` is 0" in run(path, "--workers", 0)[1]
    assert "`retries` is -1" in run(path, "--retries", -1)[1]
    assert "no such job table" in run(tmp_path / "none.csv")[1]
    assert "cannot be written" in run(path, "--out", speech / "x")[1]


def test_an_interrupt_says_how_far_it_came(
    run: Run, tmp_path: Path, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkgen.pipelines.batch import Batch
    from talkgen.terminal import Terminated

    path = table(
        tmp_path / "jobs.csv", {"command": "motion", "speech": "speech.wav", "output": "a.csv"}
    )
    for kind, code, word in ((KeyboardInterrupt, 130, "interrupted"), (Terminated, 143, "stopped")):

        def stop(*_: object, kind: type[BaseException] = kind, **__: object) -> None:
            raise kind

        monkeypatch.setattr(Batch, "__call__", stop)
        result = run(path)
        assert result[0] == code
        assert f"{word}; 0 of 1 jobs are done, run it again to go on" in result[1]
        assert "Traceback" not in result[1]


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv", "o.MOV"])
def test_every_kind_of_video_is_scored(tmp_path: Path, speech: Path, name: str) -> None:
    clip = write_video(tmp_path / "clip.mp4")
    row: dict[str, object] = {"command": "dub", "video": clip, "speech": speech, "output": name}
    plan = Plan(StateFolder(tmp_path), CommandRunner(), scored=True)
    (job,) = plan(table(tmp_path / "jobs.csv", row))
    assert job.scoring.scored == (str(tmp_path / name), None)


def test_a_defect_leaves_its_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker says of an error that nobody foresaw, and of one that is the input's."""
    from talkgen.commands.runner import CommandRunner, Task
    from talkgen.pipelines import talk

    runner = CommandRunner()
    row = Row(2, "motion", {"speech": [str(tmp_path / "none.wav")]})
    answer = runner(Task(row, {"output": ["a.csv"]}), tmp_path)
    assert "no such file" in answer["error"]
    assert not answer.get("defect")

    def broken(**_: object) -> None:
        raise RuntimeError("what now")

    monkeypatch.setattr(talk, "check_inputs", broken)
    answer = runner(Task(row, {"output": ["a.csv"]}), tmp_path)
    assert answer["error"] == "unexpected RuntimeError: what now"
    assert answer["defect"]
    assert "in broken" in answer["trace"]
    assert not list(tmp_path.iterdir())


def test_the_example(run: Run) -> None:
    code, text = run(ROOT / "examples" / "jobs.csv", "--check")
    assert code == 0, text
    assert "0 of them done already" in text
