"""What one frame is asked to show: parsed, checked, and laid over the photograph's own face."""

import numpy as np
import pytest

from talkgen.errors import InputError
from talkgen.face.gaze import Gaze, forward
from talkgen.face.rotation import rotation_matrix
from talkgen.motion.facs import FELT
from talkgen.motion.still import Still, as_still, still_weights, toward_camera, turned_eyes
from talkgen.types import MOTION_CHANNELS, Emotion

INDEX = {name: i for i, name in enumerate(MOTION_CHANNELS)}


def weights(**channels: float) -> np.ndarray:
    out = np.zeros(len(MOTION_CHANNELS), np.float32)
    for name, value in channels.items():
        sides = [c for c in (name, f"{name}Left", f"{name}Right") if c in INDEX]
        out[[INDEX[side] for side in sides]] = value
    return out


def at(row: np.ndarray, name: str) -> float:
    return float(row[INDEX[name]])


OWN = weights(mouthSmile=0.7, cheekSquint=0.5, jawOpen=0.2, mouthUpperUp=0.4, eyeLookDown=0.2)
REST = OWN - weights(jawOpen=0.2, mouthUpperUp=0.4)


def worn(text: str | None = None, au: str | None = None) -> np.ndarray:
    return still_weights(OWN, REST, as_still(text, au).emotion)


def test_nothing_asked_for_is_the_photograph() -> None:
    assert as_still().emotion is None
    assert (as_still().pose, as_still().gaze) == (Still().pose, None)
    assert (worn() == OWN).all()
    assert worn("neutral:0") == pytest.approx(OWN)
    assert worn("happy:0") == pytest.approx(OWN)


def test_the_own_expression_gives_way_to_an_emotion() -> None:
    angry, happy, calm, half = (worn(t) for t in ("anger", "happy", "neutral", "neutral:0.5"))
    assert at(angry, "mouthSmileLeft") < 0.1
    assert at(happy, "mouthSmileLeft") > 0.8
    assert at(angry, "jawOpen") == 0  # shut
    assert at(happy, "jawOpen") > 0.05  # a laugh stays open
    assert at(calm, "mouthSmileLeft") < 0.1
    assert at(calm, "mouthSmileLeft") < at(half, "mouthSmileLeft") < at(OWN, "mouthSmileLeft")
    for row in (angry, happy, calm):
        assert at(row, "eyeLookDownLeft") == pytest.approx(0.2)  # nobody asked for another look
        assert row.min() >= 0
        assert row.max() <= 1


def test_units_come_on_top() -> None:
    row = worn(None, "AU1:0.6")
    assert at(row, "browInnerUp") == pytest.approx(0.6)
    assert at(row, "mouthSmileLeft") == pytest.approx(0.7)
    assert at(row, "jawOpen") == pytest.approx(0.2)


def test_every_emotion_grows_with_its_strength() -> None:
    rest = np.zeros_like(OWN)
    for name in FELT:
        rows = [still_weights(rest, rest, as_still(f"{name}:{s}").emotion) for s in (0.2, 0.6, 1)]
        sums = [float(row.sum()) for row in rows]
        assert 0 < sums[0] < sums[1] < sums[2], name


def test_units_take_the_place_of_the_emotions() -> None:
    row = still_weights(*[np.zeros_like(OWN)] * 2, as_still("happy", "AU12L:0.2,AU4:0.5").emotion)
    assert at(row, "mouthSmileLeft") == pytest.approx(0.2)
    assert at(row, "mouthSmileRight") == 0
    assert at(row, "cheekSquintLeft") == pytest.approx(0.75)
    assert at(row, "browDownLeft") == pytest.approx(0.5)
    same = as_still(None, {"AU12": 0.4}).emotion
    assert same is not None
    assert same.action_units is not None
    assert same.action_units["AU12"].tolist() == pytest.approx([0.4])


def test_disgust_covers_the_gums_and_units_do_not() -> None:
    zero = np.zeros_like(OWN)
    assert at(still_weights(zero, zero, as_still("disgust").emotion), "mouthClose") > 0.05
    assert at(still_weights(zero, zero, as_still(None, "AU9+AU10").emotion), "mouthClose") == 0


def test_eyes_turn_both_ways_and_no_further() -> None:
    left, lacking = turned_eyes(np.zeros_like(OWN), np.deg2rad(10), 0.0)
    assert lacking == 0
    assert (
        at(left, "eyeLookInLeft") == at(left, "eyeLookOutRight") == pytest.approx(0.349, abs=0.01)
    )
    assert at(left, "eyeLookOutLeft") == 0
    back, _ = turned_eyes(left, np.deg2rad(-10), np.deg2rad(5))
    assert at(back, "eyeLookInLeft") == pytest.approx(0, abs=1e-6)
    assert at(back, "eyeLookDownRight") > 0.1
    far, lacking = turned_eyes(np.zeros_like(OWN), 0.0, np.deg2rad(-30))
    assert at(far, "eyeLookUpLeft") == pytest.approx(0.85)
    assert np.rad2deg(lacking) == pytest.approx(5.6, abs=0.2)
    untouched, _ = turned_eyes(OWN, np.deg2rad(5), 0.0)
    assert at(untouched, "eyeLookDownLeft") == pytest.approx(0.2)


@pytest.mark.parametrize("pose", [(20.0, 0.0, 0.0), (-15.0, 10.0, 5.0)])
def test_a_look_at_the_camera_takes_the_heads_turn_back(pose: tuple[float, float, float]) -> None:
    head, straight = np.deg2rad([4.0, -6.0, 2.0]).astype(np.float32), (0.0, 0.0, 0.0)
    ahead = np.deg2rad([5.5 - 0.45 * 4.0, 0.5 * 6.0]).astype(np.float32)  # as read of such a look
    gaze = Gaze(np.stack([ahead, ahead]), np.zeros(3, np.float32), 1.0)
    assert toward_camera(gaze, head, straight) == (0, 0)  # they look there already
    yaw, pitch = toward_camera(gaze, head, pose)
    before = rotation_matrix(head).T @ np.array([0.0, 0.0, -1.0])
    eyes = np.arcsin(before[1]) + pitch, np.arctan2(-before[0], -before[2]) + yaw
    turned = rotation_matrix(head + np.deg2rad([pose[1], pose[0], pose[2]]))
    assert turned @ forward(*eyes) == pytest.approx([0, 0, -1], abs=1e-4)


def test_eyes_that_look_away_are_brought_back() -> None:
    head, straight = np.zeros(3, np.float32), (0.0, 0.0, 0.0)
    for read, sign in ((-8.0, 1), (8.0, -1)):  # to the right of the picture, and to its left
        eyes = np.deg2rad([[5.5, read]] * 2).astype(np.float32)
        yaw, pitch = toward_camera(Gaze(eyes, np.zeros(3, np.float32), 1.0), head, straight)
        assert np.rad2deg(yaw) * sign == pytest.approx(15.2, abs=0.1)
        assert pitch == 0
    low = np.deg2rad([[13.5, 0.0]] * 2).astype(np.float32)
    yaw, pitch = toward_camera(Gaze(low, np.zeros(3, np.float32), 1.0), head, straight)
    assert (yaw, pitch < 0) == (0, True)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"emotion": "auto"}, "`emotion` is 'auto', which needs a voice"),
        ({"emotion": "0:neutral,2:happy"}, "`emotion` is the track"),
        ({"emotion": "happy+valence:0.2"}, "names 'happy' beside valence and arousal"),
        ({"au": "happy"}, "`au` is 'happy', action units are needed"),
        ({"au": "AU12+neutral"}, "action units are needed"),
        ({"au": " "}, "`au` is empty"),
        ({"au": "AU12:2"}, "the strength of 'AU12' is 2, 0 to 1"),
        ({"au": "AU99"}, "unknown action unit 'AU99'; possible are AU1, "),
        ({"emotion": "happy:0.5+"}, "an emotion lacks its name"),
        ({"au": "units.json"}, "`au` is 'units.json', a file"),
        ({"pose": "10,0"}, "`pose` is '10,0', degrees are needed, yaw,pitch,roll"),
        ({"pose": "ten,0,0"}, "degrees are needed"),
        ({"pose": (0, float("nan"), 0)}, "degrees are needed"),
        ({"pose": "0,0,90"}, "-60 to 60 degrees are possible"),
        ({"gaze": "5"}, "`gaze` is '5', degrees are needed, x,y as in 10,-5, or 'camera'"),
        ({"gaze": "left"}, "degrees are needed"),
        ({"gaze": "0,31"}, "-30 to 30 degrees are possible"),
    ],
)
def test_what_cannot_be_is_one_line(asked: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as caught:
        as_still(**asked)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_forms_that_say_the_same() -> None:
    assert as_still(pose="10,-5,2").pose == as_still(pose=[10, -5, 2]).pose == (10.0, -5.0, 2.0)
    assert as_still(gaze=" Camera ").gaze == "camera"
    assert as_still(gaze="10,-5").gaze == (10.0, -5.0)
    one = Emotion(weights=np.eye(8)[[1]], intensity=[0.5])
    assert as_still(one).emotion is one
