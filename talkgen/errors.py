"""Errors that a user of talkgen can act on.

A message is one line: what is wrong, with which value, and what to do about it. The commands print
it and leave with exit code 2; anything that is not a `TalkgenError` is a defect of talkgen.
"""

from __future__ import annotations


class TalkgenError(Exception):
    """Root of every error that talkgen raises on purpose."""

    exit_code = 2


class InputError(TalkgenError, ValueError):
    """An argument or a file breaks a rule; the message names it, its value and the remedy."""


class MediaError(InputError):
    """A picture, sound or video file cannot be read or is not what it should be."""


class NoFaceError(InputError):
    """No face that can be used was found in the picture."""


class OutputError(TalkgenError, OSError):
    """The result cannot be written: folder missing, not writable, disk full."""


class CheckpointError(TalkgenError):
    """A checkpoint is missing, damaged or of another version."""


class MissingDependencyError(TalkgenError, ImportError):
    """An optional package or weight file is absent; the message says how to get it."""
