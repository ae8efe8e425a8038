"""A camera becomes a video by the clock; where there is none, one clear line says so."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from talkgen.errors import InputError, MediaError
from talkgen.io.video import open_video
from talkgen.io.webcam import camera_of, record


class Camera:
    """Ten pictures a second, each one level brighter; `read` takes a hundredth of a second."""

    opened, shows, stops_at = True, True, 1e9

    def __init__(self, number: int) -> None:
        self.time = 0.0
        Camera.last = self

    def isOpened(self) -> bool:
        return self.opened

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.time += 0.01
        if self.time > self.stops_at:
            raise KeyboardInterrupt
        if not self.shows:
            return False, None
        level = 50 + 10 * int(self.time * 10)
        image = np.full((48, 64, 3), min(level, 250), np.uint8)
        image[..., 0] = 0  # blue comes first
        return True, image

    def release(self) -> None:
        self.opened = False


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> type[Camera]:
    kind = type("Here", (Camera,), {})
    monkeypatch.setattr(cv2, "VideoCapture", kind)
    return kind


def now() -> float:
    return Camera.last.time


def test_names() -> None:
    assert camera_of("webcam") == 0
    assert camera_of("webcam:2") == 2
    assert camera_of("/dev/video1") == 1
    assert camera_of("webcam.mp4") is None


def test_pictures_come_by_the_clock(camera: type[Camera], tmp_path: Path) -> None:
    record(0, tmp_path / "v.mp4", seconds=1.0, fps=25, clock=now, wait=lambda _: None)
    frames = list(open_video(tmp_path / "v.mp4").frames())
    assert len(frames) == 25
    levels = np.array([f[24, 32].astype(int) for f in frames])
    assert levels[:, 2].max() < 12  # blue, last now
    assert (np.diff(levels[:, 0]) >= -3).all()
    assert levels[-1, 0] - levels[0, 0] == pytest.approx(90, abs=15)
    assert not Camera.last.opened  # given back


def test_an_interrupt_ends_the_recording(camera: type[Camera], tmp_path: Path) -> None:
    camera.stops_at = 0.8
    record(0, tmp_path / "v.mp4", seconds=5.0, fps=25, clock=now, wait=lambda _: None)
    assert 15 <= len(list(open_video(tmp_path / "v.mp4").frames())) <= 21
    camera.stops_at = 0.1  # nothing worth keeping yet
    with pytest.raises(KeyboardInterrupt):
        record(0, tmp_path / "w.mp4", seconds=5.0, fps=25, clock=now, wait=lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]


def test_no_camera(camera: type[Camera], tmp_path: Path) -> None:
    camera.shows = False
    with pytest.raises(MediaError, match="'webcam:3' shows no picture"):
        record(3, tmp_path / "v.mp4")
    camera.opened = False
    with pytest.raises(MediaError, match="no camera 'webcam:0' can be opened"):
        record(0, tmp_path / "v.mp4")
    with pytest.raises(InputError, match=r"`seconds` is 0.1"):
        record(0, tmp_path / "v.mp4", seconds=0.1)
    assert not list(tmp_path.iterdir())
