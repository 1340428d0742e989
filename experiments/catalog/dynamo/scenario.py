"""The many-leader key-value store: clients on both sides of a partition, a crash, a server that joins, one that leaves.

Servers are the nodes 0 .. servers - 1, clients the nodes after them, the last node is the administrator.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from simclock import (
    Crash,
    Fault,
    Heal,
    Network,
    Partition,
    Restart,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
)
from simclock.actors import Node
from simclock.experiments.catalog.dynamo.judge import (
    TOLD,
    Conditions,
    HintsAreDelivered,
    KeepsConditions,
    StandInsKeepHints,
    describe,
    judge,
    server_at_end,
    sometimes,
)
from simclock.experiments.catalog.dynamo.story import story
from simclock.experiments.checkers.client_history import History
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Flag, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey
from simclock.experiments.telling.recorded import Recorded
from simclock.protocols.dynamo import (
    AGREED,
    KEEP,
    SLOPPY,
    STRICT,
    Administrator,
    Client,
    ClientVectors,
    DottedSets,
    DynamoServer,
    DynamoSettings,
    ServerVectors,
    Version,
    Versioning,
    Workload,
    resolver_of,
)
from simclock.protocols.dynamo.observed import Heard

SERVERS = 5
"""Members at first; one more waits to join."""
DURATION_NS = seconds(20)
REST_NS = seconds(4)
"""What a store needs to come to rest."""
CONTENT_OF = {"siblings": "name", "last": "name", "union": "list", "callback": "list", "sum": "number"}
"""Resolution -> what clients write, so that it can be resolved that way."""

PARAMETERS = Parameters(
    versioning=Choice("dotted", ("vector", "dotted"), noun="versioning", help="How versions are told apart."),
    ids=Choice("client", ("client", "server"), noun="kind of ids", help="Whom a vector clock counts."),
    n=Whole(3, help="Replicas of a key."),
    r=Whole(2, help="Answers that a read waits for."),
    w=Whole(2, help="Answers that a write waits for."),
    quorum=Choice("sloppy", (SLOPPY, STRICT), noun="quorum", help="Whether another server stands in for one away."),
    resolution=Choice("siblings", tuple(CONTENT_OF), noun="resolution", help="What becomes of siblings."),
    prune_above=Whole(0, help="Entries that a vector clock keeps; 0: all."),
    clients=Whole(4, help="Nodes that call the store."),
    keys=Whole(4, help="How many keys there are."),
    deletes=Whole(0, help="Deletes among the writes, in percent."),
    delete_mode=Choice("keep", (KEEP, AGREED), noun="way to delete", help="When a tombstone is dropped."),
    churn=Flag(True, help="Whether a server joins and another leaves."),
    bug=PUT_IN,
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The classes a store is made of; a bug replaces one of them."""

    server: type[DynamoServer] = DynamoServer
    client: type[Client] = Client
    versioning: type | None = None
    """None: what the parameters say."""


@dataclass(frozen=True, kw_only=True)
class Store:
    """A store and its clients, before it becomes a scenario."""

    settings: DynamoSettings
    versioning: str
    ids: str = "client"
    prune_above: int = 0
    resolution: str = "siblings"
    workload: Workload
    clients: int
    orders: tuple[tuple[int, int, int, bool], ...] = ()
    """Of the administrator: when, the server told, the server that joins or leaves, whether it joins."""
    rest_ns: int
    """What it needs to come to rest, once clients, the administrator and faults have come to an end."""
    converges: bool | None = None
    """Whether owners are owed to hold the same then; None: where there is anti-entropy."""
    parts: Parts = field(default_factory=Parts)

    @property
    def nodes(self) -> int:
        """Servers, clients and the administrator."""
        return len(self.settings.servers) + self.clients + 1

    def build(self, node: int) -> Node:
        """The node of that id."""
        servers = len(self.settings.servers)
        if node < servers:
            resolver = resolver_of(self.resolution, keep_every_element)
            return self.parts.server(self.settings, self.strategy(), resolver)
        if node < servers + self.clients:
            return self.parts.client(self.settings.servers, self.workload)
        return Administrator(self.orders)

    def strategy(self) -> Versioning:
        """How versions are told apart."""
        made: Versioning
        if self.parts.versioning is not None:
            made = self.parts.versioning()
        elif self.versioning == "dotted":
            made = DottedSets()
        elif self.ids == "server":
            made = ServerVectors()
        else:
            made = ClientVectors(self.prune_above)
        return made

    def observers(self) -> tuple[Any, ...]:
        """What a judge reads."""
        servers = len(self.settings.servers)
        conditions = Conditions(
            settings=self.settings,
            content=self.workload.content,
            causal=self.parts.versioning is not None or (self.versioning, self.ids) != ("vector", "server"),
            members_change=bool(self.orders),
            active_ns=max([self.workload.stop_ns or 0, *(order[0] for order in self.orders)]),
            rest_ns=self.rest_ns,
            converges=bool(self.settings.anti_entropy_ns) if self.converges is None else self.converges,
        )
        stand_ins = () if self.orders else (partial(StandInsKeepHints, self.settings),)
        return (
            partial(History, range(servers, servers + self.clients)),
            partial(KeepsConditions, conditions),
            HintsAreDelivered,
            *stand_ins,
            partial(Recorded, (*TOLD, Heard)),
        )


KeepsConditions.__name__ = "Conditions"  # what its report is kept under


def keep_every_element(versions: Sequence[Version]) -> str:
    """The callback of this scenario's application: every element of every list, in the order of writing."""
    elements: dict[str, None] = {}
    for version in sorted(versions, key=lambda version: (version.written_ns, version.value)):
        elements |= dict.fromkeys(json.loads(version.value))
    return json.dumps(list(elements))


def checked(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters, or UsageError for one that is none."""
    choices = {"versioning": ("vector", "dotted"), "ids": ("client", "server"), "resolution": tuple(CONTENT_OF)}
    for name, allowed in choices.items():
        if parameters[name] not in allowed:
            raise UsageError(f"{name}: {parameters[name]!r} is not known: use {', '.join(allowed)}")
    for name in ("clients", "keys"):
        if type(parameters[name]) is not int or parameters[name] < 1:
            raise UsageError(f"{name}: {parameters[name]!r} is not a number of {name}: 1 or more")
    if type(parameters["deletes"]) is not int or not 0 <= parameters["deletes"] <= 100:
        raise UsageError(f"deletes: {parameters['deletes']!r} is not a share of the writes in percent: 0 to 100")
    if type(parameters["prune_above"]) is not int or parameters["prune_above"] < 0:
        raise UsageError(f"prune_above: {parameters['prune_above']!r} is not a number of clock entries: 0 for no limit")
    if parameters["prune_above"] and (parameters["versioning"], parameters["ids"]) != ("vector", "client"):
        raise UsageError("prune_above: only vector clocks that count clients are pruned: --versioning vector")
    return parameters


def dynamo(settings: Settings, parts: Parts) -> Scenario:
    """A partition with clients on both sides, a crash; unless `churn` is false, a join and a leave."""
    asked = checked({**PARAMETERS, **settings.parameters})
    members = SERVERS if settings.nodes is None else settings.nodes
    duration_ns = settings.duration_ns or DURATION_NS
    servers = tuple(range(members + 1))
    store = Store(
        settings=DynamoSettings(
            servers=servers,
            members=servers[:-1],
            n=asked["n"],
            r=asked["r"],
            w=asked["w"],
            quorum=asked["quorum"],
            delete_mode=asked["delete_mode"],
        ),
        versioning=asked["versioning"],
        ids=asked["ids"],
        prune_above=asked["prune_above"],
        resolution=asked["resolution"],
        workload=Workload(
            keys=asked["keys"],
            stop_ns=duration_ns * 3 // 4,
            content=CONTENT_OF[asked["resolution"]],
            pause_ns=ms(100),
            deletes_percent=asked["deletes"],
        ),
        clients=asked["clients"],
        orders=()
        if not asked["churn"]
        else (
            (duration_ns * 11 // 20, 0, members, True),
            (duration_ns * 13 // 20, members - 1, 0, False),
        ),
        rest_ns=REST_NS,
        parts=parts,
    )
    return Scenario(
        name="dynamo",
        nodes=store.nodes,
        build=store.build,
        duration_ns=duration_ns,
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(3)), loss=0.01, duplication=0.01),
        faults=trouble(duration_ns, members, store),
        observers=store.observers(),
        final=server_at_end,
    )


def trouble(duration_ns: int, members: int, store: Store) -> tuple[Fault, ...]:
    """Two servers and half of the clients are cut off from the rest; later a server crashes, and restarts."""
    first = members + 1
    far_clients = range(first, first + store.clients // 2)
    far = (*range(min(2, members - 1)), *far_clients)
    near = tuple(node for node in range(store.nodes) if node not in far)
    return (
        Partition(at_ns=duration_ns * 3 // 20, groups=(far, near)),
        Heal(at_ns=duration_ns * 6 // 20),
        Crash(at_ns=duration_ns * 8 // 20, node=members - 1),
        Restart(at_ns=duration_ns * 10 // 20, node=members - 1),
    )


def prey(scenario: Scenario) -> Prey:
    """A nemesis may strike the servers."""
    clients = {**PARAMETERS, **scenario.parameters}["clients"]
    return Prey(servers=tuple(range(scenario.nodes - clients - 1)), rhythm_ns=ms(200))


SOURCE = "DeCandia et al., Dynamo: Amazon's Highly Available Key-value Store, SOSP 2007"

DYNAMO = Entry(
    name="dynamo",
    summary="a many-leader store (projects 3 and 10): a partition, a crash, joins; siblings, and who ends them",
    source=SOURCE,
    project=10,
    make=dynamo,
    parts=Parts(),
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    prey=prey,
    sometimes=sometimes,
    story=story,
)
