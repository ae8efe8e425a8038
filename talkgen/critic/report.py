"""What each score means, in one table, and reports made of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from talkgen.types import Report, Score


@dataclass(frozen=True)
class Definition:
    """What a score is.

    group : which critic's; unit; higher_is_better : None where a usual range is what counts
    what : the definition; usual : from, to of real clips, where that is known and counts
    """

    group: str
    unit: str
    higher_is_better: bool | None
    what: str
    usual: tuple[float, float] | None = None


def _table(group: str, *rows: tuple[Any, ...]) -> dict[str, Definition]:
    return {row[0]: Definition(group, *row[1:]) for row in rows}


DEFINITIONS: Mapping[str, Definition] = {
    **_table(
        "contracts",
        ("face_seen", "share", True, "frames in which the face is found"),
        ("frame_count_error", "frames", False,
         "difference of the pictures' length from the sound's, at the rate of reading"),
        ("parted_in_silence", "share", False,
         "frames inside silence (0.3 s and more without speech) with the lips parted by more than "
         "3 % of the inter-ocular distance"),
        ("closures_kept", "share", True,
         "p, b and m heard (posterior of the phonetic encoder >= 0.5) at which the lip gap falls "
         "under 2 %"),
        ("mouth_energy_r", "r", None,
         "Pearson r of the lip gap with the energy in 300-1200 Hz, best lag in +-2 frames"),
        ("blink_rate", "per minute", None, "blinks: lids under 0.55 of their open level",
         (6.0, 40.0)),
    ),
    **_table(
        "steadiness",
        ("jitter_vowel", "% of eyes", False,
         "median absolute second difference of lip landmarks, face aligned, in steady vowels"),
        ("jitter_silence", "% of eyes", False, "the same in silence"),
        ("flicker", "levels", False,
         "mean absolute second difference over time of the aligned face crop (128 px)"),
    ),
    **_table(
        "picture",
        ("detail", "px", True, "size of a sharp face that would show as much, at most 256"),
        ("blockiness", "ratio", False, "step across edges of 8-pixel blocks over that elsewhere"),
        ("seam", "levels", False, "strongest step of brightness that closes around the face"),
        ("teeth_sharpness", "ratio", True,
         "Laplacian inside the parted lips over that of lips and skin about them, each over its "
         "own contrast"),
        ("burnt", "share", False, "skin pixels of 250 and more"),
        ("black", "share", False, "face pixels of 12 and less"),
    ),
    **_table(
        "identity",
        ("csim", "cosine", True, "mean cosine of the identity embeddings of source and frames"),
        ("csim_worst", "cosine", True, "the lowest tenth of these cosines"),
        ("csim_within", "cosine", True,
         "mean cosine of the frames with the mean of the clip's own embeddings"),
    ),
    **_table(
        "against the reference",
        ("mouth_r", "r", True,
         "Pearson r of the lip gaps of clip and reference, best lag in +-2 frames"),
        ("mouth_lag", "frames", None, "that lag, positive: the clip is late", (-1.0, 1.0)),
        ("lmd", "% of eyes", False,
         "mean landmark distance, place, turn and size taken out"),
        ("m_lmd", "% of eyes", False, "the same of the lips"),
        ("lve", "mm²", False,
         "mean over time of the largest squared error of a lip point of the fitted mean head"),
        ("lve_mm", "mm", False, "the same, not squared"),
        ("fdd", "mm", None,
         "mean over upper-face points of the difference in temporal standard deviation of their "
         "displacement, clip less reference", (-0.2, 0.2)),
        ("fdd_absolute", "mm", False, "the same, absolute differences"),
        ("face_psnr", "dB", True, "face crop at 256 px about the reference's landmarks"),
        ("mouth_psnr", "dB", True, "mouth crop, the same"),
        ("face_ssim", "", True, "structural similarity of the face crop (Wang 2004)"),
        ("mouth_ssim", "", True, "structural similarity of the mouth crop"),
        ("mouth_sharpness", "ratio", None,
         "Laplacian energy of the mouth crop over the reference's; 1 is as sharp", (0.7, 1.4)),
        ("flicker_ratio", "ratio", None, "flicker over the reference's", (0.5, 1.5)),
    ),
    **_table(
        "expression",
        ("emotion_asked", "share", True,
         "mean probability of the emotion that was asked for, frames weighed by how strongly it "
         "was asked; the critic forgives a mouth that is open because it speaks"),
        ("emotion_named", "share", True,
         "frames in which the emotion that was asked for is the likeliest of eight, weighed alike"),
        ("affect_error", "", False,
         "mean distance of valence and arousal, each from -1 to 1, from those asked for"),
        ("valence", "", None, "mean valence that the face shows, -1 unpleasant to 1 pleasant"),
        ("arousal", "", None, "mean arousal that the face shows, -1 calm to 1 excited"),
        ("pain", "PSPI", None,
         "mean of AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, 0 to 16 (Prkachin & Solomon 2008)",
         (0.0, 4.0)),
    ),
    **_table(
        "sync",
        ("av_offset", "frames", None,
         "lag between -15 and 15 at which mouth and sound fit best, 25 fps; positive: the picture "
         "is late", (-1.0, 1.0)),
        ("sync_confidence", "", True,
         "median less minimum over the lags of the mean distance of mouth and sound"),
        ("sync_distance", "", False, "that minimum"),
        ("lse_d", "", False,
         "the same minimum by the published SyncNet (LSE-D: 25 fps, 5-frame windows, 15 lags)"),
        ("lse_c", "", True, "median less minimum by the published SyncNet (LSE-C)"),
    ),
    **_table(
        "emotion",
        ("asked_units", "cosine", True,
         "mean cosine of the action units that the emotion asks for and those of the fitted head, "
         "units of speech and gaze left out; a reading of geometry, no recogniser of emotions"),
    ),
}  # fmt: skip
"""Scores by name, in the order of tables."""

SLOTS: Mapping[str, str] = {
    "expression": "no critic of expressions (emotion, valence, arousal, action units) is given",
    "sync": "no sync critic (offset and confidence of lips and sound) is given",
}
"""Groups that plug-ins fill, and what a report says without them."""
SILENT: Mapping[str, str] = {
    "expression": "the critic read no face",
    "sync": "the critic had nothing to judge: no sound, or less than a second of it with the face",
}
"""What it says of those whose critic gave no score."""


def score(name: str, value: float, n: int) -> Score:
    """Return a score of the table; `n` counts what it was averaged over."""
    about = DEFINITIONS[name]
    return Score(float(value), about.unit, about.higher_is_better, int(n))


def scores_of(values: Mapping[str, Any]) -> dict[str, Score]:
    """Return mean scores of arrays by name; those without a finite value are left out."""
    out = {}
    for name, given in values.items():
        array = np.asarray(given, np.float64).ravel()
        array = array[np.isfinite(array)]
        if len(array):
            out[name] = score(name, float(array.mean()), len(array))
    return out


def merged(reports: Sequence[Report]) -> Report:
    """Return one report of several; scores in the table's order, unknown ones after them."""
    scores: dict[str, Score] = {}
    provenance: dict[str, str] = {}
    for report in reports:
        scores.update(report.scores)
        provenance.update(report.provenance)
    order = [name for name in DEFINITIONS if name in scores]
    order += [name for name in scores if name not in DEFINITIONS]
    return Report({name: scores[name] for name in order}, provenance)


def group_of(name: str) -> str:
    """Return the group of a score; plug-ins name theirs `group.score`."""
    about = DEFINITIONS.get(name)
    return about.group if about else name.split(".", maxsplit=1)[0]


def to_dict(report: Report) -> dict[str, Any]:
    """Return a report as plain values, with definitions, ready for JSON."""
    scores = {}
    for name, found in report.scores.items():
        row: dict[str, Any] = {
            "value": round(found.value, 5), "unit": found.unit,
            "higher_is_better": found.higher_is_better, "n": found.n, "group": group_of(name),
        }  # fmt: skip
        about = DEFINITIONS.get(name)
        if about is not None:
            row["definition"] = about.what
            if about.usual is not None:
                row["usual"] = list(about.usual)
        scores[name] = row
    return {"scores": scores, "provenance": dict(report.provenance)}
