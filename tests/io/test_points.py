"""Files of facial points."""

import json
from pathlib import Path

import numpy as np
import pytest

from talkgen.errors import InputError
from talkgen.io.points import FIVE, as_points, read_points

NAMED = {
    "right_eye": [10, 20], "left_eye": [30, 20], "nose": [20, 30],
    "mouth_right": [12, 40], "mouth_left": [28, 40],
}  # fmt: skip


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_five_names_in_any_order(tmp_path: Path) -> None:
    want = np.float32([NAMED[name] for name in FIVE])
    turned = dict(reversed(NAMED.items()))
    np.testing.assert_array_equal(read_points(write(tmp_path, "a.json", json.dumps(turned))), want)
    lines = "\n".join(f"{name}, {x}, {y}" for name, (x, y) in turned.items())
    np.testing.assert_array_equal(read_points(write(tmp_path, "a.csv", lines)), want)
    np.testing.assert_array_equal(
        read_points(write(tmp_path, "b.csv", "point,x,y\n" + lines)), want
    )


@pytest.mark.parametrize("count", [5, 68, 478])
def test_lists_of_points(tmp_path: Path, count: int) -> None:
    points = np.random.default_rng(0).uniform(0, 200, (count, 3)).round(2)
    for name, text in (
        ("p.json", json.dumps(points.tolist())),
        ("q.json", json.dumps({"landmarks": points.tolist()})),
        ("p.csv", "x,y,z\n" + "\n".join(",".join(map(str, row)) for row in points)),
    ):
        found = read_points(write(tmp_path, name, text))
        np.testing.assert_allclose(found, points[:, : 3 if count == 478 else 2], atol=1e-4)


def test_the_file_of_the_faces_command(tmp_path: Path) -> None:
    points = np.zeros((2, 478, 3))
    points[1] += 7
    text = json.dumps({"faces": [{"landmarks": p.tolist()} for p in points]})
    path = write(tmp_path, "faces.json", text)
    assert read_points(path)[0, 0] == 0
    assert read_points(path, 2)[0, 0] == 7
    with pytest.raises(InputError, match="holds 2"):
        read_points(path, 3)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "[[1, 2], [3, 4]]", "2 points; 5, 68 or 478"),
        ("a.json", "{", "no JSON"),
        ("a.json", '{"nose": [1, 2]}', "lacks right_eye"),
        ("a.json", '[[1, 2], [3, "x"], [3, 4], [5, 6], [7, 8]]', "pairs of numbers"),
        ("a.json", "[[1, 2], [3, NaN], [3, 4], [5, 6], [7, 8]]", "point 2 is not a number"),
        ("a.csv", "1,2\n3,4\n5,six\n7,8\n9,1", "point 3 is not a number"),
        ("a.csv", "", "5, 68 or 478"),
        ("a.json", "7", "5, 68 or 478"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_points(write(tmp_path, name, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_points(tmp_path / "none.json")
    with pytest.raises(InputError, match="shape"):
        as_points(np.zeros((2, 5, 2)))
