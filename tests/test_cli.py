"""The commands: what works, and one clear line with exit code 2 for everything that cannot."""

from __future__ import annotations

import importlib.metadata
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from talkgen.cli import main
from talkgen.io.audio import open_speech
from talkgen.io.video import open_video
from talkgen.motion.export import read_motion, write_motion
from talkgen.types import MOTION_CHANNELS, Motion
from tests.media import voice, write_sound, write_video

ROOT = Path(__file__).resolve().parent.parent
PORTRAIT = ROOT / "examples" / "portrait.jpg"
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; return its exit code and what it said on standard error."""

    def call(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        return int(stop.value.code or 0), capfd.readouterr().err

    return call


@pytest.fixture
def speech(tmp_path: Path, voice_like: Callable[..., np.ndarray]) -> Path:
    soundfile.write(tmp_path / "speech.wav", voice_like(1.0), 16_000)
    return tmp_path / "speech.wav"


def one_error(result: tuple[int, str], words: str) -> None:
    code, text = result
    errors = [line for line in text.splitlines() if not line.startswith("talkgen: warning")]
    lines = [line for line in errors if line.startswith("talkgen: error: ")]
    assert code == 2, text
    assert len(lines) == 1, text
    assert words in lines[0]
    assert "Traceback" not in text


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_talk_makes_a_video(run: Run, tmp_path: Path, speech: Path) -> None:
    out, moves = tmp_path / "out.mp4", tmp_path / "out.csv"
    code, text = run(
        "talk", PORTRAIT, speech, "-o", out, "--size", 256, "--motion-out", moves, "--still"
    )
    assert code == 0, text
    video = open_video(out)
    assert video.size == (256, 256)
    assert len(list(video.frames())) == 25
    assert open_speech(out).seconds == pytest.approx(1.0, abs=0.01)
    motion = read_motion(moves)
    assert len(motion) == 25
    assert np.abs(motion.rotation).max() < 1e-6  # --still
    assert not [name for name in left(tmp_path) if name.startswith(".")]


def test_two_halves_give_what_talk_gives(run: Run, tmp_path: Path, speech: Path) -> None:
    whole, half = tmp_path / "whole.mp4", tmp_path / "half.mp4"
    assert run("talk", PORTRAIT, speech, "-o", whole, "--size", 128, "-q")[0] == 0
    assert run("motion", speech, "-o", tmp_path / "m.npz", "-q")[0] == 0
    assert run(
        "render", PORTRAIT, tmp_path / "m.npz", "-o", half, "--size", 128, "--audio", speech, "-q"
    ) == (0, "")
    pairs = zip(open_video(whole).frames(), open_video(half).frames(), strict=True)
    assert max(np.abs(a.astype(int) - b).mean() for a, b in pairs) < 0.5


def test_the_renderer_is_said_aloud(run: Run, tmp_path: Path, speech: Path) -> None:
    text = run("talk", PORTRAIT, speech, "-o", tmp_path / "o.mp4", "--size", 128, "--fps", 5)[1]
    assert "talkgen: renderer: " in text


def test_diffusion_draws_finer(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    if not (ROOT / "checkpoints" / "denoiser").is_dir():
        pytest.skip("no trained denoiser in checkpoints yet")
    weights = np.zeros((2, 52), np.float32)
    weights[:, MOTION_CHANNELS.index("jawOpen")] = 0.4
    write_motion(Motion(weights, np.zeros((2, 3)), np.zeros((2, 3))), tmp_path / "m.npz")
    frames = {}
    for name, options in (("mesh", ()), ("diffusion", ("--steps", 1, "--device", "cpu"))):
        out = tmp_path / f"{name}.mp4"
        given = ("render", PORTRAIT, tmp_path / "m.npz", "-o", out, "--renderer", name, "-q")
        assert run(*given, *options) == (0, "")
        frames[name] = next(iter(open_video(out).frames())).astype(int)
    step = np.abs(frames["mesh"] - frames["diffusion"]).max(axis=2)
    assert step[100:220, 180:310].max() > 8  # the face
    assert step[300:].mean() < 1  # far from it


def test_an_emotion_changes_the_motion(run: Run, tmp_path: Path, speech: Path) -> None:
    plain, sad = tmp_path / "plain.npz", tmp_path / "sad.npz"
    assert run("motion", speech, "-o", plain)[0] == 0
    assert run("motion", speech, "-o", sad, "--emotion", "sad", "--brow-scale", "1.5")[0] == 0
    frown = MOTION_CHANNELS.index("mouthFrownLeft")
    one, two = (read_motion(path).blendshapes[:, frown].mean() for path in (plain, sad))
    assert two > one + 0.1


def test_track_of_a_picture_and_of_a_video(run: Run, tmp_path: Path, speech: Path) -> None:
    assert run("track", PORTRAIT, "-o", tmp_path / "p.npz", "-q")[0] == 0
    still = read_motion(tmp_path / "p.npz")
    assert (len(still), still.space, still.frame_size) == (1, "camera", (512, 512))
    assert still.extra["landmarks"].shape == (1, 478, 3)
    assert run("talk", PORTRAIT, speech, "-o", tmp_path / "o.mp4", "-q", "--size", 256)[0] == 0
    assert run("track", tmp_path / "o.mp4", "-o", tmp_path / "v.csv", "-q")[0] == 0
    moves = read_motion(tmp_path / "v.csv")
    assert (len(moves), moves.fps, moves.space) == (25, 25, "camera")
    fine = ("track", tmp_path / "o.mp4", "-o", tmp_path / "r.npz", "--fps", "5", "--refine", "-q")
    assert run(*fine)[0] == 0
    refined = read_motion(tmp_path / "r.npz")
    assert refined.extra["residual"].shape == (5, 478, 2)
    assert np.abs(refined.extra["residual"]).max() > 0
    arrays = dict(np.load(tmp_path / "r.npz"))
    np.savez(tmp_path / "bad.npz", **{**arrays, "residual": arrays["residual"][:2]})
    bad = ("render", PORTRAIT, tmp_path / "bad.npz", "-o", tmp_path / "b.mp4")
    one_error(run(*bad), "`residual` has shape (2, 478, 2)")


def test_quiet_says_nothing(run: Run, tmp_path: Path, speech: Path) -> None:
    out = tmp_path / "o.npz"
    assert run("motion", speech, "-o", out, "-q") == (0, "")


def bad_sound(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.wav"
    good = voice(16_000)
    if kind == "text":
        path.write_text("words " * 99)
    elif kind == "empty":
        path.touch()
    elif kind == "cut":
        write_sound(path, seconds=3)
        path.write_bytes(path.read_bytes()[:40_000])
    elif kind == "mute":
        return write_video(folder / "mute.mp4")
    elif kind != "missing":
        samples = {"silent": good * 0, "short": good[:320], "nan": good.copy()}[kind]
        if kind == "nan":
            samples[99] = np.nan
        soundfile.write(path, samples, 16_000, subtype="FLOAT")
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "no such file"),
        ("text", "no audio or video file"),
        ("empty", "is empty"),
        ("cut", "cut short"),
        ("silent", "is silent"),
        ("short", "0.02 s long"),
        ("nan", "NaN"),
        ("mute", "no sound track"),
    ],
)
@pytest.mark.parametrize("command", ["talk", "motion"])
def test_bad_speech(run: Run, tmp_path: Path, command: str, kind: str, words: str) -> None:
    sound = bad_sound(tmp_path, kind)
    before = left(tmp_path)
    parts = ["talk", PORTRAIT, sound] if command == "talk" else ["motion", sound]
    suffix = "mp4" if command == "talk" else "npz"
    one_error(run(*parts, "-o", tmp_path / f"out.{suffix}"), words)
    assert left(tmp_path) == before


@pytest.mark.parametrize("rate", [8000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_unusual_speech_works(run: Run, tmp_path: Path, rate: int, channels: int) -> None:
    sound = write_sound(tmp_path / "a.wav", rate, 0.6, channels)
    assert run("motion", sound, "-o", tmp_path / "m.npz", "-q")[0] == 0
    assert len(read_motion(tmp_path / "m.npz")) == 15


def bad_picture(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.png"
    if kind == "text":
        path.write_text("no picture")
    elif kind == "huge":
        Image.new("1", (20_000, 6000)).save(path)
    elif kind == "blank":
        Image.new("RGB", (300, 300), (90, 120, 90)).save(path)
    elif kind == "tiny":  # a face of some 35 px
        with Image.open(PORTRAIT) as picture:
            picture.resize((160, 160)).save(path)
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "no such file"),
        ("text", "not an image"),
        ("huge", "more than 100 megapixels"),
        ("blank", "no face found"),
        ("tiny", "at least 48 px"),
    ],
)
def test_bad_portrait(run: Run, tmp_path: Path, speech: Path, kind: str, words: str) -> None:
    picture = bad_picture(tmp_path, kind)
    before = left(tmp_path)
    one_error(run("talk", picture, speech, "-o", tmp_path / "out.mp4"), words)
    assert left(tmp_path) == before


def two_faces(folder: Path) -> Path:
    with Image.open(PORTRAIT) as picture:
        face = np.asarray(picture)[:300, 60:360]
    small = np.asarray(Image.fromarray(face).resize((210, 210)))
    wide = np.full((300, 520, 3), 200, np.uint8)
    wide[:210, :210], wide[:, 220:] = small, face
    Image.fromarray(wide).save(folder / "two.png")
    return folder / "two.png"


def test_several_faces(run: Run, tmp_path: Path, speech: Path) -> None:
    picture = two_faces(tmp_path)
    code, text = run("talk", picture, speech, "-o", tmp_path / "a.mp4")
    assert code == 0
    assert "2 faces found; the largest" in text
    code, text = run("talk", picture, speech, "-o", tmp_path / "b.mp4", "--face", 2, "-q")
    assert (code, text) == (0, "")
    first, second = (np.stack(list(open_video(tmp_path / n).frames())) for n in ("a.mp4", "b.mp4"))

    def moved(frames: np.ndarray, columns: slice) -> float:
        return float(np.abs(np.diff(frames[:, :, columns].astype(int), axis=0)).mean())

    small, large = slice(0, 200), slice(320, 520)
    assert moved(first, large) > 3 * moved(first, small)
    assert moved(second, small) > 3 * moved(second, large)
    one_error(run("talk", picture, speech, "-o", tmp_path / "c.mp4", "--face", 3), "shows 2 faces")


def test_bad_outputs_are_refused_before_the_work(run: Run, tmp_path: Path, speech: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    before = left(tmp_path)
    start = time.monotonic()
    for out, words in (
        (tmp_path / "none" / "o.mp4", "does not exist"),
        (tmp_path / "o.avi", "must end with .mp4"),
        (tmp_path / "folder.mp4", "is a folder"),
        (Path("/proc/o.mp4"), "not writable"),
    ):
        one_error(run("talk", PORTRAIT, speech, "-o", out), words)
    video = write_video(tmp_path / "v.mp4", sound=True, frames=30)
    one_error(run("talk", PORTRAIT, video, "-o", video), "is an input too")
    one_error(run("motion", speech, "-o", tmp_path / "m.txt"), "must end with .npz or .csv")
    assert time.monotonic() - start < 5
    assert left(tmp_path) == before | {"v.mp4"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", "big"], "'source' or a number"),
        (["--size", "10"], "`size` is 10"),
        (["--fps", "0"], "`fps` is 0"),
        (["--fps", "fast"], "--fps"),
        (["--seed", "-1"], "`seed` is -1"),
        (["--pose-scale", "nan"], "`pose_scale` is nan"),
        (["--expression-scale", "-2"], "`expression_scale` is -2"),
        (["--blink-scale", "9"], "`blink_scale` is 9"),
        (["--emotion", "glee"], "unknown emotion 'glee'; possible are neutral, happy"),
        (["--emotion", "happy:2"], "0 to 1 is possible"),
        (["--emotion", "gone.csv"], "no such emotion file"),
        (["--backend", "magic"], "--backend"),
        (["--renderer", "magic"], "--renderer"),
        (["--renderer", "mesh", "--steps", "2"], "`steps` is an option of the diffusion renderer"),
        (["--steps", "0"], "`steps` is 0"),
        (["--identity-scale", "2"], "`identity_scale` is 2"),
        (["--adapter", "gone.safetensors"], "no such adapter: 'gone.safetensors'"),
        (["--renderer", "diffusion", "--device", "cuda:77"], "`device` is 'cuda:77'"),
        (["--nonsense"], "--nonsense"),
        (["--motion-out", "m.bvh"], "must end with .npz or .csv"),
    ],
)
def test_bad_options(
    run: Run, tmp_path: Path, speech: Path, options: list[str], words: str
) -> None:
    one_error(run("talk", PORTRAIT, speech, "-o", tmp_path / "o.mp4", *options), words)


def test_bad_usage(run: Run, tmp_path: Path) -> None:
    one_error(run("talk", PORTRAIT), "SPEECH")
    one_error(run("dance"), "dance")
    one_error(
        run("render", PORTRAIT, tmp_path / "m.npz", "-o", tmp_path / "o.mp4"), "no such motion"
    )
    one_error(run("track", tmp_path / "x.mp4", "-o", tmp_path / "o.npz"), "no such file")
    (tmp_path / "t.mp4").write_text("words " * 99)
    one_error(
        run("track", tmp_path / "t.mp4", "-o", tmp_path / "o.npz"), "neither an image nor a video"
    )


def test_defects_are_one_line_too(
    run: Run, tmp_path: Path, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkgen.commands.parts.read_speech", lambda path: 1 / 0)
    code, text = run("motion", speech, "-o", tmp_path / "m.npz")
    assert code == 1
    assert text.strip() == (
        "talkgen: error: unexpected ZeroDivisionError: division by zero; --debug shows where"
    )
    code, text = run("motion", speech, "-o", tmp_path / "m.npz", "--debug")
    assert "Traceback" in text


def test_help_models_and_doctor(capfd: pytest.CaptureFixture[str]) -> None:
    for arguments, code, words in (
        (["--help"], 0, "talk"),
        (["talk", "--help"], 0, "Example: talkgen talk"),
        (["--version"], 0, "talkgen 0."),
        (["models"], 0, "head"),
        (["doctor"], 0, "SHA-256 verified"),
        (["doctor"], 0, "renderer auto"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert (stop.value.code or 0) == code
        assert words in capfd.readouterr().out


def test_doctor_says_how_to_get_what_is_missing(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.metadata.version

    def version(name: str) -> str:
        if name in {"diffusers", "xformers", "gradio"}:
            raise importlib.metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(SystemExit) as stop:
        main(["doctor"])
    assert not stop.value.code  # all are optional
    text = " ".join(capfd.readouterr().out.split())
    assert "- diffusers optional (the diffusion renderer), not installed" in text
    assert "pip install 'talkgen[diffusion]'" in text
    assert "pip install 'talkgen[cuda]'" in text
    assert "pip install 'talkgen[demo]'" in text


def start(*arguments: object, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "talkgen", *map(str, arguments)],
        cwd=ROOT, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupts_leave_nothing(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    sound = write_sound(tmp_path / "long.wav", seconds=120)

    def heard() -> None:  # programs started in the background ignore Ctrl-C, and so do their own
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    process = start("talk", PORTRAIT, sound, "-o", tmp_path / "o.mp4", preexec_fn=heard)
    deadline = time.monotonic() + 120
    while not any(n.startswith(".o.") for n in left(tmp_path)) and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.05)
    time.sleep(0.3)  # amid the frames
    process.send_signal(sent)
    _, text = process.communicate(timeout=60)
    assert process.returncode == code
    assert len([line for line in text.splitlines() if "error:" in line]) == 1
    assert "Traceback" not in text
    assert left(tmp_path) == {"long.wav"}


def test_full_disk_leaves_nothing(tmp_path: Path, speech: Path) -> None:
    def small_files() -> None:  # like a disk with 20 kB left
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    environment = {**os.environ, "NUMBA_DISABLE_CACHING": "1"}
    process = start(
        "talk", PORTRAIT, speech, "-o", tmp_path / "o.mp4", preexec_fn=small_files, env=environment
    )
    _, text = process.communicate(timeout=120)
    one_error((process.returncode, text), "no space left")
    assert left(tmp_path) == {"speech.wav"}
