"""Faults: whatever FFmpeg and PyAV raise, as a reason for people, and what it means.

Some forty kinds of exceptions come out of damaged files, and not all are FFmpeg's: PyAV itself
raises IndexError, UnicodeDecodeError and more. So nothing here goes by a list of all of them.
"""

from __future__ import annotations

import errno

from av.error import DecoderNotFoundError, ExitError, FFmpegError, HTTPError, InvalidDataError

NO_ANSWER = "no answer in time"


def reason(error: Exception) -> str:
    """Why something failed, to follow "cannot open NAME: "."""
    if isinstance(error, InvalidDataError):
        return "it is damaged or no video"
    if isinstance(error, ExitError):
        return NO_ANSWER
    if isinstance(error, DecoderNotFoundError):
        return "nothing here can decode it"
    if isinstance(error, FFmpegError):
        return (error.strerror or str(error)).lower()
    return f"{type(error).__name__}: {error}"


def is_disconnection(error: Exception) -> bool:
    """Whether a connection broke. Everything else is damage in what came through it."""
    return isinstance(error, (OSError, ExitError, HTTPError))


def is_input_output(error: Exception) -> bool:
    """Whether it is the error that says least: EIO."""
    return isinstance(error, OSError) and error.errno == errno.EIO
