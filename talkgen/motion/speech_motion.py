"""The motion model: what the phonetic encoder hears, to mouth motion and to the rest of the face.

One trunk at 25 frames a second reads the encoder's hidden states and phone posteriors through a
band of attention (`look_back` frames back, a few ahead). Heads on it speak the languages of unlike
data: `tracked` (people fitted with the head model), `rule` (the viseme space: what the written
co-articulation rule makes of synthetic phones, talkgen.training.viseme_rules), `facegood` (116
channels of one actor). They are averages; what is drawn by chance is in `talkgen.motion.flow`. The
generator uses `tracked` and a share of `rule`; the head of another space is read like this:

    model = SpeechMotion.from_pretrained("motion")
    features = torch.from_numpy(level_features(mel_power(samples)))[None]  # 16 kHz, talkgen.audio
    with torch.inference_mode():
        weights = model(features)[1].facegood.clamp(0, 1)  # (1, T, 116) at 25 fps
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkgen import hub
from talkgen.audio.phonetic import PhoneticConfig, PhoneticEncoder
from talkgen.errors import CheckpointError
from talkgen.modeling import Config, ModelMixin
from talkgen.motion.flow import FlowConfig, FlowNet
from talkgen.motion.layers import BandAttention, FeedForward

FACEGOOD_CHANNELS = 116
ENCODER = "encoder."  # prefix of the encoder's tensors


@dataclass(frozen=True)
class SpeechMotionConfig(Config):
    """Sizes of the net; frames are motion frames (25 a second) unless said otherwise.

    encoder : fields of PhoneticConfig
    shared_encoder : name of the checkpoint that holds the encoder's weights (beside this one, or
        shipped); empty: they are in this one
    encoder_digest : SHA-256 of that checkpoint's weights file: the trunk knows no other
    flow : fields of FlowConfig; empty: the model has no flow
    gap_unit : inter-ocular distances that an output of 1 of the lip gap stands for
    gap_gain, control_gain, rule_share : see talkgen.training.motion_calibrate
    """

    encoder: dict[str, Any] = field(default_factory=dict)
    shared_encoder: str = ""
    encoder_digest: str = ""
    num_controls: int = 21
    width: int = 128
    num_heads: int = 4
    hidden: int = 320
    look_back: tuple[int, ...] = (10, 20, 25)
    look_ahead: tuple[int, ...] = (1, 1, 0)
    dropout: float = 0.1
    input_dropout: float = 0.1
    num_members: int = 1
    flow: dict[str, Any] = field(default_factory=dict)
    gap_unit: float = 0.1
    gap_gain: float = 1.0
    control_gain: tuple[float, ...] = ()
    rule_share: tuple[float, ...] = ()

    @property
    def num_outputs(self) -> int:
        """Controls, then the lip gap, then pitch, yaw, roll."""
        return self.num_controls + 4


class Said(NamedTuple):
    """What the trunk says of (B, 2 T) frames of the encoder.

    tracked : (B, T, num_controls + 4) controls, lip gap (`gap_unit` of IOD), rotation (0.1 rad)
    rule : the same layout in the viseme space: targets of 29 phone classes joined by dominance
        curves, which move the mouth alone (brows, cheeks and rotation stay near 0)
    facegood : (B, T, 116) weights of FACEGOOD-Audio2Face's unnamed blendshapes, about [0, 1]; some
        24 of them move. Trained by scripts/train_motion.py where data/motion/facegood is present
    hidden : (B, T, width)
    """

    tracked: Tensor
    rule: Tensor
    facegood: Tensor
    hidden: Tensor


class MotionTrunk(nn.Module):
    """(B, 2 T, W) hidden states and (B, 2 T, P) posteriors to Said; one member."""

    def __init__(self, config: SpeechMotionConfig):
        super().__init__()
        encoder = PhoneticConfig.from_dict(config.encoder)
        width, drop = config.width, config.dropout
        self.input_drop = nn.Dropout(config.input_dropout)
        self.down = nn.Conv1d(encoder.width + encoder.num_phones, width, 4, stride=2, padding=1)
        self.layers = nn.ModuleList(
            nn.Sequential(
                BandAttention(width, config.num_heads, back, ahead, drop),
                FeedForward(width, config.hidden, drop),
            )
            for back, ahead in zip(config.look_back, config.look_ahead, strict=True)
        )
        self.norm = nn.LayerNorm(width)
        self.tracked = nn.Linear(width, config.num_outputs)
        self.rule = nn.Linear(width, config.num_outputs)
        self.facegood = nn.Linear(width, FACEGOOD_CHANNELS)

    def forward(self, hidden: Tensor, phones: Tensor) -> Said:
        both = torch.cat([self.input_drop(hidden), 3.0 * phones], -1)
        y = functional.gelu(self.down(both.transpose(1, 2))).transpose(1, 2)
        for layer in self.layers:
            y = layer(y)
        y = self.norm(y)
        return Said(self.tracked(y), self.rule(y), self.facegood(y), y)


class SpeechMotion(nn.Module, ModelMixin):
    """Encoder, trunk and flow; several trunks of different seeds (`num_members`) are averaged."""

    config_class = SpeechMotionConfig

    def __init__(self, config: SpeechMotionConfig):
        super().__init__()
        self.config = config
        self.encoder = PhoneticEncoder(PhoneticConfig.from_dict(config.encoder))
        self.members = nn.ModuleList(MotionTrunk(config) for _ in range(config.num_members))
        self.flow = FlowNet(FlowConfig.from_dict(config.flow)) if config.flow else None

    def share_encoder(self, folder: str | os.PathLike[str], *, half: bool = False) -> None:
        """Save the encoder into `folder`, as a checkpoint of its own whose name this one keeps.

        From then on `save_pretrained` leaves it out.
        """
        path = Path(folder)
        self.encoder.save_pretrained(path, half=half)
        digest = hub.sha256(path / hub.WEIGHTS_NAME)
        self.config = replace(self.config, shared_encoder=path.name, encoder_digest=digest)

    def stored_state(self) -> dict[str, Any]:
        """See ModelMixin; without a shared encoder."""
        state = super().stored_state()
        if not self.config.shared_encoder:
            return state
        return {name: t for name, t in state.items() if not name.startswith(ENCODER)}

    def whole_state(self, stored: dict[str, Any], folder: Path) -> dict[str, Any]:
        """See ModelMixin; a shared encoder is read from the folder beside, or the shipped one."""
        name = self.config.shared_encoder
        if not name:
            return stored
        beside = folder.parent / name
        place = beside if (beside / hub.CONFIG_NAME).is_file() else hub.resolve(name)
        if hub.sha256(place / hub.WEIGHTS_NAME) != self.config.encoder_digest:
            raise CheckpointError(
                f"{folder} was trained on another {name} than {place}; put the two that belong "
                "together side by side"
            )
        encoder = PhoneticEncoder.from_pretrained(place).state_dict()
        return stored | {ENCODER + key: tensor for key, tensor in encoder.items()}

    @property
    def encoder_back(self) -> int:
        """Motion frames before its own that the encoder reads."""
        return -(-self.encoder.look_back // 4)

    @property
    def trunk_back(self) -> int:
        """Motion frames before its own that the trunk reads."""
        return sum(self.config.look_back) + 1

    @property
    def look_back(self) -> int:
        """Feature frames before a motion frame's own that encoder and trunk read for it."""
        return self.encoder.look_back + 2 + 4 * sum(self.config.look_back)

    @property
    def unsettled(self) -> int:
        """Feature frames past a motion frame's own that the encoder reads for it."""
        return self.encoder.look_ahead

    @property
    def look_ahead(self) -> int:
        """Feature frames past a motion frame's own that encoder and trunk read for it."""
        return self.encoder.look_ahead + 2 + 4 * sum(self.config.look_ahead)

    def listen(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 4 T, 80) features to hidden states (B, 2 T, W) and phone posteriors (B, 2 T, P)."""
        heard = self.encoder(features)
        return heard.hidden, heard.phones.softmax(-1)

    def say(self, hidden: Tensor, phones: Tensor) -> Said:
        """What all members say of what was heard, on average."""
        outputs = [member(hidden, phones) for member in self.members]
        return Said(*(torch.stack(parts).mean(0) for parts in zip(*outputs, strict=True)))

    def forward(self, features: Tensor) -> tuple[Tensor, Said]:
        """(B, 4 T, 80) features to phone posteriors (B, 2 T, P) and Said."""
        hidden, phones = self.listen(features)
        return phones, self.say(hidden, phones)
