"""What a command writes: standard output and standard error that never break a run, and files that may not.

Laws: a reader who has seen enough (`| head -1`) is not told of it, and the command goes on, so that a sweep is saved to
its end. A disk that is full is told in one line at the end. Exit status 0 says that everything was written; what is
graver is said all the same. What an encoding has no letter for is written out, and so
are control characters (see `simclock.readable`): a scenario cannot speak to the terminal.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from simclock.errors import SimclockError, UsageError
from simclock.readable import escaped

_OF_THE_DEVICE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EPIPE})


class OutputLost(SimclockError):
    """Nobody reads on, or nothing more can be written: a run that only prints need not go on."""


def cannot_write(place: str, error: Exception) -> UsageError:
    """One line about a file that cannot be written; `place` names the flag and the file."""
    return UsageError(f"{place}: {getattr(error, 'strerror', None) or ' '.join(str(error).split())}")


class _Descriptor(io.RawIOBase):
    """The bytes of a stream, which are dropped from the first that cannot be written."""

    def __init__(self, below: Any) -> None:
        self._below = below
        self.problem: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.problem is None:
            try:
                written: int = self._below.write(data)
                return written
            except OSError as problem:
                self.problem = problem
        return len(data)

    def isatty(self) -> bool:
        return bool(self._below.isatty())

    def fileno(self) -> int:
        return int(self._below.fileno())


class _Text(io.TextIOWrapper):
    """The text of a stream: what has no letter in its encoding, or is no letter, is written out."""

    def __init__(self, stream: TextIO, *, keeps: str = "") -> None:
        below = stream.buffer
        self.descriptor = _Descriptor(getattr(below, "raw", below))
        self._keeps = keeps
        super().__init__(
            io.BufferedWriter(self.descriptor),
            encoding="utf-8" if codecs.lookup(stream.encoding).name == "ascii" else stream.encoding,  # as click has it
            errors="backslashreplace",
            line_buffering=_line_by_line(stream),
        )

    def write(self, text: str) -> int:
        parts = text.split(self._keeps) if self._keeps else [text]
        super().write(self._keeps.join(map(escaped, parts)))
        return len(text)


def _line_by_line(stream: TextIO) -> bool:
    """Whether a line is written as soon as it ends: also where Python buffers nothing, as PYTHONUNBUFFERED has it."""
    return any(getattr(stream, name, False) for name in ("line_buffering", "write_through"))


@contextmanager
def careful_output() -> Iterator[None]:
    """Standard output and error as this module's laws have them; given back as they were."""
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        sys.stdout = _careful(before[0] or nowhere)
        sys.stderr = _careful(before[1] or nowhere, keeps="\r")  # a progress bar goes back to the line's beginning
        try:
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            sys.stdout, sys.stderr = before


def _careful(stream: TextIO, *, keeps: str = "") -> TextIO:
    if not hasattr(stream, "buffer"):  # text that is kept in memory
        return stream
    stream.flush()
    return _Text(stream, keeps=keeps)


def lost_output() -> OSError | None:
    """Why standard output takes no more, None while it does."""
    if not isinstance(sys.stdout, _Text):
        return None
    sys.stdout.flush()
    return sys.stdout.descriptor.problem


def is_of_the_device(error: Exception) -> bool:
    """Whether a disk or a reader failed: nothing is wrong with the name that the user gave."""
    return isinstance(error, OSError) and error.errno in _OF_THE_DEVICE


def is_closed_pipe(problem: OSError) -> bool:
    """Whether the reader has seen enough."""
    return problem.errno == errno.EPIPE
