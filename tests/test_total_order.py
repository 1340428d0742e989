"""Totally ordered chat: Lamport's queue and the views in tables, the scenario, the checkers, and the zoo's rows."""

import msgspec
import pytest
from click.testing import CliRunner

from simclock import (
    Control,
    Crash,
    Heal,
    Network,
    Observation,
    Partition,
    Pause,
    Restart,
    Resume,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
)
from simclock.actors import Node, Placement, run
from simclock.actors.standalone import Standalone
from simclock.clocks import LamportClock
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.total_order.scenario import HELD, held_for_ever
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import ground_of, hunt, named, right_one
from simclock.protocols.reliable_links import LinkAcknowledgement, ReliableLinks
from simclock.protocols.total_order import (
    HoldBackQueue,
    Membership,
    Participant,
    Say,
    TotalOrderProperties,
    TotalOrderSettings,
    View,
)
from simclock.protocols.total_order.membership import Joiner, next_view
from simclock.protocols.total_order.messages import Acknowledge, Heartbeat, Prepare, Promise


def said(count, node, text="x"):
    return Say(LamportClock(count, node), text)


def names(messages):
    return [(each.timestamp.count, each.timestamp.node) for each in messages]


# Lamport 1978, as the queue has it.


def test_a_message_waits_for_the_acknowledgement_of_every_member():
    queue = HoldBackQueue((0, 1, 2))
    queue.add(said(1, 0))
    assert queue.missing(queue.held[0]) == {1, 2} and queue.take() == []
    queue.acknowledge(LamportClock(1, 0), 1)
    assert queue.take() == []
    queue.acknowledge(LamportClock(1, 0), 2)
    assert names(queue.take()) == [(1, 0)] and queue.held == [] and queue.acknowledged == {}


def test_ties_are_broken_by_node_whatever_came_first():
    for order in ((0, 1), (1, 0)):
        queue = HoldBackQueue((0, 1))
        for node in order:
            queue.add(said(4, node))
            queue.acknowledge(LamportClock(4, node), 1 - node)
        assert names(queue.take()) == [(4, 0), (4, 1)]


def test_a_later_message_waits_for_an_earlier_one():
    queue = HoldBackQueue((0, 1))
    queue.add(said(3, 0))
    queue.acknowledge(LamportClock(3, 0), 1)
    queue.add(said(2, 1))
    assert queue.take() == [], "the earlier one is not acknowledged by 0 yet"
    queue.acknowledge(LamportClock(2, 1), 0)
    assert names(queue.take()) == [(2, 1), (3, 0)]


def test_an_acknowledgement_may_come_before_its_message():
    queue = HoldBackQueue((0, 1, 2))
    queue.acknowledge(LamportClock(1, 0), 2)
    queue.add(said(1, 0))
    assert queue.missing(queue.held[0]) == {1}


# Views.


def promise(*messages, start=0, displayed=0, ballot=0, accepted=None, clock=0):
    return Promise(0, 9, ballot, accepted, start, displayed, messages, clock)


VIEW = View(0, ((0, 0), (1, 0), (2, 0)), 0, (), 0)


def test_the_next_view_holds_what_anyone_has_in_order():
    promises = {
        0: promise(said(1, 0), said(5, 0), start=4, displayed=5, clock=9),
        1: promise(said(0, 1), said(1, 0), said(3, 1), start=3, displayed=5, clock=7),
    }
    view = next_view(VIEW, promises, {2: 1})
    assert view.members == ((0, 0), (1, 0), (2, 1)) and view.number == 1 and view.clock == 9
    assert view.start == 4, "everyone has displayed what one of them has forgotten"
    assert names(view.messages) == [(1, 0), (3, 1), (5, 0)]


def test_what_may_have_been_decided_is_proposed_again():
    """Paxos: of the values that were accepted before, the one of the highest ballot."""
    old, new = View(1, ((0, 0),), 0, (), 0), View(1, ((1, 0),), 0, (), 0)
    promises = {0: promise(ballot=3, accepted=old), 1: promise(ballot=7, accepted=new), 2: promise(said(9, 2))}
    assert next_view(VIEW, promises, {}) == new


class Owner(Node):
    """A participant that takes every view which needs no joining."""

    def install(self, view, *, joins):
        assert not joins


def membership_of_one():
    """The membership of node 1 of 4, with no run around it."""
    return Membership(Standalone(Owner, id=1, nodes=4).node, ms(100))


@pytest.mark.parametrize(
    ("members", "nodes", "decides"),
    [
        ((0, 1, 2), (0, 1), True),
        ((0, 1, 2), (2,), False),
        ((0, 1, 2, 3), (0, 2), True),
        ((0, 1, 2, 3), (1, 2), False),
        ((1, 3), (1,), True),
        ((1, 3), (3,), False),
        ((2,), (2,), True),
    ],
)
def test_a_quorum_is_more_than_half_or_half_with_the_lowest(members, nodes, decides):
    membership = membership_of_one()
    membership.view = msgspec.structs.replace(VIEW, members=tuple((member, 0) for member in members))
    assert membership.is_quorum(nodes) is decides


def test_two_quorums_of_a_view_meet():
    membership = membership_of_one()
    groups = [{node for node in range(4) if bits >> node & 1} for bits in range(16)]
    deciding = [group for group in groups if membership.is_quorum(group)]
    assert deciding and all(one & other for one in deciding for other in deciding)


# Law 2 of the membership.


class Coordinator(Node):
    """Says something, has the others promise to stop, says something more; keeps what comes back."""

    def on_start(self):
        self.links, self.heard = ReliableLinks(self, ms(20)), []
        for time_ns in (ms(100), ms(200), ms(300)):
            self.set_timer(time_ns, time_ns)

    def on_timer(self, timer):
        if timer == ms(200):
            self.send(1, Prepare(0, 2, 0))
        elif not self.links.on_timer(timer):
            count = timer // ms(100)
            self.links.send(1, Say(LamportClock(count, 0), "x"))

    def on_message(self, source, message):
        self.links.receive(source, message) if isinstance(message, Acknowledge | LinkAcknowledgement) else None
        self.heard.append(message)


def test_after_a_promise_nothing_is_acknowledged():
    """What comes later is in no promise: were it acknowledged, a screen could show what the next view has not."""
    order = TotalOrderSettings(heartbeat_ns=ms(50), suspect_ns=seconds(5), retry_ns=ms(60))
    scenario = Scenario(
        name="promise",
        seed=1,
        nodes=2,
        build=lambda node: Participant(order) if node else Coordinator(),
        duration_ns=seconds(1),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
        final=lambda node: getattr(node, "heard", None),
    )
    heard = [each for each in run(scenario).final[0] if not isinstance(each, Heartbeat)]
    kinds = [type(each).__name__ for each in heard if not isinstance(each, Promise)]
    assert sorted(set(kinds)) == ["Acknowledge", "LinkAcknowledgement"], "the first message is acknowledged"
    assert {each.of.count for each in heard if isinstance(each, Acknowledge)} == {1}
    promise = next(each for each in heard if isinstance(each, Promise))
    assert names(promise.messages) == [(1, 0)]
    links = [each.number for each in heard if isinstance(each, LinkAcknowledgement)]
    assert links and max(links) == 1, "not even its link says that the second has come"


# The scenario.


def play(name="chat", seed=0, **settings):
    entry = entries()[name]
    return entry, run(make_scenario(entry, Settings(seed=seed, **settings)))


def test_every_screen_shows_the_same_though_one_is_two_seconds_away():
    for seed in range(6):
        entry, result = play(seed=seed)
        verdict = entry.judge(result)
        assert verdict.status == VALID, f"seed {seed}: {verdict.lines}"
        reached = entry.sometimes(result)
        assert reached["ties"] and reached["replies"] == 3 and reached["held"] > 20 and reached["joined"] == 1
        shown = result.reports["TotalOrderProperties"].shown
        assert set(shown.values()) == {10}, f"seed {seed}: {shown}"
        assert reached["missed and shown"] == 9, "whoever crashed is shown all that was said before"


def test_a_crashed_participant_does_not_stop_the_others():
    for node in range(4):
        faults = (Crash(at_ns=seconds(2), node=node),)
        entry, result = play(seed=3, faults=faults)
        assert entry.judge(result).status == VALID, f"node {node}: {entry.judge(result).lines}"
        screens = result.reports["TotalOrderProperties"]
        assert node not in screens.latest[1] and len(screens.order) >= 4, f"node {node}"


def test_who_was_only_slow_is_left_out_and_comes_back():
    faults = (Pause(at_ns=seconds(15), node=1), Resume(at_ns=seconds(40), node=1))
    entry, result = play(seed=1, faults=faults)
    assert entry.judge(result).status == VALID, entry.judge(result).lines
    screens = result.reports["TotalOrderProperties"]
    assert screens.counts["left out"] == 1 and screens.counts["joined"] == 1 and screens.latest[1] == (0, 1, 2, 3)
    assert any("[OUT]" in line for line in entry.story(result))


def screen(entry, result, name):
    """What a screen shows in the end, in the order in which it came up."""
    lines = list(entry.story(result))
    start = lines.index(f"{name}'s screen")
    lines = lines[start + 1 : lines.index("", start)]
    back = max([at for at, line in enumerate(lines) if "[BACK]" in line], default=0)
    return [line.split("[DISPLAY] ")[1] for line in lines[back:] if "[DISPLAY]" in line]


@pytest.mark.parametrize(
    "faults",
    [
        (Pause(at_ns=seconds(15), node=1), Resume(at_ns=seconds(40), node=1)),
        (Partition(at_ns=seconds(15), groups=((1,), (0, 2, 3))), Heal(at_ns=seconds(40))),
        (Crash(at_ns=seconds(15), node=1), Restart(at_ns=seconds(40), node=1)),
    ],
)
def test_who_comes_back_is_shown_what_it_missed_in_the_agreed_order(faults):
    """Bob is away from 15 s to 40 s, when Alice and Dave say something; then all screens show the same, from 1 on."""
    for seed in range(3):
        entry, result = play(seed=seed, faults=faults)
        assert entry.judge(result).status == VALID, entry.judge(result).lines
        bob, alice = screen(entry, result, "Bob"), screen(entry, result, "Alice")
        assert bob == alice and [line.split(".")[0] for line in bob] == [str(n + 1) for n in range(len(bob))]
        assert any("Dave?" in line for line in bob) and any("One moment" in line for line in bob)
        assert entry.sometimes(result)["missed and shown"] >= 2


def test_a_view_takes_in_only_those_whom_its_messages_cover():
    """Who asked to join after the members had been asked for what they have, and lacks more, is in the next view."""
    membership = membership_of_one()
    membership.view = msgspec.structs.replace(VIEW, members=((1, 0),))
    membership.joiners = {2: Joiner(1, 5, 0), 3: Joiner(1, 0, 0)}
    membership.ballot = membership.promised = membership.since = 5
    membership.promises = {1: promise(said(9, 1), start=5, displayed=5)}
    membership._propose(())
    assert membership.view.members == ((1, 0), (2, 1)) and membership.view.start == 5


def test_a_minority_shows_nothing_and_takes_part_again():
    faults = (Partition(at_ns=seconds(10), groups=((3,), (0, 1, 2))), Heal(at_ns=seconds(55)))
    entry, result = play(seed=2, faults=faults, duration_ns=seconds(150))
    assert entry.judge(result).status == VALID, entry.judge(result).lines
    assert result.reports["TotalOrderProperties"].counts["left out"] == 1


def test_a_chat_that_has_lost_its_quorum_is_not_called_valid():
    faults = tuple(Crash(at_ns=seconds(2), node=node) for node in (0, 1, 2))
    entry, result = play(seed=2, faults=faults)
    verdict = entry.judge(result)
    assert verdict.status == UNKNOWN and "no quorum can go on" in " ".join(verdict.lines)


def test_what_cannot_be_judged_is_not_judged():
    entry, result = play(seed=2, duration_ns=seconds(46))
    assert entry.judge(result).status == VALID and "not judged" in " ".join(entry.judge(result).lines)


def test_the_story_has_a_screen_for_everyone():
    entry, result = play()
    lines = list(entry.story(result))
    assert [f"{name}'s screen" in lines for name in ("Alice", "Bob", "Carol", "Dave")] == [True] * 4
    pending = next(line for line in lines if '[PENDING] (1, Alice) "Shall we meet at noon?"' in line)
    assert pending.endswith("waits for Bob, Carol, Dave")
    assert sum("[DISPLAY]" in line for line in lines) == entry.sometimes(result)["displayed"]


@pytest.mark.parametrize("nodes", [2, 3, 4, 5])
def test_nobody_speaks_to_who_is_not_there(nodes):
    entry, result = play(nodes=nodes)
    text = "\n".join(entry.story(result))
    assert "Good morning." in text
    for node, name in enumerate(("Alice", "Bob", "Carol", "Dave")):
        assert (name in text) == (node < nodes), name
    assert ("Welcome back, Dave." in text) == (nodes > 3)


def test_the_same_everywhere(same_everywhere):
    faults = (Crash(at_ns=seconds(2), node=3), Restart(at_ns=seconds(12), node=3))
    entry = entries()["chat"]
    result = same_everywhere(make_scenario(entry, Settings(seed=5, duration_ns=seconds(30), faults=faults)))
    assert result.reports["TotalOrderProperties"].counts["displayed"] > 20


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.usefixtures("ray")
def test_the_same_on_ray():
    scenario = make_scenario(entries()["chat"], Settings(seed=5, duration_ns=seconds(5)))
    assert run(scenario, Placement(kind="ray", hosts=2)).digest == run(scenario).digest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--nodes", "1"], "nodes: 1 is not a chat"),
        (["--set", "suspect_ns=1s"], "who is far away would be taken for crashed"),
    ],
)
def test_bad_input(arguments, says):
    result = CliRunner().invoke(main, ["run", "chat", *arguments])
    assert result.exit_code == 2 and says in result.output and result.output.count("\n") == 1


def test_bad_settings():
    with pytest.raises(UsageError, match="retry_ns: 0"):
        TotalOrderSettings(heartbeat_ns=1, suspect_ns=2, retry_ns=0)
    with pytest.raises(UsageError, match="heartbeat_ns 5"):
        TotalOrderSettings(heartbeat_ns=5, suspect_ns=5, retry_ns=1)


# The checkers can fail.


def judged(*told, nodes=2):
    observer, control = TotalOrderProperties(nodes), Control(1)
    for number, (node, name, value) in enumerate(told):
        control.now_ns = number
        observer.on_observation(Observation(number, node, number, name, value), control)
    return [violation.property for violation in control.violations]


SAY = [(0, "say", (1, 0, None, 0)), (1, "say", (1, 1, None, 0))]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([*SAY, (0, "display", (0, 1, 0, "a")), (1, "display", (0, 1, 0, "a"))], []),
        ([*SAY, (0, "display", (0, 1, 0, "a")), (1, "display", (0, 1, 1, "b"))], ["Total Order"]),
        ([*SAY, (0, "display", (0, 1, 0, "a")), (1, "display", (1, 1, 1, "b"))], ["Total Order"]),
        ([*SAY, (0, "display", (0, 1, 1, "b")), (0, "display", (1, 1, 0, "a"))], ["Timestamp Order"]),
        ([*SAY, (0, "display", (0, 7, 1, "b"))], ["Integrity"]),
        (
            [
                *SAY,
                (0, "display", (0, 1, 0, "a")),
                (1, "view", (1, (0, 1), 1, True)),
                (1, "display", (1, 1, 1, "b")),
            ],
            ["Total Order"],
        ),
        (
            [
                *SAY,
                (0, "display", (0, 1, 0, "a")),
                (1, "display", (0, 1, 0, "a")),
                (1, "blank", 1),
                (1, "display", (0, 1, 0, "a")),
                (1, "display", (1, 1, 1, "b")),
            ],
            [],
        ),
        ([*SAY, (0, "display", (0, 1, 0, "a")), (0, "display", (1, 1, 0, "a"))], ["Integrity"]),
        ([SAY[0], (1, "say", (2, 1, (1, 0), 0))], ["Causal Order"]),
        (
            [SAY[0], (0, "display", (0, 1, 0, "a")), (0, "say", (2, 0, None, 5)), (0, "display", (1, 2, 0, "b"))],
            ["Causal Order"],
        ),
    ],
)
def test_the_order_is_judged(told, found):
    assert judged(*told) == found


def test_what_is_held_for_ever_is_found():
    """The judge is asked about a run whose screens were changed by hand: it must not pass."""
    _, result = play(seed=1, faults=())
    assert held_for_ever(result).status == VALID
    screens = result.reports["TotalOrderProperties"]
    for wrong in (
        screens._replace(order=screens.order[:-1]),
        screens._replace(shown={**screens.shown, 2: 3}),
        screens._replace(latest=(7, screens.latest[1])),
    ):
        result.reports["TotalOrderProperties"] = wrong
        expected = UNKNOWN if wrong.latest[0] == 7 else VIOLATED
        verdict = held_for_ever(result)
        assert verdict.status == expected, verdict.lines
        assert verdict.properties == ((HELD,) if expected == VIOLATED else ())


# The zoo.

ROWS = [bug.id for bug in BUGS.values() if bug.scenario == "chat-hunt"]


@pytest.mark.parametrize(("row", "first"), [(row, 50 if row == "TOTAL-07" else 0) for row in ROWS])
def test_a_row_is_found_by_its_own_property(row, first):
    found = hunt(row, first, 30)
    assert found.found is not None, found.others
    assert named(ground_of(BUGS[row]), found.found, None) == frozenset()


def test_the_right_one_passes_and_is_hunted_where_something_happens():
    assert len(ROWS) == 8 and right_one(ground_of(BUGS[ROWS[0]]), range(500, 512)) == []
    reached: dict[str, int] = {}
    for seed in range(500, 508):
        entry, result = play("chat-hunt", seed)
        for name, count in entry.sometimes(result).items():
            reached[name] = reached.get(name, 0) + count
    assert all(reached.values()), reached


def test_an_unknown_bug():
    with pytest.raises(UsageError, match="unknown bug 'TOTAL-99'"):
        play("chat-hunt", parameters={"bug": "TOTAL-99"})
