"""A many-leader store for scripts and explorers: clients read and write when asked, `ask 3 write cart 0`.

Servers are called A, B, C in clocks, and are the nodes 0, 1, 2; the clients are the nodes after them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simclock import Network, Scenario, Uniform, UsageError, ms, seconds
from simclock.experiments.catalog.dynamo.judge import judge, server_at_end
from simclock.experiments.catalog.dynamo.scenario import Parts, Store
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Parameters, Whole
from simclock.experiments.entries.settings import Settings
from simclock.protocols.dynamo import SLOPPY, STRICT, Client, DynamoServer, DynamoSettings, Layout, Workload

SERVERS = 3
PARAMETERS = Parameters(
    bug=PUT_IN,
    versioning=Choice("vector", ("vector", "dotted"), noun="versioning", help="How versions are told apart."),
    ids=Choice("server", ("client", "server"), noun="kind of ids", help="Whom a vector clock counts."),
    quorum=Choice(SLOPPY, (SLOPPY, STRICT), noun="quorum", help="Whether another server stands in."),
    clients=Whole(3, least=1, help="Nodes that read and write."),
    n=Whole(3, least=1, help="How many servers keep a key."),
    r=Whole(1, least=1, help="How many must answer a read."),
    w=Whole(1, least=1, help="How many must have made a write durable."),
)


class Shopper(Client):
    """Reads and writes what it is asked to, at the server it is told."""

    def read(self, key: str, server: int) -> None:
        """Get the key: the values there are, and their context."""
        self._at(server)
        self.get(key)

    def write(self, key: str, server: int) -> None:
        """Put the key, with the context of what was read last."""
        self._at(server)
        self.put(key, blind=False)

    def write_blind(self, key: str, server: int) -> None:
        """Put the key without a context, as one that has read nothing."""
        self._at(server)
        self.put(key, blind=True)

    def _at(self, server: int) -> None:
        if not 0 <= server < SERVERS:
            raise UsageError(f"server {server} is none: 0 to {SERVERS - 1}")
        if self.open is not None:
            raise UsageError(f"client {self.id} waits for an answer: deliver it first")
        self.servers = (server,)


def dynamo_script(settings: Settings, parts: Parts) -> Scenario:
    """Three servers, all members, and clients."""
    parameters = {**PARAMETERS, **settings.parameters}
    clients = parameters["clients"] if settings.nodes is None else settings.nodes
    servers = tuple(range(SERVERS))
    client = type("Shopper", (Shopper, parts.client), {})
    store = Store(
        settings=DynamoSettings(
            servers=servers,
            members=servers,
            n=parameters["n"],
            r=parameters["r"],
            w=parameters["w"],
            quorum=parameters["quorum"],
            layout=Layout(partitions=4, virtual_nodes=4),
        ),
        versioning=parameters["versioning"],
        ids=parameters["ids"],
        workload=Workload(stop_ns=1, content="name"),
        clients=clients,
        rest_ns=seconds(5),
        parts=Parts(server=parts.server, client=client, versioning=parts.versioning),
    )
    return Scenario(
        name="dynamo-script",
        nodes=store.nodes,
        build=store.build,
        duration_ns=seconds(8),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(5))),
        observers=store.observers(),
        final=server_at_end,
    )


def shown(node: Any) -> Mapping[str, Any]:
    """Of a server each key's siblings and the clock over them; of a client what it has read."""
    if isinstance(node, DynamoServer):
        return {key: _record(node, record) for key, record in sorted(node.storage.records.items())}
    if isinstance(node, Client):
        return {key: (*values, _clock(context)) for key, (context, values, _) in sorted(node.contexts.items())}
    return {}


def _record(server: DynamoServer, record: Any) -> tuple[str, ...]:
    versions = server.versioning.versions(record)
    return (*(each.value for each in versions), _clock(server.versioning.context(record)))


def _clock(clock: Any) -> str:
    """A vector clock as A:2+B:1."""
    return "+".join(f"{name}:{count}" for name, count in sorted(clock.entries)) or "nothing"


DYNAMO_SCRIPT = Entry(
    name="dynamo-script",
    summary="a many-leader store whose clients read and write when asked: for scripts",
    project=10,
    source="DeCandia et al., Dynamo, SOSP 2007",
    make=dynamo_script,
    parts=Parts(),
    judge=judge,
    parameters=PARAMETERS,
    shown=shown,
)
