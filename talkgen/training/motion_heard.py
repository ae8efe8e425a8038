"""Real speech that nobody filmed, with what earlier models say of it, as training data.

Tracked people are few (32); the voices of `data/speech` (LJSpeech, sentences in nine languages,
EmoDB) are more. Models that were trained before say the motion of the clean sound; the student
hears the same sound augmented (Xie et al. 2020, Self-training with Noisy Student). On people left
out (fold 1, together with an encoder trained on real speech) r rose from .595 to .606, on GRID
from .798 to .815.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from talkgen.audio.features import level_features, mel_power
from talkgen.io.audio import read_audio
from talkgen.motion.speech_motion import SpeechMotion
from talkgen.training.motion_crops import CropSet, make_crops
from talkgen.training.motion_data import Track, resampled_sound
from talkgen.training.motion_heads import GAP, gate_of
from talkgen.training.motion_teacher import MotionTeacher

Float32 = NDArray[np.float32]

SPEEDS = (0.88, 1.0, 1.14)
ACTED_SHARE = 0.05  # EmoDB has ten sentences, said over and over: a small share of the crops


def load_teacher(folder: str | Path) -> nn.Module:
    """The MotionTeacher or the SpeechMotion of a folder, whichever it holds."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    kind = SpeechMotion if "encoder" in config else MotionTeacher
    return kind.from_pretrained(folder).eval()


def said_of(teachers: Sequence[nn.Module], features: torch.Tensor) -> torch.Tensor:
    """(B, T, C + 4) of (B, 4 T, 80) features: the mean over all members of all teachers."""
    parts = []
    for teacher in teachers:
        if isinstance(teacher, SpeechMotion):
            hidden, phones = teacher.listen(features)
            parts += [member(hidden, phones).tracked.float() for member in teacher.members]
        else:
            assert isinstance(teacher, MotionTeacher)
            parts += [member(features).tracked.float() for member in teacher.members]
    return torch.stack(parts).mean(0)


def taught(crops: CropSet, teachers: Sequence[nn.Module]) -> NDArray[np.float16]:
    """(N, F, C + 4) what all members of `teachers` say of the crops, on average."""
    out = []
    for start in range(0, len(crops), 64):
        features = torch.from_numpy(crops.features[start : start + 64].astype(np.float32))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            out.append(said_of(teachers, features).numpy().astype(np.float16))
    return np.concatenate(out)


def speech_files(folder: Path) -> list[Path]:
    """The sound files of `data/speech` that may train; none where the folder does not exist."""
    return [
        path
        for part in ("ljspeech/*.flac", "languages/*/*.flac", "emodb/*.flac")
        for path in sorted(folder.glob(part))
    ]


def heard_tracks(
    files: Sequence[Path], teachers: Sequence[nn.Module]
) -> tuple[list[Track], list[float]]:
    """Tracks of `files` at several speeds, and how often each is to be drawn.

    The last SpeechMotion of `teachers` also says where p, b and m shut the lips: its gate lies on
    the gap, as on that of filmed people nature laid it.
    """
    hearing = [t for t in teachers if isinstance(t, SpeechMotion)]
    tracks, weights = [], []
    for path in files:
        sound = read_audio(path).samples
        for speed in SPEEDS:
            power = mel_power(resampled_sound(sound, speed))
            count = len(power) // 4
            features = torch.from_numpy(level_features(power)[None, : 4 * count])
            with torch.inference_mode():
                said = said_of(teachers, features)[0]
                if hearing:
                    gate = gate_of(hearing[-1].listen(features)[1])[0]
                    said[:, GAP] = said[:, GAP].clamp(min=0) * gate[: len(said)]
            count = len(said)
            valid = np.ones(count, bool)
            tracks.append(Track(path.parent.name, power[: 4 * count], None, said.numpy(), valid))
            acted = path.parent.name == "emodb"
            weights.append(count * ACTED_SHARE if acted else float(np.sqrt(count)))
    return tracks, weights


def heard_crops(files: Sequence[Path], teachers: Sequence[nn.Module], count: int) -> CropSet:
    """`count` augmented crops of `files`, with what `teachers` say of the clean sound."""
    tracks, weights = heard_tracks(files, teachers)
    return make_crops(tracks, weights, count, 21)


def joined(first: CropSet, second: CropSet) -> CropSet:
    """Both sets in one; `track` of the second is -1: it is nobody's of the first."""
    parts = {
        f.name: np.concatenate([getattr(first, f.name), getattr(second, f.name)])
        for f in fields(CropSet)
    }
    parts["track"][len(first) :] = -1
    return CropSet(**parts)
