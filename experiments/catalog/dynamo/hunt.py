"""Small many-leader stores for finding bugs: everything is drawn from the seed.

N, R and W, sloppy or strict quorums, the versioning, deletes and what becomes of tombstones, delays, loss, duplication,
wrong clocks, joins and leaves, and a swarm of faults: all that the model allows. Then everything heals, clients stop,
and the store comes to rest.

`--set bug=KV-02` puts a documented bug in (see `simclock.experiments.zoo`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from simclock import Fault, Network, Scenario, Stream, Uniform, UsageError, ms, seconds, stream
from simclock.environment.quartz import Clocks
from simclock.experiments.catalog.dynamo.clients import ClientsGoOn, Promise
from simclock.experiments.catalog.dynamo.judge import describe, judge, server_at_end, sometimes
from simclock.experiments.catalog.dynamo.scenario import CONTENT_OF, SOURCE, Parts, Store
from simclock.experiments.catalog.dynamo.story import CHRONICLE
from simclock.experiments.entries.bug import PUT_IN
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Parameters
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey, draw_plan
from simclock.experiments.nemesis.liveness import recovery
from simclock.protocols.dynamo import AGREED, KEEP, SLOPPY, STRICT, DynamoSettings, Layout, Workload

PAUSES_MAX = 15
"""An exponential pause is never longer than so many means."""
TROUBLE_NS = seconds(3)
REST_NS = seconds(6)
"""After the trouble: no client calls, nothing goes wrong."""
LINGER_NS = seconds(1)
"""What was delayed or written to a slow disk at the end of the trouble has come by then."""
RHYTHM_NS = ms(150)
PARAMETERS = Parameters(
    bug=PUT_IN,
    versioning=Choice("", ("vector", "dotted"), noun="versioning", help="How versions are told apart; else drawn."),
    ids=Choice("", ("client", "server"), noun="kind of ids", help="Whom a vector clock counts; else drawn."),
    quorum=Choice("", (SLOPPY, STRICT), noun="quorum", help="Whether another server stands in; else drawn."),
)
"""Empty: the seed draws it."""


class Drawn(NamedTuple):
    """What the seed decides about the store and its network."""

    members: int
    spares: int
    n: int
    r: int
    w: int
    quorum: str
    versioning: str
    ids: str
    resolution: str
    read_repair: bool
    latency_ns_max: int
    loss: float
    duplication: float
    clock_offset_ns: int
    clients: int
    keys: int
    reads_percent: int
    blind_percent: int
    pause_ns: int
    every_ns: int
    nemesis: str
    orders: tuple[tuple[int, int, int, bool], ...]
    deletes_percent: int = 0
    delete_mode: str = KEEP


def draw(seed: int) -> Drawn:
    """What `dynamo-hunt` draws."""
    luck = stream(seed, "dynamo-hunt")
    members = luck.choice((3, 4, 5))
    spares = luck.choice((0, 1))
    n = luck.choice((2, 3, 3))
    drawn = Drawn(
        members=members,
        spares=spares,
        n=n,
        r=1 + luck.randrange(n),
        w=1 + luck.randrange(n),
        quorum=luck.choice((SLOPPY, STRICT)),
        versioning=luck.choice(("dotted", "dotted", "vector")),
        ids=luck.choice(("client", "client", "server")),
        resolution=luck.choice(("siblings", "siblings", "union")),
        read_repair=luck.choice((True, True, False)),
        latency_ns_max=luck.choice((ms(2), ms(10), ms(40))),
        loss=luck.choice((0.0, 0.02, 0.1)),
        duplication=luck.choice((0.0, 0.05, 0.2)),
        clock_offset_ns=luck.choice((0, ms(100), seconds(2))),
        clients=luck.choice((2, 3, 4)),
        keys=luck.choice((1, 1, 2, 4)),
        reads_percent=luck.choice((20, 50)),
        blind_percent=luck.choice((0, 10, 50)),
        pause_ns=luck.choice((ms(15), ms(40))),
        every_ns=luck.choice((ms(100), ms(400))),
        nemesis=luck.choice(("swarm", "swarm+partition", "swarm+crash+partition+loss")),
        orders=(),
    )
    changes = luck.randrange(2) * (1 + luck.randrange(6))
    deletes = stream(seed, "dynamo-hunt deletes")
    deletes_percent = deletes.choice((0, 10, 40))
    return drawn._replace(
        orders=draw_orders(luck, members, members + spares, changes, members_min=3),
        deletes_percent=deletes_percent,
        delete_mode=deletes.choice((KEEP, AGREED)) if deletes_percent else KEEP,
    )


def _draw_ring(seed: int) -> Drawn:
    """The same, but one or two replicas, and a server that leaves and joins all the time."""
    luck = stream(seed, "dynamo-ring-hunt")
    n = luck.choice((1, 1, 2))
    return draw(seed)._replace(
        members=3,
        spares=0,
        n=n,
        r=1,
        w=1,
        quorum=SLOPPY,
        keys=luck.choice((1, 2)),
        blind_percent=luck.choice((20, 60)),
        orders=draw_orders(luck, 3, 3, 4 + luck.randrange(8), members_min=2),
    )


def _draw_quorum(seed: int) -> Drawn:
    """The same, but quorums are strict and overlap, reads wait for two servers or more, and no server joins or leaves.

    Little repairs a stale replica: what a read shows is then up to the quorum alone.
    """
    luck = stream(seed, "dynamo-quorum-hunt")
    n = luck.choice((2, 3, 3))
    r = 2 + luck.randrange(n - 1)
    return draw(seed)._replace(
        n=n,
        r=r,
        w=n - r + 1 + luck.randrange(r),
        quorum=STRICT,
        resolution="siblings",
        read_repair=luck.choice((True, False, False)),
        keys=luck.choice((1, 2)),
        reads_percent=luck.choice((40, 60)),
        every_ns=luck.choice((ms(400), seconds(1))),
        orders=(),
    )


def _draw_delete(seed: int) -> Drawn:
    """The same, but one or two replicas of a key that is deleted all the time, and tombstones that are removed.

    Servers are cut off and links clogged rather than down: one that is down holds the removal of every tombstone up.
    """
    luck = stream(seed, "dynamo-delete-hunt")
    return draw(seed)._replace(
        n=luck.choice((1, 2, 3)),
        r=1,
        w=1,
        quorum=SLOPPY,
        clients=luck.choice((1, 1, 2)),
        keys=luck.choice((1, 1, 2)),
        blind_percent=luck.choice((0, 10)),
        deletes_percent=luck.choice((40, 70)),
        delete_mode=AGREED,
        pause_ns=luck.choice((ms(15), ms(40), ms(150))),
        every_ns=luck.choice((ms(20), ms(50), ms(100))),
        nemesis=luck.choice(("clog", "clog+loss", "partition+clog", "partition")),
    )


def draw_orders(
    luck: Stream, members: int, servers: int, count: int, *, members_min: int, until_ns: int = TROUBLE_NS
) -> tuple[tuple[int, int, int, bool], ...]:
    """Joins and leaves; often one server goes to and fro."""
    inside = set(range(members))
    restless = luck.randrange(servers)
    orders = []
    times_ns = sorted(luck.uniform_ns(ms(100), until_ns) for _ in range(count))
    for at_ns in times_ns:
        changing = luck.choice((restless, restless, luck.randrange(servers)))
        joins = changing not in inside
        if not joins and len(inside) <= members_min:
            continue
        inside ^= {changing}
        told = luck.choice((changing, luck.randrange(servers)))
        orders.append((at_ns, told, changing, joins))
    return tuple(orders)


def dynamo_hunt(draws: Callable[[int], Drawn], name: str, settings: Settings, parts: Parts) -> Scenario:
    """The store that the seed draws, made of these parts."""
    asked = {**PARAMETERS, **settings.parameters}
    drawn = draws(settings.seed)
    return hunt(name, settings, drawn._replace(**given_of(asked)), parts)


def given_of(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What takes the place of what the seed draws; UsageError for what is unknown."""
    choices = {"versioning": ("vector", "dotted"), "ids": ("client", "server"), "quorum": (SLOPPY, STRICT)}
    given = {name: asked[name] for name in choices if asked[name]}
    for name, value in given.items():
        if value not in choices[name]:
            raise UsageError(f"{name}: {value!r} is not known: use {', '.join(choices[name])}")
    return given


def store_of(drawn: Drawn, parts: Parts) -> Store:
    """The store that was drawn, and its clients."""
    servers = tuple(range(drawn.members + drawn.spares))
    return Store(
        settings=DynamoSettings(
            servers=servers,
            members=servers[: drawn.members],
            n=drawn.n,
            r=drawn.r,
            w=drawn.w,
            quorum=drawn.quorum,
            layout=Layout(partitions=4, virtual_nodes=4),
            read_repair=drawn.read_repair,
            delete_mode=drawn.delete_mode,
            removal_ns=drawn.every_ns,
            replica_timeout_ns=2 * drawn.latency_ns_max + ms(20),
            suspect_ns=ms(300),
            gossip_ns=ms(100),
            handoff_ns=drawn.every_ns,
            anti_entropy_ns=drawn.every_ns,
        ),
        versioning=drawn.versioning,
        ids=drawn.ids,
        resolution=drawn.resolution,
        workload=Workload(
            keys=drawn.keys,
            reads_percent=drawn.reads_percent,
            blind_percent=drawn.blind_percent,
            deletes_percent=drawn.deletes_percent,
            pause_ns=drawn.pause_ns,
            give_up_ns=ms(400),
            stop_ns=TROUBLE_NS,
            content=CONTENT_OF[drawn.resolution],
        ),
        clients=drawn.clients,
        orders=drawn.orders,
        rest_ns=REST_NS - LINGER_NS,
        parts=parts,
    )


def hunt(name: str, settings: Settings, drawn: Drawn, parts: Parts) -> Scenario:
    """The scenario of these parts."""
    store = store_of(drawn, parts)
    servers = store.settings.servers
    network = settings.network or Network(
        latency=Uniform(low_ns=ms(1), high_ns=drawn.latency_ns_max), loss=drawn.loss, duplication=drawn.duplication
    )
    return Scenario(
        name=name,
        nodes=store.nodes,
        build=store.build,
        duration_ns=TROUBLE_NS + REST_NS,
        network=network,
        clocks=Clocks(offset_ns_max=drawn.clock_offset_ns),
        faults=_faults(settings.seed, drawn.nemesis, servers, network),
        observers=(*store.observers(), partial(ClientsGoOn, promise_of(store, TROUBLE_NS))),
        final=server_at_end,
        # What the scenario's line would not show otherwise.
        parameters={"store": line_of(drawn, store), "orders": len(drawn.orders)},
    )


def promise_of(store: Store, stop_ns: int) -> Promise:
    """What its clients do, whatever happens to servers; until then all of them call."""
    first, workload = len(store.settings.servers), store.workload
    return Promise(
        clients=range(first, first + store.clients),
        answer_within_ns=workload.give_up_ns,
        call_within_ns=PAUSES_MAX * workload.pause_ns,
        stop_ns=stop_ns,
    )


def line_of(drawn: Drawn, store: Store) -> str:
    """What was drawn, in short."""
    line = f"{store.strategy().name} N={drawn.n} R={drawn.r} W={drawn.w} {drawn.quorum} {drawn.resolution}"
    return line + (f" deletes {drawn.deletes_percent}% {drawn.delete_mode}" if drawn.deletes_percent else "")


def _faults(seed: int, nemesis: str, servers: tuple[int, ...], network: Network) -> tuple[Fault, ...]:
    """A swarm until TROUBLE_NS, then everything heals."""
    prey = _prey(servers)
    plan = draw_plan(nemesis, seed, prey, network, TROUBLE_NS)
    quiet = replace(network, loss=network.loss / 2)
    return (*plan.faults, *recovery(prey, quiet, TROUBLE_NS))


def _prey(servers: tuple[int, ...]) -> Prey:
    return Prey(servers=servers, rhythm_ns=RHYTHM_NS, until_ns=TROUBLE_NS)


def prey(draws: Callable[[int], Drawn], scenario: Scenario) -> Prey:
    """The servers, as long as clients call."""
    drawn = draws(scenario.seed)
    return _prey(tuple(range(drawn.members + drawn.spares)))


HUNTS = tuple(
    Entry(
        name=name,
        summary=summary,
        source=SOURCE,
        project=10,
        make=partial(dynamo_hunt, drawn, name),
        parts=Parts(),
        judge=judge,
        describe=describe,
        parameters=PARAMETERS,
        prey=partial(prey, drawn),
        sometimes=sometimes,
        story=CHRONICLE,
    )
    for name, drawn, summary in (
        (
            "dynamo-hunt",
            draw,
            "a small many-leader store under a swarm of faults, drawn anew by every seed: for finding bugs",
        ),
        (
            "dynamo-ring-hunt",
            _draw_ring,
            "the same with one or two replicas and a server that leaves and joins all the time: keys move",
        ),
        (
            "dynamo-delete-hunt",
            _draw_delete,
            "the same with few keys that are deleted and written again, and tombstones that are removed",
        ),
        (
            "dynamo-quorum-hunt",
            _draw_quorum,
            "the same with strict quorums that overlap and seldom a repair: every read has to meet every write",
        ),
    )
)
