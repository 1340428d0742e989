"""What pre-votes and the check of the quorum change where the network is cut again and again, or for good.

Five servers and clients. *Flapping*: one server is cut off from all others for a second out of every two, another each
time; it comes back with a higher term, or does not. *Half-connected*: of five servers two hear only one other each, and
stay so (Jensen, Howard & Mortier, "Examining Raft's Behaviour During Partial Network Failures", 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from simclock import Cut, Fault, Heal, Partition, ms, parse_duration, seconds
from simclock.actors import run
from simclock.experiments.catalog.raft_costs.metered import CLIENTS, SYNC, metered_scenario, timed
from simclock.experiments.entries.parameters import Parameters
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.protocols.key_value import Workload
from simclock.protocols.raft import RaftProperties, RaftSettings

SERVERS = (0, 1, 2, 3, 4)
WAYS = {
    "neither": RaftSettings(servers=SERVERS),
    "pre-vote": RaftSettings(servers=SERVERS, pre_vote=True),
    "check of the quorum": RaftSettings(servers=SERVERS, check_quorum=True),
    "both": RaftSettings(servers=SERVERS, pre_vote=True, check_quorum=True),
    "both, and sticky": RaftSettings(servers=SERVERS, pre_vote=True, check_quorum=True, sticky=True),
}
BEGINS_NS = seconds(1)
APART_NS = seconds(2)
CUT_NS = seconds(1)
HEARD = frozenset({(0, 1), (0, 2), (1, 2), (1, 3), (2, 4)})
"""Who hears whom where two servers are half-connected."""
HEADERS = (
    "network",
    "servers have",
    "elections",
    "leaders",
    "last term",
    "operations",
    "latency median [ms]",
    "latency p99 [ms]",
)


def flapping(lasts_ns: int) -> Iterator[Fault]:
    """One server after the other is cut off, and comes back."""
    everybody = range(len(SERVERS) + CLIENTS)
    for turn, at_ns in enumerate(range(BEGINS_NS, lasts_ns - CUT_NS, APART_NS)):
        away = turn % len(SERVERS)
        yield Partition(at_ns=at_ns, groups=((away,), tuple(node for node in everybody if node != away)))
        yield Heal(at_ns=at_ns + CUT_NS)


def half_connected(lasts_ns: int) -> Iterator[Fault]:
    """Links between servers that are cut for good."""
    for source in SERVERS:
        for target in SERVERS:
            if source != target and not {(source, target), (target, source)} & HEARD:
                yield Cut(at_ns=BEGINS_NS, source=source, target=target)


NETWORKS = {"flapping": flapping, "half-connected": half_connected}


def rows(settings: StudySettings) -> Iterator[Row]:
    """Every network by every way."""
    lasts_ns = parse_duration(settings.parameters["lasts"], "lasts")
    workload = Workload(processes=2, pause_ns=ms(20), retry_ns=ms(200), give_up_ns=seconds(2))
    for network, faults in NETWORKS.items():
        for way, raft in WAYS.items():
            observers = (partial(RaftProperties, SERVERS),)
            planned = tuple(faults(lasts_ns))
            scenario = metered_scenario(
                raft, workload, settings.seed, settings.parameters, faults=planned, observers=observers
            )
            result = run(scenario)
            told = result.report(RaftProperties)
            yield network, way, told["elections"], told["leaders"], told["term"], *timed(result)


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """What to compare."""
    return (
        "elections are candidacies: who asks for pre-votes and gets none is not a candidate, and keeps its term.",
        "flapping: where it is the leader that is cut off, another is due in any case.",
    )


RAFT_ELECTIONS_STUDY = Study(
    name="raft-elections",
    summary="how many elections pre-votes and the check of the quorum spare where links flap or stay cut",
    source="Ongaro, Consensus: Bridging Theory and Practice, 2014, 6.2 and 9.6",
    headers=HEADERS,
    rows=rows,
    notes=notes,
    parameters=Parameters(lasts="60s", sync=SYNC),
)
