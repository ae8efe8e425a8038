"""The frozen numbers that turn the net's averages into motion of natural size.

A net that is unsure says the mean, so its motion is timid. Gains bring the spread of each output
back to that of the tracked people; some lip shapes take a share of the rule, which sees what
landmarks measure badly (rounding, lips rolled in).
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from talkgen.audio.features import level_features, mel_power
from talkgen.motion.controls import CONTROLS
from talkgen.motion.speech_motion import SpeechMotion, SpeechMotionConfig
from talkgen.training.motion_data import ClipMotion, clip_targets, resting_levels

RULE_SHARE = {
    "mouthPucker": 0.5, "mouthFunnel": 0.4, "mouthRollLower": 0.4, "mouthRollUpper": 0.2,
    "mouthPress": 0.3, "mouthStretch": 0.3, "mouthSmile": 0.2,
}  # fmt: skip
LARGEST_GAIN = 1.8
CAUTION = 0.9
"""Share of the people's own spread that is aimed at: what is loud and wrong disturbs most."""
CLIPS_A_PERSON = 6


def calibrated(
    model: SpeechMotion, clips: list[ClipMotion], clips_a_person: int = CLIPS_A_PERSON
) -> SpeechMotionConfig:
    """The model's config with `gap_gain`, `control_gain` and `rule_share` set from `clips`."""
    count = len(CONTROLS)
    rests = resting_levels(clips)
    seen: dict[str, int] = {}
    said, real = [], []
    for clip in clips:
        seen[clip.person] = seen.get(clip.person, 0) + 1
        if seen[clip.person] > clips_a_person:
            continue
        targets = clip_targets(clip, rests[clip.person], model.config.gap_unit)
        feature = level_features(mel_power(clip.sound))
        frames = min(len(feature) // 4, len(targets))
        with torch.inference_mode():
            _, heard = model(torch.from_numpy(feature[None, : 4 * frames]))
        tracked = heard.tracked[0].numpy()
        keep = clip.valid[:frames]
        said.append(np.maximum(tracked[keep, : count + 1], 0.0))
        real.append(np.maximum(targets[:frames][keep, : count + 1], 0.0))
    ratio = np.concatenate(real).std(0) / np.maximum(np.concatenate(said).std(0), 1e-4)
    gains = np.clip(CAUTION * ratio, 1.0, LARGEST_GAIN)
    gains[CONTROLS.index("mouthFrown")] = 1.0  # goes with every pucker; more of it looks sad
    return dataclasses.replace(
        model.config,
        gap_gain=round(float(gains[count]), 3),
        control_gain=tuple(round(float(g), 3) for g in gains[:count]),
        rule_share=tuple(RULE_SHARE.get(name, 0.0) for name in CONTROLS),
    )
