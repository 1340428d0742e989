"""What came of an act: its result, its verdict, and whether the script expected it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simclock.experiments.entries.verdict import EXIT_STATUS, VIOLATED, Verdict
from simclock.experiments.scripts.play import Act
from simclock.experiments.telling import exit_status
from simclock.kernel.scheduler import RunResult
from simclock.trace import TraceRecord


class Outcome(NamedTuple):
    """What came of an act."""

    act: Act
    result: RunResult
    verdict: Verdict

    @property
    def broken(self) -> tuple[str, ...]:
        """The properties that are violated."""
        return tuple(dict.fromkeys([*(each.property for each in self.result.violations), *self.verdict.properties]))

    @property
    def problems(self) -> list[str]:
        """A line for each property that is violated though the script does not expect it."""
        lines = [f"{name} is violated, which the script does not expect" for name in self._unexpected]
        if self.verdict.status == VIOLATED and not self.broken:
            lines += self.verdict.lines
        return [f"{self.act.label}: {line}" for line in lines]

    @property
    def _unexpected(self) -> list[str]:
        return [name for name in self.broken if name not in self.act.expected]

    @property
    def status(self) -> int:
        """Its exit status: a violation that is expected is as it should be."""
        if self.problems:
            return exit_status.VIOLATED
        return exit_status.VALID if self.act.checked else EXIT_STATUS[self.verdict.status]

    def report(self, number: int) -> list[str]:
        """A few lines."""
        told = [f"{name} is violated{', as expected' if name in self.act.expected else ''}" for name in self.broken]
        return [
            f"act {number}: {self.act.label}",
            f"  verdict       {'; '.join(told or self.verdict.lines)}",
            f"  digest        {self.result.digest}",
        ]


def outcome_of(act: Act, *, trace: Callable[[TraceRecord], None] | None = None) -> Outcome:
    """The act ends here, and is judged."""
    return Outcome(act, *act.stage.end(trace))
