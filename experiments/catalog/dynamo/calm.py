"""Small many-leader stores that are struck, heal, and have to be well then.

dynamo-calm-hunt      clients go on after everything has healed: what they ask succeeds at once, what they read is
                      fresh, and nobody stands in for anybody. Then one server crashes and comes back; then nothing is
                      written any more, and nothing is repaired.
dynamo-repair-hunt    one mechanism alone brings replicas together, in the time that it needs: anti-entropy that one
                      server begins, read repair, hinted handoff, or the removal of tombstones while there are hints.
                      Elsewhere one makes up for what another leaves out.

After the trouble no message is lost, so it is known when what has arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from simclock import (
    Crash,
    Fault,
    Network,
    Partition,
    Restart,
    RunResult,
    Scenario,
    SetLoss,
    Stream,
    Uniform,
    ms,
    seconds,
    stream,
)
from simclock.actors import Node
from simclock.environment.quartz import Clocks
from simclock.experiments.catalog.dynamo.clients import ClientsGoOn
from simclock.experiments.catalog.dynamo.hunt import (
    PARAMETERS,
    Drawn,
    draw,
    draw_orders,
    given_of,
    line_of,
    promise_of,
    store_of,
)
from simclock.experiments.catalog.dynamo.judge import (
    DETAILS_MAX,
    Conditions,
    describe,
    judge,
    names_of,
    removed_of,
    server_at_end,
    sometimes,
)
from simclock.experiments.catalog.dynamo.scenario import SOURCE, Parts, Store
from simclock.experiments.catalog.dynamo.steadiness import (
    LacksNothing,
    StoreCalm,
    StoreSteadiness,
    orders_not_followed,
    stale_reads,
)
from simclock.experiments.catalog.dynamo.story import CHRONICLE
from simclock.experiments.checkers.client_history import history_of
from simclock.experiments.checkers.steadiness import ended_by
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VIOLATED, Verdict, together
from simclock.experiments.nemesis import Prey, draw_plan, recovery
from simclock.protocols.dynamo import AGREED, KEEP, SLOPPY

RHYTHM_NS = ms(150)
STRUCK_NS = ms(1500)
"""So long there is trouble."""
GOSSIP_NS = ms(50)
HANDOFF_NS = ms(50)
LATE_HANDOFF_NS = ms(250)
"""Tombstones may go sooner than hints of them are delivered."""

SETTLES_NS = seconds(2)
"""For a change of the ring to be known, keys to move, and some tens of comparisons."""
JOINS_NS = ms(20)
"""After the trouble."""
STEADY_NS = ms(600)
CATCHES_UP_NS = ms(1200)
FORGETS_NS = ms(300)
READS_NS = ms(1500)
REMOVAL_HANDOFF_NS = ms(1000)
CUT_NS = ms(400)
"""So long before the trouble ends, one server is cut off from all the others: then there is something to repair."""
NEVER_NS = seconds(60)


def calm_draw(seed: int) -> Drawn:
    """What `dynamo-hunt` draws, but short journeys; in half of the runs every server keeps every key, in the others one
    more joins when the trouble is over."""
    luck = stream(seed, "dynamo-calm-hunt")
    drawn = draw(seed)
    everyone_owns = luck.choice((True, False))
    members = luck.choice((2, 3)) if everyone_owns else drawn.members
    n = members if everyone_owns else min(drawn.n, members - 1)
    mode = luck.choice((AGREED, KEEP)) if drawn.deletes_percent else KEEP
    return drawn._replace(
        members=members,
        spares=0 if everyone_owns else 1,
        n=n,
        r=1 + luck.randrange(n),
        w=1 + luck.randrange(n),
        latency_ns_max=luck.choice((ms(2), ms(5), ms(10))),
        pause_ns=luck.choice((ms(25), ms(50))),
        every_ns=luck.choice((ms(40), ms(80))),
        orders=() if everyone_owns else _orders(luck, members, n),
        delete_mode=mode,
        keys=luck.choice((1, 2, 6)),
    )


def _orders(luck: Stream, members: int, n: int) -> tuple[tuple[int, int, int, bool], ...]:
    """What is ordered in the trouble may be lost, and what is ordered after it not."""
    lost = draw_orders(luck, members, members, luck.randrange(6), members_min=n + 1, until_ns=STRUCK_NS)
    return (*lost, (STRUCK_NS + JOINS_NS, luck.randrange(members), members, True))


def calmness(drawn: Drawn, store: Store, crashes: int) -> StoreCalm:
    """What is owed: a client asks a server, which sends the request on to one that asks the others: five journeys."""
    journey_ns, timeout_ns = drawn.latency_ns_max, store.settings.replica_timeout_ns
    settled_ns = STRUCK_NS + SETTLES_NS
    crash_ns = settled_ns + STEADY_NS
    back_ns = crash_ns + STEADY_NS
    whole_ns = back_ns + CATCHES_UP_NS
    return StoreCalm(
        settled_ns=settled_ns,
        crash_ns=crash_ns,
        back_ns=back_ns,
        whole_ns=whole_ns,
        evened_ns=whole_ns + STEADY_NS + 6 * journey_ns + 6 * drawn.every_ns,
        answer_ns=5 * journey_ns + ms(1),
        end_ns=2 * timeout_ns + 2 * journey_ns + ms(1),
        everywhere_ns=journey_ns + 1,
        everyone_owns=drawn.n == drawn.members and not drawn.orders,
        bears=max(drawn.r, drawn.w) < drawn.n,
        tombstones_go=drawn.delete_mode == AGREED,
        joins=drawn.members if drawn.orders else None,
        crashes=crashes,
    )


def dynamo_calm_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The store that the seed draws, made of these parts."""
    drawn = calm_draw(settings.seed)._replace(**given_of({**PARAMETERS, **settings.parameters}))
    store = store_of(drawn, parts)
    luck = stream(settings.seed, "dynamo-calm-hunt crash")
    # Where there are but three to tell it, a server hears from each that is well, and need not forget its suspicion.
    suspect_ns = NEVER_NS if len(store.settings.servers) <= 3 and luck.randrange(2) else FORGETS_NS
    crashes = luck.randrange(drawn.members)
    calm = calmness(drawn, store, crashes)
    reads_from_ns = calm.whole_ns + STEADY_NS
    stop_ns = calm.evened_ns + STEADY_NS
    store = replace(
        store,
        settings=replace(
            store.settings,
            suspect_ns=suspect_ns,
            gossip_ns=GOSSIP_NS,
            handoff_ns=luck.choice((HANDOFF_NS, LATE_HANDOFF_NS)),
        ),
        workload=replace(store.workload, reads_from_ns=reads_from_ns, stop_ns=stop_ns),
        rest_ns=ms(200),
    )
    asked = tuple(server for server in store.settings.servers if server != crashes)
    crash = (Crash(at_ns=calm.crash_ns, node=crashes), Restart(at_ns=calm.back_ns, node=crashes))

    def build(node: int) -> Node:
        if node in range(len(store.settings.servers), store.nodes - 1):
            return parts.client(asked, store.workload)  # of a server that does not answer no client knows
        return store.build(node)

    return _healed(
        "dynamo-calm-hunt",
        settings,
        drawn,
        store,
        build=build,
        end_ns=stop_ns + ms(300),
        later=crash,
        observers=(partial(StoreSteadiness, calm),),
    )


class Mechanism(NamedTuple):
    """What alone brings replicas together, and how long that takes after the trouble."""

    name: str
    drawn: Drawn
    every_ns: int
    """Between two comparisons."""
    takes_ns: int
    converges: bool
    handoff_ns: int = HANDOFF_NS


def _anti_entropy(luck: Stream, drawn: Drawn) -> Mechanism:
    """One server compares with the only other, once; or, where there are three, often enough to go to and fro."""
    members = luck.choice((2, 2, 3))
    every_ns, rounds = (ms(400), 1) if members == 2 else (ms(40), 26)
    drawn = drawn._replace(members=members, n=members, read_repair=False, keys=luck.choice((1, 3, 12)))
    return Mechanism("anti-entropy", drawn, every_ns, rounds * (every_ns + 1) + 6 * drawn.latency_ns_max, True)


def _read_repair(luck: Stream, drawn: Drawn) -> Mechanism:
    """Every key is read some times, by one client of one server."""
    members = luck.choice((2, 3))
    drawn = drawn._replace(members=members, n=members, read_repair=True, keys=luck.choice((1, 2)), pause_ns=ms(15))
    return Mechanism("read repair", drawn, 0, FORGETS_NS + READS_NS, True)


def _handoff(luck: Stream, drawn: Drawn) -> Mechanism:
    """Who has taken something for another gives it to that one."""
    members, n = luck.choice(((3, 1), (4, 2), (5, 2)))
    drawn = drawn._replace(members=members, n=n, read_repair=False, quorum=SLOPPY)
    return Mechanism("handoff", drawn, 0, HANDOFF_NS + 1 + 2 * drawn.latency_ns_max, False)


def _removal(luck: Stream, drawn: Drawn) -> Mechanism:
    """Tombstones go while stand-ins still have hints, of them and of what must not go."""
    drawn = drawn._replace(
        members=3,
        n=1,
        quorum=SLOPPY,
        read_repair=False,
        keys=6,
        deletes_percent=luck.choice((40, 70)),
        delete_mode=AGREED,
        every_ns=ms(40),
    )
    return Mechanism("removal", drawn, ms(100), REMOVAL_HANDOFF_NS + ms(1000), True, REMOVAL_HANDOFF_NS)


MECHANISMS: tuple[Callable[[Stream, Drawn], Mechanism], ...] = (
    *(_anti_entropy, _anti_entropy, _anti_entropy),
    *(_read_repair, _handoff, _removal),
)


def mechanism_of(seed: int) -> Mechanism:
    """The one that the seed draws, with a store for it: nobody joins or leaves."""
    luck = stream(seed, "dynamo-repair-hunt")
    drawn = draw(seed)._replace(
        spares=0,
        orders=(),
        delete_mode=KEEP,
        latency_ns_max=luck.choice((ms(2), ms(5), ms(10))),
        pause_ns=luck.choice((ms(15), ms(30))),
        nemesis=luck.choice(("partition", "crash", "partition+crash+loss", "one-way+pause", "crash+loss")),
    )
    mechanism = luck.choice(MECHANISMS)(luck, drawn)
    n = mechanism.drawn.n
    return mechanism._replace(drawn=mechanism.drawn._replace(r=1 + luck.randrange(n), w=1 + luck.randrange(n)))


def dynamo_repair_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The store and the mechanism that the seed draws."""
    mechanism = mechanism_of(settings.seed)
    drawn = mechanism.drawn._replace(**_given(settings, mechanism))
    store = store_of(drawn, parts)
    luck = stream(settings.seed, "dynamo-repair-hunt who")
    one = luck.randrange(drawn.members)
    has_all = mechanism.name == "anti-entropy" and luck.randrange(2) == 0
    asked_alone = (one + 1) % drawn.members if has_all else one  # who compares asks it for what it has
    away = one if has_all else (one + 1 + luck.randrange(drawn.members - 1)) % drawn.members
    # Until then a write that began in time may be under way, and be sent to a stand-in.
    lingers_ns = 2 * store.settings.replica_timeout_ns + 5 * drawn.latency_ns_max
    due_ns = STRUCK_NS + lingers_ns + mechanism.takes_ns
    reads = drawn.read_repair
    store = replace(
        store,
        settings=replace(
            store.settings,
            suspect_ns=FORGETS_NS,
            gossip_ns=GOSSIP_NS,
            handoff_ns=mechanism.handoff_ns,
            anti_entropy_ns=mechanism.every_ns,
        ),
        workload=replace(store.workload, reads_from_ns=STRUCK_NS, stop_ns=due_ns if reads else STRUCK_NS),
        rest_ns=0,
        converges=mechanism.converges,
    )
    servers, first = store.settings.servers, len(store.settings.servers)
    silent = replace(store, settings=replace(store.settings, anti_entropy_ns=0))
    leaves = replace(store.workload, stop_ns=STRUCK_NS)

    def build(node: int) -> Node:
        if node == one:
            return store.build(node)
        if node in range(first, first + store.clients):
            reads_on = reads and node == first
            asked = (asked_alone,) if has_all or reads_on else servers
            return parts.client(asked, store.workload if reads_on else leaves)
        return silent.build(node)

    # What has been brought together is durable.
    down_ns = due_ns + 6 * drawn.latency_ns_max
    crashes = tuple(Crash(at_ns=down_ns, node=server) for server in servers)
    restarts = tuple(Restart(at_ns=down_ns + ms(1), node=server) for server in servers)
    return _healed(
        "dynamo-repair-hunt",
        settings,
        drawn,
        store,
        build=build,
        end_ns=down_ns + ms(2),
        last=Partition(at_ns=STRUCK_NS - CUT_NS, groups=((away,), tuple(set(range(store.nodes)) - {away}))),
        later=(*crashes, *restarts),
        observers=(partial(LacksNothing, asked_alone, STRUCK_NS + 3 * drawn.latency_ns_max + 1),) if has_all else (),
        says={"mechanism": mechanism.name, "takes all writes": asked_alone if has_all else None},
    )


def _given(settings: Settings, mechanism: Mechanism) -> dict[str, Any]:
    given = given_of({**PARAMETERS, **settings.parameters})
    return given if mechanism.name not in ("handoff", "removal") else given | {"quorum": SLOPPY}


def _healed(
    name: str,
    settings: Settings,
    drawn: Drawn,
    store: Store,
    *,
    build: Callable[[int], Node],
    end_ns: int,
    last: Fault | None = None,
    later: tuple[Fault, ...] = (),
    observers: tuple[Any, ...] = (),
    says: dict[str, Any] | None = None,
) -> Scenario:
    """A run with trouble until STRUCK_NS, `last` the last of it, and none of the network's after that."""
    servers = store.settings.servers
    prey = _prey(servers)
    lossless = Network(latency=Uniform(low_ns=ms(1), high_ns=drawn.latency_ns_max))
    lossy = SetLoss(at_ns=0, loss=drawn.loss, duplication=drawn.duplication)
    promise = promise_of(store, STRUCK_NS)
    plan = draw_plan(drawn.nemesis, settings.seed, prey, lossless, STRUCK_NS)
    return Scenario(
        name=name,
        nodes=store.nodes,
        build=build,
        duration_ns=end_ns,
        network=lossless,
        clocks=Clocks(offset_ns_max=drawn.clock_offset_ns),
        faults=(lossy, *plan.faults, *([] if last is None else [last]), *recovery(prey, lossless, STRUCK_NS), *later),
        observers=(*store.observers(), partial(ClientsGoOn, promise), *observers),
        final=server_at_end,
        # What the scenario's line would not show otherwise.
        parameters={"store": line_of(drawn, store), "orders": len(drawn.orders), **(says or {})},
    )


def _prey(servers: tuple[int, ...]) -> Prey:
    return Prey(servers=servers, rhythm_ns=RHYTHM_NS, until_ns=STRUCK_NS)


def calm_prey(scenario: Scenario) -> Prey:
    """The servers, until everything heals."""
    drawn = calm_draw(scenario.seed)
    return _prey(tuple(range(drawn.members + drawn.spares)))


def repair_prey(scenario: Scenario) -> Prey:
    """The servers, until everything heals."""
    return _prey(tuple(range(mechanism_of(scenario.seed).drawn.members)))


def judge_calm(result: RunResult) -> Verdict:
    """What every store owes; fresh reads; and that who was to join has joined."""
    conditions: Conditions = result.reports["Conditions"]
    calm: StoreCalm = result.reports["StoreSteadiness"].calm
    owed = judge(result)
    if not ended_by(result.happened, calm.back_ns):
        return owed
    found = list(orders_not_followed(calm, result))
    if conditions.content != "number":
        found += stale_reads(calm, history_of(result), names_of(conditions.content), removed_of(result))
    for property in dict.fromkeys(each.property for each in found):
        details = [each.detail for each in found if each.property == property]
        lines = (f"{property} violated, {len(details)} times", *(f"  {each}" for each in details[:DETAILS_MAX]))
        owed = together(owed, Verdict(status=VIOLATED, lines=lines, properties=(property,)))
    return owed


CALM_HUNTS = tuple(
    Entry(
        name=name,
        summary=summary,
        source=SOURCE,
        project=10,
        make=make,
        parts=Parts(),
        judge=judges,
        describe=describe,
        parameters=PARAMETERS,
        prey=whom,
        sometimes=sometimes,
        story=CHRONICLE,
    )
    for name, make, whom, judges, summary in (
        (
            "dynamo-calm-hunt",
            dynamo_calm_hunt,
            calm_prey,
            judge_calm,
            "a small many-leader store, healed after a while: calls succeed at once, reads are fresh, nobody stands in",
        ),
        (
            "dynamo-repair-hunt",
            dynamo_repair_hunt,
            repair_prey,
            judge,
            "the same, with one mechanism alone to bring replicas together: anti-entropy, read repair or handoff",
        ),
    )
)
