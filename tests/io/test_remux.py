"""A video written again keeps its times, its other tracks and what nobody drew on."""

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from talkgen.errors import InputError, OutputError
from talkgen.io.audio import SpeechArray
from talkgen.io.pictures import open_pictures
from talkgen.io.planes import planes_of
from talkgen.io.remux import PictureWriter, can_copy, copy_pictures, text_form
from talkgen.types import Audio
from tests.media import voice, write_video

TIMES = [0.0, 0.04, 0.12, 0.16, 0.30, 0.34, 0.38, 0.50]


@pytest.fixture
def speech() -> SpeechArray:
    return SpeechArray(Audio(voice(22_050, 0.6)[:, 0], 22_050))


def again(source: Path, path: Path, speech: SpeechArray | None = None, **options: int) -> Path:
    opened = open_pictures(source)
    with PictureWriter(path, opened, speech=speech, **options) as writer:
        for picture in opened.pictures():
            writer.write(picture)
    return path


def packets(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as file:
        stream = getattr(file.streams, kind)[0]
        return [bytes(p) for p in file.demux(stream) if p.size]


def test_variable_times_are_kept(tmp_path: Path, speech: SpeechArray) -> None:
    clip = write_video(tmp_path / "v.mp4", times=TIMES, frames=len(TIMES))
    made = open_pictures(again(clip, tmp_path / "o.mp4", speech))
    assert [p.time for p in made.pictures()] == pytest.approx(TIMES, abs=1e-4)
    assert made.sounds == ("aac",)
    with av.open(str(tmp_path / "o.mp4")) as file:
        assert file.streams.audio[0].rate == 22_050


def test_lossless_is_bit_identical(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "v.mp4", frames=6)
    made = again(clip, tmp_path / "o.mkv", crf=0)
    pairs = zip(open_pictures(clip).pictures(), open_pictures(made).pictures(), strict=True)
    for one, other in pairs:
        for a, b in zip(planes_of(one.frame), planes_of(other.frame), strict=True):
            assert (a == b).all()


def test_rotated_pictures_stand_upright(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "v.mp4", frames=3, rotation=90)
    shown = open_pictures(clip)
    made = open_pictures(again(clip, tmp_path / "o.mp4"))
    assert made.size == shown.size == (48, 64)
    first, other = next(shown.pictures()).rgb, next(made.pictures()).rgb
    assert np.abs(first.astype(int) - other).mean() < 3


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_hdr_keeps_depth_and_curve(suffix: str, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "v.mp4"), "w") as file:
        stream = file.add_stream("libx265", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p10le"
        stream.options = {"x265-params": "log-level=error", "preset": "ultrafast"}
        for mark, value in (("color_trc", 16), ("color_primaries", 9), ("colorspace", 9)):
            setattr(stream.codec_context, mark, value)
        for n in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 60 * n, "u1"), format="rgb24")
            frame = frame.reformat(format="yuv420p10le")
            frame.pts, frame.time_base = n, Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    made = open_pictures(again(tmp_path / "v.mp4", tmp_path / f"o{suffix}"))
    assert (made.hdr, made.pixels, made.codec) == ("PQ", "yuv420p10le", "hevc")
    assert int(next(made.pictures()).frame.colorspace) == 9
    assert sum(1 for _ in made.pictures()) == 3


def test_odd_sides_stay(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "v.mkv"), "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 63, 47, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((47, 63, 3), 90, "u1"), format="rgb24")
        file.mux(stream.encode(frame.reformat(format="yuv420p")))
        file.mux(stream.encode(None))
    assert open_pictures(again(tmp_path / "v.mkv", tmp_path / "o.mp4")).size == (63, 47)


def many(path: Path) -> Path:
    """A video with two sound tracks and subtitles."""
    base = Fraction(1, 1000)
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.time_base = base
        sounds = [file.add_stream("aac", rate=16_000, layout="mono") for _ in range(2)]
        sounds[1].metadata["language"] = "deu"
        mp4 = path.suffix == ".mp4"
        words = file.add_mux_stream("mov_text" if mp4 else "subrip")
        for n in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 9 * n, "u1"), format="rgb24")
            frame.pts, frame.time_base = 40 * n, base
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        for k, track in enumerate(sounds):
            piece = av.AudioFrame.from_ndarray(
                (k + 1) * voice(16_000, 0.8).T.copy(), format="fltp", layout="mono"
            )
            piece.sample_rate, piece.pts = 16_000, 0
            file.mux(track.encode(piece))
            file.mux(track.encode(None))
        for start, text in ((100, b"one"), (400, b"two")):
            packet = av.Packet(len(text).to_bytes(2, "big") + text if mp4 else text)
            packet.pts = packet.dts = start
            packet.duration, packet.time_base, packet.stream = 200, base, words
            file.mux(packet)
    return path


@pytest.mark.parametrize("given", [".mkv", ".mp4"])
@pytest.mark.parametrize("made", [".mkv", ".mp4"])
def test_other_tracks_are_kept(given: str, made: str, tmp_path: Path, speech: SpeechArray) -> None:
    clip = many(tmp_path / f"v{given}")
    out = again(clip, tmp_path / f"o{made}", speech)
    with av.open(str(out)) as file:
        assert len(file.streams.audio) == 2
        assert file.streams.audio[0].rate == 22_050  # the new one comes first
        assert file.streams.audio[1].rate == 16_000
        assert file.streams.audio[1].metadata["language"] == "deu"
        told = [(float(p.pts * p.time_base), bytes(p)) for p in file.demux(file.streams.subtitles)
                if p.size > 2]  # fmt: skip
    assert [text[-3:] for _, text in told] == [b"one", b"two"]
    assert [time for time, _ in told] == pytest.approx([0.1, 0.4], abs=0.002)


def test_tracks_that_cannot_be_kept_are_told(
    tmp_path: Path, speech: SpeechArray, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(logging.getLogger("talkgen"), "propagate", True)  # commands turn it off
    clip = many(tmp_path / "v.mp4")
    data = clip.read_bytes()  # the second sound track, in a codec of some new telephone
    at, about = data.rindex(b"mp4a"), data.rindex(b"esds")
    data = data[:at] + b"zzzz" + data[at + 4 : about] + b"free" + data[about + 4 :]
    clip.write_bytes(data)
    assert open_pictures(clip).sounds == ("aac", "")
    for suffix in (".mp4", ".mkv"):
        caplog.clear()
        with av.open(str(again(clip, tmp_path / f"o{suffix}", speech))) as file:
            assert len(file.streams.audio) == len(file.streams.subtitles) == 1
        assert "audio track is left out: codec unknown" in caplog.text


def test_copied_picture_track(tmp_path: Path, speech: SpeechArray) -> None:
    clip = write_video(tmp_path / "v.mp4", frames=10, sound=True)
    copy_pictures(tmp_path / "o.mp4", open_pictures(clip), speech)
    assert packets(tmp_path / "o.mp4", "video") == packets(clip, "video")
    assert packets(tmp_path / "o.mp4", "audio") != packets(clip, "audio")
    assert can_copy(open_pictures(clip), ".mov")


def test_forms_of_subtitles() -> None:
    assert text_form("subrip", mp4=True) == "mov_text"
    assert text_form("mov_text", mp4=False) == "subrip"
    assert text_form("mov_text", mp4=True) == text_form("ass", mp4=False) == ""


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "v.mp4")
    opened = open_pictures(clip)

    def fail() -> None:
        with PictureWriter(tmp_path / "o.mp4", opened) as writer:
            writer.write(next(opened.pictures()))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["v.mp4"]
    with pytest.raises(InputError, match="`crf` is 60"):
        PictureWriter(tmp_path / "o.mp4", opened, crf=60)
    with pytest.raises(OutputError), PictureWriter(tmp_path / "no" / "o.mp4", opened):
        pass
