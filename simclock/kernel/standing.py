"""Where a run stands: for who waits for it, and for who interrupts it.

Looking changes nothing: another thread may look while the run goes, and sees the numbers of some moment just past.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from simclock.machinery import is_library_file, is_machinery_file
from simclock.readable import format_duration

DIGITS = 4
"""Of a virtual time that goes on while it is read."""
TEXT_MAX = 120
_HOST, _SCHEDULER = (str(Path(__file__).parent / name) for name in ("host.py", "scheduler.py"))

Frames = Sequence[traceback.FrameSummary]


class HostStanding(NamedTuple):
    """Where a host stands."""

    virtual_ns: int
    events: int
    doing: str
    """What its node was handling, and where, or handled last; empty where nobody asked."""
    busy: bool
    """Whether it was at work."""


class Standing(NamedTuple):
    """Where a run stands."""

    virtual_ns: int
    end_ns: int | None
    """None where the run has no duration."""
    events: int
    """Events handled and observations made."""
    doing: str = ""
    """Which node was in which handler, on what and where; empty where that is not known."""
    starting: str = ""
    """What is still being started, as "starting 101 Ray actors: 43 up"; empty once the run has begun."""

    def __str__(self) -> str:
        if self.starting:
            return self.starting
        of = "" if self.end_ns is None else f" of {format_duration(self.end_ns)}"
        doing = f"; {self.doing}" if self.doing else ""
        return f"{rough_duration(self.virtual_ns)}{of} of virtual time, {self.events:,} events{doing}"


def rough_duration(time_ns: int) -> str:
    """The time, of which only the first digits count."""
    unit_ns = 10 ** max(0, len(str(time_ns)) - DIGITS)
    return format_duration(time_ns // unit_ns * unit_ns)


def readable(make: Callable[[], str]) -> str:
    """What a node was handling, in one line of printable characters, not too long."""
    try:
        text = " ".join(make().split())
    except Exception:  # a message's own repr: nobody can do without the rest because of it
        text = "something that has no text"
    text = text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 3]}..."
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def frames_of(thread: int) -> Frames:
    """What a thread is doing, outermost first."""
    frame = sys._current_frames().get(thread)
    return [] if frame is None else traceback.extract_stack(frame)


def in_host(frames: Frames) -> bool:
    """Whether a host was handling an event, or a node's end; not where it had observers told."""
    kernel = [frame.filename for frame in frames if frame.filename in (_HOST, _SCHEDULER)]
    return bool(kernel) and kernel[-1] == _HOST


def place_in(frames: Frames) -> str:
    """`file:line in function` of the user's code that the kernel had called; empty where it had called none."""
    called = (
        number
        for number in range(1, len(frames))
        if is_machinery_file(frames[number - 1].filename) and not is_machinery_file(frames[number].filename)
    )
    own = [frame for frame in frames[next(called, len(frames)) :] if not is_machinery_file(frame.filename)]
    return innermost_place(own) if own else ""


def innermost_place(frames: Frames) -> str:
    """`file:line in function` of the innermost frame that is not of Python's library."""
    last = next((frame for frame in reversed(frames) if not is_library_file(frame.filename)), frames[-1])
    return f"{last.filename}:{last.lineno} in {last.name}"
