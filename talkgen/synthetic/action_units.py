"""Facial action units of ARKit weights; their table is that of `talkgen.motion.facs`."""

from __future__ import annotations

from talkgen.motion.facs import ACTION_UNITS, action_units_of

__all__ = ["ACTION_UNITS", "action_units_of"]
