"""A report as one HTML page that needs nothing else: tables, curves over time, worst frames."""

from __future__ import annotations

import base64
from html import escape

import cv2
import numpy as np

from talkgen.critic.evidence import LEAST_SHOWN
from talkgen.critic.plots import bands, curves
from talkgen.critic.report import DEFINITIONS, group_of
from talkgen.critic.score import LAG_REACH, Judged
from talkgen.critic.units import FELT_UNITS
from talkgen.motion.facs import strengths_of
from talkgen.types import EMOTIONS, Emotion, FloatArray, ImageArray, Score

UNITS_SHOWN = 6
QUALITY = {
    "csim": "cosine", "flicker": "levels", "detail": "px", "mouth_psnr": "dB",
    "teeth_sharpness": "ratio",
}  # fmt: skip
"""Readings that are drawn over time, with their units."""
COLOURED = (*EMOTIONS[1:], EMOTIONS[0])
"""Emotions in the order of the plots' colours: neutral is grey."""
STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;width:100%}td,th{padding:.2em .6em;border-bottom:1px solid #ddd;
text-align:left;vertical-align:top}td:first-child{white-space:nowrap}td.n{text-align:right;white-space:nowrap}
small{color:#666}figure{display:inline-block;margin:.3em;vertical-align:top}
figcaption{font-size:12px}.legend{font-size:13px;margin:0 0 1em}
.legend i{display:inline-block;width:14px;height:4px;margin:0 5px 0 8px;vertical-align:middle}
.absent{color:#8a4b00}
svg{width:100%;height:auto}h3{margin:.8em 0 .2em;font-size:15px}table.few{width:auto}
"""


def html_page(judged: Judged, title: str) -> str:
    """Return the page of a judged clip; `title` names it."""
    parts = [part(judged) for part in (_scores, _feeling, _curves, _worst, _provenance)]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        f"</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"{''.join(parts)}</body></html>\n"
    )


def arrow(found: Score) -> str:
    """Return the direction of a score as a sign."""
    return {True: "↑", False: "↓", None: "·"}[found.higher_is_better]


def usual_of(name: str) -> str:
    """Return the usual range of a score in words, empty where none is known."""
    about = DEFINITIONS.get(name)
    if about is None or about.usual is None:
        return ""
    return f"usual {about.usual[0]:g} to {about.usual[1]:g}"


def _scores(judged: Judged) -> str:
    rows, group = [], ""
    for name, found in judged.report.scores.items():
        if group_of(name) != group:
            group = group_of(name)
            rows.append(f'<tr><th colspan="4">{escape(group)}</th></tr>')
        about = DEFINITIONS.get(name)
        what = escape(about.what) if about else ""
        usual = usual_of(name)
        rows.append(
            f'<tr><td>{escape(name)} {arrow(found)}</td><td class="n">{found.value:.4g} '
            f'{escape(found.unit)}</td><td class="n">n = {found.n}</td><td><small>{what}'
            f"{'; ' + usual if usual else ''}</small></td></tr>"
        )
    for group, why in judged.absent.items():
        rows.append(
            f'<tr class="absent"><td>{escape(group)}</td><td colspan="3">absent: {escape(why)}'
            "</td></tr>"
        )
    signs = "<p><small>↑ higher is better, ↓ lower, · neither end</small></p>"
    return f"<h2>Scores</h2>{signs}<table>{''.join(rows)}</table>"


def _feeling(judged: Judged) -> str:
    """What was asked for and what shows, one under the other, and how it comes and goes."""
    fps, seen = judged.video.fps, judged.feeling
    out = []
    if judged.target is not None:
        wanted = asked_shares(judged.target, len(judged.video), fps)
        out += ["<h3>asked for</h3>", bands(wanted, EMOTIONS, fps=fps, of=COLOURED)]
    if seen is None:
        note = judged.absent.get("expression")
        if note and judged.target is not None:
            out.append(f'<p class="absent">measured: absent, {escape(note)}</p>')
        return "<h2>Emotion</h2>" + "".join(out) if out else ""
    out.append("<h3>measured</h3>")
    out.append(bands(seen.emotions, EMOTIONS, fps=fps, of=COLOURED))
    out.append(
        f"<p>The clip as a whole: <b>{escape(seen.words)}</b><br><small>{escape(seen.why)}"
        "</small></p>"
    )
    out.append(_episodes(judged))
    affect = {"valence": seen.valence, "arousal": seen.arousal}
    out.append("<h3>valence and arousal</h3>" + curves(affect, fps=fps, span=(-1.0, 1.0)))
    strongest = sorted(seen.units, key=lambda u: -_top(seen.units[u]))[:UNITS_SHOWN]
    shown = {u: seen.units[u] for u in strongest if _top(seen.units[u]) >= LEAST_SHOWN}
    out.append("<h3>action units, by the critic</h3>" + curves(shown, fps=fps, span=(0.0, 1.0)))
    return "<h2>Emotion</h2>" + "".join(out)


def _episodes(judged: Judged) -> str:
    """A table of the emotions that come and go."""
    assert judged.feeling is not None
    if not judged.feeling.episodes:
        return "<p><small>no emotion comes and goes</small></p>"
    rows = "".join(
        f'<tr><td>{escape(one.emotion)}</td><td class="n">'
        f"{'before' if one.begun else f'{one.onset:.2f} s'}</td>"
        f'<td class="n">{one.apex:.2f} s</td><td class="n">'
        f"{'after' if one.lasting else f'{one.offset:.2f} s'}</td>"
        f'<td class="n">{one.peak:.2f}</td></tr>'
        for one in judged.feeling.episodes
    )
    head = "".join(f"<th>{name}</th>" for name in ("", "onset", "apex", "offset", "peak"))
    return f'<table class="few"><tr>{head}</tr>{rows}</table>'


def _curves(judged: Judged) -> str:
    video, tracks, fps = judged.video, judged.tracks(), judged.video.fps
    out = ["<h2>Mouth against the sound</h2>"]
    mouth = {"lip gap / eye distance": tracks["lip_gap"]}
    if "reference_lip_gap" in tracks:
        mouth["reference"] = tracks["reference_lip_gap"]
    if "energy" in tracks:
        top = np.nanmax(tracks["lip_gap"]) if np.isfinite(tracks["lip_gap"]).any() else 1.0
        mouth["energy 300-1200 Hz (scaled)"] = tracks["energy"] * np.float32(top)
    shaded = None if video.sound is None else video.sound.silence[: len(video)]
    out.append(curves(mouth, fps=fps, shaded=shaded))
    if shaded is not None:
        out.append("<p><small>grey: silence</small></p>")
    out.append(_offsets(judged))
    if judged.units:
        strongest = sorted(FELT_UNITS, key=lambda u: -_top(judged.units[u]))[:UNITS_SHOWN]
        out.append("<h2>Action units of the fitted head</h2>")
        out.append(curves({u: judged.units[u] for u in strongest}, fps=fps))
    for name, unit in QUALITY.items():
        if name in tracks:
            out.append(f"<h2>{escape(name)}</h2>" + curves({name: tracks[name]}, fps=fps,
                                                           unit=unit))  # fmt: skip
    return "".join(out)


def _offsets(judged: Judged) -> str:
    """How well mouth and sound fit, lag by lag."""
    lags = np.arange(-LAG_REACH, LAG_REACH + 1, dtype=np.float32)
    out = []
    if judged.distances is not None:
        out.append("<h2>Offset: distance of mouth and sound by lag</h2>")
        out.append(curves({"mean distance": judged.distances}, lags, x_unit="frames late"))
        out.append("<p><small>the lowest point is the offset, its depth the confidence</small></p>")
    offsets = judged.offsets()
    if any(np.isfinite(v).any() for v in offsets.values()):
        out.append("<h2>Offset: correlation of the lip gap by lag</h2>")
        out.append(curves(offsets, lags, x_unit="frames late", unit="r"))
        weak = "the energy curve is a weak guide on real speech"
        alone = "" if judged.distances is not None else "; no sync network judged"
        out.append(f"<p><small>{weak}{alone}</small></p>")
    return "".join(out)


def asked_shares(target: Emotion, count: int, fps: float) -> FloatArray:
    """(T, 8) shares of the emotions that were asked for, at `count` frames."""
    times = np.arange(count) / fps
    strengths = strengths_of(target)
    shares = np.stack([np.interp(times, target.sample_times, column) for column in strengths.T], 1)
    total = np.clip(shares.sum(1, keepdims=True), 0, 1)
    scaled = shares / np.maximum(shares.sum(1, keepdims=True), 1e-9) * total
    return np.concatenate([1 - total, scaled], 1).astype(np.float32)


def _top(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, 0.95)) if len(known) else 0.0


def _worst(judged: Judged) -> str:
    if not judged.video.moments:
        return ""
    out = ["<h2>Worst frames</h2>"]
    for moment in judged.video.moments:
        shown = moment.picture
        if moment.real is not None and moment.real.shape == shown.shape:
            shown = np.concatenate([shown, moment.real], 1)
        seconds = moment.index / judged.video.fps
        out.append(
            f'<figure><img src="{_inline(shown)}" alt="frame {moment.index}"><figcaption>'
            f"{escape(moment.reading)} {moment.value:.3g} at {seconds:.2f} s"
            f"{', reference beside it' if moment.real is not None else ''}</figcaption></figure>"
        )
    return "".join(out)


def _inline(picture: ImageArray) -> str:
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return "data:image/jpeg;base64," + base64.b64encode(coded.tobytes()).decode("ascii")


def _provenance(judged: Judged) -> str:
    rows = "".join(
        f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>"
        for k, v in judged.report.provenance.items()
    )
    return f"<h2>How it was measured</h2><table>{rows}</table>"
