"""Motion files come back as they were written, and bad ones are named in one line."""

import csv
from pathlib import Path

import numpy as np
import pytest

from talkgen.errors import InputError
from talkgen.motion.export import (
    CSV_COLUMNS,
    from_live_link,
    read_motion,
    to_live_link,
    write_motion,
)  # fmt: skip
from talkgen.types import MOTION_CHANNELS, Motion


def some_motion(frames: int = 60, fps: float = 25, space: str = "portrait") -> Motion:
    rng = np.random.default_rng(1)
    camera = space == "camera"
    return Motion(
        blendshapes=rng.random((frames, 52)),
        rotation=rng.normal(0, 0.2, (frames, 3)),
        translation=rng.normal(0, 1, (frames, 3)) if camera else np.zeros((frames, 3)),
        fps=fps,
        space=space,
        frame_size=(640, 480) if camera else None,
        extra={"landmarks": rng.normal(0, 9, (frames, 478, 3)).astype("f4")} if camera else {},
    )


@pytest.mark.parametrize("space", ["portrait", "camera"])
@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_round_trip(tmp_path: Path, space: str, suffix: str) -> None:
    motion = some_motion(space=space)
    path = tmp_path / f"m{suffix}"
    write_motion(motion, path)
    back = read_motion(path)
    assert back.space == space
    assert back.fps == motion.fps
    assert (back.blendshapes == motion.blendshapes).all()
    assert np.abs(back.rotation - motion.rotation).max() < 1e-6
    assert (back.translation == motion.translation).all()
    if suffix == ".npz":
        assert back.frame_size == motion.frame_size
        assert all((back.extra[k] == v).all() for k, v in motion.extra.items())


def test_npz_holds_what_the_issue_names(tmp_path: Path) -> None:
    write_motion(some_motion(), tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        assert file["blendshapes"].shape == (60, 52)
        assert file["names"].tolist() == list(MOTION_CHANNELS)
        assert file["rotation"].shape == file["translation"].shape == (60, 3)
        assert float(file["fps"]) == 25


def test_csv_has_the_layout_of_live_link_face(tmp_path: Path) -> None:
    write_motion(some_motion(frames=30), tmp_path / "m.csv")
    with (tmp_path / "m.csv").open() as file:
        rows = list(csv.reader(file))
    header = rows[0]
    assert header == list(CSV_COLUMNS)
    assert header[:4] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft", "EyeLookDownLeft"]
    assert header[16:20] == ["JawForward", "JawRight", "JawLeft", "JawOpen"]  # the app's order
    assert header[53:57] == ["TongueOut", "HeadYaw", "HeadPitch", "HeadRoll"]
    assert header[57:] == [
        f"{s}Eye{a}" for s in ("Left", "Right") for a in ("Yaw", "Pitch", "Roll")
    ]
    assert [row[0] for row in (rows[1], rows[2], rows[26], rows[30])] == [
        "00:00:00:00.000", "00:00:00:01.000", "00:00:01:00.000", "00:00:01:04.000",
    ]  # fmt: skip
    assert {row[1] for row in rows[1:]} == {"61"}
    assert {len(row) for row in rows} == {63}


def test_live_link_angles_have_unreals_sense() -> None:
    nod, turn, tilt = np.eye(3)
    ours = np.stack([nod, turn, tilt]) * 0.1  # down, to the picture's left, clockwise in it
    theirs = to_live_link(ours)
    # yaw to the subject's right, pitch upwards, roll towards the subject's right
    assert np.allclose(theirs, [[0, -0.1, 0], [0.1, 0, 0], [0, 0, -0.1]], atol=1e-7)
    some = np.random.default_rng(0).normal(0, 0.5, (50, 3))
    assert np.allclose(from_live_link(to_live_link(some)), some, atol=1e-6)


def test_eyes_turn_with_their_expressions(tmp_path: Path) -> None:
    weights = np.zeros((1, 52))
    for name in ("eyeLookInLeft", "eyeLookOutRight", "eyeLookUpLeft"):
        weights[0, MOTION_CHANNELS.index(name)] = 1
    write_motion(Motion(weights, np.zeros((1, 3)), np.zeros((1, 3))), tmp_path / "m.csv")
    with (tmp_path / "m.csv").open() as file:
        row = next(csv.DictReader(file))
    assert float(row["LeftEyeYaw"]) > 0.4  # both to the subject's right
    assert float(row["RightEyeYaw"]) > 0.4
    assert float(row["LeftEyePitch"]) > 0.4
    assert float(row["RightEyePitch"]) == 0


@pytest.mark.parametrize("fps", [12.5, 24000 / 1001, 24, 25, 30000 / 1001, 30, 50, 60, 120])
@pytest.mark.parametrize("frames", [150, 2000])
def test_rate_is_read_from_timecodes(tmp_path: Path, fps: float, frames: int) -> None:
    write_motion(some_motion(frames=frames, fps=fps), tmp_path / "m.csv")
    back = read_motion(tmp_path / "m.csv")
    assert len(back) == frames
    assert back.fps == pytest.approx(fps, rel=1e-6)


def live_link_text(rows: list[list[str]]) -> str:
    return "\n".join(",".join(row) for row in [list(CSV_COLUMNS), *rows]) + "\n"


def test_rows_that_the_app_dropped_are_filled_in(tmp_path: Path) -> None:
    kept = [n for n in range(120) if n not in (40, 41, 77)]
    rows = [[f"14:03:{n // 60:02d}:{n % 60:02d}.207", "61", *[str(n / 200)] * 61] for n in kept]
    (tmp_path / "m.csv").write_text(live_link_text(rows))
    motion = read_motion(tmp_path / "m.csv")
    assert motion.fps == 60
    assert len(motion) == 120
    assert np.allclose(motion.blendshapes[:, 3], np.arange(120) / 200, atol=1e-6)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    motion = some_motion(frames=3)
    write_motion(motion, tmp_path / "m.csv")
    with (tmp_path / "m.csv").open() as file:
        rows = list(csv.reader(file))
    order = np.random.default_rng(0).permutation(len(rows[0]))
    shuffled = [",".join(row[i] for i in order) for row in rows]
    (tmp_path / "m.csv").write_text("\ufeff" + "\r\n".join(shuffled), encoding="utf-8")
    assert (read_motion(tmp_path / "m.csv").blendshapes == motion.blendshapes).all()
    arrays = {"rotation": motion.rotation, "translation": motion.translation, "fps": 25.0}
    np.savez(
        tmp_path / "m.npz", blendshapes=motion.blendshapes[:, ::-1],
        names=np.asarray(MOTION_CHANNELS[::-1]), **arrays,
    )  # fmt: skip
    assert (read_motion(tmp_path / "m.npz").blendshapes == motion.blendshapes).all()


def npz(path: Path, **changes: object) -> Path:
    arrays = {
        "blendshapes": np.zeros((4, 52)), "names": np.asarray(MOTION_CHANNELS),
        "rotation": np.zeros((4, 3)), "translation": np.zeros((4, 3)), "fps": 25.0,
    } | changes  # fmt: skip
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rotation": None}, "has no rotation"),
        ({"blendshapes": np.zeros((4, 51))}, r"shape \(4, 51\)"),
        ({"blendshapes": np.full((4, 52), np.nan)}, "NaN"),
        ({"blendshapes": np.full((4, 52), 2.0)}, "weights from 0 to 1"),
        ({"rotation": np.zeros((3, 3))}, r"shape \(3, 3\)"),
        ({"names": np.asarray(["x"] * 52)}, "lacks eyeBlinkLeft"),
        ({"fps": 0.0}, "positive"),
        ({"fps": np.asarray("fast")}, "numbers are needed"),
        ({"space": np.asarray("sideways")}, "'portrait' or 'camera'"),
        ({"landmarks": np.zeros((4, 68, 2))}, "landmarks"),
        (
            {
                "blendshapes": np.zeros((0, 52)),
                "rotation": np.zeros((0, 3)),
                "translation": np.zeros((0, 3)),
            },
            "no frames",
        ),
        ({"blendshapes": np.asarray([None, 1], dtype=object)}, "plain arrays"),
    ],
)
def test_bad_npz(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_motion(npz(tmp_path / "m.npz", **changes))
    assert "m.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_csv(tmp_path: Path) -> None:
    good = [["00:00:00:00.000", "61", *["0"] * 61], ["00:00:00:01.000", "61", *["0"] * 61]]
    path = tmp_path / "m.csv"

    def check(text: str, words: str) -> None:
        path.write_text(text)
        with pytest.raises(InputError, match=words) as caught:
            read_motion(path)
        assert "m.csv" in str(caught.value)
        assert "\n" not in str(caught.value)

    check("", "no frames")
    check(live_link_text([]), "no frames")
    check(live_link_text(good).replace("JawOpen", "Jaw"), "lacks the column JawOpen")
    check(live_link_text([good[0], [*good[1][:9], "nan", *good[1][10:]]]), "line 3 holds NaN")
    check(live_link_text([good[0], good[1][:20]]), "line 3 lacks a value")
    check(live_link_text([good[0], ["soon", *good[1][1:]]]), "line 3 has the timecode 'soon'")
    check(live_link_text([good[1], good[0]]), "line 3 has a timecode that does not rise")
    path.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(InputError, match="no text file"):
        read_motion(path)


def test_other_bad_files(tmp_path: Path) -> None:
    (tmp_path / "m.npz").write_bytes(b"PK nothing")
    for name, words in (
        ("m.npz", "no npz file"), ("none.csv", "no such motion file"), ("m.bvh", "must end with"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            read_motion(tmp_path / name)
    with pytest.raises(InputError, match="must end with"):
        write_motion(some_motion(), tmp_path / "m.txt")
