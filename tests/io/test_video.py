"""Frames come by their time stamps; the written mp4 is exact to the frame and in sync."""

import math
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from talkgen.errors import InputError, MediaError, OutputError
from talkgen.io.audio import open_speech
from talkgen.io.pictures import open_pictures
from talkgen.io.video import frame_rate, open_video
from talkgen.io.writer import VideoWriter
from talkgen.pipelines.track import _frames
from tests.media import CLICKS, find_clicks, write_sound, write_video


def greys(frames: list[np.ndarray]) -> list[int]:
    """Return the number of each picture of `write_video`."""
    return [round((float(frame.mean()) - 10) / 20) for frame in frames]


def test_reads_frames_in_order(tmp_path: Path) -> None:
    video = open_video(write_video(tmp_path / "a.mp4"))
    assert video.size == (64, 48)
    assert video.fps == 25
    assert not video.has_sound
    assert greys(list(video.frames())) == list(range(10))


def test_other_rates_repeat_and_leave_out(tmp_path: Path) -> None:
    video = open_video(write_video(tmp_path / "a.mp4", fps=25))
    assert greys(list(video.frames(50))) == [n // 2 for n in range(20)]
    assert greys(list(video.frames(12.5))) == [0, 2, 4, 6, 8]


def test_a_recording_of_a_browser_does_not_say_how_long_it_is(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mp4")
    path = tmp_path / "live.mkv"
    with av.open(str(whole)) as source, av.open(str(path), "w", options={"live": "1"}) as file:
        stream = file.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                file.mux(packet)
    assert open_video(path).seconds == 0
    assert open_pictures(path).expected == 0
    assert open_pictures(whole).expected == 10
    assert greys(list(open_video(path).frames())) == list(range(10))
    frames, rate, count = _frames(path, None)
    assert (len(list(frames)), rate, count) == (10, 25, 0)
    assert _frames(whole, 12.5)[2] == 5


def test_variable_rate_follows_the_time_stamps(tmp_path: Path) -> None:
    times = [0, 0.04, 0.08, 0.40, 0.44, 0.48]  # a gap of eight frames after the third
    video = open_video(write_video(tmp_path / "a.mp4", times=times))
    assert greys(list(video.frames(25)))[:12] == [0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 4]


@pytest.mark.parametrize(("rotation", "white"), [(90, "left"), (180, "bottom"), (-90, "right")])
def test_rotation_is_applied(tmp_path: Path, rotation: int, white: str) -> None:
    """A display matrix of 90 degrees turns the picture counter-clockwise, as FFmpeg defines it."""
    video = open_video(write_video(tmp_path / "a.mp4", rotation=rotation))
    frame = next(iter(video.frames()))
    assert video.size == ((48, 64) if abs(rotation) == 90 else (64, 48))
    assert frame.shape[:2] == video.size[::-1]
    height, width = frame.shape[:2]
    half = {
        "left": frame[:, : width // 3],
        "right": frame[:, -width // 3 :],
        "bottom": frame[-height // 3 :],
    }[white]
    assert half.mean() > 230
    assert frame.mean() < 200


def test_not_a_video(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "a.wav")
    with pytest.raises(MediaError, match="no pictures"):
        open_video(sound)
    (tmp_path / "t.mp4").write_text("text " * 100)
    with pytest.raises(MediaError, match="no audio or video"):
        open_video(tmp_path / "t.mp4")
    with pytest.raises(MediaError, match="no such file"):
        open_video(tmp_path / "none.mp4")


@pytest.mark.parametrize(
    ("rate", "channels", "fps", "size"),
    [
        (16_000, 1, 25, (64, 64)),
        (44_100, 2, 30, (61, 83)),
        (48_000, 6, 30000 / 1001, (64, 64)),
        (8000, 1, 24, (64, 48)),
        (192_000, 1, 25, (64, 64)),
        (37_800, 2, 60, (32, 32)),
    ],
)
def test_written_video_is_exact_and_in_sync(
    tmp_path: Path, rate: int, channels: int, fps: float, size: tuple[int, int]
) -> None:
    speech = open_speech(write_sound(tmp_path / "a.wav", rate, 1.23, channels))
    frames = round(speech.seconds * fps)
    flashes = [math.floor(click * fps) for click in CLICKS]
    with VideoWriter(tmp_path / "o.mp4", size=size, fps=fps, speech=speech) as writer:
        for n in range(frames):
            frame = np.full((size[1], size[0], 3), (200, 60, 30), np.uint8)
            if n in flashes:
                frame[:] = 255
            writer.write(frame)

    video = open_video(tmp_path / "o.mp4")
    assert video.size == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert video.fps == pytest.approx(fps, rel=1e-6)
    pictures = list(video.frames())
    assert len(pictures) == frames
    assert [n for n, p in enumerate(pictures) if p.mean() > 240] == flashes
    assert np.abs(pictures[0][5, 5].astype(int) - (200, 60, 30)).max() <= 3  # colours survive

    sound = open_speech(tmp_path / "o.mp4")
    assert sound.rate == {37_800: 44_100, 192_000: 96_000}.get(rate, rate)
    assert len(next(sound.planes())) == channels
    assert sound.seconds == pytest.approx(speech.seconds, abs=1e-3)
    mono = np.concatenate([block.mean(0) for block in sound.planes()])
    assert np.allclose(find_clicks(mono, sound.rate), CLICKS, atol=0.002)

    with av.open(str(tmp_path / "o.mp4")) as file:
        assert [s.codec_context.name for s in file.streams] == ["h264", "aac"]
        assert file.streams.video[0].codec_context.pix_fmt == "yuv420p"
        assert {s.start_time for s in file.streams} == {0}
    data = (tmp_path / "o.mp4").read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")  # starts to play while it loads
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def write_frames(
    path: Path, count: int, *, error: BaseException | None = None, **options: Any
) -> None:
    """Write black frames of 64 x 64, then raise `error`."""
    with VideoWriter(path, fps=25, size=(64, 64), **options) as writer:
        for _ in range(count):
            writer.write(np.zeros((64, 64, 3), np.uint8))
        if error is not None:
            raise error


def test_nothing_is_left_after_an_error(tmp_path: Path) -> None:
    (tmp_path / "o.mp4").write_text("what was there before")
    with pytest.raises(KeyboardInterrupt):
        write_frames(tmp_path / "o.mp4", 3, error=KeyboardInterrupt())
    assert [p.name for p in tmp_path.iterdir()] == ["o.mp4"]
    assert (tmp_path / "o.mp4").read_text() == "what was there before"


def test_fault_of_the_sound_reaches_the_caller(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav")
    speech = open_speech(path)
    path.unlink()
    with pytest.raises(MediaError, match="no such file"):
        write_frames(tmp_path / "o.mp4", 100, speech=speech)
    assert list(tmp_path.iterdir()) == []


def test_wrong_frames_and_folders(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "o.mp4", size=(64, 64), fps=25) as writer:
        for wrong in (np.zeros((32, 64, 3), np.uint8), np.zeros((64, 64, 3), np.float32)):
            with pytest.raises(InputError, match="is needed"):
                writer.write(wrong)
        writer.write(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(OutputError, match="cannot be written"):
        write_frames(tmp_path / "none" / "o.mp4", 1)
    with pytest.raises(InputError, match="at least 2 x 2"):
        VideoWriter(tmp_path / "o.mp4", size=(1, 64), fps=25)


def test_frame_rates() -> None:
    assert frame_rate(29.97) == frame_rate(30000 / 1001)
    assert float(frame_rate(25)) == 25
    assert float(frame_rate(12.5)) == 12.5
    for bad in (0, -1, 0.5, 1000, math.nan, math.inf):
        with pytest.raises(InputError):
            frame_rate(bad)
