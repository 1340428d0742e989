"""Placements in this process.

Inline is one host with every node: no windows, no encoding, a bare loop. Windows is several hosts, which exchange bytes
in windows as Ray's do, one after another: what Ray runs, without Ray; nothing is gained but the comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simclock.guard import Guarding
from simclock.host import Host
from simclock.mail import HostPlan, Mail, Summary, Window


class InlineHosts:
    """Hosts that are called directly: one, or several in windows."""

    pipelined = False

    def __init__(self, plan: HostPlan, guarding: Guarding, count: int = 1) -> None:
        self.count = count
        self._guarding = guarding
        self.hosts = [Host(plan, number) for number in range(count)]

    def submit(self, host: int, mail: Mail) -> Mail:
        """Nothing happens before the answer is asked for."""
        return mail

    def collect(self, tickets: Sequence[tuple[int, Any]]) -> list[Window]:
        """Advance the hosts."""
        with self._guarding.advance():
            return [self.hosts[host].advance(*mail) for host, mail in tickets]

    def finish(self, end_ns: int) -> list[Summary]:
        """Every host's share of the result."""
        return [host.finish(end_ns) for host in self.hosts]
