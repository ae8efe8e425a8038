"""How the motion generator takes odd sounds: whispers, songs, telephones, music, silence, clicks.

    python scripts/try_sounds.py --data ../shared [--out results/odd_sounds.json]

There is no truth to score against: a row says how far and how long the lips part, what they do
where nothing is loud, how they tremble, how the head moves; what is not finite or longer than the
sound is an error.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np


def odd_sounds(data: Path) -> dict[str, np.ndarray]:
    """Name to (N,) sound at 16 kHz."""
    from scipy.signal import lfilter

    from talkgen.io import audio

    def read(name: str) -> np.ndarray:
        return audio.read_audio(data / "data" / "speech" / name, rate=16000).samples[: 16000 * 10]

    rng = np.random.default_rng(0)
    plain, other = read("ljspeech/LJ001-0001.flac"), read("ljspeech/LJ001-0004.flac")
    count = min(len(plain), len(other))
    time = np.arange(len(plain)) / 16000
    # a whisper: the same spectral envelope over noise, frame by frame
    whisper = np.zeros_like(plain)
    for start in range(0, len(plain) - 512, 256):
        frame = plain[start : start + 512] * np.hanning(512)
        size = np.abs(np.fft.rfft(frame))
        smooth = np.convolve(size, np.ones(9) / 9, "same")
        turned = smooth * np.exp(2j * np.pi * rng.random(len(size)))
        whisper[start : start + 512] += np.fft.irfft(turned) * np.hanning(512)
    chord = sum(np.sin(2 * np.pi * f * time) for f in (220.0, 277.2, 329.6, 440.0))
    beat = np.exp(-8 * (time % 0.5)) * rng.normal(size=len(time))
    music = (0.04 * chord + 0.1 * beat).astype(np.float32)
    robot = lfilter([1.0], [1.0, *np.zeros(119), -0.85], plain) * 0.3
    quick = np.interp(np.arange(0, len(plain), 1.35), np.arange(len(plain)), plain)
    click = np.zeros(16000 * 4, np.float32)
    click[32000:32032] = 0.8
    out = {
        "plain": plain, "whispered": whisper, "shouted (clipped)": np.clip(plain * 16, -1, 1),
        "child (pitch and formants x1.35)": quick, "robot (comb, flat pitch)": robot,
        "telephone 8 kHz": telephone(plain),
        "music behind, 6 dB below": plain + music * 0.5 * plain.std() / music.std(),
        "music alone": music, "two at once": plain[:count] + other[:count],
        "30 s of silence": np.zeros(480000, np.float32), "one click": click,
        "white noise": 0.05 * rng.normal(size=64000),
    }  # fmt: skip
    for tongue in ("ja-JP", "zh-CN", "de-DE", "fr-FR"):
        path = sorted((data / "data" / "speech" / "languages" / tongue).iterdir())[0]
        out[tongue] = read(f"languages/{tongue}/{path.name}")
    for path in sorted((data / "data" / "speech" / "misc").glob("*.flac")):
        out[path.stem] = read(f"misc/{path.name}")
    return {name: np.asarray(sound, np.float32) for name, sound in out.items()}


def telephone(sound: np.ndarray) -> np.ndarray:
    """300-3400 Hz at 8 kHz, back at 16 kHz."""
    import soxr
    from scipy.signal import butter, sosfilt

    low = soxr.resample(sound, 16000, 8000)
    low = sosfilt(butter(4, [300, 3400], "bandpass", fs=8000, output="sos"), low)
    return soxr.resample(low, 8000, 16000)


def main() -> None:
    from evaluate_motion import Measure

    from talkgen.training.motion_judge import describe
    from talkgen.types import Audio

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = Path(os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--checkpoint", default="motion")
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    measure = Measure(args.checkpoint)
    rows = {}
    for name, sound in odd_sounds(args.data).items():
        motion = measure.generator.generate(Audio(sound, 16000))
        if not np.isfinite(motion.blendshapes).all():
            raise SystemExit(f"{name}: motion is not finite")
        rows[name] = describe(motion, measure.gap, sound)
        print(f"{name:36s}", rows[name], flush=True)
    if args.out is not None:
        args.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
