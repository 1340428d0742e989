"""A few heavy commands, or many small ones of as many bytes in all: what a command costs beside what is in it.

One client hands in all commands at once. Every link has a bandwidth, so that bytes take time: what is larger than a
round trip's worth of it is bound by bytes, what is smaller by how many messages the servers exchange.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from simclock import Network, Scenario, Told, Uniform, UsageError, ms, seconds
from simclock.actors import Node, run
from simclock.experiments.consensus.engine import Cluster
from simclock.experiments.consensus.engines import ENGINES, engine_named
from simclock.experiments.consensus.measuring import weighed
from simclock.experiments.entries.parameters import Choice, Parameters, Several, Whole
from simclock.experiments.entries.studies import Row, Study, StudySettings
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.protocols.replication import Call, Caller, ClientReply, ClientRequest, CommandsAlone

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEGINS_NS = seconds(1)
"""A leader is there by then."""
BYTES_PER_S = 1_250_000
"""Ten megabits a second, on every link."""
RETRY_NS = seconds(20)
"""Nothing gets lost, so that this is only for the first try, at a server that does not know the leader."""

PARAMETERS = Parameters(
    engines=Several(ENGINES, Choice(ENGINES[0], ENGINES, noun="engine"), help="Which to compare."),
    nodes=Whole(3, least=1, help="How many servers."),
    octets=Whole(65_536, least=1, help="Of all commands together."),
    commands=Several((1, 16, 256, 1024), Whole(1, least=1), help="Into how many commands they are divided."),
)


class Asked(Told):
    """All commands are handed in."""


class Done(Told):
    """All are answered."""


class Swallows(CommandsAlone):
    """A state machine that keeps nothing of what it is given."""

    def apply(self, command: bytes) -> bytes:
        return b""


class Proposer(Caller):
    """Finds the leader by a command of its own, then hands in all at once."""

    def __init__(self, servers: tuple[int, ...], commands: int, octets: int) -> None:
        super().__init__(servers, RETRY_NS)
        self.commands, self.octets = commands, octets

    def on_start(self) -> None:
        super().on_start()
        self.set_timer("begin", BEGINS_NS)

    def on_timer(self, timer: Any) -> None:
        match timer:
            case "begin":
                self._call_service(Call(ClientRequest(0, b"?")))
            case ("retry", int(request_id)):
                self._retry(request_id)

    def on_message(self, source: int, message: Any) -> None:
        if isinstance(message, ClientReply):
            self._on_reply(source, message)
            if message.status == "not_leader" and message.leader_hint is None:
                self.set_timer(self._retry_timer(message.request_id), ms(10))

    def _answered(self, call: Any, response: bytes) -> None:
        if call.request.request_id == 0:
            self.observe(Asked())
            for number in range(1, self.commands + 1):
                self._call_service(Call(ClientRequest(number, bytes(self.octets))))
        elif not self.calls:
            self.observe(Done())


def rows(settings: StudySettings) -> Iterator[Row]:
    """Every engine with every division."""
    asked: Mapping[str, Any] = settings.parameters
    for commands in asked["commands"]:
        if asked["octets"] % commands:
            raise UsageError(f"commands: {asked['octets']} bytes cannot be divided into {commands} equal commands")
        for engine in asked["engines"]:
            yield _row(engine, asked["nodes"], commands, asked["octets"] // commands, settings.seed)


def _row(name: str, nodes: int, commands: int, octets: int, seed: int) -> Row:
    engine, servers = engine_named(name), tuple(range(nodes))
    made = engine.made(Cluster(servers=servers))

    def build(node: int) -> Node:
        return engine.server(made, Swallows()) if node < nodes else Proposer(servers, commands, octets)

    scenario = Scenario(
        name="proposal-size",
        seed=seed,
        nodes=nodes + 1,
        build=build,
        duration_ns=seconds(3),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2)), bytes_per_s=BYTES_PER_S, order="fifo"),
        observers=(engine.properties(made), partial(Recorded, (Asked, Done))),
    )
    result = run(weighed(scenario))
    told = {each.name: each.time_ns for each in recorded(result)}
    took_ns = told[Done.observed_as] - told[Asked.observed_as] if Done.observed_as in told else None
    sent = sum(result.final.values())
    took = None if took_ns is None else round(took_ns / ms(1), 1)
    return name, commands, octets, took, result.counters["sent"], round(sent / (commands * octets), 2)


def notes(measured: Sequence[Row]) -> Sequence[str]:
    """How much small commands cost."""
    told = []
    for engine in dict.fromkeys(row[0] for row in measured):
        mine = [row for row in measured if row[0] == engine and row[3] is not None]
        if len(mine) > 1:
            quickest, first, last = min(mine, key=lambda row: (row[3], row[1])), mine[0], mine[-1]
            told.append(
                f"{engine}: {quickest[1]:,} commands are the quickest; {last[1]:,} send {last[5] / first[5]:.2g} times "
                f"the bytes of {first[1]:,}"
            )
    return [*told, "one command has to be at the leader as a whole before it goes on; many small ones have many heads"]


def plot(measured: Sequence[Row], axes: Axes) -> None:
    """Time against the number of commands."""
    for engine in dict.fromkeys(row[0] for row in measured):
        points = [row for row in measured if row[0] == engine and row[3] is not None]
        axes.plot([row[1] for row in points], [row[3] for row in points], marker="o", label=engine)
    axes.set_xscale("log")
    axes.set_xlabel("commands, of as many bytes in all")
    axes.set_ylabel("until all are answered [ms]")
    axes.legend()


PROPOSALS_STUDY = Study(
    name="proposal-size",
    summary="is it better to propose a few heavy commands, or many small ones of as many bytes?",
    source="Ongaro, Consensus: Bridging Theory and Practice, 2014, 10.2",
    headers=("engine", "commands", "bytes each", "until answered [ms]", "messages", "bytes sent/byte"),
    rows=rows,
    notes=notes,
    plot=plot,
    parameters=PARAMETERS,
)
