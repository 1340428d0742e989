"""What ends a search that would go on: a limit on states or memory, or Ctrl-C, which keeps what is known."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from simclock.experiments.exploring.search import Enough, Findings
from simclock.experiments.exploring.telling import BY_HAND

PAGE = 4096


class Limits:
    """Looks, when it is told how a search stands, whether that is enough."""

    def __init__(self, states: int | None, memory: int | None) -> None:
        self.states = states
        self.memory = memory
        """Bytes that this process may have; None: any number."""
        self.interrupted = False

    def __call__(self, findings: Findings) -> None:
        """Raises Enough where a limit is hit, or Ctrl-C was pressed."""
        if self.interrupted:
            raise Enough(f"{BY_HAND}: what is known so far")
        if self.states is not None and findings.states >= self.states:
            raise Enough(f"the limit of {self.states:,} states is hit (--states)")
        if self.memory is not None and memory_in_use() > self.memory:
            raise Enough(f"the limit of {self.memory >> 20:,} MiB of memory is hit (--memory)")

    @contextmanager
    def heeding_interrupts(self) -> Iterator[None]:
        """While this is open, the first Ctrl-C ends the search at the next look, and the second at once."""

        def first(number: int, frame: FrameType | None) -> None:
            self.interrupted = True
            signal.signal(signal.SIGINT, before)

        try:
            before = signal.signal(signal.SIGINT, first)
        except ValueError:  # not in the main thread
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def memory_in_use() -> int:
    """Bytes of this process in memory; 0 where the system does not say."""
    if not sys.platform.startswith("linux"):
        return 0
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE
