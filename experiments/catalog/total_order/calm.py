"""A small totally ordered chat under a storm, which ends; then all is well, and one participant crashes and comes back.

In the storm several may be suspected at once and several coordinate, so that ballots compete; nobody crashes in it, as
who has crashed in a view may leave none behind that can go on. Afterwards every journey is short and in order, so it is
known when a screen has to show what, and how long a change of the view may take.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from simclock import AddDelay, Crash, Network, Restart, Scenario, Uniform, UsageError, ms, seconds, stream
from simclock.experiments.catalog.total_order.hunt import CHAT_HUNT, HUNT_ORDER, Parts
from simclock.experiments.catalog.total_order.scenario import chat_scenario, settle_ns
from simclock.experiments.catalog.total_order.steadiness import ChatCalm, ChatSteadiness
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import Prey, draw_plan, recovery
from simclock.protocols.total_order.people import Script

LATENCY_NS_MAX = ms(5)
STORM_NS = seconds(3)
STORM_DELAYS_NS = (ms(40), ms(80), ms(120))
"""So much longer every journey is in the storm: somebody is suspected before a change of the view is through."""
KINDS = ("pause", "partition", "one-way", "clog", "slow", "loss", "delay")
STEADY_NS = ms(700)
"""Before the crash, before the one who crashed is back, and after that."""


def chat_calm_hunt(settings: Settings, parts: Parts) -> Scenario:
    """The chat that the seed draws, made of these parts."""
    luck = stream(settings.seed, "chat-calm-hunt")
    drawn = luck.choice((3, 4, 5))
    nodes = drawn if settings.nodes is None else settings.nodes
    if nodes < 3:
        raise UsageError(f"nodes: {nodes} are not a chat that goes on without one: 3 or more")
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=LATENCY_NS_MAX), order="fifo")
    settled_ns = STORM_NS + settle_ns(HUNT_ORDER)
    heartbeat_ns, change_ns = HUNT_ORDER.heartbeat_ns, 5 * LATENCY_NS_MAX  # asked, promised, proposed, accepted, told
    crash_ns = settled_ns + STEADY_NS + luck.uniform_ns(0, heartbeat_ns)
    calm = ChatCalm(
        nodes=nodes,
        settled_ns=settled_ns,
        crashes=luck.randrange(nodes),
        crash_ns=crash_ns,
        back_ns=crash_ns + STEADY_NS,
        display_within_ns=3 * LATENCY_NS_MAX,
        # It is silent for so long, then somebody's next tick begins the change.
        out_within_ns=HUNT_ORDER.suspect_ns + LATENCY_NS_MAX + heartbeat_ns + change_ns,
        # It asks with its own first tick, and the coordinator's next one begins the change.
        in_within_ns=2 * heartbeat_ns + LATENCY_NS_MAX + change_ns,
        resent_within_ns=2 * HUNT_ORDER.retry_ns,
    )
    script = Script(
        chatter_ns=luck.choice((ms(20), ms(80))) * nodes,
        chatter_until_ns=calm.back_ns + STEADY_NS,
        answer_percent=20 // nodes,
    )
    prey = Prey(servers=tuple(range(nodes)), rhythm_ns=HUNT_ORDER.suspect_ns)
    kinds = [kind for kind in KINDS if luck.randrange(2) == 0] or ["pause"]
    storm = draw_plan("+".join(kinds), settings.seed, prey, network, STORM_NS)
    slow = AddDelay(at_ns=0, delay_ns=luck.choice(STORM_DELAYS_NS))
    crash = (Crash(at_ns=calm.crash_ns, node=calm.crashes), Restart(at_ns=calm.back_ns, node=calm.crashes))
    scenario = chat_scenario(
        "chat-calm-hunt",
        nodes=nodes,
        order=HUNT_ORDER,
        scripts=(script,) * nodes,
        person=parts.person(),
        duration_ns=script.chatter_until_ns + settle_ns(HUNT_ORDER) + ms(100),
        network=network,
        faults=(slow, *storm.faults, *recovery(prey, network, STORM_NS), *crash),
        parameters={"drawn": str(storm)},
    )
    return replace(scenario, observers=(*scenario.observers, partial(ChatSteadiness, calm)))


CHAT_CALM_HUNT = replace(
    CHAT_HUNT,
    name="chat-calm-hunt",
    summary="a storm that ends; then screens show at once, and a crash and a return change the view within a bound",
    make=chat_calm_hunt,
)
