"""Motion to frames by whatever renderer there is, with the sound that belongs to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from talkgen.io.audio import Speech
from talkgen.types import ENGINE_RATE, Emotion, ImageArray, Motion


def drawn(
    renderer: Any, ready: Any, parts: Iterable[Motion], speech: Speech | None
) -> Iterator[ImageArray]:
    """Yield the frames of consecutive chunks of a motion.

    renderer : a `Renderer`; one with `stream` gets all chunks at once, so that it can carry on from
        one to the next; one with an `encoder` gets the sound about each frame as `extra["sound"]`
    """
    encoder = getattr(renderer, "encoder", None)
    if encoder is not None and speech is not None:
        parts = with_sound(encoder, parts, speech)
    if hasattr(renderer, "stream"):
        yield from renderer.stream(ready, parts)
        return
    for part in parts:
        yield from renderer.render(ready, part)


def giving_way(parts: Iterable[Motion], emotion: Emotion | None) -> Iterator[Motion]:
    """Yield the chunks of a motion, from its first frame on, with what of the portrait's own
    expression stays under an emotion (`talkgen.motion.giving`)."""
    from talkgen.motion.giving import REST_KEPT, rest_kept

    frames = 0
    for part in parts:
        times = (frames + np.arange(len(part))) / part.fps
        kept = None if emotion is None else rest_kept(emotion, times)
        frames += len(part)
        yield part if kept is None else replace(part, extra={**part.extra, REST_KEPT: kept})


def with_sound(encoder: Any, parts: Iterable[Motion], speech: Speech) -> Iterator[Motion]:
    """Yield the chunks with `extra["sound"]`, see `talkgen.audio.nearby`."""
    from talkgen.audio.nearby import NearbySound

    near: NearbySound | None = None
    for part in parts:
        if near is None:
            near = NearbySound(encoder, speech.blocks(ENGINE_RATE), ENGINE_RATE, part.fps)
        yield replace(part, extra={**part.extra, "sound": near.take(len(part))})
