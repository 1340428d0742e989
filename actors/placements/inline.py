"""Placements in this process.

Inline is one host with every node: no windows, no encoding, a bare loop. Windows is several hosts, which exchange bytes
in windows as Ray's do, one after another: what Ray runs, without Ray; nothing is gained but the comparison.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from simclock.guarding.guard import Guarding
from simclock.kernel.host import Host
from simclock.kernel.mail import HostPlan, Mail, Summary, Window
from simclock.kernel.standing import Frames, HostStanding


class InlineHosts:
    """Hosts that are called directly: one, or several in windows."""

    pipelined = False

    def __init__(self, plan: HostPlan, guarding: Guarding, count: int = 1) -> None:
        self.count = count
        self._guarding = guarding
        self._at_work = 0
        self.hosts = [Host(plan, number) for number in range(count)]

    def submit(self, host: int, mail: Mail) -> Mail:
        """Nothing happens before the answer is asked for."""
        return mail

    def collect(self, tickets: Sequence[tuple[int, Any]]) -> list[Window]:
        """Advance the hosts."""
        windows = []
        with self._guarding.advance():
            for host, mail in tickets:
                self._at_work = host
                windows.append(self.hosts[host].advance(*mail))
        return windows

    def standing(self, frames: Frames | None = None) -> list[HostStanding]:
        """Where the hosts stand; with the frames of who runs them, also what the one at work was doing."""
        return [host.standing(frames if number == self._at_work else None) for number, host in enumerate(self.hosts)]

    def counters(self) -> dict[str, int]:
        """What all hosts have counted so far."""
        counted: Counter[str] = Counter()
        for host in self.hosts:
            counted.update(host.counters())
        return dict(counted)

    def finish(self, end_ns: int) -> list[Summary]:
        """Every host's share of the result."""
        summaries = []
        for number, host in enumerate(self.hosts):
            self._at_work = number
            summaries.append(host.finish(end_ns))
        return summaries
