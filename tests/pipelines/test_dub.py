"""Dubbing: a clip made here gets another mouth, and nothing else of it changes."""

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from talkgen.errors import InputError
from talkgen.io.pictures import open_pictures
from talkgen.io.planes import planes_of
from talkgen.io.writer import VideoWriter
from talkgen.pipelines.dub import DubPipeline, Looked
from talkgen.pipelines.dub_draw import Spoken
from talkgen.pipelines.dub_output import read_cast
from talkgen.pipelines.dub_plan import check_fit, shares, shown, source_of
from talkgen.pipelines.dub_survey import Stretch, Survey
from talkgen.types import Audio, Motion

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
SIDE, FRAMES = 288, 14


@pytest.fixture(scope="module")
def pipeline() -> DubPipeline:
    return DubPipeline.from_pretrained()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that drifts over the picture, then four pictures of grey."""
    path = tmp_path_factory.mktemp("dub") / "clip.mp4"
    image = np.asarray(Image.open(PORTRAIT).convert("RGB"))
    with VideoWriter(path, size=(SIDE, SIDE), fps=25) as writer:
        for n in range(FRAMES):
            writer.write(image[2 : 2 + SIDE, 78 + n : 78 + n + SIDE])
        for _ in range(4):
            writer.write(np.full((SIDE, SIDE, 3), 90, np.uint8))
    return path


@pytest.fixture(scope="module")
def looked(pipeline: DubPipeline, clip: Path) -> Looked:
    return pipeline.look(clip)


def test_clip_gets_another_mouth(
    pipeline: DubPipeline, looked: Looked, clip: Path, voice_like: Callable[..., np.ndarray],
    tmp_path: Path,
) -> None:  # fmt: skip
    made = pipeline(looked, Audio(voice_like(1.0), 16_000))
    assert [p.number for p in made.people] == [1]
    assert (made.num_frames, made.drawn, made.untouched) == (FRAMES + 4, FRAMES, False)
    marks = [points for _, faces in looked.found.records() for points in faces.values()]
    for n, (new, old) in enumerate(zip(made.pictures, open_pictures(clip).pictures(), strict=True)):
        same = [np.array_equal(a, b) for a, b in
                zip(planes_of(new.frame), planes_of(old.frame), strict=True)]  # fmt: skip
        if n >= FRAMES:
            assert all(same)
            continue
        light, was = planes_of(new.frame)[0], planes_of(old.frame)[0]
        eyes = int(marks[n][[145, 374], 1].max())
        assert (light[:eyes] == was[:eyes]).all()
        if 3 < n < FRAMES - 6:
            assert (light != was).any()
    seen: list[int] = []
    made.save(tmp_path / "o.mp4", on_frame=lambda: seen.append(1))
    assert len(seen) == FRAMES + 4
    with av.open(str(tmp_path / "o.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == FRAMES + 4
        assert file.streams.audio[0].codec_context.name == "aac"


@pytest.mark.parametrize(("fit", "count"), [("trim", 18), ("hold", 30), ("slow", 30), ("loop", 30)])
def test_speech_longer_than_the_picture(
    pipeline: DubPipeline, looked: Looked, voice_like: Callable[..., np.ndarray], fit: str,
    count: int,
) -> None:  # fmt: skip
    made = pipeline(looked, Audio(voice_like(1.2), 16_000), fit=fit)
    assert made.num_frames == count
    assert made.speech is not None
    assert made.speech.seconds == pytest.approx(count / 25)


def test_title_card_is_copied(
    pipeline: DubPipeline, voice_like: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    with VideoWriter(tmp_path / "t.mp4", size=(96, 64), fps=25) as writer:
        for _ in range(8):
            writer.write(np.full((64, 96, 3), 40, np.uint8))
    made = pipeline(tmp_path / "t.mp4", Audio(voice_like(0.3), 16_000))
    assert made.untouched
    assert made.people == []
    made.save(tmp_path / "o.mp4")
    with av.open(str(tmp_path / "o.mp4")) as new, av.open(str(tmp_path / "t.mp4")) as old:
        assert new.streams.audio
        pairs = [[bytes(p) for p in f.demux(f.streams.video[0]) if p.size] for f in (new, old)]
    assert pairs[0] == pairs[1]


def test_wrong_input_is_said(
    pipeline: DubPipeline, looked: Looked, voice_like: Callable[..., np.ndarray]
) -> None:
    speech = Audio(voice_like(0.4), 16_000)
    with pytest.raises(InputError, match="person 3 is asked for, 1 can be told apart"):
        pipeline(looked, speech, face=3)
    with pytest.raises(InputError, match="`face` is 0"):
        pipeline(looked, speech, face=0)
    with pytest.raises(InputError, match="names nobody"):
        pipeline(looked, {})
    with pytest.raises(InputError, match="'first'"):
        pipeline(looked, {"first": speech})
    with pytest.raises(InputError, match="`fit` is 'stretch'"):
        check_fit("stretch")


def test_cast_list(tmp_path: Path, voice_like: Callable[..., np.ndarray]) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", voice_like(0.5), 16_000)
    path = tmp_path / "cast.json"
    path.write_text(json.dumps({"1": "a.wav", "2": {"speech": "a.wav", "start": 1.5}}), "utf-8")
    cast = read_cast(path)
    assert {n: start for n, (_, start) in cast.items()} == {1: 0.0, 2: 1.5}
    for wrong, said in (
        ("[]", "names nobody"), ("{", "no JSON"), ("[" * 100_000, "no JSON"),
        ('{"x": "a.wav"}', "names 'x'"), ('{"²": "a.wav"}', "names '²'"),
        ('{"1": 3}', "needs a file"), ('{"1": {"speech": "a.wav", "start": -1}}', "starts at -1"),
        ('{"1": {"speech": "a.wav", "from": 1}}', "has 'from'"), ('{"1": "b.wav"}', "no such"),
    ):  # fmt: skip
        path.write_text(wrong, "utf-8")
        with pytest.raises(InputError, match=said):
            read_cast(path)
    with pytest.raises(InputError, match="no such file"):
        read_cast(tmp_path / "none.json")


def test_times_of_all_pictures() -> None:
    times = np.arange(10) / 25
    assert shown(times, 25, 0.2, "loop") == times.tolist()  # short speech: the picture's own
    assert len(shown(times, 25, 0.8, "trim")) == 10
    for fit in ("hold", "loop", "slow"):
        made = shown(times, 25, 0.8, fit)
        assert len(made) == 20
        assert np.diff(made) == pytest.approx(0.04)
    order = {fit: [source_of(k, shown(times, 25, 0.8, fit), times, fit) for k in range(20)]
             for fit in ("hold", "loop", "slow")}  # fmt: skip
    assert order["hold"] == [*range(10), *[9] * 10]
    assert order["loop"] == [*range(10), *range(10)]
    assert order["slow"] == [k // 2 for k in range(20)]


def stretch(found: Survey, frames: range, **changes: list[float]) -> Stretch:
    count = len(frames)
    values = {"yaw": [0.0] * count, "pitch": [0.0] * count, "sure": [1.0] * count,
              "size": [200.0] * count} | changes  # fmt: skip
    return Stretch(1, frames=list(frames), times=[f / 25 for f in frames], **values)


def test_share_of_the_new_mouth() -> None:
    found = Survey()
    found.count, found.times = 100, np.arange(100) / 25
    assert shares(stretch(found, range(100)), found).min() == 1.0  # the whole video
    middle = shares(stretch(found, range(20, 80)), found)  # comes and goes
    assert middle[0] < 0.5
    assert middle[-1] < 0.5
    assert middle[10:-10].min() == 1.0
    assert np.abs(np.diff(middle)).max() < 0.5
    cut = stretch(found, range(20, 80))
    cut.begins_cut = cut.ends_cut = True
    assert shares(cut, found).min() == 1.0
    yaw = [0.0] * 40 + [np.deg2rad(60)] * 20 + [0.0] * 40
    turned = shares(stretch(found, range(100), yaw=yaw), found)
    assert not turned[40:60].any()
    assert turned[:30].min() == turned[70:].min() == 1.0
    hidden = shares(stretch(found, range(100), sure=[0.1] * 100), found)
    assert not hidden.any()
    found.close()
    assert not found.folder.exists()


def test_weights_at_any_time() -> None:
    def chunks():
        for n in range(3):
            weights = np.full((10, 52), 0.0, np.float32)
            weights[:, 17] = (10 * n + np.arange(10)) / 100
            zero = np.zeros((10, 3), np.float32)
            yield Motion(weights, zero, zero)

    spoken = Spoken(chunks(), start=1.0)
    assert not spoken.at(0.5).any()
    assert spoken.at(1.0)[17] == 0.0
    assert spoken.at(1.0 + 5.5 / 25)[17] == pytest.approx(0.055)
    assert spoken.at(1.0 + 20.25 / 25)[17] == pytest.approx(0.2025)
    assert spoken.at(9.0)[17] == pytest.approx(0.29)
