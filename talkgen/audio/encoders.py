"""Audio encoders by name: the shipped `phonetic`, or wav2vec2, HuBERT and Whisper of transformers.

    encoder = load_encoder("phonetic")            # or a folder, or a hub id
    features = encoder.encode(audio)              # (T, encoder.dim) at encoder.fps

The encoders of transformers hear a whole window at once. Windows lie on a fixed grid of `core`
seconds with `context` seconds on either side, of which only the core is kept: memory does not grow
with length, and a long file gives what a short one gives wherever the window lies in both.
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.features import Resampler
from talkgen.errors import CheckpointError, InputError, MissingDependencyError
from talkgen.hub import CONFIG_NAME
from talkgen.protocols import AudioEncoder
from talkgen.types import ENGINE_RATE, Audio

Float32 = NDArray[np.float32]

HUB_IDS = {
    "wav2vec2": "facebook/wav2vec2-base-960h",
    "hubert": "facebook/hubert-base-ls960",
    "whisper": "openai/whisper-base",
}
"""What the short names stand for on the Hugging Face hub."""

CORE_S, CONTEXT_S = 12.0, 4.0


def load_encoder(name_or_path: str | os.PathLike[str] = "phonetic") -> AudioEncoder:
    """The encoder of a shipped name, a short name of `HUB_IDS`, a folder or a hub id.

    Raises CheckpointError where it cannot be had, MissingDependencyError without transformers.
    """
    from talkgen.audio.phonetic import PhoneticEncoder

    name = os.fspath(name_or_path)
    path = Path(name) / CONFIG_NAME
    kind = _kind_of(path) if path.is_file() else None
    if kind == "PhoneticEncoder" or (kind is None and name == "phonetic"):
        return PhoneticEncoder.from_pretrained(name)
    if kind is None and not path.is_file():
        if Path(name).is_dir():
            raise CheckpointError(f"the folder {name!r} holds no {CONFIG_NAME}; give another")
        if name not in HUB_IDS and name.count("/") != 1:
            known = ", ".join(["phonetic", *HUB_IDS])
            raise InputError(
                f"no audio encoder {name!r}; give one of {known}, a folder with {CONFIG_NAME} "
                "or a hub id such as facebook/hubert-base-ls960"
            )
    return _from_transformers(HUB_IDS.get(name, name) if kind is None else name)


def _kind_of(path: Path) -> str | None:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); restore it") from error
    return str(values.get("_class") or values.get("model_type"))


def _from_transformers(name: str) -> AudioEncoder:
    try:
        import transformers
    except ImportError as error:
        raise MissingDependencyError(
            f"the audio encoder {name!r} needs transformers; pip install 'talkgen[encoders]'"
        ) from error
    config = _fetched(transformers.AutoConfig.from_pretrained, name)
    if config.model_type in ("wav2vec2", "hubert"):
        model = _fetched(transformers.AutoModel.from_pretrained, name)
        return WaveEncoder(model, normalize=_normalizes(name, transformers))
    if config.model_type == "whisper":
        return WhisperEncoder(_fetched(transformers.WhisperModel.from_pretrained, name).encoder)
    raise InputError(
        f"{name!r} is a {config.model_type!r}; a wav2vec2, hubert or whisper model is needed"
    )


def _fetched(load: Callable[..., Any], name: str) -> Any:
    """`load(name)` from the disk, else over the network; one line where neither works."""
    try:
        return load(name, local_files_only=True)
    except Exception as error:  # transformers raises OSError, ValueError and its own kinds
        if Path(name).is_dir():
            text = str(error).strip().splitlines() or [type(error).__name__]
            raise CheckpointError(
                f"{name!r} cannot be loaded ({text[0]}); give a folder as save_pretrained writes it"
            ) from error
    try:
        return load(name)
    except Exception as error:
        raise CheckpointError(
            f"the audio encoder {name!r} is not in the local cache and the hub does not give it "
            f"({type(error).__name__}); give a local folder with its config.json and weights, or "
            "load it once with a network (HF_HOME names the cache)"
        ) from error


def _normalizes(name: str, transformers: Any) -> bool:
    """Whether the model wants every window at zero mean and unit variance."""
    try:
        loader = transformers.Wav2Vec2FeatureExtractor.from_pretrained
        return bool(loader(name, local_files_only=True).do_normalize)
    except (OSError, ValueError):  # no preprocessor_config.json: what transformers would assume
        return True


class _Windowed(ABC):
    """The grid of windows that the encoders of transformers share."""

    dim: int
    fps: float
    _stride: int  # samples a frame
    _core: int  # samples
    _context: int

    def encode(self, audio: Audio) -> Float32:
        """(T, dim) float32, T = ceil(seconds * fps); frame k is about (k + 0.5) / fps."""
        resampler = Resampler(audio.rate)
        sound = np.concatenate([resampler.push(audio.samples), resampler.finish()])
        total = -(-len(sound) // self._stride)
        sound = np.pad(sound, (0, total * self._stride - len(sound)))
        out = np.zeros((total, self.dim), np.float32)
        for start in range(0, len(sound), self._core):
            first = max(0, start - self._context)
            last = min(len(sound), start + self._core + self._context)
            features = self._window(sound[first:last])
            skip = (start - first) // self._stride
            at, stop = start // self._stride, min(start + self._core, len(sound)) // self._stride
            out[at:stop] = features[skip : skip + stop - at]
        return out

    @abstractmethod
    def _window(self, samples: Float32) -> Float32:
        """(n * stride,) samples to (n, dim)."""

    def _grid(self, core_s: float, context_s: float) -> None:
        frame_s = self._stride / ENGINE_RATE
        self._core = max(1, round(core_s / frame_s)) * self._stride
        self._context = round(context_s / frame_s) * self._stride


class WaveEncoder(_Windowed):
    """A Wav2Vec2Model or HubertModel of transformers.

    normalize : bring every window to zero mean and unit variance, as the model was trained
    """

    def __init__(self, model: Any, *, normalize: bool = True):
        self.model = model.eval()
        self.normalize = normalize
        config = model.config
        self.dim = int(config.hidden_size)
        self._stride, self._reach = 1, 1
        for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
            self._reach += (kernel - 1) * self._stride
            self._stride *= stride
        self.fps = ENGINE_RATE / self._stride
        self._grid(CORE_S, CONTEXT_S)

    def _window(self, samples: Float32) -> Float32:
        import torch

        count = len(samples) // self._stride
        if self.normalize:
            samples = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
        left = (self._reach - self._stride) // 2
        right = self._reach - self._stride - left
        padded = np.pad(samples, (left, max(right, 0))).astype(np.float32)
        with torch.inference_mode():
            hidden = self.model(torch.from_numpy(padded)[None]).last_hidden_state[0]
        return np.asarray(hidden[:count].float().numpy())


class WhisperEncoder(_Windowed):
    """The encoder of a WhisperModel of transformers: windows as long as its positions reach."""

    def __init__(self, model: Any):
        import transformers

        self.model = model.eval()
        config = model.config
        self.dim = int(config.d_model)
        self._stride = 320
        self.fps = ENGINE_RATE / self._stride
        self._length = int(config.max_source_positions) * self._stride
        seconds = self._length / ENGINE_RATE
        extractor: Any = transformers.WhisperFeatureExtractor
        self._mels = extractor(feature_size=int(config.num_mel_bins))
        self._grid(min(CORE_S, seconds / 2), min(CONTEXT_S, seconds / 4))

    def _window(self, samples: Float32) -> Float32:
        import torch

        count = len(samples) // self._stride
        padded = np.pad(samples, (0, self._length - len(samples)))
        mels = self._mels(
            padded, sampling_rate=ENGINE_RATE, padding=False, truncation=False, return_tensors="pt"
        ).input_features
        with torch.inference_mode():
            hidden = self.model(mels).last_hidden_state[0]
        return np.asarray(hidden[:count].float().numpy())
