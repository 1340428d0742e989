"""The inline placement: one host with every node, in this process. No windows, no encoding: a bare loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simclock.host import Host
from simclock.mail import HostPlan, Mail, Summary, Window


class InlineHosts:
    """One host, called directly."""

    count = 1
    pipelined = False

    def __init__(self, plan: HostPlan) -> None:
        self.host = Host(plan, 0)

    def submit(self, host: int, mail: Mail) -> Mail:
        """Nothing happens before the answer is asked for."""
        return mail

    def collect(self, tickets: Sequence[tuple[int, Any]]) -> list[Window]:
        """Advance the host."""
        return [self.host.advance(*mail) for _, mail in tickets]

    def finish(self) -> list[Summary]:
        """The host's share of the result."""
        return [self.host.finish()]
