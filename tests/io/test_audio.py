"""Sound of every kind comes in as mono at the engine's rate; faults are named before any work."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from talkgen.errors import InputError, MediaError
from talkgen.io.audio import (
    SpeechArray,
    as_speech,
    mix_weights,
    open_speech,
    read_audio,
    resampled,
)  # fmt: skip
from talkgen.types import Audio
from tests.media import CLICKS, find_clicks, voice, write_sound, write_video


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_rates_and_channels(tmp_path: Path, rate: int, channels: int) -> None:
    path = write_sound(tmp_path / "a.wav", rate, channels=channels)
    speech = open_speech(path)
    assert speech.rate == rate
    assert speech.seconds == pytest.approx(1.2, abs=1e-4)
    assert speech.layout == {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    audio = read_audio(path)
    assert audio.rate == 16_000
    assert len(audio.samples) == pytest.approx(1.2 * 16_000, abs=2)
    assert np.allclose(find_clicks(audio.samples, 16_000), CLICKS, atol=0.002)


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3", "f.wav", "d.wav", "u.wav", "s.wav"])
def test_codecs(tmp_path: Path, name: str) -> None:
    kinds = {"f": "FLOAT", "d": "DOUBLE", "u": "PCM_U8", "s": "PCM_24"}
    path = tmp_path / name
    soundfile.write(path, voice(44_100, channels=2), 44_100, subtype=kinds.get(name[0]))
    audio = read_audio(path)
    assert audio.seconds == pytest.approx(1.2, abs=0.06)  # mp3 pads
    assert np.allclose(find_clicks(audio.samples, 16_000), CLICKS, atol=0.002)


def test_video_with_sound_is_speech(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", sound=True, frames=30)
    assert open_speech(path).seconds == pytest.approx(1.2, abs=0.01)


def test_blocks_are_small_and_the_same_on_every_pass(tmp_path: Path) -> None:
    speech = open_speech(write_sound(tmp_path / "a.flac", 48_000, seconds=20))
    blocks = list(speech.blocks())
    assert max(map(len, blocks)) < 48_000  # a second at most: memory does not grow with length
    assert sum(map(len, blocks)) == pytest.approx(20 * 16_000, abs=2)
    assert (np.concatenate(blocks) == np.concatenate(list(speech.blocks()))).all()


def test_blockwise_resampling_equals_one_piece() -> None:
    sound = voice(44_100)[:, 0]
    parts = np.split(sound, [100, 5000, 5001, 30_000])
    streamed = np.concatenate(list(resampled(iter(parts), 44_100, 16_000)))
    whole = np.concatenate(list(resampled(iter([sound]), 44_100, 16_000)))
    assert len(streamed) == len(whole)
    assert np.abs(streamed - whole).max() < 1e-6


def test_surround_mix_leaves_out_the_bass_channel() -> None:
    shares = mix_weights(("FL", "FR", "FC", "LFE", "BL", "BR"))
    assert shares[3] == 0
    assert shares[2] == shares.max()
    assert shares.sum() == pytest.approx(1)
    assert mix_weights(("FL", "FR")).tolist() == [0.5, 0.5]


def cut(path: Path, share: float = 0.5) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_files(tmp_path: Path, name: str, share: float) -> None:
    path = cut(write_sound(tmp_path / name, 44_100, seconds=4), share)
    with pytest.raises(MediaError, match="cut short"):
        open_speech(path)


def test_truncated_mp4(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cut short"):
        open_speech(cut(write_video(tmp_path / "a.mp4", sound=True, frames=30)))


def test_bad_sound(tmp_path: Path) -> None:
    def wav(name: str, samples: np.ndarray) -> Path:
        soundfile.write(tmp_path / name, samples, 16_000, subtype="FLOAT")
        return tmp_path / name

    good = voice(16_000)
    broken = good.copy()
    broken[77] = np.nan
    endless = good.copy()
    endless[77] = np.inf
    text, empty, silent_video = (tmp_path / n for n in ("t.wav", "e.wav", "v.mp4"))
    text.write_text("this is no sound " * 40)
    empty.touch()
    for path, words in (
        (tmp_path / "none.wav", "no such file"),
        (tmp_path, "is a folder"),
        (text, "no audio or video file"),
        (empty, "is empty"),
        (wav("zero.wav", good[:0]), "0 s long|cut short|silent"),
        (wav("short.wav", good[:320]), r"0\.02 s long, at least 0\.2 s"),
        (wav("silent.wav", good * 0), "is silent"),
        (wav("nearly.wav", np.full_like(good, 1e-5)), "is silent"),
        (wav("nan.wav", broken), "NaN or infinite"),
        (wav("inf.wav", endless), "NaN or infinite"),
        (write_video(silent_video), "no sound track"),
    ):
        with pytest.raises(MediaError, match=words) as caught:
            open_speech(path)
        assert "\n" not in str(caught.value)


def test_play_lists_fetch_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(MediaError, match="no audio or video file"):
        open_speech(tmp_path / "a.m3u8")


def test_wave_of_unknown_length_is_read(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav")
    data = bytearray(path.read_bytes())
    place = data.find(b"data") + 4
    data[place : place + 4] = b"\xff\xff\xff\xff"  # as written by programs that stream
    path.write_bytes(data)
    assert open_speech(path).seconds == pytest.approx(1.2, abs=0.01)


def test_audio_in_memory() -> None:
    speech = as_speech(Audio(voice(24_000)[:, 0], 24_000))
    assert isinstance(speech, SpeechArray)
    assert np.concatenate(list(speech.blocks())).size == pytest.approx(1.2 * 16_000, abs=2)
    with pytest.raises(MediaError, match=r"at least 0\.2 s"):
        as_speech(Audio(np.ones(10, "f4"), 16_000))
    with pytest.raises(MediaError, match="silent"):
        as_speech(Audio(np.zeros(16_000, "f4"), 16_000))
    with pytest.raises(InputError, match="a path or an Audio"):
        as_speech(np.zeros(16_000))


def test_changing_channels_on_the_way(tmp_path: Path) -> None:
    """MPEG streams may be glued together from mono and stereo; all of it is heard."""
    for channels in (1, 2):
        soundfile.write(tmp_path / f"{channels}.mp3", voice(44_100, 1.2, channels), 44_100)
    glued = tmp_path / "glued.mp3"
    with av.open(str(tmp_path / "1.mp3")) as file:  # without its header, which states a length
        packets = [bytes(p) for p in file.demux() if p.size]
    with av.open(str(tmp_path / "2.mp3")) as file:
        packets += [bytes(p) for p in file.demux() if p.size]
    glued.write_bytes(b"".join(packets))
    assert open_speech(glued).seconds > 2.2
