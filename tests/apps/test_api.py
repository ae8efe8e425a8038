"""The API: named, documented, by the README's own words, with the commands' own errors."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from talkgen.apps.settings import Settings
from talkgen.io.video import open_video

pytest.importorskip("gradio", reason="no gradio: pip install 'talkgen[demo]'")
ROOT = Path(__file__).resolve().parents[2]
PORTRAIT, SPEECH = ROOT / "examples" / "portrait.jpg", ROOT / "examples" / "speech.flac"
NAMES = {"/talk", "/edit", "/dub", "/drive", "/score", "/say"}


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """The real page with one worker, that has nothing to warm up for and no previews to load."""
    from talkgen.apps import server, stills
    from tests.apps.small import NoStills

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stills, "Stills", NoStills)
        with server.serving(Settings(port=0, workers=1)) as running:
            yield running


@pytest.fixture(scope="module")
def client(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from gradio_client import Client

    folder = tmp_path_factory.mktemp("downloads")
    return Client(server.url, verbose=False, download_files=folder)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of the bundled speech."""
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    sound, rate = soundfile.read(SPEECH)
    soundfile.write(path, sound[:rate], rate)
    return path


def given(path: Path) -> Any:
    from gradio_client import handle_file

    return handle_file(str(path))


def test_only_the_commands_are_named_and_all_are_documented(client: Any) -> None:
    listed = client.view_api(return_format="dict", print_info=False)
    assert set(listed["named_endpoints"]) == NAMES
    assert not listed["unnamed_endpoints"]
    for name, endpoint in listed["named_endpoints"].items():
        assert len(endpoint["description"]) > 20, name
        assert endpoint["parameters"], name
        assert endpoint["returns"], name
        for part in endpoint["parameters"] + endpoint["returns"]:
            assert part["label"].isidentifier(), (name, part)
            assert len(part["python_type"]["description"]) > 8, (name, part)
        for parameter in endpoint["parameters"]:
            assert parameter["label"] == parameter["parameter_name"]


def test_defaults_are_the_commands(client: Any) -> None:
    from talkgen.apps.defaults import usual

    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    for command in ("talk", "edit", "dub", "drive"):
        for parameter in endpoints[f"/{command}"]["parameters"]:
            name = parameter["parameter_name"]
            if name in ("size", "fps", "seed", "candidates", "fit", "mouth_scale"):
                assert parameter["parameter_default"] == usual(command, name), (command, name)


@pytest.fixture(scope="module")
def talked(client: Any, short: Path) -> tuple[Any, set[str]]:
    """What `/talk` made, and the stages it told of meanwhile."""
    job = client.submit(
        given(PORTRAIT), given(short), emotion="happy:0.8", size="256", api_name="/talk"
    )
    stages = set()
    while not job.done():
        if progress := job.status().progress_data:
            stages.add(progress[0].desc)
        time.sleep(0.05)
    return job.result(), stages


def test_talk_makes_a_video_its_motion_and_its_report(talked: Any) -> None:
    (video, motion, report), stages = talked
    made = open_video(video)
    assert made.num_frames == 25
    assert made.size == (256, 256)
    assert len(Path(motion).read_text().splitlines()) == 26
    assert report["scores"]["face_seen"]["value"] == 1.0
    assert "emotion_asked" in report["scores"]
    assert "drawing" in stages
    assert str(ROOT) not in str(report)
    assert "talkgen-demo" not in str(report)


def test_a_face_marked_by_hand_is_not_measured(client: Any, short: Path) -> None:
    points = {
        "right_eye": [203, 101], "left_eye": [246, 103], "nose": [224, 127],
        "mouth_right": [201, 139], "mouth_left": [245, 140],
    }  # fmt: skip
    *made, report = client.predict(
        given(PORTRAIT), given(short), size="256", landmarks=points, api_name="/talk"
    )
    assert all(Path(path).stat().st_size for path in made)
    assert report == {}  # no critic would find the face in a picture where none was found


def test_a_text_is_read_aloud_where_that_is_installed(client: Any) -> None:
    from talkgen.audio.speak import installed

    if installed() is None:
        pytest.skip("espeak-ng is not installed")
    sound, rate = soundfile.read(client.predict("Good evening.", api_name="/say"))
    assert 0.4 < len(sound) / rate < 3
    video, _, report = client.predict(
        given(PORTRAIT), text="Good.", size="256", measure=False, api_name="/talk"
    )
    assert open_video(video).has_sound
    assert report == {}


def test_edit_and_drive_and_dub(client: Any, short: Path, talked: Any) -> None:
    from PIL import Image

    edited = client.predict(
        given(PORTRAIT), emotion="happy", pose="5,0,0", size="256", api_name="/edit"
    )
    assert max(Image.open(edited).size) == 256
    clip = given(Path(talked[0][0]))
    driven, motion = client.predict(
        given(PORTRAIT), clip, region=["pose", "mouth"], size="256", api_name="/drive"
    )
    assert open_video(driven).num_frames == 25
    assert Path(motion).suffix == ".csv"
    dubbed = client.predict(clip, given(short), api_name="/dub")
    assert open_video(dubbed).num_frames == 25


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"emotion": "hapy"}, "unknown emotion 'hapy'"),
        ({"emotion": "../track.csv"}, "no file can be named here"),
        ({"size": "/etc/passwd"}, "/etc/passwd"),
        ({"seed": -1}, "seed"),
        ({"seed": "x; rm -rf /"}, "seed"),
        ({"candidates": 1000}, "candidates"),
        ({"landmarks": {"nose": [1, 2]}}, "`landmarks` needs right_eye"),
        ({"face": 7}, "face"),
        ({"speech": None}, "no recording is given"),
        ({"speech": None, "text": "x" * 3000}, "the text has 3000 characters"),
    ],
)
def test_errors_are_one_line(client: Any, short: Path, options: Any, line: str) -> None:
    from gradio_client.exceptions import AppError

    asked = {"speech": given(short), "size": "256", **options}
    with pytest.raises(AppError) as caught:
        client.predict(given(PORTRAIT), **asked, api_name="/talk")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "talkgen-demo" not in str(caught.value)


def test_files_are_called_by_their_names_alone(client: Any, tmp_path: Path) -> None:
    from gradio_client.exceptions import AppError

    wrong = tmp_path / "notes.jpg"
    wrong.write_text("no picture")
    with pytest.raises(AppError) as caught:
        client.predict(given(wrong), api_name="/edit")
    assert str(caught.value).startswith("'notes.jpg' is no picture, sound or video")


def test_who_leaves_ends_what_they_asked_for(server: Any, short: Path) -> None:
    from gradio_client import Client

    client = Client(server.url, verbose=False)
    before = set(server.page.jobs._jobs)
    asked = client.submit(given(PORTRAIT), given(SPEECH), size="512", api_name="/talk")
    _until(lambda: set(server.page.jobs._jobs) - before)
    (name,) = set(server.page.jobs._jobs) - before
    job = server.page.jobs.get(name)
    _until(lambda: job.state == "working")
    asked.cancel()
    client.close()
    _until(lambda: job.ended)
    assert job.state == "cancelled"


def test_the_readmes_example_runs_as_written(server: Any, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    (example,) = [block for block in blocks if "gradio_client" in block]
    code = example.replace("http://127.0.0.1:7860", server.url)
    assert code != example
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"GRADIO_TEMP_DIR": str(tmp_path)},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    video, share = said.stdout.split()
    assert open_video(video).num_frames == 140
    assert 0.5 < float(share) <= 1


def _until(what: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)
