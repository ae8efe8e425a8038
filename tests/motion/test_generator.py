"""Speech to motion: chunks do not matter, lengths are exact, silence shuts the lips."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from talkgen.audio.phones import PHONES
from talkgen.errors import CheckpointError, InputError
from talkgen.motion.controls import CONTROLS
from talkgen.motion.emotion import parse_emotion
from talkgen.motion.flow import SIZE, FlowConfig
from talkgen.motion.generator import MotionGenerator
from talkgen.motion.mouth import LipGeometry, closing_gate, pause_limit
from talkgen.motion.speech_motion import SpeechMotion, SpeechMotionConfig
from talkgen.types import MOTION_CHANNELS, Audio

JAW = MOTION_CHANNELS.index("jawOpen")


def fake_head() -> SimpleNamespace:
    """Two lip points; the jaw opens them, mouthClose shuts them."""
    shapes = np.zeros((52, 2, 3), np.float32)
    shapes[JAW, 1, 1] = 3.0
    shapes[MOTION_CHANNELS.index("mouthClose"), 1, 1] = -2.0
    shapes[MOTION_CHANNELS.index("mouthFunnel"), 1, 1] = 1.0
    for side in ("Left", "Right"):
        shapes[MOTION_CHANNELS.index("mouthLowerDown" + side), 1, 1] = 0.5
        shapes[MOTION_CHANNELS.index("mouthUpperUp" + side), 0, 1] = -0.5
    corners = np.zeros((478, 3), np.int32)
    corners[14] = 1
    bary = np.tile(np.array([1, 0, 0], np.float32), (478, 1))
    return SimpleNamespace(
        landmark_faces=corners, landmark_bary=bary, expression_basis=shapes, interocular=9.0
    )


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(1)
    encoder = {"width": 16, "hidden": 24, "num_heads": 2, "conv_back": (2, 3),
               "conv_ahead": (1, 1), "attend_back": (0, 4)}  # fmt: skip
    flow = FlowConfig(width=16, num_heads=2, hidden=24, num_layers=1, heard=16 + 25, num_styles=3,
                      scale=(0.05,) * SIZE, emotional=True)  # fmt: skip
    config = SpeechMotionConfig(
        encoder=encoder, width=16, num_heads=2, hidden=24, look_back=(4, 6), look_ahead=(1, 0),
        flow=flow.to_dict(),
    )  # fmt: skip
    return MotionGenerator(SpeechMotion(config), fake_head())


@pytest.fixture(scope="module")
def shipped():
    try:
        return MotionGenerator.from_pretrained("motion")
    except CheckpointError as error:
        pytest.skip(f"no shipped motion checkpoint: {error}")


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_stream_equals_generate(tiny, voice_like, rate):
    sound = voice_like(5.3, rate)
    whole = tiny.generate(Audio(sound, rate), seed=5)
    rng = np.random.default_rng(0)
    cuts = np.sort(rng.integers(0, len(sound), 12))
    parts = list(tiny.stream(iter(np.split(sound, cuts)), rate, seed=5))
    for name in ("blendshapes", "rotation", "translation"):
        joined = np.concatenate([getattr(p, name) for p in parts])
        assert np.array_equal(joined, getattr(whole, name))


def test_stream_equals_generate_with_an_emotion(tiny, voice_like):
    sound = voice_like(5.3, 16000)
    track = parse_emotion("0:angry,2:happy:0.6")
    whole = tiny.generate(Audio(sound, 16000), seed=5, emotion=track)
    parts = list(tiny.stream(iter(np.array_split(sound, 37)), 16000, seed=5, emotion=track))
    assert np.array_equal(np.concatenate([p.blendshapes for p in parts]), whole.blendshapes)
    plain = tiny.generate(Audio(sound, 16000), seed=5)
    assert not np.allclose(plain.blendshapes, whole.blendshapes)


@pytest.mark.parametrize("samples", [640, 3200, 7999, 15999, 16000, 16001, 40321, 80000])
def test_frames_are_the_rounded_seconds(tiny, samples):
    motion = tiny.generate(Audio(np.zeros(samples, np.float32), 16000))
    assert len(motion) == round(samples / 16000 * 25)
    assert motion.space == "portrait"
    assert np.isfinite(motion.rotation).all()


def test_too_short_or_not_finite(tiny):
    with pytest.raises(InputError, match="long"):
        tiny.generate(Audio(np.zeros(100, np.float32), 16000))
    with pytest.raises(InputError, match="NaN"):
        list(tiny.stream([np.array([np.nan], np.float32)], 16000))


def test_seed_still_and_scales(tiny, voice_like):
    audio = Audio(voice_like(4.0), 16000)
    one, again, other = (tiny.generate(audio, seed=s) for s in (1, 1, 2))
    assert np.array_equal(one.blendshapes, again.blendshapes)
    assert np.array_equal(one.rotation, again.rotation)
    assert not np.allclose(one.rotation, other.rotation)
    # how far the lips part follows the sound, not the seed
    lips = [np.maximum(m.blendshapes @ channel_gaps(tiny), 0) for m in (one, other)]
    assert np.corrcoef(*lips)[0, 1] > 0.95
    still = tiny.generate(audio, seed=1, still=True)
    assert not still.rotation.any()
    assert not still.translation.any()
    double = tiny.generate(audio, seed=1, pose_scale=2.0)
    assert np.allclose(double.rotation, 2 * one.rotation, atol=1e-6)
    mute = tiny.generate(audio, seed=1, expression_scale=0.0)
    assert mute.blendshapes[:, JAW].max() < 1e-6


def test_lips_match_the_wanted_gap():
    lips = LipGeometry(fake_head())
    rng = np.random.default_rng(0)
    controls = rng.uniform(0, 0.3, (50, len(CONTROLS))).astype(np.float32)
    gap = np.linspace(0, 0.2, 50).astype(np.float32)
    matched = lips.match(controls, gap)
    assert np.allclose(np.maximum(matched @ lips.per_control, 0), gap, atol=2e-3)
    assert matched.min() >= 0
    assert matched.max() <= 1


def test_gates():
    phones = np.zeros((100, len(PHONES)), np.float32)
    phones[:, PHONES.index("a")] = 1.0
    phones[40:44] = 0.0
    phones[40:44, PHONES.index("m")] = 1.0
    gate = closing_gate(phones)
    assert (gate[20:22] == 0).all()
    assert (gate[:18] == 1).all()
    assert 0 < gate[19] < 1  # lips come together
    loud = np.ones(200, bool)
    loud[100:180] = False
    limit = pause_limit(phones, loud)
    assert limit[:25].min() > 1
    assert (np.diff(limit[25:29]) < 0).all()  # and shut smoothly
    assert limit[28:39].max() < 0.03
    assert (limit[39:45] == 0).all()
    assert (np.diff(limit[45:48]) > 0).all()
    loud[100:180] = np.tile([False] * 20 + [True] * 20, 2)  # consonants are no pauses
    assert pause_limit(phones, loud).min() > 1


@pytest.mark.parametrize("cut", [3000, 40000, 70001])
def test_a_saved_stream_goes_on_elsewhere(tiny, voice_like, cut):
    """What one process made up to `cut` and another after it equals one run."""
    sound = voice_like(5.3)
    options = {"seed": 5, "emotion": parse_emotion("0:angry,2:happy:0.6")}
    whole = tiny.generate(Audio(sound, 16000), **options)
    one = tiny.open(16000, **options)
    parts = list(one.push(sound[:cut]))
    state = {name: np.array(value) for name, value in one.state().items()}
    other = tiny.open(16000, **options).resume(state)
    parts += [*other.push(sound[cut:]), *other.finish()]
    for name in ("blendshapes", "rotation", "translation"):
        joined = np.concatenate([getattr(p, name) for p in parts])
        assert np.array_equal(joined, getattr(whole, name))


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_a_saved_stream_of_another_rate_goes_on(tiny, voice_like, rate):
    """Saved twice, at places that no block or period falls on."""
    sound = voice_like(4.3, rate)
    whole = tiny.generate(Audio(sound, rate), seed=5)
    running, parts = tiny.open(rate, seed=5), []
    for low, high in itertools.pairwise([0, int(1.237 * rate), int(1.25 * rate), len(sound)]):
        parts += running.push(sound[low:high])
        state = {name: np.array(value) for name, value in running.state().items()}
        running = tiny.open(rate, seed=5).resume(state)
    parts += running.finish()
    for name in ("blendshapes", "rotation", "translation"):
        joined = np.concatenate([getattr(p, name) for p in parts])
        assert joined.shape == getattr(whole, name).shape
        assert np.allclose(joined, getattr(whole, name), atol=1e-4)


def test_memory_of_a_stream_does_not_grow(tiny, voice_like):
    sound, stream = voice_like(4.0), tiny.open()
    sizes = []
    for _ in range(6):
        list(stream.push(sound))
        sizes.append(sum(value.nbytes for value in stream.state().values()))
    assert max(sizes[2:]) < 1.1 * sizes[1]


def test_style_and_guidance(tiny, voice_like):
    audio = Audio(voice_like(3.0), 16000)
    plain = tiny.generate(audio, style=0)
    assert not np.allclose(plain.rotation, tiny.generate(audio, style=1).rotation)
    guided = tiny.generate(audio, style=0, audio_guidance=3.0)
    assert not np.allclose(plain.rotation, guided.rotation)
    with pytest.raises(InputError, match="style"):
        tiny.open(style=4)
    for name in ("audio_guidance", "emotion_guidance"):
        for value in (-0.1, 5.5, float("nan")):
            with pytest.raises(InputError, match=name):
                tiny.open(**{name: value})


def test_emotion_guidance_moves_what_the_flow_draws_and_no_more(tiny, voice_like):
    audio, happy = Audio(voice_like(3.0), 16000), parse_emotion("happy")
    plain = tiny.generate(audio)
    assert np.array_equal(tiny.generate(audio, emotion_guidance=3.0).blendshapes,
                          plain.blendshapes)  # fmt: skip
    neutral = tiny.generate(audio, emotion=parse_emotion("neutral"))
    assert np.allclose(neutral.blendshapes, plain.blendshapes, atol=1e-5)
    none, once, more = (
        tiny.generate(audio, emotion=happy, emotion_guidance=g) for g in (0.0, 1.0, 3.0)
    )
    cheek = MOTION_CHANNELS.index("cheekSquintLeft")
    assert np.allclose(none.blendshapes[:, cheek], plain.blendshapes[:, cheek], atol=1e-5)
    assert not np.allclose(more.blendshapes[:, cheek], once.blendshapes[:, cheek], atol=1e-3)
    squint = MOTION_CHANNELS.index("eyeSquintLeft")  # of the table, whatever the guidance
    assert more.blendshapes[30:, squint].mean() > 0.05
    assert np.allclose(more.blendshapes[:, squint], none.blendshapes[:, squint], atol=1e-6)


def test_action_units_alone_are_laid_under_by_the_table(tiny, voice_like):
    audio = Audio(voice_like(3.0), 16000)
    smile = MOTION_CHANNELS.index("mouthSmileLeft")
    plain = tiny.generate(audio)
    units = tiny.generate(audio, emotion=parse_emotion("AU12:0.8"), emotion_guidance=0.0)
    assert (units.blendshapes - plain.blendshapes)[30:, smile].mean() > 0.15


def test_shipped_shuts_in_silence_and_opens_in_speech(shipped, voice_like):
    quiet = shipped.generate(Audio(np.zeros(48000, np.float32), 16000))
    gap = np.maximum(quiet.blendshapes @ channel_gaps(shipped), 0)
    assert gap.max() < 0.02
    assert quiet.blendshapes[:, MOTION_CHANNELS.index("eyeBlinkLeft")].max() >= 0
    loud = shipped.generate(Audio(voice_like(4.0), 16000))
    assert (loud.blendshapes @ channel_gaps(shipped)).max() > 0.03


def channel_gaps(generator: MotionGenerator) -> np.ndarray:
    """(52,) lip gap of each channel on the mean head (a pair's gap is shared by its sides)."""
    from talkgen.motion.controls import FROM_CHANNELS

    return FROM_CHANNELS @ generator.lips.per_control


def test_shipped_checkpoint_gives_its_fixture(shipped, voice_like):
    """Guards weights, features and post-processing together; see motion_fixture.json."""
    path = Path(__file__).with_name("motion_fixture.json")
    expected = np.array(json.loads(path.read_text("utf-8"))["jaw_open"])
    motion = shipped.generate(Audio(voice_like(3.0), 16000), seed=0)
    assert np.abs(motion.blendshapes[::5, JAW] - expected).max() < 0.01
    assert expected.max() > 0.05
