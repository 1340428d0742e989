"""What consensus costs: engines by numbers of servers by trouble, the same store, clients and load for each.

Latencies are the clients', so that they have two journeys more than a commit. Messages and bytes are all that were
sent, the clients' requests and answers and heartbeats among them, for each command that was agreed upon. What theory
says stands beside: per command a leader and each other server exchange so many messages (`ConsensusEngine.messages`), a
client and the leader two; and a command takes four delays, two of them the client's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from simclock import CRASHED, Crash, Fault, Heal, Partition, Restart, RunResult, UsageError, ms, parse_duration
from simclock.actors import run
from simclock.experiments.catalog.key_value.scenario import KEY_VALUE, LAN, LAN_NETWORK, WAN
from simclock.experiments.consensus.engines import ENGINES, engine_named
from simclock.experiments.consensus.measuring import cost_of, weighed
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.parameters import Choice, Duration, Parameters, Several, Text, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.protocols.replication import majority
from simclock.protocols.replication.observed import Leadership

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLIENTS = 3
NONE, LEADER, MINORITY, LOSS = "none", "leader crash", "minority cut off", "5 % loss"
TROUBLES = (NONE, LEADER, MINORITY, LOSS, WAN)
ON_WAN = 5
"""There a run lasts so many times as long."""
JOURNEY_NS = ms(3) // 2
"""The mean, on the local network."""
HEADERS = (
    "engine",
    "servers",
    "trouble",
    "median [ms]",
    "p99 [ms]",
    "delays",
    "in theory",
    "operations [1/s]",
    "messages/commit",
    "in theory ",
    "bytes/commit",
    "crash to commit [ms]",
    "elections",
    "placement",
    "wall [s]",
    "events [1/s]",
    "digest",
)
ENGINE_AT, SERVERS_AT, TROUBLE_AT, MESSAGES_AT, THEORY_AT, BYTES_AT, DOWN_AT, PLACEMENT_AT, DIGEST_AT = (
    *(0, 1, 2, 8, 9, 10, 11),
    *(13, 16),
)

PARAMETERS = Parameters(
    engines=Several(ENGINES, Choice(ENGINES[0], ENGINES, noun="engine"), help="Which to compare."),
    nodes=Several((3, 5, 7, 9, 33, 101), Whole(3, least=1), help="How many servers."),
    troubles=Several(TROUBLES, Choice(NONE, TROUBLES, noun="trouble"), help="What happens meanwhile."),
    placements=Several(("inline",), Text("inline"), help="Where to run: inline, ray:hosts=2 (packed), ray (one each)."),
    lasts=Duration("3s", help="How long a run is in virtual time; on a WAN five times as long."),
)

WHY = {
    LEADER: (
        "leader crash: until the next commit it takes an election timeout of 150 to 300 ms, an election and a command; "
        "Raft's leader has an empty one of its own, others wait for a client that asks again, after 200 ms"
    ),
    MINORITY: (
        "minority cut off: who is not heard answers nothing; who is cut off asks for a leader until it is back, in ZAB "
        "and Viewstamped Replication everybody everybody"
    ),
    LOSS: "5 % loss: what is lost is sent again with a heartbeat, or when a client asks again, after 200 ms",
    WAN: "wan: a command waits for its client's journey to the leader, and for the majority that is nearest to it",
}
"""Why a trouble's rows differ from theory."""


class _Asked(NamedTuple):
    """One row."""

    engine: str
    servers: int
    trouble: str
    duration_ns: int

    def settings(self, seed: int) -> Settings:
        """Of the scenario."""
        return Settings(
            seed=seed,
            nodes=self.servers,
            duration_ns=self.duration_ns,
            network=replace(LAN_NETWORK, loss=0.05) if self.trouble == LOSS else None,
            faults=self.faults(),
            parameters={"engine": self.engine, "clients": CLIENTS, "reach": WAN if self.trouble == WAN else LAN},
        )

    def faults(self) -> tuple[Fault, ...]:
        """What is not the network's."""
        third_ns, end_ns = self.duration_ns // 3, self.duration_ns * 5 // 6
        if self.trouble == LEADER:
            leader = Leadership.observed_as
            return Crash(at_ns=third_ns, node=leader), Restart(at_ns=end_ns, node=CRASHED)
        if self.trouble == MINORITY:
            nodes = tuple(range(self.servers + CLIENTS))
            clients = nodes[self.servers :]
            side: tuple[int | str, ...] = (Leadership.observed_as, *clients, *nodes[: majority(self.servers)])
            return Partition(at_ns=third_ns, groups=(side, nodes)), Heal(at_ns=end_ns)
        return ()


def rows(settings: StudySettings) -> Iterator[Row]:
    """Every engine with every number of servers and every trouble, on every placement."""
    asked: Mapping[str, Any] = settings.parameters
    lasts_ns = parse_duration(asked["lasts"], "lasts")
    for servers in asked["nodes"]:
        for trouble in asked["troubles"]:
            for engine in asked["engines"]:
                duration_ns = lasts_ns * (ON_WAN if trouble == WAN else 1)
                each = _Asked(engine, servers, trouble, duration_ns)
                yield from _rows(each, settings.seed, asked["placements"])


def _rows(each: _Asked, seed: int, placements: Sequence[str]) -> Iterator[Row]:
    scenario = weighed(make_scenario(KEY_VALUE, each.settings(seed)))
    for placement in placements:
        result = run(scenario, placement)
        if result.violations:
            first = result.violations[0]
            raise UsageError(f"{each.engine}, {each.servers} servers, {each.trouble}: {first.property}: {first.detail}")
        yield _row(each, placement, result)


def _row(each: _Asked, placement: str, result: RunResult) -> Row:
    cost, engine = cost_of(result), engine_named(each.engine)
    here = each.trouble != WAN and cost.median_ns is not None
    down = None if each.trouble != LEADER else cost.unavailable_ns
    return (
        each.engine,
        each.servers,
        each.trouble,
        _ms(cost.median_ns),
        _ms(cost.p99_ns),
        round(cost.median_ns / JOURNEY_NS, 1) if here and cost.median_ns is not None else None,
        2 + engine.delays if each.servers > 1 else 2,
        round(cost.operations_per_s, 1),
        round(cost.messages_per_commit, 1),
        2 + engine.messages * (each.servers - 1),
        round(cost.octets_per_commit),
        _ms(down),
        cost.elections,
        placement,
        round(result.wall_s, 2),
        round(result.events / max(result.wall_s, 1e-9)),
        result.digest[:8],
    )


def _ms(time_ns: int | None) -> float | None:
    return None if time_ns is None else round(time_ns / ms(1), 1)


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """Where measurement and theory differ, and whether placements agree."""
    told = []
    quiet = [row for row in measured if row[TROUBLE_AT] == NONE]
    for engine in dict.fromkeys(row[ENGINE_AT] for row in quiet):
        mine = [row for row in quiet if row[ENGINE_AT] == engine and row[SERVERS_AT] > 1]
        if mine:
            least, most = (round(chosen(row[MESSAGES_AT] / row[THEORY_AT] for row in mine), 2) for chosen in (min, max))
            told.append(
                f"{engine}: {least} to {most} times the messages of theory where nothing is wrong: heartbeats are sent "
                f"whether or not there is a command, and {engine_named(engine).beyond}"
            )
    seen = {row[TROUBLE_AT] for row in measured}
    told += [text for trouble, text in WHY.items() if trouble in seen]
    runs: dict[tuple[Any, ...], set[str]] = {}
    for row in measured:
        runs.setdefault(row[:3], set()).add(row[DIGEST_AT])
    apart = sum(len(digests) > 1 for digests in runs.values())
    where = len({row[PLACEMENT_AT] for row in measured})
    if where > 1:
        told.append(f"digests of {len(runs)} runs on {where} placements: {f'{apart} DIFFER' if apart else 'all agree'}")
    return told


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """Messages per command against servers, where nothing is wrong, with theory as a line."""
    for engine, marker in zip(ENGINES, ("o", "s", "^", "d"), strict=True):
        points = [row for row in measured if row[ENGINE_AT] == engine and row[TROUBLE_AT] == NONE]
        servers = [row[SERVERS_AT] for row in points]
        axes.plot(servers, [row[MESSAGES_AT] for row in points], marker, label=engine, markersize=6, alpha=0.8)
    for each in sorted({engine_named(name).messages for name in ENGINES}):
        servers = sorted({row[SERVERS_AT] for row in measured})
        label = f"2 + {each} (n - 1)"
        axes.plot(servers, [2 + each * (n - 1) for n in servers], color="#969696", linewidth=1, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("servers")
    axes.set_ylabel("messages per command")
    axes.legend()


CONSENSUS_STUDY = Study(
    name="consensus",
    summary="what does each consensus engine cost, in messages, bytes, latency and availability?",
    source="the engines' papers; docs/engines.md",
    headers=HEADERS,
    rows=rows,
    notes=notes,
    plot=plot,
    parameters=PARAMETERS,
)
