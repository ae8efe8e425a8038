"""The fit of the voice's feelings on EmoDB, and how it does on speakers left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from talkgen.audio.features import mel_power
from talkgen.audio.prosody import prosody
from talkgen.audio.voice_emotion import (
    HOP,
    VOICES,
    WINDOW,
    VoiceEmotion,
    VoiceEmotionConfig,
    statistics,
)
from talkgen.motion.facs import VALENCE_AROUSAL
from talkgen.types import Audio

LETTERS = dict(zip("NFTAEWL", VOICES, strict=True))
"""Sixth letter of an EmoDB file name: neutral, Freude, Trauer, Angst, Ekel, Wut, Langeweile."""
STEPS, RATE, DECAY = 200, 1e-2, 3.0
BORED = (-0.2, -0.6)
"""Valence and arousal of boredom (Russell 1980); those of the others are the face's own."""
AFFECT = {name: VALENCE_AROUSAL.get(name, BORED) for name in VOICES}


def load(folder: Path) -> dict[str, Any]:
    """Return statistics (N, 76), class (N,), speaker (N,) and file (N,) of all windows."""
    import soundfile

    rows: dict[str, list[Any]] = {"features": [], "label": [], "speaker": [], "file": []}
    for number, path in enumerate(sorted(folder.glob("*.flac"))):
        samples, rate = soundfile.read(path, dtype="float32")
        heard, power = prosody(Audio(samples, rate)), mel_power(samples)
        count = min(len(heard), len(power))
        for end in sorted({*range(WINDOW, count, 2 * HOP), count}):
            part = slice(max(0, end - WINDOW), end)
            found = statistics(
                type(heard)(*(getattr(heard, n)[part] for n in heard.__dataclass_fields__)),
                power[part],
            )
            if found is not None:
                for name, value in (("features", found), ("file", number),
                                    ("label", VOICES.index(LETTERS[path.stem[5]])),
                                    ("speaker", path.stem[:2])):  # fmt: skip
                    rows[name].append(value)
    return {k: np.array(v) for k, v in rows.items()}


def fit(data: dict[str, Any], chosen: Any, seed: int = 0) -> VoiceEmotion:
    """Return a model trained on the chosen rows, classes weighed by the root of their rarity."""
    torch.manual_seed(seed)
    model = VoiceEmotion(VoiceEmotionConfig(data["features"].shape[1]))
    features = torch.from_numpy(data["features"][chosen])
    label = torch.from_numpy(data["label"][chosen])
    model.mean.copy_(features.mean(0))
    model.scale.copy_(1 / (features.std(0) + 1e-4))
    model.affect.copy_(torch.tensor([AFFECT[name] for name in VOICES]))
    count = torch.bincount(label, minlength=len(VOICES)).clamp(min=1)
    adam = torch.optim.AdamW(model.layer.parameters(), RATE, weight_decay=DECAY)
    pace = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        loss = nn.functional.cross_entropy(
            model.forward(features), label, weight=1 / count**0.5, label_smoothing=0.1
        )
        adam.zero_grad()
        loss.backward()
        adam.step()
        pace.step()
    return model.eval()


def by_speaker(data: dict[str, Any]) -> dict[str, Any]:
    """Return the confusion of files of speakers left out, one after the other."""
    confusion = np.zeros((len(VOICES), len(VOICES)), int)
    emotions: list[bool] = []
    for speaker in np.unique(data["speaker"]):
        model = fit(data, data["speaker"] != speaker)
        for file in np.unique(data["file"][data["speaker"] == speaker]):
            rows = data["file"] == file
            with torch.inference_mode():
                found = torch.softmax(model.forward(torch.from_numpy(data["features"][rows])), 1)
            true, said = int(data["label"][rows][0]), int(found.mean(0).argmax())
            confusion[true, said] += 1
            aroused = [AFFECT[VOICES[i]][1] > 0.1 for i in (true, said)]
            emotions.append(bool(aroused[0] == aroused[1]))
    share = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    return {
        "classes": list(VOICES), "confusion": confusion.tolist(),
        "accuracy": round(float(np.trace(confusion) / confusion.sum()), 3),
        "balanced_accuracy": round(float(np.diag(share).mean()), 3),
        "chance": round(1 / len(VOICES), 3),
        "most_frequent_class": round(float(confusion.sum(1).max() / confusion.sum()), 3),
        "arousal_sign_right": round(float(np.mean(emotions)), 3),
        "files": int(confusion.sum()), "speakers": len(np.unique(data["speaker"])),
    }  # fmt: skip


