"""Emotion under speech: text to tracks, lips that stay right, frames that stand alone."""

import json

import numpy as np
import pytest

from talkgen.errors import InputError
from talkgen.face.head import HeadModel
from talkgen.motion.behaviour import LOOK_AHEAD, Behaviour, Heard, speaking_share
from talkgen.motion.emotion import (
    GAP_SLOPES,
    ONSET_S,
    apply_emotion,
    condition_of,
    emotion_offsets,
    parse_emotion,
    strengths_at,
)
from talkgen.motion.facs import FELT, strengths_of
from talkgen.motion.rest import lip_gaps
from talkgen.motion.scales import Scales
from talkgen.types import EMOTIONS, MOTION_CHANNELS, Motion

CHANNEL = {name: i for i, name in enumerate(MOTION_CHANNELS)}
SLOPES = np.array([GAP_SLOPES.get(c, 0.0) for c in MOTION_CHANNELS])
SHUT = 0.02


def speech_like(frames: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, closing and speaking: a second of silence, open and shut lips, silence."""
    rng = np.random.default_rng(0)
    weights = np.zeros((frames, 52), np.float32)
    closing, speaking = np.zeros(frames, np.float32), np.zeros(frames, np.float32)
    talk = slice(25, frames - 50)
    speaking[talk] = 1.0
    opened = np.abs(np.sin(np.arange(frames) * 0.5)) * rng.uniform(0.5, 1.0, frames)
    weights[talk, CHANNEL["jawOpen"]] = (0.3 * opened)[talk]
    weights[talk, CHANNEL["mouthLowerDownLeft"]] = (0.2 * opened)[talk]
    weights[talk, CHANNEL["mouthLowerDownRight"]] = (0.2 * opened)[talk]
    closing[30 : frames - 50 : 9] = 1.0
    weights[closing > 0] = 0.0
    return weights, closing, speaking


@pytest.fixture(scope="module")
def head():
    return HeadModel.from_pretrained("head")


@pytest.fixture(scope="module")
def slopes(head):
    return lip_gaps(head, head.neutral(None))[1]  # (5, 52), the middle of the lips first


def test_gap_slopes_are_the_heads(slopes):
    assert np.abs(slopes[0] - SLOPES).max() < 0.001


@pytest.mark.parametrize("name", FELT)
def test_closures_silence_and_opening_survive(name, slopes):
    weights, closing, speaking = speech_like()
    times = 5.0 + np.arange(len(weights)) / 25
    out = apply_emotion(weights, parse_emotion(name), times, closing, speaking, seed=3)
    gap, before = out @ slopes[0], weights @ slopes[0]
    assert out.min() >= 0
    assert out.max() <= 1
    assert (gap[closing > 0] < SHUT).all()
    assert (gap[speaking == 0] < SHUT).all()
    # a mouth that speaks still opens as speech wants, and in the same rhythm
    talk = speaking > 0
    assert np.corrcoef(gap[talk], before[talk])[0, 1] > 0.97
    assert 0.75 < gap[talk].mean() / before[talk].mean() < 1.5
    # and the emotion is there, in speech and in silence
    for part in (talk, ~talk):
        assert np.abs(out[part] - weights[part]).sum(1).mean() > 0.4


@pytest.mark.parametrize("name", ["happy", "anger", "surprise", "fear"])
def test_lips_survive_what_a_flow_draws(name, slopes):
    """However strong and wrong it is."""
    weights, closing, speaking = speech_like()
    times = 5.0 + np.arange(len(weights)) / 25
    drawn = np.random.default_rng(0).normal(0.1, 0.4, weights.shape).astype(np.float32)
    out = apply_emotion(weights, parse_emotion(name), times, closing, speaking, drawn=drawn)
    gap = out @ slopes[0]
    assert (gap[closing > 0] < SHUT).all()
    assert (gap[speaking == 0] < SHUT).all()
    lids = [CHANNEL["eyeWideLeft"], CHANNEL["eyeSquintLeft"], CHANNEL["eyeBlinkLeft"]]
    table = apply_emotion(weights, parse_emotion(name), times, closing, speaking)
    assert np.allclose(out[:, lids], table[:, lids])  # not the flow's
    nothing = apply_emotion(
        weights, parse_emotion(name), times, closing, speaking, drawn=np.zeros_like(drawn)
    )
    assert not nothing[:, CHANNEL["browDownLeft"]].any()


def test_what_the_flow_is_told():
    times = np.array([0.0, 9.0])
    told = condition_of(parse_emotion("anger:0.5"), times)
    assert told.shape == (2, 10)
    assert told[0].tolist() == [1.0] + [0.0] * 9  # not yet
    assert told[1, 0] == pytest.approx(0.5)
    assert told[1, 1 + FELT.index("anger")] == pytest.approx(0.5)
    assert told[1, -2:] == pytest.approx([-0.255, 0.295], abs=1e-3)  # half of the table's
    assert not condition_of(parse_emotion("AU12:0.7"), times)[:, 1:].any()
    both = condition_of(parse_emotion("sad:0.4+AU12R:0.3"), times)
    assert both[1, 1 + FELT.index("sad")] == pytest.approx(0.4)


def test_rounded_vowels_stay_round():
    weights = np.zeros((2, 52), np.float32)
    weights[1, CHANNEL["mouthPucker"]] = 0.7
    ones = np.ones(2, np.float32)
    happy = parse_emotion("happy")
    smile = apply_emotion(weights, happy, 9 * ones, 0 * ones, ones)[:, CHANNEL["mouthSmileLeft"]]
    assert smile[1] < 0.5 * smile[0]


def test_frames_do_not_depend_on_others():
    weights, closing, speaking = speech_like()
    times = np.arange(len(weights)) / 25
    track = parse_emotion("0:neutral,2.5:happy:0.8,6:sad")
    whole = apply_emotion(weights, track, times, closing, speaking, seed=1)
    for part in (slice(0, 70), slice(70, 71), slice(71, 200)):
        alone = apply_emotion(
            weights[part], track, times[part], closing[part], speaking[part], seed=1
        )
        assert np.allclose(alone, whole[part], atol=1e-6)


def test_a_track_changes_and_fades():
    times = np.arange(250) / 25
    strengths = strengths_at(parse_emotion("0:neutral,2.5:happy:0.8,6:sad"), times)
    happy, sad = strengths[:, FELT.index("happy")], strengths[:, FELT.index("sad")]
    assert happy[:60].max() < 1e-6
    assert happy[100] == pytest.approx(0.8, abs=1e-3)
    assert sad[-1] == pytest.approx(1, abs=1e-3)
    assert happy[-1] == pytest.approx(0, abs=1e-6)
    assert np.abs(np.diff(strengths, axis=0)).max() < 0.15
    halfway = round((6 + 0.3) * 25)
    assert happy[halfway] > 0.25
    assert sad[halfway] > 0.25


def test_emotions_come_up_and_live():
    times = np.arange(0, 20, 0.04)
    offsets = emotion_offsets(parse_emotion("happy"), times, seed=0)
    smile = offsets[:, CHANNEL["mouthSmileLeft"]]
    assert smile[0] == 0
    assert np.abs(np.diff(smile)).max() < 0.15
    after = smile[times > ONSET_S]
    assert 0.01 < after.std() / after.mean() < 0.3
    other = emotion_offsets(parse_emotion("happy"), times, seed=1)
    assert not np.allclose(offsets, other)
    assert not emotion_offsets(parse_emotion("neutral"), times).any()


def test_contempt_is_one_sided():
    row = emotion_offsets(parse_emotion("contempt"), np.array([5.0]))[0]
    assert row[CHANNEL["mouthDimpleRight"]] > 0.4
    assert row[CHANNEL["mouthDimpleLeft"]] == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"), ("happpy", "neutral, happy, sad"), ("happy:2", "0 to 1"),
        ("happy:lots", "number"), ("happy,sad", "times"), ("0:neutral,sad", "seconds"),
        ("2:happy,1:sad", "rise"), ("AU99", "unknown"), ("gone.csv", "no such"),
        ("happy:nan", "num"),
    ],
)
def test_bad_text_is_one_line(text, words):
    with pytest.raises(InputError, match=words) as caught:
        parse_emotion(text)
    assert "\n" not in str(caught.value)


def test_words_for_classes_and_units():
    for word, name in (("angry:1", "anger"), ("Happy", "happy"), ("sadness:0.5", "sad")):
        track = parse_emotion(word)
        assert EMOTIONS[int(track.weights[0].argmax())] == name
    both = parse_emotion("sad:0.4+AU12R:0.3")
    assert both.intensity[0] == pytest.approx(0.4)
    assert both.action_units["AU12R"][0] == pytest.approx(0.3)
    late = strengths_at(parse_emotion("5:happy"), np.array([1.0, 9.0]))
    assert late[0].max() == 0
    assert late[1].max() == 1


def test_files_of_times(tmp_path):
    columns = tmp_path / "a.csv"
    columns.write_text("time,happy,AU4\n0,0,0\n2,0.5,0.4\n")
    track = parse_emotion(str(columns))
    assert strengths_at(track, np.array([2.0]))[0, 0] == pytest.approx(0.5)
    assert track.action_units["AU4"][1] == pytest.approx(0.4)
    words = tmp_path / "b.json"
    words.write_text(json.dumps([{"time": 0, "emotion": "happy"}, {"time": 3, "emotion": "fear"}]))
    assert strengths_at(parse_emotion(str(words)), np.array([9.0]))[0, FELT.index("fear")] == 1
    affect = tmp_path / "c.csv"
    affect.write_text("time,valence,arousal\n0,0.81,0.51\n")
    assert strengths_at(parse_emotion(str(affect)), np.array([9.0]))[0, 0] > 0.99
    for name, content, words_of in (
        ("d.csv", "time,glee\n0,1\n", "glee"), ("e.csv", "happy\n1\n", "time"),
        ("f.json", "{", "read"), ("g.json", "[]", "rows"), ("h.csv", "time,happy\n0,x\n", "number"),
    ):  # fmt: skip
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match=words_of):
            parse_emotion(str(tmp_path / name))


def heard(frames: int, speech: bool = True) -> Heard:
    return Heard(
        mouth=np.zeros((frames, 52), np.float32), closing=np.zeros(frames, np.float32),
        speech=np.full(frames, speech), loud_db=np.full(frames, -30.0, np.float32),
        turn=np.zeros((frames, 3), np.float32),
    )  # fmt: skip


def behave(frames: int = 1500, **options) -> Motion:
    return Behaviour(**options).block(heard(frames), 0, frames)


def test_emotion_moves_the_head_and_scales_turn_it_off():
    plain, sad = behave(seed=4), behave(seed=4, emotion=parse_emotion("sad"))
    assert sad.rotation[50:, 0].mean() - plain.rotation[50:, 0].mean() > np.radians(3)
    still = behave(seed=4, emotion=parse_emotion("sad"), still=True)
    assert not still.rotation.any()
    flat = behave(seed=4, emotion=parse_emotion("sad"), scales=Scales(mouth=0, brow=0, blink=0))
    face = [i for c, i in CHANNEL.items() if not c.startswith("eyeLook")]
    assert flat.blendshapes[:, face].max() < 1e-6
    with pytest.raises(InputError, match="brow_scale"):
        Scales(brow=9)


def test_speaking_share_rises_before_speech():
    speech = np.zeros(60, bool)
    speech[30:] = True
    share = speaking_share(speech)
    assert share[20] == 0
    assert 0 < share[28] < share[31]
    assert share[40] == 1


def test_blocks_with_their_look_ahead_equal_the_whole():
    frames, rng = 200, np.random.default_rng(3)
    speech = np.sin(np.arange(frames) / 9) > -0.4
    whole = Heard(
        mouth=np.zeros((frames, 52), np.float32), closing=np.zeros(frames, np.float32),
        speech=speech, loud_db=np.where(speech, rng.uniform(-40, -20, frames), -60).astype("f4"),
        turn=np.zeros((frames, 3), np.float32),
    )  # fmt: skip
    wide = {name: value for name, value in vars(whole).items() if value is not None}
    options = {"seed": 2, "emotion": parse_emotion("happy")}
    at_once = Behaviour(**options).block(whole, 0, frames - LOOK_AHEAD)
    running = Behaviour(**options)
    parts = []
    for start in range(0, frames - LOOK_AHEAD - 1, 10):
        stop = min(start + 10, frames - LOOK_AHEAD)
        window = Heard(**{n: v[: stop + LOOK_AHEAD] for n, v in wide.items()})
        parts.append(running.block(window, start, stop - start))
    # lips, breath and lids are the same; accents go by the loudness heard so far
    joined = np.concatenate([part.blendshapes for part in parts])
    mouth = [i for c, i in CHANNEL.items() if c.startswith(("jaw", "mouth", "eyeBlink"))]
    assert np.allclose(joined[:, mouth], at_once.blendshapes[:, mouth], atol=1e-6)


def test_valence_and_arousal_as_text():
    asked = parse_emotion("valence:0.6+arousal:-0.2+AU4:0.5")
    assert asked.valence_arousal.tolist() == [[pytest.approx(0.6), pytest.approx(-0.2)]]
    assert asked.weights is None
    assert asked.action_units["AU4"].tolist() == [0.5]
    assert parse_emotion("Arousal:0.7").valence_arousal[0, 0] == 0
    fades = parse_emotion("1:valence:-0.6+arousal:-0.3,3:neutral")
    at = strengths_at(fades, np.array([0.5, 2.5, 5.0]))[:, FELT.index("sad")]
    assert at[0] == at[2] == 0
    assert at[1] > 0.8


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("valence", "'valence' needs a number from -1 to 1, as in 'valence:0.6'"),
        ("valence:-1.2", "the strength of 'valence' is -1.2, -1 to 1 is possible"),
        ("valence:0.2+sad", "names 'sad' beside valence and arousal"),
        ("neutral+arousal:0.2", "names 'neutral' beside valence and arousal"),
        ("0:valence:0.2,3:happy", "the emotion track names 'happy' and valence and arousal"),
    ],
)
def test_valence_and_arousal_say_one_thing(text, words):
    with pytest.raises(InputError) as caught:
        parse_emotion(text)
    assert words in str(caught.value)


def test_neutral_takes_the_room_that_is_left():
    for text, share, happy in (
        ("neutral:0.4", 0.4, 0), ("happy:0.5+neutral:0.5", 0.5, 0.5),
        ("happy:0.8+neutral", 0.2, 0.8), ("AU12:0.5", 0, 0),
    ):  # fmt: skip
        asked = parse_emotion(text)
        assert asked.weights[0, 0] * asked.intensity[0] == pytest.approx(share)
        assert strengths_of(asked)[0, FELT.index("happy")] == pytest.approx(happy)
