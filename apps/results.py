"""What a command made, in words and curves: the report of a video, and its motion over time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.critic.plots import LEFT, RIGHT, WIDTH, bands, curves
from talkgen.motion.emotion_text import parse_emotion
from talkgen.motion.export import read_motion
from talkgen.motion.facs import strengths_of
from talkgen.types import EMOTIONS, MOTION_CHANNELS, FloatArray, Motion

SHOWN = 0.04
"""Mean probability from which an emotion that nobody asked for is worth a line."""

TOLD = 0.08
"""Confidence of lips and sound under which their offset says nothing."""

MOUTH = {"jaw open": ("jawOpen",), "smile": ("mouthSmileLeft", "mouthSmileRight"),
         "frown": ("mouthFrownLeft", "mouthFrownRight"), "pucker": ("mouthPucker",)}  # fmt: skip
UPPER = {"blink": ("eyeBlinkLeft", "eyeBlinkRight"), "brows up": ("browInnerUp",),
         "brows down": ("browDownLeft", "browDownRight"),
         "cheeks up": ("cheekSquintLeft", "cheekSquintRight")}  # fmt: skip
"""Curves of the plot, each the mean of these channels."""

FOLLOW = (Path(__file__).with_name("assets") / "follow.js").read_text("utf-8")
"""Script of the plot: a line follows the video, a click goes to that moment."""


def report_html(path: Path, asked: str | None) -> str:
    """Return the report of a video in plain words, from the .json that `talkgen score` wrote.

    asked : the emotion as it was asked for, None or "auto" where none was
    """
    found = json.loads(path.read_text("utf-8"))
    scores, absent = found["scores"], found["absent"]
    rows = [
        _emotion(found, asked), _lips(scores, found["fps"], absent), _silence(found),
        _identity(scores, absent), _blinks(scores),
    ]  # fmt: skip
    return f'<dl class="readings">{"".join(row for row in rows if row)}</dl>'


def motion_plot(
    path: Path, silence: Sequence[Any] = (), report: Path | None = None, asked: str | None = None
) -> str:
    """Return the curves of a motion file as HTML: mouth, eyes and brows, head.

    silence : (T,) where the ground is grey, from a report; may be left out
    report, asked : for emotions over time above them, those asked for and those measured
    """
    motion = read_motion(path)
    count = len(motion.blendshapes)
    flags = [bool(v) for v in silence[:count]]
    shaded = np.array([*flags, *[False] * (count - len(flags))], np.bool_) if flags else None
    turns = np.rad2deg(np.asarray(motion.rotation, np.float64))
    head = {"nod": turns[:, 0], "turn": turns[:, 1], "tilt": turns[:, 2]}
    span = (0.0, 1.0)
    parts = [
        *([] if report is None else _emotions(report, asked)),
        _figure("Mouth", curves(_means(motion, MOUTH), fps=motion.fps, shaded=shaded, span=span)),
        _figure(
            "Eyes and brows",
            curves(_means(motion, UPPER), fps=motion.fps, shaded=shaded, span=span),
        ),
        _figure("Head", curves(head, fps=motion.fps, shaded=shaded, unit="degrees")),
    ]
    end = max(count - 1, 1) / motion.fps
    left, right = 100 * LEFT / WIDTH, 100 * (WIDTH - RIGHT) / WIDTH
    return (
        f'<div class="motion" data-end="{end:.4f}" data-left="{left:.3f}" data-right="{right:.3f}">'
        f'{"".join(parts)}<span class="playhead" aria-hidden="true"></span></div>'
    )


def _emotions(path: Path, asked: str | None) -> list[str]:
    """Return pictures of the emotions over time that a report holds, and of those asked for."""
    from talkgen.critic.page import COLOURED, asked_shares  # torch: seconds of the start

    found = json.loads(path.read_text("utf-8"))
    seen, fps = found.get("expression"), found["fps"]
    if seen is None:
        return []
    tracks = [[np.nan if v is None else v for v in seen["emotions"][name]] for name in EMOTIONS]
    measured = np.array(tracks, np.float32).T
    out = []
    if strengths_asked(asked):
        wanted = asked_shares(parse_emotion(asked or ""), len(measured), fps)
        out.append(_figure("Emotion asked for", bands(wanted, EMOTIONS, fps=fps, of=COLOURED)))
    out.append(_figure("Emotion measured", bands(measured, EMOTIONS, fps=fps, of=COLOURED)))
    return out


def silence_of(path: Path) -> list[Any]:
    """Return (T,) where a report says that nobody speaks."""
    tracks = json.loads(path.read_text("utf-8"))["tracks"]
    return list(tracks.get("silence") or ())


def strengths_asked(asked: str | None) -> dict[str, float]:
    """Return the mean strength of every emotion that a text asks for over its track."""
    if not asked or asked.strip().lower() == "auto":
        return {}
    emotion = parse_emotion(asked)
    mean = strengths_of(emotion).mean(0).tolist()
    return {name: value for name, value in zip(EMOTIONS[1:], mean, strict=True) if value > 0.005}


def bars_html(measured: Mapping[str, float], asked: Mapping[str, float]) -> str:
    """Return emotions as bars, 0 to 1, those asked for with a notch; the faintest are left out."""
    shown = [
        _bar(name, measured[name], asked.get(name))
        for name in sorted(EMOTIONS, key=lambda n: -measured[n])
        if measured[name] >= SHOWN or name in asked
    ]
    key = '<small class="key"><i class="fill"></i>measured <i class="notch"></i>asked</small>'
    return f'<div class="bars">{"".join(shown)}</div>{key if asked else ""}'


def _emotion(found: Mapping[str, Any], asked: str | None) -> str:
    seen, scores = found.get("expression"), found["scores"]
    if seen is None:
        why = found["absent"].get("expression", "no face was read")
        return _row("Emotion", "not measured", escape(why))
    wanted = strengths_asked(asked)
    said = f"the critic reads <b>{escape(seen['clip'])}</b>"
    if asked and "," in asked:
        said += f"; asked for {escape(asked)}"
    elif wanted:
        said += "; asked for " + escape(
            " + ".join(f"{name} {value:.0%}" for name, value in wanted.items())
        )
    if "emotion_named" in scores:
        said += f", the likeliest of eight in {scores['emotion_named']['value']:.0%} of its frames"
    return _row("Emotion", "", said + bars_html(seen["mean"], wanted))


def _lips(scores: Mapping[str, Any], fps: float, absent: Mapping[str, str]) -> str:
    if "av_offset" not in scores:
        return _row("Lip sync", "not measured", escape(absent.get("sync", "")))
    offset = scores["av_offset"]
    frames = offset["value"]
    size = f"{abs(frames):g} frame{'' if abs(frames) == 1 else 's'} ({abs(frames) / 25:.2f} s)"
    late = "late" if frames > 0 else "early"
    value = "in time" if frames == 0 else f"{size} {late}"
    sure = scores.get("sync_confidence")
    if sure is not None and sure["value"] < TOLD:
        text = f"lips and sound agree at no offset: confidence {sure['value']:.2f}, at most 1"
        return _row("Lip sync", "cannot be told", text)
    text = f"mouth against sound; {_usual(offset)}"
    if sure is not None:
        text += f"; confidence {sure['value']:.2f}, higher is better"
    return _row("Lip sync", value, text, _within(offset))


def _silence(found: Mapping[str, Any]) -> str:
    parted = found["scores"].get("parted_in_silence")
    if parted is None:
        return _row("Silence", "none", "no stretch of 0.3 s or more without speech")
    shut = 1 - parted["value"]
    return _row("Silence", f"{shut:.0%}", f"lips shut, of {parted['n']} silent frames")


def _identity(scores: Mapping[str, Any], absent: Mapping[str, str]) -> str:
    same = scores.get("csim")
    if same is None:
        why = absent.get("identity", "")
        return _row("Likeness", "not measured", escape(why)) if why else ""
    worst = scores.get("csim_worst")
    text = "cosine to the portrait, 1 is the same picture; higher is better"
    if worst is not None:
        text += f"; worst tenth {worst['value']:.2f}"
    return _row("Likeness", f"{same['value']:.2f}", text)


def _blinks(scores: Mapping[str, Any]) -> str:
    rate = scores.get("blink_rate")
    if rate is None:
        return ""
    return _row("Blinks", f"{rate['value']:.0f}", _usual(rate), _within(rate))


def _usual(score: Mapping[str, Any]) -> str:
    low, high = score.get("usual", (None, None))
    return "" if low is None else f"usual {low:g} to {high:g} {score['unit']}"


def _within(score: Mapping[str, Any]) -> bool | None:
    low, high = score.get("usual", (None, None))
    return None if low is None else bool(low <= score["value"] <= high)


def _row(name: str, value: str, text: str, fine: bool | None = None) -> str:
    mark = "" if fine is not False else '<span class="unusual">unusual</span>'
    shown = f"<b>{escape(value)}</b> " if value else ""
    return f"<div><dt>{escape(name)}</dt><dd>{shown}{mark}<span>{text}</span></dd></div>"


def _bar(name: str, measured: float, asked: float | None) -> str:
    notch = "" if asked is None else f'<i class="notch" style="left:{100 * asked:.1f}%"></i>'
    words = f"{name}: measured {measured:.0%}" + ("" if asked is None else f", asked {asked:.0%}")
    return (
        f'<div class="bar" role="img" aria-label="{words}"><span>{name}</span><span class="track">'
        f'<i class="fill" style="width:{100 * measured:.1f}%"></i>{notch}</span>'
        f"<span>{measured:.0%}</span></div>"
    )


def _means(motion: Motion, tracks: Mapping[str, tuple[str, ...]]) -> dict[str, FloatArray]:
    weights = np.asarray(motion.blendshapes, np.float32)
    return {
        name: weights[:, [MOTION_CHANNELS.index(c) for c in channels]].mean(1)
        for name, channels in tracks.items()
    }


def _figure(title: str, drawn: str) -> str:
    named = drawn.replace("<svg", f'<svg aria-label="{title} over time"', 1)
    return f"<figure><figcaption>{title}</figcaption>{named}</figure>"
