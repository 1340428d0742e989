"""Clocks that drift apart, and are set right: by Cristian's algorithm, by Berkeley, in NTP's manner, or not at all.

Nodes 0 .. n - 1 have clocks that are off and drift. The node after them is the time server: its clock is true, it
answers Cristian's and NTP's clients, and with any algorithm it can ask for a synchronization by Cristian's (key `c`).
Delays are random, `delay` and up to `jitter_percent` of it more; a message from a lower node to a higher one takes
`asymmetry` longer, which no algorithm can see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from simclock import (
    Clocks,
    JumpClock,
    Network,
    Regions,
    RunResult,
    Scenario,
    UsageError,
    format_duration,
    minutes,
    ms,
    seconds,
)
from simclock.actors import Node
from simclock.durations import MILLISECOND, SECOND, parse_drift
from simclock.experiments.catalog.clock_synchronization.course import ClockRecord, ClockSetup, report_of_clocks, samples
from simclock.experiments.catalog.clock_synchronization.progress import INTERVALS_LOSSY, ClockProgress
from simclock.experiments.catalog.clock_synchronization.properties import judge, properties_of, sometimes
from simclock.experiments.catalog.clock_synchronization.story import ClockStory, story
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.keys import Key
from simclock.experiments.entries.parameters import Choice, Drift, Duration, Parameters, Text, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey
from simclock.experiments.telling.spelling import unknown
from simclock.faults import NodeFault
from simclock.protocols.clock_synchronization import (
    BerkeleyNode,
    CristianClient,
    NtpClient,
    Synchronization,
    TimeServer,
)
from simclock.protocols.clock_synchronization.observed import Asked, Polled, Prompted, read
from simclock.streams import Stream

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SYNCS = ("none", "cristian", "berkeley", "ntp")
SERVED = ("cristian", "ntp")
"""Algorithms in which clocks follow the time server's."""
NODES_MAX = 200
JUMP_NS = seconds(10)
SAMPLES = 400
"""Of a run, for its picture and its figures."""

PARAMETERS = Parameters(
    sync=Choice("berkeley", SYNCS, noun="algorithm", help="How clocks are set right."),
    drift=Drift("50ppm", help="How fast or slow a clock may be."),
    offset_ns=Duration(seconds(1), help="How far a clock may be off at first."),
    interval_ns=Duration(seconds(20), help="Between two synchronizations."),
    delay_ns=Duration(ms(1), help="The least that a message takes."),
    jitter_percent=Whole(100, help="By how much longer it may take, in percent of that."),
    asymmetry_ns=Duration(0, help="How much longer one way takes than the other."),
    margin_ns=Duration(seconds(1), help="An answer with a larger error bound is not used."),
    outlier_ns=Duration(seconds(3), help="Berkeley leaves out a clock that is farther off."),
    step_over_ns=Duration(ms(128), help="Over that a clock is set, below it is steered."),
    every_ns=Duration(seconds(5), help="Between two lines of the story."),
    keys=Text("", help="Keys pressed in a watched run, as 12.5s:j,20s:c."),
)

DELAYS = ("delay_ns", "jitter_percent", "asymmetry_ns")
"""What shapes the scenario's own latency."""

Build = Callable[[Synchronization], Node]
CLASSES: dict[str, Build] = {
    "none": lambda settings: CristianClient(settings, regular=False),
    "cristian": CristianClient,
    "berkeley": BerkeleyNode,
    "ntp": NtpClient,
}


def clock_drift(settings: Settings) -> Scenario:
    """Nodes with bad clocks and a time server with a true one."""
    parameters = {**PARAMETERS, **settings.parameters}
    sync = parameters["sync"]
    if sync not in CLASSES:
        raise UsageError(f"sync: {unknown('algorithm', sync, SYNCS)}")
    return synchronization(settings, parameters, CLASSES[sync], name="clock-drift", duration_ns=minutes(2))


def synchronization(
    settings: Settings, parameters: Mapping[str, Any], build: Build, *, name: str, duration_ns: int
) -> Scenario:
    """A scenario of these parameters whose nodes `build` makes."""
    nodes = 3 if settings.nodes is None else settings.nodes
    if not 1 <= nodes <= NODES_MAX:
        raise UsageError(f"nodes: {nodes} is not a number of nodes with clocks: 1 to {NODES_MAX}")
    if not parameters["interval_ns"] or not parameters["every_ns"]:
        raise UsageError("interval and every: 0 is not a time between two events: write more than zero, such as 20s")
    drift_ppb = parse_drift(parameters["drift"], "drift")
    clocks = settings.clocks or Clocks(
        offset_ns_max=parameters["offset_ns"], drift_ppb_max=drift_ppb, true_nodes=(nodes,)
    )
    own = _latency(nodes + 1, parameters)
    network = settings.network or Network(latency=own)
    if network.latency != own:
        _refuse_delays(settings.parameters, str(network.latency))
    agreed = Synchronization(
        server=nodes,
        interval_ns=parameters["interval_ns"],
        delay_ns_min=network.latency.delay_ns_min(nodes + 1),
        margin_ns_max=parameters["margin_ns"],
        outlier_ns=parameters["outlier_ns"],
        step_over_ns=parameters["step_over_ns"],
    )
    setup = ClockSetup(settings.seed, clocks, nodes, parameters["sync"], agreed, parameters["every_ns"])
    return Scenario(
        name=name,
        nodes=nodes + 1,
        build=partial(_node, agreed, build),
        duration_ns=duration_ns,
        network=network,
        clocks=clocks,
        observers=(partial(ClockRecord, setup),),
        cast=_cast(nodes, parameters["sync"]),
    )


def _cast(nodes: int, sync: str) -> str:
    """What was asked for, and the server that is beside it on every algorithm: key c has everybody ask it."""
    server = "a time server" if sync in SERVED else "an idle time server"
    return f"{nodes} node{'' if nodes == 1 else 's'} and {server}"


def _node(agreed: Synchronization, build: Build, node: int) -> Node:
    return TimeServer() if node == agreed.server else build(agreed)


def _latency(nodes: int, parameters: Mapping[str, Any]) -> Regions:
    """Every node is a region of its own, so that each direction of each link has its delay."""
    delay_ns, asymmetry_ns = parameters["delay_ns"], parameters["asymmetry_ns"]
    if not delay_ns:
        raise UsageError("delay: 0 is not the shortest time of a message: write more than zero, such as 1ms")
    one_way_ns = {
        (str(source), str(target)): delay_ns + (asymmetry_ns if source < target else 0)
        for source in range(nodes)
        for target in range(nodes)
    }
    placement = [str(node) for node in range(nodes)]
    slope = f", {format_duration(asymmetry_ns)} more upwards" if asymmetry_ns else ""
    return Regions(
        one_way_ns=one_way_ns,
        placement=placement,
        jitter_percent=parameters["jitter_percent"],
        source=f"{format_duration(delay_ns)} apart{slope}",
    )


def _refuse_delays(given: Mapping[str, Any], latency: str) -> None:
    """Another latency takes the place of the scenario's own: what would shape that one must not be lost silently.

    A file that `simclock show` wrote spells every parameter out: there a default is no wish.
    """
    whole = given.keys() >= PARAMETERS.keys()
    lost = [name for name in DELAYS if name in given and not (whole and given[name] == PARAMETERS[name])]
    if lost:
        names = ", ".join(name.removesuffix("_ns").replace("_", "-") for name in lost)
        raise UsageError(f"{names}: of no effect where the network's latency is {latency}: leave out one or the other")


# Keys.


def _synchronize(scenario: Scenario, at_ns: int, luck: Stream) -> Scenario:
    """The time server asks everybody to synchronize by Cristian's algorithm."""
    server = scenario.nodes - 1
    return replace(scenario, build=partial(_prompting, scenario.build, server, at_ns))


def _prompting(build: Callable[[int], Any], server: int, at_ns: int, node: int) -> Any:
    made = build(node)
    if node == server:
        assert isinstance(made, TimeServer), "the last node is the time server"
        made.prompts = (*made.prompts, at_ns)
    return made


def _jump(scenario: Scenario, at_ns: int, luck: Stream) -> Scenario:
    """A node's clock, whichever, jumps by ten seconds."""
    fault = JumpClock(at_ns=at_ns, node=luck.randrange(scenario.nodes - 1), by_ns=JUMP_NS)
    if fault in scenario.faults:  # a plan that was taken from a run in which it was pressed
        return scenario
    return replace(scenario, faults=(*scenario.faults, fault))


KEYS = {
    "c": Key(label="synchronize by Cristian's algorithm", press=_synchronize),
    "j": Key(label="a random node's clock jumps by 10 s", press=_jump),
}


# The report and the picture.


def describe(result: RunResult) -> Sequence[tuple[str, str]]:
    """Skew over the whole run, and over its second half."""
    skews = [(sample.time_ns, sample.skew_ns) for sample in samples(result, _step_ns(result))]
    late = sorted(skew_ns for time_ns, skew_ns in skews if time_ns >= result.virtual_ns // 2)
    first_ns, last_ns = skews[0][1], skews[-1][1]
    reached = properties_of(result).reached
    return (
        ("skew", f"{_us(first_ns)} at first, {_us(last_ns)} at the end"),
        ("second half", f"median {_us(late[len(late) // 2])}, max {_us(late[-1])}"),
        (
            "readings",
            f"{reached['readings used']:,} used, {reached['readings refused']:,} refused; "
            f"{reached['steps']:,} steps, {reached['steps back']:,} of them back, {reached['slews']:,} slews",
        ),
    )


def _us(time_ns: int) -> str:
    return f"{time_ns / 1000:,.1f} us"


def _step_ns(result: RunResult) -> int:
    return max(1, result.virtual_ns // SAMPLES)


def plot(result: RunResult, axes: Axes) -> None:
    """Each clock over true time, less the time server's, or less their mean where no server has a say in it."""
    report = report_of_clocks(result)
    sampled = list(samples(result, _step_ns(result)))
    served = report.setup.sync in SERVED
    references = [(each, 0 if served else sum(each.errors_ns) // len(each.errors_ns)) for each in sampled]
    times = [sample.time_ns / SECOND for sample in sampled]
    for node in range(report.setup.nodes):
        errors = [(sample.errors_ns[node] - reference) / MILLISECOND for sample, reference in references]
        axes.plot(times, errors, linewidth=1.1, label=f"node {node}" if node < 10 else None)
    skews = [sample.skew_ns / MILLISECOND for sample in sampled]
    axes.plot(times, skews, color="0.2", linewidth=0.8, linestyle="--", label="max skew")
    begins = sorted({o.time_ns for o in report.observations if isinstance(read(o), Polled | Prompted | Asked)})
    for number, at_ns in enumerate(begins):
        label = None if number else "synchronization"
        axes.axvline(at_ns / SECOND, color="0.75", linewidth=0.7, zorder=0, label=label)
    for fault in result.faults:
        if isinstance(fault, NodeFault):
            axes.axvline(fault.at_ns / SECOND, color="tab:red", linewidth=0.8, linestyle=":", label=str(fault))
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_xlabel("true time [s]")
    axes.set_ylabel(f"clock less {'true time' if served else 'the mean of all'} [ms]")
    axes.set_title(f"clocks with {report.setup.sync} synchronization")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3)


def prey(scenario: Scenario) -> Prey:
    """Everybody but the time server, which is taken to be right."""
    record = scenario.observers[0]()
    assert isinstance(record, ClockRecord), "the scenario's first observer"
    interval_ns, nodes = record.setup.synchronization.interval_ns, scenario.nodes - 1
    within_ns = INTERVALS_LOSSY * interval_ns
    return Prey(
        servers=tuple(range(nodes)),
        rhythm_ns=max(1, interval_ns // 4),
        progress=None if record.setup.sync == "none" else partial(ClockProgress, nodes, within_ns),
        progress_within_ns=within_ns,
    )


def narrator(scenario: Scenario) -> ClockStory:
    """Tells the story while it happens."""
    record = scenario.observers[0]()
    assert isinstance(record, ClockRecord), "the scenario's first observer"
    return ClockStory(record.setup)


ENTRY = Entry(
    name="clock-drift",
    summary="clocks drift apart, and Cristian's algorithm, Berkeley or NTP's filter sets them right",
    source="Cristian 1989; Gusella & Zatti 1989; RFC 5905",
    make=clock_drift,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    project=1,
    story=story,
    plot=plot,
    prey=prey,
    sometimes=sometimes,
    keys=KEYS,
    narrator=narrator,
)
