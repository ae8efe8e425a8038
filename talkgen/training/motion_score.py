"""Clips on which mouth scores say nothing; the score itself is `talkgen.critic.mouth`."""

from __future__ import annotations

from talkgen.critic.mouth import MAX_LAG, correlation

__all__ = ["MAX_LAG", "OUT_OF_SYNC", "UNFIT", "correlation"]

UNFIT = ("liveportrait_d6", "liveportrait_d10", "liveportrait_d12", "vox_681100216", "moore_3",
         "latentsync_2")  # fmt: skip
OUT_OF_SYNC = ("liveportrait_d20", "hdtf_radio51")
