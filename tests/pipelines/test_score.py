"""`talkgen score`: a clip made here is judged, by itself, beside a reference, beside its source."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen import hub
from talkgen.critic.report import DEFINITIONS
from talkgen.critic.score import Judged
from talkgen.errors import InputError, MediaError, NoFaceError, OutputError
from talkgen.io.audio import SpeechArray
from talkgen.io.writer import VideoWriter
from talkgen.pipelines.score import ScorePipeline
from talkgen.pipelines.score_output import score_table, write_html, write_json
from talkgen.types import Audio, Report, Score
from tests.media import write_video

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
FRAMES = 30


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    with Image.open(PORTRAIT) as image:
        return np.asarray(image.convert("RGB").crop((80, 0, 336, 256)))


@pytest.fixture(scope="module")
def clip(picture, voice_like, tmp_path_factory) -> Path:
    """A still face with a flash in one frame, and a voice that is longer than the pictures."""
    path = tmp_path_factory.mktemp("score") / "clip.mp4"
    speech = SpeechArray(Audio(voice_like(1.4), 16_000))
    with VideoWriter(path, size=(256, 256), fps=25, speech=speech) as writer:
        for n in range(FRAMES):
            flash = np.clip(picture.astype(int) + (60 if n == 12 else 0), 0, 255)
            writer.write(flash.astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def plain(picture, tmp_path_factory) -> Path:
    """The same face without flash or sound."""
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    with VideoWriter(path, size=(256, 256), fps=25) as writer:
        for _ in range(FRAMES):
            writer.write(picture)
    return path


@pytest.fixture(scope="module")
def pipeline() -> ScorePipeline:
    return ScorePipeline.from_pretrained()


@pytest.fixture(scope="module")
def judged(pipeline, clip, plain) -> Judged:
    return pipeline(clip, reference=plain, source=PORTRAIT, emotion="0:neutral,0.6:happy:0.8")


def value(judged: Judged, name: str) -> float:
    return judged.report.scores[name].value


def test_of_a_source_with_several_faces_the_same_one_is_compared(pipeline, picture) -> None:
    small = np.asarray(Image.fromarray(picture[:, ::-1]).resize((192, 192)))
    both = np.full((256, 480, 3), 120, np.uint8)
    both[:, 224:], both[32:224, 8:200] = picture, small
    boxes = [pipeline._source(both, number)[1].box for number in (None, 1, 2)]
    np.testing.assert_array_equal(boxes[0], boxes[1])  # the largest
    assert boxes[1][0] > 224
    assert boxes[2][2] < 224
    assert pipeline._source(picture, 2)[1].size > 100  # one that shows one face is that one's
    with pytest.raises(InputError, match="`face` is 3"):
        pipeline._source(both, 3)


def test_scores_say_what_is_there(judged: Judged) -> None:
    scores = judged.report.scores
    assert set(scores) <= set(DEFINITIONS)
    assert value(judged, "face_seen") == 1
    assert value(judged, "csim") > 0.9
    assert value(judged, "lmd") < 2
    assert 25 < value(judged, "face_psnr") < 60
    assert value(judged, "flicker_ratio") > 2  # the flash, which the reference has not
    assert value(judged, "frame_count_error") == pytest.approx(5, abs=2)
    assert all(np.isfinite(s.value) and s.n > 0 for s in scores.values())
    assert set(judged.absent) == {"expression", "sync"} - set(hub.registry())  # said, not faked
    assert "embedder" in " ".join(judged.report.provenance)


def test_the_flash_is_the_worst_moment(judged: Judged) -> None:
    worst = max((m for m in judged.video.moments if m.reading == "flicker"), key=lambda m: m.value)
    assert worst.index in (12, 13, 14)  # seen when its second difference is complete
    assert worst.picture.shape == (160, 160, 3)
    assert worst.real is not None


def test_without_sound_its_contracts_are_absent(pipeline: ScorePipeline, plain: Path) -> None:
    found = pipeline(plain)
    assert "no sound track" in found.absent["sound"]
    assert "no sound" in found.absent["sync"]
    assert not {"parted_in_silence", "closures_kept", "frame_count_error"} & set(
        found.report.scores
    )
    assert "csim" not in found.report.scores
    assert "asked_units" not in found.report.scores


def test_sizes_that_differ_are_said_and_one_frame_is_enough(
    pipeline: ScorePipeline, picture: np.ndarray, tmp_path: Path
) -> None:
    for name, image in (("one", picture), ("half", np.ascontiguousarray(picture[:192, :192]))):
        with VideoWriter(tmp_path / f"{name}.mp4", size=image.shape[1::-1], fps=25) as writer:
            writer.write(image)
    found = pipeline(tmp_path / "one.mp4", reference=tmp_path / "half.mp4")
    assert "256 x 256, the reference 192 x 192" in found.absent["pixels"]
    assert not {"face_psnr", "mouth_ssim", "flicker", "mouth_r"} & set(found.report.scores)
    assert value(found, "lmd") < 5
    assert len(found.video) == 1
    write_html(tmp_path / "one.html", found, "one.mp4")


def test_another_critic_takes_its_place(pipeline: ScorePipeline, plain: Path) -> None:
    """A critic that comes later is passed in; its group is no longer absent."""

    class Brightness:
        fills = ("sync",)
        every, bad = 10, {}

        def reader(self):
            return self

        def look(self, look):
            return {"brightness": look.image.mean()}

        def score(self, video, *, reference=None, target=None):
            found = video.reading("brightness")
            return Report({"sync.brightness": Score(float(found.mean()), "levels", None,
                                                    len(found))})  # fmt: skip

    both = ScorePipeline(pipeline.analyzer, (*pipeline.critics, Brightness()))
    found = both(plain)
    assert found.report.scores["sync.brightness"].n == FRAMES // 10
    assert set(found.absent) == {"sound", "expression"} - set(hub.registry())
    assert any("sync" in str(c) for c in score_table(found).columns[0]._cells)


def test_json_has_units_directions_and_definitions(judged: Judged, tmp_path: Path) -> None:
    write_json(tmp_path / "r.json", judged)
    told = json.loads((tmp_path / "r.json").read_text("utf-8"))
    row = told["scores"]["face_psnr"]
    assert (row["unit"], row["higher_is_better"], row["n"]) == ("dB", True, FRAMES // 2)
    assert row["definition"]
    assert told["scores"]["flicker_ratio"]["usual"] == [0.5, 1.5]
    assert len(told["tracks"]["lip_gap"]) == told["frames"] == FRAMES
    assert told["absent"] == judged.absent
    assert len(told["offsets"]["sync_distance"]) == 31
    assert len(told["offsets"]["lags"]) == 31
    assert {"AU1", "AU12"} <= set(told["action_units"])


def test_page_is_whole_and_needs_nothing_else(judged: Judged, tmp_path: Path) -> None:
    write_html(tmp_path / "r.html", judged, "a <clip>.mp4")
    text = (tmp_path / "r.html").read_text("utf-8")
    counts: dict[str, int] = {}

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            counts[tag] = counts.get(tag, 0) + 1
            for name, given in attrs:
                if name in ("src", "href"):
                    assert given.startswith("data:image/jpeg;base64,")

    Tags().feed(text)
    assert counts["svg"] >= 4
    assert counts["img"] == len(judged.video.moments)
    assert counts["polygon"] >= 2  # bands of the emotion that was asked for
    assert "a &lt;clip&gt;.mp4" in text
    assert "absent" in text
    assert "nan" not in text.lower().split("base64")[0]
    assert "http" not in text


def test_nothing_is_left_of_a_page_that_fails(judged, tmp_path, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="no space left"):
        write_html(tmp_path / "r.html", judged, "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_bad_input_is_one_clear_line(
    pipeline: ScorePipeline, plain: Path, tmp_path: Path, voice_like: Callable[..., np.ndarray]
) -> None:
    with pytest.raises(InputError, match=r"is the picture .*a video is needed"):
        pipeline(PORTRAIT)
    with pytest.raises(MediaError, match=r"nothing\.mp4"):
        pipeline(tmp_path / "nothing.mp4")
    grey = write_video(tmp_path / "grey.mp4", frames=4)
    with pytest.raises(NoFaceError, match="no face found in any of 4 frames"):
        pipeline(grey)
    with pytest.raises(NoFaceError, match="no face found in the reference"):
        pipeline(plain, reference=grey)
    with pytest.raises(InputError, match="emotion"):
        pipeline(plain, emotion="angrily")
