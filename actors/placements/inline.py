"""Placements in this process.

Inline is one host with every node: no windows, no encoding, a bare loop. Windows is several hosts, which exchange bytes
in windows as Ray's do, one after another: what Ray runs, without Ray; nothing is gained but the comparison.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import get_ident
from traceback import extract_tb
from typing import Any

from simclock.actors.message import check_message, payload_type_of, unknown_messages
from simclock.actors.placements.packing import Onlooker, Packing
from simclock.errors import HandlerError, RunInterrupted, SimclockError
from simclock.faults import Fault
from simclock.guarding.guard import Guarding, guarding
from simclock.kernel.host import Host
from simclock.kernel.mail import HostPlan, Mail, Observation, Summary, Tell, Window
from simclock.kernel.scheduler import RunResult, Scheduler, host_plan, made_observers
from simclock.kernel.standing import Frames, HostStanding, Standing, frames_of
from simclock.scenario import Scenario
from simclock.trace import TraceRecord


class InlineHosts:
    """Hosts that are called directly: one, or several in windows."""

    pipelined = False

    def __init__(self, plan: HostPlan, guarding: Guarding, count: int = 1) -> None:
        self.count = count
        self._guarding = guarding
        self._at_work = 0
        self.events = 0
        """Handled by all hosts, and observations made, as of their last answers."""
        self.next_ns: int | None = 0
        """When the next event of a lone host is due; None where nothing is left."""
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
                window = self.hosts[host].advance(*mail)
                self.events += window.handled
                self.next_ns = window.next_time_ns
                windows.append(window)
        return windows

    def tell_by(self, tell: Tell) -> None:
        """Have the lone host tell observers itself: a window each time would cost as much as the events in it."""

        def tell_unguarded(observations: list[Observation]) -> tuple[int, list[tuple[int, Fault]]]:
            with self._guarding.lifted:
                return tell(observations)

        self.hosts[0].tell = tell_unguarded

    def standing(self, frames: Frames | None = None) -> list[HostStanding]:
        """Where the hosts stand; with the frames of who runs them, also what the one at work was doing."""
        return [host.standing(frames if number == self._at_work else None) for number, host in enumerate(self.hosts)]

    def counters(self) -> dict[str, int]:
        """What all hosts have counted so far."""
        counted: Counter[str] = Counter()
        for host in self.hosts:
            counted.update(host.counters())
        return dict(counted)

    def unknown_messages(self) -> tuple[str, ...]:
        """A line for each class of messages that was sent here, and that another host could not read."""
        sent = {cls for host in self.hosts for cls in host.message_types}
        return unknown_messages(sent, {type(node) for host in self.hosts for node in host.processes.values()})

    def finish(self, end_ns: int) -> list[Summary]:
        """Every host's share of the result."""
        summaries = []
        for number, host in enumerate(self.hosts):
            self._at_work = number
            summaries.append(host.finish(end_ns))
        return summaries


def run_in_process(
    scenario: Scenario,
    placement: Packing,
    *,
    trace: Callable[[TraceRecord], None] | None,
    replay: str,
    guard: bool,
    onlooker: Onlooker,
    pilot: Callable[[Scheduler, InlineHosts], object] = lambda scheduler, hosts: None,
) -> RunResult:
    """Run a scenario on one host here, or on several in windows.

    `pilot` may run its beginning, and end it there by raising."""
    guards = guarding(scenario.build, guard)
    with guards.run:
        scheduler, _ = inline_run(scenario, placement, trace=_with_taps(trace), replay=replay, guards=guards)
        hosts = scheduler.hosts
        assert isinstance(hosts, InlineHosts), "the run is in this process"
        with looked_at(scheduler, scenario.seed, onlooker):
            try:
                pilot(scheduler, hosts)
                result = scheduler.run()
                return result._replace(warnings=(*result.warnings, *hosts.unknown_messages()))
            except SimclockError as error:
                error.counters = hosts.counters()
                if isinstance(error, HandlerError):
                    error.faults = scheduler.faults_before(error.failure.time_ns + 1)
                raise


@contextmanager
def looked_at(scheduler: Scheduler, seed: int, onlooker: Onlooker) -> Iterator[None]:
    """While this thread runs it an onlooker may look where the run stands; an interrupt says it too: RunInterrupted."""
    hosts, thread = scheduler.hosts, get_ident()
    assert isinstance(hosts, InlineHosts), "the run is in this process"

    def standing(frames: Frames | None) -> Standing:
        return scheduler.standing(hosts.standing(frames), frames or ())

    with onlooker(lambda closely: standing(frames_of(thread) if closely else None)):
        try:
            yield
        except KeyboardInterrupt as interrupt:
            raise RunInterrupted(standing(extract_tb(interrupt.__traceback__)), seed) from interrupt


def inline_run(
    scenario: Scenario,
    placement: Packing | None = None,
    *,
    trace: Callable[[TraceRecord], None] | None = None,
    replay: str = "",
    guards: Guarding | None = None,
) -> tuple[Scheduler, Host]:
    """A run in this process that has not begun: `run` or `step` the scheduler, and look into the (first) host.

    Without a `placement` it is inline. It is guarded where `guards` are given, whose `run` the caller keeps open.
    """
    observers = made_observers(scenario, replay)
    host_of = [0] * scenario.nodes if placement is None else placement.host_of(scenario.nodes)
    count = max(host_of) + 1
    plan = host_plan(
        scenario,
        host_of,
        observers,
        payload_type=None if count == 1 else payload_type_of(scenario),
        check_message=check_message,
        traced=trace is not None,
    )
    hosts = InlineHosts(plan, guards or guarding(scenario.build, False), count)
    scheduler = Scheduler(scenario, hosts, observers, placement=str(placement or "inline"), replay=replay, trace=trace)
    if count == 1 and plan.watched and trace is None:  # a trace is written window by window
        hosts.tell_by(scheduler.tell)
    return scheduler, hosts.hosts[0]


_taps: list[Callable[[TraceRecord], None]] = []


@contextmanager
def tapped(tap: Callable[[TraceRecord], None]) -> Iterator[None]:
    """While this is open, runs in this process also give their trace to `tap`: for who cannot reach their arguments."""
    _taps.append(tap)
    try:
        yield
    finally:
        _taps.remove(tap)


def _with_taps(trace: Callable[[TraceRecord], None] | None) -> Callable[[TraceRecord], None] | None:
    if not _taps:
        return trace
    taps = [*_taps, *([] if trace is None else [trace])]

    def all_of_them(record: TraceRecord) -> None:
        for tap in taps:
            tap(record)

    return all_of_them
