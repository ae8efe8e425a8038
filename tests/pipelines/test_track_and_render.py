"""A frame of a clip, drawn under the clip's own track, comes back as the clip."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen import RenderPipeline, TalkPipeline, TrackPipeline
from talkgen.errors import InputError, MediaError, NoFaceError
from talkgen.io.video import open_video
from talkgen.io.writer import VideoWriter
from talkgen.motion.export import read_motion, write_motion
from talkgen.types import Audio, Face, ImageArray, Motion

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"


@pytest.fixture(scope="module")
def tracker() -> TrackPipeline:
    return TrackPipeline.from_pretrained()


@pytest.fixture(scope="module")
def renderer(tracker: TrackPipeline) -> RenderPipeline:
    pipeline = RenderPipeline.from_pretrained()
    pipeline.analyzer = tracker.analyzer
    return pipeline


@pytest.fixture(scope="module")
def clip(voice_like: Callable[..., np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of a speaking face: made here, so that it is at hand everywhere."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with Image.open(PORTRAIT) as picture:
        face = picture.crop((80, 0, 380, 300))
    TalkPipeline.from_pretrained()(face, Audio(voice_like(1.4), 16_000), pose_scale=2).save(path)
    return path


def test_clip_comes_back(
    tracker: TrackPipeline, renderer: RenderPipeline, clip: Path, tmp_path: Path
) -> None:
    motion = tracker(clip)
    assert (len(motion), motion.fps, motion.space) == (35, 25, "camera")
    assert motion.extra["landmarks"].shape == (35, 478, 3)
    assert motion.extra["scores"].shape == (35, 52)
    real = list(open_video(clip).frames())
    rest = int(lip_gap(motion).argmin())  # the portrait: lips shut
    for suffix in (".npz", ".csv"):
        write_motion(motion, tmp_path / f"m{suffix}")
        made = list(renderer(real[rest], tmp_path / f"m{suffix}").frames)
        again = tracker(made)
        moved = again.extra["landmarks"] - motion.extra["landmarks"]
        iod = np.linalg.norm(motion.extra["landmarks"][0, 33] - motion.extra["landmarks"][0, 263])
        assert np.linalg.norm(moved[..., :2], axis=-1).mean() / iod < 0.04
        gaps = [lip_gap(m) for m in (motion, again)]
        assert np.abs(gaps[0] - gaps[1]).mean() < 0.045
        assert np.corrcoef(gaps[0], gaps[1])[0, 1] > 0.9


def lip_gap(motion: Motion) -> np.ndarray:
    points = motion.extra["landmarks"]
    iod = np.linalg.norm(points[:, 33] - points[:, 263], axis=1)
    return np.linalg.norm(points[:, 13] - points[:, 14], axis=1) / iod


def test_still_picture_gives_itself(tracker: TrackPipeline, renderer: RenderPipeline) -> None:
    motion = tracker(PORTRAIT)
    assert len(motion) == 1
    frame = next(renderer(PORTRAIT, motion).frames)
    with Image.open(PORTRAIT) as picture:
        assert np.abs(frame.astype(int) - np.asarray(picture)).mean() < 2


def test_frames_without_a_face_do_not_end_the_run(
    tracker: TrackPipeline, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frames = list(open_video(clip).frames())[:12]
    frames[4:7] = [np.full_like(frames[0], 90)] * 3
    motion = tracker(frames)
    assert len(motion) == 12
    assert np.isfinite(motion.extra["landmarks"]).all()
    step = np.abs(np.diff(motion.extra["landmarks"][:, 1, :2], axis=0)).max()
    assert step < 20


def test_no_face_at_all(tracker: TrackPipeline, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", size=(128, 128), fps=25) as writer:
        for _ in range(3):
            writer.write(np.full((128, 128, 3), 90, np.uint8))
    with pytest.raises(NoFaceError, match="no face found in any of 3 frames"):
        tracker(tmp_path / "v.mp4")


def test_bad_sources(tracker: TrackPipeline, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such file"):
        tracker(tmp_path / "none.mp4")
    with pytest.raises(InputError, match="a path, a picture or frames"):
        tracker(7)


class TwoPeople:
    """An analyzer whose two faces change places in its list and are hidden now and then."""

    def analyze(self, image: ImageArray) -> list[Face]:
        raise AssertionError

    def track(self, frames):  # type: ignore[no-untyped-def]
        left, right = self.face(20, 60), self.face(200, 90)
        yield from ([right, left], [left, right], [left], [right], [left, right], [])

    @staticmethod
    def face(x: float, size: float) -> Face:
        points = np.random.default_rng(0).random((478, 3)).astype("f4") * size + (x, 0, 0)
        return Face(points, np.asarray([x, 0, x + size, size]), np.zeros(52), np.zeros(3))


def test_one_person_is_followed_among_two() -> None:
    from talkgen.pipelines.track import Follower

    for number, x in ((1, 200.0), (2, 20.0)):
        follow = Follower(number)
        seen = [follow.pick(faces) for faces in TwoPeople().track([])]
        places = {float(face.box[0]) for face in seen if face is not None}
        assert places == {x}


def test_motion_of_another_rate_and_speech(
    renderer: RenderPipeline, tmp_path: Path, voice_like: Callable[..., np.ndarray]
) -> None:
    motion = Motion(np.zeros((30, 52)), np.zeros((30, 3)), np.zeros((30, 3)), fps=30)
    write_motion(motion, tmp_path / "m.npz")
    out = renderer(
        PORTRAIT, tmp_path / "m.npz", fps=10, speech=Audio(voice_like(1.0), 16_000), size=128
    )
    assert (out.num_frames, out.fps) == (10, 10)
    out.save(tmp_path / "o.mp4")
    video = open_video(tmp_path / "o.mp4")
    assert video.has_sound
    assert len(list(video.frames())) == 10
    assert len(read_motion(tmp_path / "m.npz")) == 30
