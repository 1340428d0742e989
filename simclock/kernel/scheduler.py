"""The scheduler owns virtual time: it grants windows, carries mail between hosts, and lets observers react.

With `lookahead` the smallest delay between different nodes, and `bound` the earliest instant at which anything can
still happen, no host can receive anything new earlier than `bound + lookahead`, so all hosts may advance to there at
once (conservative windows: Chandy and Misra 1979, Bryant 1977; YAWNS, Nicol 1993; see Fujimoto, "Parallel and
Distributed Simulation Systems", 2000).

Two windows may be under way: while the hosts work on one, the scheduler carries the mail of the one before. That is
safe because whatever the first sends arrives at `bound + lookahead` or later, where `bound` was known before it began;
it pays where a host's answer is slow to come, as over Ray. A window granted with nothing under way goes only half a
lookahead, so that the next one has somewhere to go.

Law: answers are collected and sorted by key; nothing depends on which came first. Horizons decide how much is done at
once, never what happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from simclock.durations import format_duration
from simclock.errors import OBSERVER, Failure, HandlerError, UsageError
from simclock.faults import STRUCK, Fault, NodeFault, NodeName, SetCorruption, problem_among, written_out
from simclock.hash_seed import hash_seed
from simclock.kernel.core import KERNEL
from simclock.kernel.events import DIGEST_BYTES, ENVIRONMENT
from simclock.kernel.failures import describe_error, is_interrupt
from simclock.kernel.handler_names import OBSERVER_HANDLERS, misspelt_handlers
from simclock.kernel.mail import NEVER_NS, HostPlan, Hosts, Observation, Summary
from simclock.kernel.quiet import NEVER_QUIET, Quiet, latest_of_each
from simclock.kernel.standing import Frames, HostStanding, Standing, place_in
from simclock.notebook import ROWS_MAX, facts, marked
from simclock.observers import Control, Environment, Happened, Observer, R, Unjudged, Violation
from simclock.scenario import Scenario
from simclock.trace import TraceRecord

BUSY_EVENTS = 64
"""Events per host and window from which a second window under way pays."""
BUSY_TOLD_MAX = 3
CELL_MAX = 200
"""Characters of what an observer kept that a notebook shows."""


class RunResult(NamedTuple):
    """What a run leaves."""

    scenario: str
    """The scenario in one line."""
    seed: int
    placement: str
    digest: str
    """32 hexadecimal digits over everything every node handled."""
    virtual_ns: int
    """When the run ended in virtual time."""
    wall_s: float
    events: int
    """Events handled and observations made."""
    counters: dict[str, int]
    host_calls: int
    """How many windows were granted to hosts: 1 or so in process, one call of an actor each on Ray."""
    stopped: str
    """Why the run ended before its duration; empty if it did not."""
    faults: tuple[Fault, ...]
    """What the environment did, in order, with node ids in place of names."""
    skipped: tuple[Fault, ...]
    """Planned faults that named an observation nobody had made."""
    violations: tuple[Violation, ...]
    reports: dict[str, Any]
    """Observer class name -> what it kept."""
    final: dict[int, Any]
    """Node -> what the scenario's `final` made of it."""
    node_digests: tuple[str, ...]
    replay: str
    """The command or call that runs it again."""
    fallen: dict[int, tuple[Any, ...]]
    """Node -> what the scenario's `fallen` made of each of its incarnations that crashed, in order."""
    halts: tuple[tuple[int, int], ...]
    """(time, node) of every node that ended itself, in order."""
    environment: Environment
    """As the scenario has it, before any fault."""
    started_s: float = 0.0
    """How long it took, before `wall_s`, to start or join a Ray and its workers; 0 in process."""
    quiet: Quiet | None = None
    """Where nothing was left to happen and nobody had stopped the run: since when, and what had been lost."""
    judged: bool = True
    """Whether anything looked at it: an observer that judges, `final`, or `fail_when_quiet`."""
    hash_seed: str = ""
    """The PYTHONHASHSEED it ran under, which is the usual one, or "random": then nobody knows it."""
    kernel: str = ""
    """Which of the two kernels decided, plain or compiled; digests are the same on both."""
    warnings: tuple[str, ...] = ()
    """What is likely meant otherwise, a line each: methods that nobody calls and whose name is close to a handler's.

    On Ray also what made the run slower than it need be.
    """
    unjudged: tuple[Unjudged, ...] = ()
    """Properties that the run has not put to the test: where nothing is violated, it is unknown."""
    chosen: str = ""
    """Why it ran where it did, in one line, where the placement was left open."""
    pilot_s: float = 0.0
    """Seconds of CPU that the beginning took by which it was decided: part of `wall_s` in process, before it on Ray."""

    def report(self, observer: type[Observer[R]]) -> R:
        """What the run's observer of that class kept. Raises UsageError where the run had none."""
        if observer.__name__ not in self.reports:
            had = ", ".join(self.reports) or "none"
            raise UsageError(f"report: the run had no observer {observer.__name__}: it had {had}")
        kept: R = self.reports[observer.__name__]
        return kept

    @property
    def status(self) -> str:
        """`violated`, `unknown` or `valid`, by what the run's observers say; a catalog's entry may judge more."""
        if self.violations:
            return "violated"
        return "valid" if self.judged and not self.unjudged else "unknown"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        told = list(map(str, (*self.violations, *self.unjudged)))
        told += ["nothing was judged: no observer looks for violations"] * (not self.judged)
        rows = [("verdict", marked(self.status)), *(("", each) for each in told[:ROWS_MAX])]
        kept = [(name, str(report)) for name, report in self.reports.items() if report is not None]
        rows += [("went wrong", f"{len(self.faults):,} faults")] * bool(self.faults)
        rows += [(name, text if len(text) <= CELL_MAX else f"{text[:CELL_MAX]}...") for name, text in kept]
        rows += [
            ("placement", self.placement),
            ("events", f"{self.events:,}, {self.counters.get('messages', 0):,} messages delivered"),
            ("virtual time", f"{format_duration(self.virtual_ns)}{f' (stopped: {self.stopped})' * bool(self.stopped)}"),
            ("wall time", f"{self.wall_s:.2f} s{self.before_text}"),
            ("digest", self.digest),
            ("replay", self.replay),
        ]
        return facts(self.scenario, rows)

    @property
    def before_text(self) -> str:
        """What came before the wall time, to stand behind it: ` (Ray started in 9.1 s, after a pilot of 0.5 s)`."""
        after = f", after a pilot of {self.pilot_s:.1f} s" if self.pilot_s else ""
        return f" (Ray started in {self.started_s:.1f} s{after})" if self.started_s else ""

    @property
    def happened(self) -> Happened:
        """What the environment did."""
        return Happened(self.environment, self.faults, self.halts)

    @property
    def lives(self) -> list[Any]:
        """What is known of every incarnation: of those that crashed, and of those that are up at the end.

        What nodes count is lost with them; a sum over these, where `final` and `fallen` are alike, misses none.
        """
        crashed = [life for node in sorted(self.fallen) for life in self.fallen[node]]
        return crashed + [life for life in self.final.values() if life is not None]


def made_observers(scenario: Scenario, replay: str) -> list[Observer]:
    """The observers of a run. Raises HandlerError where one cannot be made, UsageError for what is none."""
    observers = []
    for make in scenario.observers:
        try:
            observer = make()
        except BaseException as error:
            if is_interrupt(error):
                raise
            name = getattr(make, "__name__", type(make).__name__)
            raise HandlerError(
                describe_error(0, OBSERVER, f"{name} being made", error, make), scenario.seed, replay
            ) from error
        if not isinstance(observer, Observer):
            raise UsageError(f"observers: {make!r} made {type(observer).__name__}, which is no simclock.Observer")
        if observer.sim_served:
            raise UsageError(
                f"observers: {type(observer).__name__} was given to a run before and remembers it: give the class, or "
                "a function that makes a new one in each call"
            )
        object.__setattr__(observer, "sim_served", True)
        observers.append(observer)
    _check_names([type(observer) for observer in observers])
    return observers


def _check_names(classes: Sequence[type[Observer]]) -> None:
    """Raise UsageError where the report of one observer would take the place of another's."""
    seen: set[str] = set()
    for name in (each.__name__ for each in classes):
        if name in seen:
            raise UsageError(
                f"observers: two are called {name}, and reports are kept by name: give the second a name of its own, "
                f"such as class Second({name}), or always(...) with another name"
            )
        seen.add(name)


def host_plan(
    scenario: Scenario,
    host_of: Sequence[int],
    observers: Sequence[Observer],
    *,
    payload_type: Any,
    check_message: Callable[[Any], None],
    traced: bool,
) -> HostPlan:
    """What every host of a run needs to know."""
    return HostPlan(
        seed=scenario.seed,
        nodes=scenario.nodes,
        build=scenario.build_node if scenario.byzantine else scenario.build,
        check_message=check_message,
        network=scenario.network,
        clocks=scenario.clocks,
        disk=scenario.disk,
        final=scenario.final,
        fallen=scenario.fallen,
        payload_type=payload_type,
        watched=any(observer.reacts for observer in observers),
        lookahead_ns=scenario.lookahead_ns,
        traced=traced,
        faults=tuple(_planned(scenario, named=False)),
        host_of=host_of,
    )


def _planned(scenario: Scenario, *, named: bool) -> list[tuple[int, Fault]]:
    """The plan's faults with their running numbers: those that name an observation, or those that do not."""
    numbered = enumerate(scenario.plan, start=scenario.nodes)
    return [(count, fault) for count, fault in numbered if _is_named(fault) == named]


def _is_named(fault: Fault) -> bool:
    return any(isinstance(node, str) for node in fault.nodes_named())


class Scheduler:
    """Runs one scenario on hosts that already exist."""

    def __init__(
        self,
        scenario: Scenario,
        hosts: Hosts,
        observers: Sequence[Observer],
        *,
        placement: str,
        replay: str,
        trace: Callable[[TraceRecord], None] | None = None,
    ) -> None:
        self.scenario = scenario
        self.hosts = hosts
        self.observers = observers
        self.placement = placement
        self.replay = replay
        self._trace = trace
        self._lookahead_ns = scenario.lookahead_ns
        if hosts.count > 1 and self._lookahead_ns < 1:
            raise UsageError(
                "network: this latency model has no smallest delay, so hosts cannot run side by side: "
                "give it a floor above zero, or run inline"
            )
        self._control = Control(max(1, self._lookahead_ns), scenario.nodes)
        self._end_ns = scenario.duration_ns or NEVER_NS
        self.pause_ns = NEVER_NS
        """No host goes further for now: for who looks on while the run goes."""
        self._faults_counted = scenario.nodes + len(scenario.plan)
        """Running number of the environment: starts, then the plan, then reactions."""
        self._undecided = sorted(_planned(scenario, named=True), key=_fault_key)
        """Faults that name an observation: decided when every earlier observation is known."""
        self._skipped: list[Fault] = []
        self._planned = _planned(scenario, named=False)
        self._last_observer: dict[str, int] = {}
        count = hosts.count
        self._next_ns: list[int] = [0] * count
        """Per host, when its next event is due, as of its last answer."""
        self._inbox: list[list[bytes]] = [[] for _ in range(count)]
        self._inbox_ns: list[int] = [NEVER_NS] * count
        self._inbox_faults: list[list[tuple[int, Fault]]] = [[] for _ in range(count)]
        self._under_way: list[tuple[int, int, list[tuple[int, Any]]]] = []
        """Windows: (earliest mail they were granted with, horizon, tickets), oldest first."""
        self._traced_ns = 0
        """Faults before this instant have been traced."""
        self._busy = False
        self._last_ns = 0
        """When the latest event was that any host has handled."""
        self._started = time.perf_counter()
        self._host_calls = 0
        self._handled = 0
        """Events in the windows that are done."""
        self._failures: list[Failure] = []

    def run(self) -> RunResult:
        """Run to the end. Raises HandlerError where a node's or an observer's code fails."""
        while self.step():
            pass
        return self.result()

    def step(self) -> bool:
        """Grant a window or take the answers of one; False when the run is over, or has come to its pause."""
        self._decide_named_faults()
        horizon_ns = self._horizon_ns()
        last_ns = self._under_way[-1][1] if self._under_way else 0
        if horizon_ns is not None and horizon_ns > last_ns and len(self._under_way) < 1 + self._busy:
            self._grant(horizon_ns)
        elif self._under_way:
            self._complete()
        else:
            return False
        if self._failures:
            while self._under_way:
                self._complete()
            self._raise_earliest()
        return True

    @property
    def over(self) -> bool:
        """Whether nothing is left to happen, and no pause stands before the end."""
        unpaused = self.pause_ns >= self._end_ns or self._end_ns == NEVER_NS
        return unpaused and not self._under_way and self._bound_ns() >= self._end_ns

    @property
    def end_ns(self) -> int:
        """Where the run ends, as far as is known."""
        return self._end_ns

    def standing(self, hosts: Sequence[HostStanding] = (), frames: Frames = ()) -> Standing:
        """Where the run stands, with what hosts say that can be asked; `frames` are of who runs this."""
        busy = [host.doing for host in hosts if host.busy]
        place = place_in(frames)
        if busy:
            more = f" and {len(busy) - BUSY_TOLD_MAX} more hosts" if len(busy) > BUSY_TOLD_MAX else ""
            doing = "; ".join(busy[:BUSY_TOLD_MAX]) + more
        elif place:
            doing = f"an observer ({place})"
        else:
            told = [host for host in hosts if host.doing]
            doing = f"last {max(told, key=lambda host: host.virtual_ns).doing}" if told else ""
        return Standing(
            virtual_ns=max([self._last_ns, *(host.virtual_ns for host in hosts)]),
            end_ns=None if self._end_ns == NEVER_NS else self._end_ns,
            events=max(self._handled, sum(host.events for host in hosts)),
            doing=doing,
        )

    # Windows.

    def _bound_ns(self) -> int:
        """Nothing that is not known to be done can happen earlier."""
        return min(*self._next_ns, *self._inbox_ns, *(mail_ns for mail_ns, _, _ in self._under_way))

    def _horizon_ns(self) -> int | None:
        """How far the hosts may go now; None if there is nothing to do before the end."""
        bound_ns = self._bound_ns()
        limit_ns = min(self._end_ns, self.pause_ns)
        if self._undecided:
            limit_ns = min(limit_ns, self._undecided[0][1].at_ns)
        if bound_ns >= limit_ns:
            return None
        if self.hosts.count == 1:
            return limit_ns
        step_ns = self._lookahead_ns
        if self._busy and not self._under_way:
            step_ns = (step_ns + 1) // 2
        return min(limit_ns, bound_ns + step_ns)

    def _grant(self, horizon_ns: int) -> None:
        mail_ns = NEVER_NS
        working = {host for _, _, tickets in self._under_way for host, _ in tickets}
        tickets = []
        for host in range(self.hosts.count):
            if host not in working and min(self._next_ns[host], self._inbox_ns[host]) >= horizon_ns:
                continue
            mail_ns = min(mail_ns, self._inbox_ns[host])
            mail = (horizon_ns, self._inbox[host], self._inbox_faults[host])
            tickets.append((host, self.hosts.submit(host, mail)))
            self._host_calls += 1
            self._inbox[host] = []
            self._inbox_faults[host] = []
            self._inbox_ns[host] = NEVER_NS
        self._under_way.append((mail_ns, horizon_ns, tickets))

    def _complete(self) -> None:
        """Take the answers of the oldest window: mail, observations, failures."""
        _, _, tickets = self._under_way.pop(0)
        observations: list[Observation] = []
        records: list[TraceRecord] = []
        handled = 0
        for (host, _), window in zip(tickets, self.hosts.collect(tickets), strict=True):
            self._next_ns[host] = NEVER_NS if window.next_time_ns is None else window.next_time_ns
            for target, parcel in window.outbox.items():
                self._inbox[target].append(parcel)
                self._inbox_ns[target] = min(self._inbox_ns[target], window.outbox_ns_min[target])
            observations += window.observations
            records += window.trace
            self._failures += window.failures
            handled += window.handled
            self._last_ns = max(self._last_ns, window.last_time_ns)
        self._handled += handled
        self._busy = self.hosts.pipelined and handled > BUSY_EVENTS * self.hosts.count
        if self._trace is not None:
            self._write_trace(records, self._trace)
        self._tell(observations)

    def _write_trace(self, records: list[TraceRecord], write: Callable[[TraceRecord], None]) -> None:
        """In canonical order, with what the environment did to the links: no single node's host tells of that."""
        done_ns = min(self._bound_ns(), self._end_ns)
        happened = [pair for pair in self._planned if self._traced_ns <= pair[1].at_ns < done_ns]
        self._traced_ns = done_ns
        for count, fault in happened:
            if not (isinstance(fault, NodeFault) and fault.recorded):
                records.append(TraceRecord(fault.at_ns, ENVIRONMENT, count, "fault", ENVIRONMENT, count, -1, fault))
        records.sort(key=lambda record: record[:3])
        for record in records:
            write(record)

    # Observers and what they cause.

    def tell(self, observations: list[Observation]) -> tuple[int, list[tuple[int, Fault]]]:
        """A lone host has come to where observers may react: what they cause it carries out itself."""
        self._tell(observations)
        faults = self._inbox_faults[0]
        if faults:
            self._inbox_faults[0], self._inbox_ns[0] = [], NEVER_NS
        return self._end_ns, faults

    def _tell(self, observations: list[Observation]) -> None:
        if self._lookahead_ns and len(observations) > 1:
            observations.sort(key=_canonical)
        # else one instant holds causes and their effects: there is one host, and it handled the causes first
        control = self._control
        first_failure_ns = min((failure.time_ns for failure in self._failures), default=NEVER_NS)
        for observation in observations:
            if observation.time_ns >= self._end_ns or observation.time_ns > first_failure_ns:
                break
            self._last_observer[observation.name] = observation.node
            control.now_ns = observation.time_ns
            for observer in self.observers:
                try:
                    observer.on_observation(observation, control)
                except BaseException as error:
                    if is_interrupt(error):
                        raise
                    raise self._observer_failed(observer, observation.time_ns, str(observation), error) from error
            if control.stop_ns is not None or control.faults:
                self._carry_out()

    def _carry_out(self) -> None:
        control = self._control
        if control.stop_ns is not None:
            self._end_ns = min(self._end_ns, control.stop_ns)
        injected = control.faults if self.scenario.adaptive else ()
        for fault in injected:
            problem = problem_among(fault, self.scenario.nodes)
            if problem:
                raise UsageError(f"an observer injected {fault.kind}: {problem}")
        for fault in written_out(injected, self.scenario.seed, self.scenario.nodes) if injected else ():
            self._plan(self._faults_counted, self._resolved(fault))
            self._faults_counted += 1
        control.faults.clear()

    def _plan(self, count: int, fault: Fault) -> None:
        self._planned.append((count, fault))
        for host in range(self.hosts.count):
            self._inbox_faults[host].append((count, fault))
            self._inbox_ns[host] = min(self._inbox_ns[host], fault.at_ns)

    def _decide_named_faults(self) -> None:
        """Put node ids in place of names once everything earlier is known."""
        while self._undecided and not self._under_way and self._bound_ns() >= self._undecided[0][1].at_ns:
            if self._undecided[0][1].at_ns >= self._end_ns:
                return
            count, fault = self._undecided.pop(0)
            try:
                resolved = self._resolved(fault)
            except LookupError:
                self._skipped.append(fault)
                continue
            self._plan(count, resolved)

    def _resolved(self, fault: Fault) -> Fault:
        """The fault with node ids in place of names; LookupError where a name means nobody yet."""
        return fault.resolved(lambda node: self._find(node, fault.at_ns))

    def _find(self, node: NodeName, before_ns: int) -> int:
        if isinstance(node, int):
            return node
        if node in STRUCK:
            strikes = [
                (fault.at_ns, count, fault.node)
                for count, fault in self._planned
                if isinstance(fault, NodeFault) and isinstance(fault, STRUCK[node]) and fault.at_ns < before_ns
            ]
            if strikes:
                last = max(strikes)[2]
                assert isinstance(last, int), "what is planned is resolved"
                return last
        return self._last_observer[node]

    # The end.

    def _raise_earliest(self) -> None:
        earliest = min(self._failures, key=lambda failure: (failure.time_ns, failure.node))
        failed = HandlerError(earliest, self.scenario.seed, self.replay, tuple(self._control.violations))
        if earliest.usage and not self._damages_unseen(earliest.time_ns):
            where = f"node {earliest.node} at {format_duration(earliest.time_ns)}, seed {self.scenario.seed}"
            raise UsageError(f"{earliest.error} ({where}, on {earliest.event}, {earliest.place})") from failed
        raise failed

    def _damages_unseen(self, until_ns: int) -> bool:
        """Whether nodes were handed nonsense: what they cannot make of it is no wrong use of the kernel."""
        drawn = (fault.undetected for _, fault in self._happened(until_ns) if isinstance(fault, SetCorruption))
        return any((self.scenario.network.undetected_corruption, *drawn))

    def _observer_failed(self, observer: Observer, time_ns: int, event: str, error: BaseException) -> HandlerError:
        failure = describe_error(time_ns, OBSERVER, f"{type(observer).__name__} reading {event}", error)
        return HandlerError(failure, self.scenario.seed, self.replay, tuple(self._control.violations))

    def _at_the_end(self, observer: Observer, method: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise self._observer_failed(observer, self._control.now_ns, "the end of the run", error) from error

    def _happened(self, before_ns: int) -> list[tuple[int, Fault]]:
        return sorted((pair for pair in self._planned if pair[1].at_ns < before_ns), key=_fault_key)

    def _all_happened(self, before_ns: int, summaries: Sequence[Summary]) -> Happened:
        scenario = self.scenario
        halts = tuple(sorted(halt for summary in summaries for halt in summary.halts))
        environment = Environment(scenario.nodes, scenario.network, scenario.disk)
        return Happened(environment, self.faults_before(before_ns), halts)

    def faults_before(self, before_ns: int) -> tuple[Fault, ...]:
        """What the environment did up to there, in order; of a run that failed, whose result there is none."""
        return tuple(fault for _, fault in self._happened(before_ns))

    def restart_stopwatch(self) -> None:
        """Wall time counts from here: workers have started."""
        self._started = time.perf_counter()

    def result(self) -> RunResult:
        """What the run leaves; called once, when it is over."""
        drained = self._bound_ns() >= NEVER_NS
        virtual_ns = self._last_ns if drained and self._end_ns == NEVER_NS else self._end_ns
        summaries = self.hosts.finish(virtual_ns)
        self._failures += [failure for summary in summaries for failure in summary.failures]
        if self._failures:
            self._raise_earliest()
        control = self._control
        control.now_ns = virtual_ns
        control.happened = self._all_happened(virtual_ns, summaries)
        stopped = control.stop_reason if self._end_ns == control.stop_ns else ""
        quiet = None if stopped else self._quiet(summaries)
        control.exhausted = not stopped and (quiet is not None or self._end_ns == NEVER_NS)
        if quiet is not None and self.scenario.fail_when_quiet:
            control.violations.append(Violation(NEVER_QUIET, quiet.since_ns, ENVIRONMENT, str(quiet)))
        for observer in self.observers:
            self._at_the_end(observer, observer.on_finish, control)
        reports = {type(observer).__name__: self._at_the_end(observer, observer.report) for observer in self.observers}
        counters: dict[str, int] = {}
        for summary in summaries:
            for name, count in summary.counters.items():
                counters[name] = counters.get(name, 0) + count
        counters = dict(sorted(counters.items()))  # which host counted what first is the placement's
        digests = {node: digest for summary in summaries for node, digest in summary.digests.items()}
        final = {node: value for summary in summaries for node, value in summary.values.items()}
        fallen = {node: values for summary in summaries for node, values in summary.fallen.items()}
        whole = blake2b(digest_size=DIGEST_BYTES)
        for node in range(self.scenario.nodes):
            whole.update(digests[node])
        for count, fault in self._happened(virtual_ns):
            whole.update(msgspec.msgpack.encode((count, fault.hashed())))
        return RunResult(
            scenario=str(self.scenario),
            seed=self.scenario.seed,
            placement=self.placement,
            digest=whole.hexdigest(),
            virtual_ns=virtual_ns,
            wall_s=time.perf_counter() - self._started,
            events=counters.pop("handled"),
            counters=counters,
            host_calls=self._host_calls,
            stopped=stopped,
            faults=control.happened.faults,
            skipped=tuple(self._skipped),
            violations=tuple(control.violations),
            reports=reports,
            final=dict(sorted(final.items())),
            node_digests=tuple(digests[node].hex() for node in range(self.scenario.nodes)),
            replay=self.replay,
            fallen=dict(sorted(fallen.items())),
            halts=control.happened.halts,
            environment=control.happened.environment,
            quiet=quiet,
            judged=self._anything_judged(),
            hash_seed=hash_seed(),
            kernel=KERNEL,
            warnings=self._warnings(summaries),
            unjudged=tuple(control.unjudged),
        )

    def _warnings(self, summaries: Sequence[Summary]) -> tuple[str, ...]:
        told = {warning for summary in summaries for warning in summary.warnings}
        for observer in self.observers:
            told.update(misspelt_handlers(type(observer), OBSERVER_HANDLERS))
        return tuple(sorted(told))

    def _quiet(self, summaries: Sequence[Summary]) -> Quiet | None:
        """Since when nothing has happened at any node, where no host has anything left and no mail is under way."""
        since = [summary.quiet_ns for summary in summaries if summary.quiet_ns is not None]
        if len(since) < len(summaries) or any(self._inbox):
            return None
        quiet = Quiet(max(since), latest_of_each(lost for summary in summaries for lost in summary.lost))
        ends_so = self._end_ns == NEVER_NS and not quiet.lost  # without a duration that is how a run ends
        return None if ends_so and not self.scenario.fail_when_quiet else quiet

    def _anything_judged(self) -> bool:
        own = self.scenario.final is not None or self.scenario.fail_when_quiet
        return own or any(
            type(observer).on_observation is not Observer.on_observation
            or type(observer).on_finish is not Observer.on_finish
            for observer in self.observers
            if observer.judges
        )


_canonical = itemgetter(0, 1, 2)
"""Of an observation: (time_ns, node, number)."""


def _fault_key(pair: tuple[int, Fault]) -> tuple[int, int]:
    return pair[1].at_ns, pair[0]
