"""What visitors give: hostile, wrong, large and long files are refused with one line."""

from __future__ import annotations

import os
import struct
import time
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from talkgen.apps import media, uploads
from talkgen.apps.files import Files
from talkgen.apps.settings import Settings
from talkgen.errors import InputError
from tests.media import write_sound, write_video

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "root").mkdir()
    return Files(tmp_path / "root")


@pytest.fixture
def page() -> Any:
    return SimpleNamespace(settings=Settings(most_mb=1.0, most_seconds=5.0))


def request(files: Files, visitor: str = "alice") -> Any:
    """Return what a handler gets of a request that came past the guard."""
    scope = {uploads.VISITOR: visitor, uploads.FILES: files}
    return SimpleNamespace(request=SimpleNamespace(scope=scope))


def given(files: Files, name: str, content: bytes = b"", visitor: str = "alice") -> Path:
    """Return a file that a visitor uploaded."""
    path = files.root / f"{abs(hash((name, content)))}" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    files.give(visitor, path)
    return path


def png(width: int, height: int) -> bytes:
    """Return the head of a PNG that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        end = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", end)

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
HOSTILE = {
    "playlist.mp4": PLAYLIST,
    "playlist.wav": PLAYLIST,
    "playlist.m3u8": PLAYLIST,
    "list.mp4": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "script.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
    "script.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "drawing.jpg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "dash.mp4": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    "session.mp4": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
    "page.jpg": b"<html><script>alert(1)</script></html>",
    "cast.json": b'{"1": "/etc/passwd"}',
    "track.csv": b"time,happy\n0,1\n",
    "weights.npz": b"PK\x03\x04",
    "empty.wav": b"",
    "noise.mp3": bytes(range(256)) * 40,
    "text.wav": b"hello " * 500,
}


@pytest.mark.parametrize("kind", ["picture", "sound", "video"])
@pytest.mark.parametrize("name", HOSTILE)
def test_only_media_is_taken(kind: str, name: str, files: Files, page: Any) -> None:
    path = given(files, name, HOSTILE[name])
    with pytest.raises(InputError) as caught:
        getattr(uploads, kind)(str(path), page, request(files))
    line = str(caught.value)
    assert repr(name) in line
    assert str(files.root) not in line
    assert "\n" not in line


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (12_000, 5_000)])
def test_pictures_with_too_many_pixels_are_not_decoded(
    width: int, height: int, files: Files, page: Any
) -> None:
    path = given(files, "bomb.png", png(width, height))
    with pytest.raises(InputError, match="more than 50 megapixels; scale it down"):
        uploads.picture(str(path), page, request(files))


def test_videos_with_too_many_pixels_are_not_decoded(tmp_path: Path) -> None:
    write_video(tmp_path / "wide.avi", size=(4112, 2320), frames=1)
    with pytest.raises(InputError, match="4112 x 2320 pixels, more than 9 megapixels"):
        media.look(tmp_path / "wide.avi", 5)


def test_media_are_known_by_what_they_hold(files: Files, page: Any, tmp_path: Path) -> None:
    film = given(files, "film.mp4", write_video(tmp_path / "a.mp4", sound=True).read_bytes())
    mute = given(files, "mute.mp4", write_video(tmp_path / "b.mp4").read_bytes())
    voice = given(files, "voice.wav", write_sound(tmp_path / "a.wav").read_bytes())
    Image.new("RGB", (9, 9)).save(tmp_path / "a.webp")
    face = given(files, "face.webp", (tmp_path / "a.webp").read_bytes())
    who = request(files)
    assert uploads.picture(str(face), page, who) == face
    assert uploads.sound(str(voice), page, who) == voice
    assert uploads.sound(str(film), page, who) == film
    assert uploads.video({"path": str(mute)}, page, who) == mute
    for kind, path, line in (
        ("picture", voice, "'voice.wav' is a sound, a picture is needed"),
        ("picture", film, "'film.mp4' is a video, a picture is needed"),
        ("sound", face, "'face.webp' is a picture without sound, speech is needed"),
        ("sound", mute, "'mute.mp4' is a video without sound, speech is needed"),
        ("video", face, "'face.webp' is a picture, a video is needed"),
        ("video", voice, "'voice.wav' is a sound, a video is needed"),
    ):
        with pytest.raises(InputError, match=line):
            getattr(uploads, kind)(str(path), page, who)


def test_endings_by_which_a_command_reads_lists_are_refused(
    files: Files, page: Any, tmp_path: Path
) -> None:
    voice = write_sound(tmp_path / "a.wav").read_bytes()
    with pytest.raises(InputError, match=r"'voice.json' is no picture, sound or video"):
        uploads.sound(str(given(files, "voice.json", voice)), page, request(files))
    with pytest.raises(InputError, match=r"'voice.jpg' ends with .jpg, a sound is needed: .wav"):
        uploads.sound(str(given(files, "voice.jpg", voice)), page, request(files))


def test_length_is_measured_whatever_the_header_says(
    files: Files, page: Any, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "a.flac", np.zeros(16_000 * 6, "f4"), 16_000)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    with pytest.raises(InputError, match=r"'six.flac' is 6.0 s long, at most 5.0 s"):
        uploads.sound(str(given(files, "six.flac", bytes(content))), page, request(files))
    # the number of samples is the low 36 bits here: 1 s
    content[21:26] = ((content[21] & 0xF0) << 32 | 16_000).to_bytes(5, "big")
    with pytest.raises(InputError, match=r"'lies.flac' is [5-6].\d s long"):
        uploads.sound(str(given(files, "lies.flac", bytes(content))), page, request(files))


def test_a_flood_of_frames_is_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "fast.mp4", size=(16, 16), fps=200, frames=130)
    with pytest.raises(InputError, match="more than 60 frames, the most taken here"):
        media.look(tmp_path / "fast.mp4", 1.0)
    assert media.look(tmp_path / "fast.mp4", 3.0).has_video


def test_size_is_limited(files: Files, page: Any) -> None:
    path = given(files, "large.wav", bytes(1_500_000))
    with pytest.raises(InputError, match=r"'large.wav' has 1.5 MB, at most 1 MB are taken here"):
        uploads.sound(str(path), page, request(files))


def test_files_have_owners(files: Files, page: Any, tmp_path: Path) -> None:
    voice = write_sound(tmp_path / "a.wav").read_bytes()
    path = given(files, "voice.wav", voice)
    assert uploads.sound(str(path), page, request(files)) == path
    lines = []
    outside = write_sound(tmp_path / "voice.wav")
    for other in (path, outside, path.with_name("gone.wav"), "voice.wav", "/etc/passwd"):
        with pytest.raises(InputError) as caught:
            uploads.sound(str(other), page, request(files, "bob"))
        lines.append(str(caught.value))
    assert len({line.split(":", 1)[0] for line in lines}) == 1  # nothing tells what is there
    path.unlink()
    with pytest.raises(InputError, match=r"no such file: 'voice.wav'"):
        uploads.sound(str(path), page, request(files))


@pytest.mark.parametrize("nothing", [None, "", {}, {"path": None}, 3, []])
def test_nothing_is_asked_for(nothing: Any, files: Files, page: Any) -> None:
    with pytest.raises(InputError, match="no picture is given; upload one"):
        uploads.picture(nothing, page, request(files))


def test_who_came_past_the_guard_only(files: Files, page: Any) -> None:
    stranger = SimpleNamespace(request=SimpleNamespace(scope={}))
    for who in (None, stranger, SimpleNamespace(request=None)):
        with pytest.raises(InputError, match="not known who asks"):
            uploads.visitor_of(who)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="not known who asks"):
            uploads.picture("/etc/passwd", page, who)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "/etc/passwd", "track.csv", "TRACK.JSON ", "../x.csv", "happy/../../x.csv", "a\\b",
        "happy\n", "0:happy,1:/etc/passwd", "\0", "happy:0.5+" * 100, "https://x.example/t.csv",
        "hapy", "happy:2", "0:neutral,x",
    ],
)  # fmt: skip
def test_no_typed_emotion_names_a_file(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "track.csv").write_text("time,happy\n0,1\n")
    if text == "happy\n":
        assert uploads.spec(text) == "happy"
        return
    with pytest.raises(InputError) as caught:
        uploads.spec(text)
    assert "\n" not in str(caught.value)


def test_emotions_are_passed_on_as_they_stand() -> None:
    assert uploads.spec(None) is None
    assert uploads.spec("  ") is None
    assert uploads.spec(" AUTO ") == "auto"
    for text in ("happy:0.7", "0:neutral,2.5:happy:0.8", "AU4:0.8+AU7:0.5", "valence:0.6"):
        assert uploads.spec(f" {text} ") == text


def test_words_are_words() -> None:
    assert uploads.words(" Good\x00\x1b[31m evening.\n\tÄ 你好 ") == "Good [31m evening. Ä 你好"
    with pytest.raises(InputError, match="the text is empty"):
        uploads.words("\0 \n")
    with pytest.raises(InputError, match="the text has 9 characters, at most 8"):
        uploads.words("123456789", 8)


# the register


def test_a_file_in_use_stays(files: Files, page: Any, tmp_path: Path) -> None:
    path = given(files, "voice.wav", write_sound(tmp_path / "a.wav").read_bytes())
    os.utime(path, (0, 0))
    uploads.sound(str(path), page, request(files))
    assert time.time() - path.stat().st_mtime < 10


def test_owners_may_share_content_and_the_page_is_everybodys(files: Files) -> None:
    shown = files.root / "examples" / "a.jpg"
    shown.parent.mkdir()
    shown.write_bytes(b"x")
    files.publish()
    path = given(files, "b.jpg", b"y")
    files.give("bob", path)
    for visitor in ("alice", "bob"):
        assert files.may(visitor, shown)
        assert files.may(visitor, path)
    assert files.may("carol", shown)
    assert not files.may("carol", path)
    files.forget(shown)  # the page's own stay
    assert shown.exists()
    files.forget(path)
    assert not path.exists()
    assert not files.may("bob", path)


def test_a_visitors_folder_is_theirs_and_no_other_name_leads_there(files: Files) -> None:
    made = files.root / "made" / "alice" / "job" / "out.mp4"
    assert files.may("alice", made)
    assert not files.may("alic", made)
    assert not files.may("bob", made)
    assert not files.may("bob", files.root / "made/bob/../alice/job/out.mp4")
    assert not files.may("..", files.root / "made" / "alice" / "x")
    assert not files.may("alice", files.root / "made" / "alice")
