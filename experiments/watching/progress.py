"""What is shown on stderr while something lasts: a bar of many runs, and the line of one.

Laws: progress is shown where stderr is a terminal, or where it is asked for, and never on stdout. What it shows is read
by a thread of its own, so that the run does nothing for it. What has no end in sight is told once, shown or not: who
waits in vain should not have to guess.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from simclock.actors.run import Look
from simclock.durations import format_duration
from simclock.kernel.standing import Standing, rough_duration

FIRST_S = 1.0
"""A run that is over by then is not shown."""
EVERY_S = 0.5
RATE_S = 3.0
"""Events a second are those of so many last seconds."""
ENDLESS_S = 5.0
"""A run without a duration that lasts longer is told of."""
STUCK_S = 10.0
"""A run of which nothing moves for so long is told of."""
COLUMNS = 80
ROWS = 24


def progress_bar(items: Any = None, **named: Any) -> Any:
    """A tqdm on stderr, where that is a terminal; also on one that does not tell its size, as of a serial line."""
    from tqdm import tqdm  # only what lasts shows it

    columns, rows = _size(sys.stderr)
    return tqdm(items, disable=None, ncols=columns - 1, nrows=rows, **named)


def _size(stream: TextIO) -> tuple[int, int]:
    """Columns and rows of a terminal; a usual size where it does not say, and what COLUMNS and LINES say over both."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):  # none, or it is closed
        size = os.terminal_size((0, 0))
    told = (_number("COLUMNS") or size.columns, _number("LINES") or size.lines)
    return told[0] or COLUMNS, told[1] or ROWS


def _number(name: str) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 6 else 0


class RunProgress:
    """What to say about a run that lasts, by where it stood and when; it neither waits nor writes."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        """(seconds since the run began, events), of the last RATE_S and one before."""
        self._moved_s = 0.0
        self._last = (-1, -1)
        self._endless_told = self._stuck_told = False

    def saw(self, now_s: float, standing: Standing) -> Standing:
        """The run stood there, so long after it began; gives that, never behind what was seen before.

        On Ray a close look also asks the hosts, which are ahead of what the scheduler has heard of them.
        """
        if standing.starting:
            self._moved_s = now_s
            self._seen = deque([(now_s, 0)])
            return standing
        virtual_ns, events = max(self._last[0], standing.virtual_ns), max(self._last[1], standing.events)
        standing = standing._replace(virtual_ns=virtual_ns, events=events)
        if self._last != (virtual_ns, events):
            self._last = (virtual_ns, events)
            self._moved_s = now_s
        self._seen.append((now_s, standing.events))
        while len(self._seen) > 1 and now_s - self._seen[1][0] >= RATE_S:
            self._seen.popleft()
        return standing

    def still(self, now_s: float) -> bool:
        """Whether nothing moves, so that it is worth to look closely."""
        return now_s - self._moved_s >= 2 * EVERY_S

    def line(self, now_s: float, standing: Standing) -> str:
        """Virtual time of how much, events, events a second; where nothing moves, also what is being done.

        Before the run begins, what is still being started.
        """
        if standing.starting:
            return standing.starting
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        rate = (last - first) / (last_s - first_s) if last_s > first_s else standing.events / max(now_s, 1e-9)
        of = ""
        if standing.end_ns:
            share = min(100, 100 * standing.virtual_ns // standing.end_ns)
            of = f" of {format_duration(standing.end_ns)} ({share}%)"
        doing = f"; {standing.doing}" if standing.doing and self.still(now_s) else ""
        return f"{rough_duration(standing.virtual_ns)}{of}, {standing.events:,} events, {rate:,.0f} events/s{doing}"

    def notes(self, now_s: float, standing: Standing) -> Iterator[str]:
        """What has no end in sight, once each."""
        if standing.starting:
            return
        if standing.end_ns is None and now_s >= ENDLESS_S and not self._endless_told:
            self._endless_told = True
            yield (
                f"this run has no duration, and goes on for as long as anything is left to happen: after {now_s:.0f} s "
                f"it is at {standing}. Give it an end, such as --duration 60s, or press Ctrl-C"
            )
        if now_s - self._moved_s >= STUCK_S and not self._stuck_told:
            self._stuck_told = True
            where = f" ({standing.doing})" if standing.doing else ""
            yield f"for {now_s - self._moved_s:.0f} s nothing has ended{where}: is it a handler without an end?"


class Watcher:
    """Looks on while a run lasts, and writes to a stream: an onlooker of `simclock.actors.run`."""

    def __init__(self, stream: TextIO, *, shown: bool) -> None:
        self._stream = stream
        self._shown = shown
        self._width = 0
        """Of what is written on the line."""
        self._over = threading.Event()

    @contextmanager
    def __call__(self, look: Look) -> Iterator[None]:
        self._over.clear()
        thread = threading.Thread(target=self._watch, args=(look,), name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self, look: Look) -> None:
        progress, started = RunProgress(), time.monotonic()
        wait_s = FIRST_S
        try:
            while not self._over.wait(wait_s):
                wait_s = EVERY_S
                standing = look(progress.still(time.monotonic() - started))
                if standing is None or self._over.is_set():
                    continue
                if standing.starting:
                    started = time.monotonic()
                    if self._shown:
                        self._write(standing.starting)
                    continue
                now_s = time.monotonic() - started
                standing = progress.saw(now_s, standing)
                for note in progress.notes(now_s, standing):
                    self._note(note)
                if self._shown:
                    self._write(progress.line(now_s, standing))
            self._write("")
        except (OSError, ValueError):  # nobody reads stderr any more: the run goes on
            return

    def _note(self, text: str) -> None:
        """Write a line that stays."""
        self._write("")
        self._stream.write(f"simclock: {text}\n")
        self._stream.flush()

    def _write(self, text: str) -> None:
        """Have this text alone on the line."""
        if not text and not self._width:
            return
        text = text[: _size(self._stream)[0] - 1]
        self._stream.write(f"\r{text:<{self._width}}" + ("" if text else "\r"))
        self._stream.flush()
        self._width = len(text)


class BarWatcher(Watcher):
    """Looks on at one of the runs that a bar counts, and shows where it stands behind the bar."""

    def __init__(self, bar: Any) -> None:
        super().__init__(sys.stderr, shown=not bar.disable)
        self._bar = bar

    def _note(self, text: str) -> None:
        self._bar.write(f"simclock: {text}", file=sys.stderr)

    def _write(self, text: str) -> None:
        self._bar.set_postfix_str(text)


def watcher(shown: bool | None, *, stdout_is_busy: bool = False) -> Watcher:
    """What looks on for the command line; None: shown where stderr is a terminal, whose lines nothing else takes."""
    if shown is None:
        shown = sys.stderr.isatty() and not stdout_is_busy
    return Watcher(sys.stderr, shown=shown)
