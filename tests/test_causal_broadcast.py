"""Causal broadcast: the rule in tables, gaps, members that come and go, the checkers, and the zoo's rows."""

import pytest

from simclock import (
    Control,
    Crash,
    Cut,
    Heal,
    Network,
    Observation,
    Partition,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
)
from simclock.actors import run
from simclock.clocks import VectorClock
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.causal_broadcast.hunt import DELIVERED, all_delivered, member_at_end
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID
from simclock.experiments.zoo.bugs import BUGS
from simclock.experiments.zoo.hunt import ground_of, hunt, named, right_one
from simclock.protocols.causal_broadcast import (
    Broadcast,
    CausalQueue,
    DeliveryOrder,
    FifoQueue,
    Gaps,
    Kind,
    MemberSettings,
)
from simclock.protocols.causal_broadcast.chatter import Chatter, Chatterer
from simclock.protocols.causal_broadcast.gaps import ranges
from simclock.protocols.causal_broadcast.messages import Request


def sent(member, **counts):
    """A broadcast; `a=2` says that its sender had delivered two of member 0 (b: 1, c: 2, d: 3)."""
    entries_ = {"abcd".index(name): count for name, count in counts.items()}
    return Broadcast(member, VectorClock.of(entries_), Kind.DATA, b"")


def take(queue, *messages):
    return [[(each.member, each.count) for each in queue.receive(message)] for message in messages]


# The rule of Birman, Schiper and Stephenson 1991.


def test_the_next_of_its_sender_is_delivered():
    queue = CausalQueue(9)
    assert take(queue, sent(0, a=1), sent(0, a=2)) == [[(0, 1)], [(0, 2)]]


def test_what_its_sender_sent_before_comes_first():
    queue = CausalQueue(9)
    assert take(queue, sent(0, a=3), sent(0, a=2), sent(0, a=1)) == [[], [], [(0, 1), (0, 2), (0, 3)]]
    assert (queue.held_count, queue.held_high, queue.held) == (2, 2, {})


def test_what_its_sender_had_seen_of_others_comes_first():
    queue = CausalQueue(9)
    assert take(queue, sent(1, a=1, b=1)) == [[]] and queue.missing(sent(1, a=1, b=1)) == (0, 1)
    assert take(queue, sent(0, a=1)) == [[(0, 1), (1, 1)]]


def test_what_is_concurrent_is_not_held():
    queue = CausalQueue(9)
    assert take(queue, sent(1, b=1), sent(0, a=1), sent(2, c=1)) == [[(1, 1)], [(0, 1)], [(2, 1)]]
    assert queue.held_count == 0


def test_a_newcomer_needs_no_place_in_the_vector():
    """An id that a vector does not have has counted 0: vectors grow by padding."""
    queue = CausalQueue(9)
    take(queue, sent(0, a=1))
    assert take(queue, sent(3, a=1, d=1), sent(0, a=2, d=1), sent(1, b=1)) == [[(3, 1)], [(0, 2)], [(1, 1)]]
    assert queue.delivered == {0: 2, 3: 1, 1: 1}


def test_what_comes_twice_is_delivered_once():
    queue = CausalQueue(9)
    assert take(queue, sent(0, a=2), sent(0, a=2), sent(0, a=1), sent(0, a=1)) == [[], [], [(0, 1), (0, 2)], []]
    assert queue.duplicates == 2


def test_fifo_looks_at_the_sender_alone():
    queue = FifoQueue(9)
    assert take(queue, sent(1, a=1, b=1), sent(0, a=2), sent(0, a=1)) == [[(1, 1)], [], [(0, 1), (0, 2)]]


def test_a_full_queue_lets_go_of_what_is_furthest_away():
    queue = CausalQueue(2)
    assert take(queue, sent(0, a=4), sent(0, a=3), sent(0, a=2)) == [[], [], []]
    assert sorted(queue.held) == [(0, 2), (0, 3)] and queue.dropped == 1 and queue.held_high == 2
    assert take(queue, sent(0, a=5)) == [[]] and (0, 5) not in queue.held
    assert take(queue, sent(0, a=1), sent(0, a=4)) == [[(0, 1), (0, 2), (0, 3)], [(0, 4)]]


def test_what_is_not_wanted_yet_waits_without_being_counted_as_held():
    queue = CausalQueue(9)
    queue.wanted = {0: 1}
    assert take(queue, sent(0, a=1), sent(0, a=2), sent(1, a=2, b=1)) == [[(0, 1)], [], []]
    assert [each.member for each in queue.want({0: 2})] == [0, 1]
    assert queue.held_count == 1, "only the one of member 1 waited for another message"
    assert queue.held == {}


def test_a_delivery_is_counted_as_held_once():
    """However often it was held, let go, received again, or taken over with a state."""
    queue = CausalQueue(2)
    take(queue, sent(0, a=4), sent(0, a=3), sent(0, a=2), sent(0, a=4))
    assert list(queue.restart(VectorClock.of({1: 3}))) == [] and sorted(queue.held) == [(0, 2), (0, 3)]
    take(queue, sent(0, a=1), sent(0, a=4))
    assert queue.delivered == {0: 4, 1: 3} and queue.held_count == 2, "4 was let go, and had nothing to wait for later"
    take(queue, sent(0, a=6), sent(0, a=8))
    assert list(queue.restart(VectorClock.of({0: 8, 1: 3}))) == []
    assert queue.held_count == 2, "what came with the state was not delivered"


def test_who_depends_on_what_is_lost_is_dropped_and_nobody_else():
    queue = CausalQueue(9)
    take(queue, sent(0, a=2), sent(1, a=1, b=1), sent(2, b=1, c=1), sent(3, d=2))
    assert queue.drop_dependents((0, 1)) == [(0, 2), (1, 1)]
    assert sorted(queue.held) == [(2, 1), (3, 2)]


def test_all_that_is_overdue_is_asked_for_at_once():
    gaps = Gaps(request_ns=100)
    clocks = [VectorClock.of({0: 7, 1: 4})]
    held = {(0, 2), (0, 5)}
    assert gaps.survey(0, {0: 1, 1: 2}, held, clocks) == []
    due = gaps.survey(100, {0: 1, 1: 2}, held, clocks)
    assert ranges((gap.member, gap.count) for gap in due) == ((0, 3, 4), (0, 6, 7), (1, 3, 4)), "not what is held"
    for gap in due[:3]:
        gaps.asked(gap, 100)
    again = gaps.survey(150, {0: 1, 1: 2}, held, [*clocks, VectorClock.of({1: 5})])
    assert [(gap.member, gap.count) for gap in again] == [(0, 7), (1, 3), (1, 4)], "1:5 may still be under way"
    held |= {(0, 3)}
    assert [gap.count for gap in gaps.survey(200, {0: 1, 1: 4}, held, clocks)] == [4, 6, 7], "what has come is no gap"
    assert gaps.survey(300, {0: 7, 1: 4}, set(), clocks) == [] and gaps.open == {}


def test_what_blocks_a_member_is_its_first_gap():
    gaps = Gaps(request_ns=100)
    clocks = [VectorClock.of({0: 3})]
    gaps.survey(0, {}, {(0, 2)}, clocks)
    first, third = gaps.survey(100, {}, {(0, 2)}, clocks)
    assert (gaps.blocked_ns(first, 100), gaps.blocked_ns(third, 100)) == (100, 0)
    (third,) = gaps.survey(200, {0: 2}, set(), clocks)
    assert gaps.blocked_ns(third, 250) == 50, "since the first has come"


def test_gaps_are_bounded():
    gaps = Gaps(request_ns=100, most=3)
    gaps.survey(0, {}, set(), [VectorClock.of({0: 1000, 1: 2})])
    assert sorted(gaps.open) == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)]


# Members.


class Quiet(Chatterer):
    """Says nothing by itself."""

    def on_joined(self):
        pass


TEN_SECONDS = seconds(10)


def group(nodes, *, build=Chatterer, duration_ns=TEN_SECONDS, seed=1, faults=(), loss=0.05, **settings):
    values = {
        "founders": nodes,
        "tick_ns": ms(50),
        "request_ns": ms(60),
        "suspect_ns": ms(500),
        "give_up_ns": seconds(1),
    }
    members = MemberSettings(**{**values, **settings})
    chatter = Chatter(pause_ns=ms(200), until_ns=seconds(5))
    return run(
        Scenario(
            name="group",
            seed=seed,
            nodes=nodes,
            build=lambda node: build(members, chatter),
            duration_ns=duration_ns,
            network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(50)), loss=loss, duplication=0.05),
            faults=faults,
            observers=(DeliveryOrder,),
            final=member_at_end,
        )
    )


def same_deliveries(result):
    assert result.violations == ()
    assert all_delivered(result, 0).status == VALID, all_delivered(result, 0).lines
    return {end.delivered for end in result.final.values() if end is not None}


def test_what_is_kept_is_forgotten_once_everyone_has_it():
    result = group(4)
    assert len(same_deliveries(result)) == 1
    ends = result.final.values()
    assert sum(end.sent for end in ends) > 4 * 20 > max(end.kept_high for end in ends)


def test_a_newcomer_gets_the_state_and_what_comes_after():
    result = group(4, founders=3, join_after_ns=seconds(2))
    assert len(same_deliveries(result)) == 1
    assert result.reports["DeliveryOrder"].counts["joined"] == 1
    assert result.final[3].sent > 1, "it speaks itself"


def test_a_newcomer_is_known_to_everyone():
    """Rule 3: not to the one alone that gave it the state, or the others would forget what it lacks."""
    made = []

    class Listed(Chatterer):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    group(4, build=Listed, founders=3, join_after_ns=seconds(2))
    assert [sorted(node.peers) for node in made] == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


def test_halves_that_were_apart_take_each_others_state():
    faults = (Partition(at_ns=seconds(1), groups=((0, 1), (2, 3))), Heal(at_ns=seconds(4)))
    result = group(4, faults=faults)
    assert len(same_deliveries(result)) == 1
    assert sum(end.rejoined for end in result.final.values()) >= 2


def test_the_last_that_has_it_gives_it_to_the_others():
    """The sender crashes when one member alone can have got its last words."""

    class Speaker(Quiet):
        def on_timer(self, timer):
            super().on_timer(timer)
            if timer == "tick" and self.id == 0 and self.count < 20 and self.clock.monotonic_ns() > seconds(1):
                self.multicast(b"last words")

    faults = (Partition(at_ns=ms(900), groups=((0, 1), (2, 3))), Crash(at_ns=ms(1700), node=0), Heal(at_ns=ms(1800)))
    result = group(4, build=Speaker, faults=faults, suspect_ns=seconds(3))
    (delivered,) = same_deliveries(result)
    assert dict(delivered)[0] >= 10


def test_who_does_not_answer_is_not_asked_for_ever():
    """Member 3 gets nothing from 0 and cannot be heard by 1; 2 has everything that 0 has sent, and is asked in turn."""

    class Speaker(Quiet):
        def on_timer(self, timer):
            super().on_timer(timer)
            if timer == "tick" and self.id == 0 and self.count < 20:
                self.multicast(b"word")

    faults = (Cut(at_ns=0, source=0, target=3), Cut(at_ns=0, source=3, target=1))
    result = group(4, build=Speaker, faults=faults, loss=0.0, suspect_ns=seconds(60))
    assert dict(result.final[3].delivered)[0] == 20 and result.final[3].requests > 0


def test_a_newcomer_that_alone_has_what_its_first_words_need_is_met():
    """It took its state from a member that crashed, which counts a broadcast that reached nobody else."""

    class Speaker(Quiet):
        def on_timer(self, timer):
            super().on_timer(timer)
            if timer == "tick" and self.id == 0 and not self.count and self.clock.monotonic_ns() > seconds(1):
                self.multicast(b"last word")

    faults = (Partition(at_ns=ms(900), groups=((0, 2), (1,))), Crash(at_ns=ms(1500), node=0), Heal(at_ns=ms(1600)))
    result = group(3, build=Speaker, founders=2, join_after_ns=ms(1200), faults=faults, loss=0.0)
    assert dict(result.final[2].delivered) == {0: 1, 2: 1}, "it had the last word, and has told that it is here"
    assert len(same_deliveries(result)) == 1


@pytest.mark.parametrize("seed", range(3))
def test_half_of_all_messages_may_be_lost(seed):
    assert len(same_deliveries(group(4, seed=seed, loss=0.5))) == 1


def test_the_longer_nobody_answers_the_more_are_asked_at_once():
    """Member 4 gets nothing from 0, and nobody hears it; 1, 2 and 3 have what 0 has sent."""
    asked: dict[int, list[int]] = {}

    class Asking(Quiet):
        def on_timer(self, timer):
            super().on_timer(timer)
            if timer == "tick" and self.id == 0 and not self.count:
                self.multicast(b"word")

        def send(self, target, message):
            if isinstance(message, Request):
                asked.setdefault(self.clock.monotonic_ns(), []).append(target)
            super().send(target, message)

    faults = (Cut(at_ns=0, source=0, target=4), *(Cut(at_ns=0, source=4, target=node) for node in range(4)))
    group(5, build=Asking, faults=faults, loss=0.0, suspect_ns=seconds(60), duration_ns=seconds(1))
    assert list(asked.values())[:4] == [[1], [2, 3], [3, 1, 2], [1, 2, 3]]


def test_what_depends_on_what_nobody_has_is_given_up_and_nothing_is_delivered_out_of_order():
    """Only 1 gets the question of 0; its answer reaches 2 and 3, and both crash: nobody has what the answer needs."""

    class Lost(Quiet):
        def on_start(self):
            super().on_start()
            if self.id < 2:
                self.set_timer("speak", ms(1000 + 250 * self.id))

        def on_timer(self, timer):
            super().on_timer(timer)
            if timer == "speak":
                self.multicast(b"question" if self.id == 0 else b"answer")

    faults = (
        Partition(at_ns=ms(900), groups=((0, 1), (2, 3))),
        Crash(at_ns=ms(1150), node=0),
        Heal(at_ns=ms(1200)),
        Crash(at_ns=ms(1310), node=1),
    )
    result = group(4, build=Lost, faults=faults, loss=0.0, request_ns=ms(400))
    assert result.violations == ()
    assert [result.final[node].given_up for node in (2, 3)] == [1, 1]
    assert result.reports["DeliveryOrder"].counts["dropped"] == 2
    assert [result.final[node].delivered for node in (2, 3)] == [(), ()]


def test_who_leaves_is_not_waited_for():
    class Leaver(Chatterer):
        def on_timer(self, timer):
            super().on_timer(timer)
            if timer == "tick" and self.id == 2 and self.clock.monotonic_ns() > seconds(2):
                self.leave()

    result = group(3, build=Leaver)
    counts = result.reports["DeliveryOrder"].counts
    assert counts["left"] == 1 and result.violations == ()
    stayed = [result.final[node] for node in (0, 1)]
    assert stayed[0].delivered == stayed[1].delivered and dict(stayed[0].delivered)[2] == result.final[2].sent


def test_a_window_bounds_what_is_kept():
    faults = (Partition(at_ns=ms(500), groups=((0, 1), (2,))),)
    narrow, wide = (
        group(3, faults=faults, window=window, suspect_ns=seconds(60), duration_ns=seconds(6)) for window in (5, 1000)
    )
    assert (
        max(end.kept_high for end in narrow.final.values()) <= 3 * 5 < max(end.kept_high for end in wide.final.values())
    )


def test_bad_settings():
    with pytest.raises(UsageError, match="held_max: 0 is too small"):
        group(3, held_max=0)
    with pytest.raises(UsageError, match="suspect_ns"):
        group(3, suspect_ns=ms(50))


# The checkers can fail.


def judged(*told):
    observer, control = DeliveryOrder(), Control(1)
    for number, (node, name, value) in enumerate(told):
        observer.on_observation(Observation(number, node, number, name, value), control)
    return [violation.property for violation in control.violations]


QUESTION = [(0, "broadcast", (0, 1)), (1, "deliver", (0, 1)), (1, "broadcast", (1, 1)), (1, "answer", ((1, 1), (0, 1)))]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([*QUESTION, (2, "deliver", (0, 1)), (2, "deliver", (1, 1))], []),
        ([*QUESTION, (2, "deliver", (1, 1))], ["Causal Order", "Reply After Question"]),
        ([*QUESTION, (2, "deliver", (0, 1)), (2, "deliver", (0, 1))], ["FIFO Order"]),
        ([*QUESTION, (0, "broadcast", (0, 2)), (2, "deliver", (0, 2))], ["FIFO Order"]),
        ([*QUESTION, (2, "welcome", ((0, 1),)), (2, "deliver", (1, 1))], []),
    ],
)
def test_the_order_is_judged(told, found):
    assert judged(*told) == found


GONE = (1, "gone", (2, 0, 1))
"""Node 1 has delivered 0:1, and keeps it no more; node 2 asks for it."""


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ([], ["Kept Until Stable"]),
        ([(2, "suspect", 1), (1, "suspect", 3)], ["Kept Until Stable"]),
        ([(1, "suspect", 2)], []),
        ([(2, "deliver", (0, 1))], []),
        ([(2, "left", 2)], []),
        ([(1, "joined", 5)], []),
        ([(1, "welcome", ((0, 1),))], []),
        ([(2, "welcome", ())], ["Kept Until Stable"]),
    ],
)
def test_what_is_forgotten_too_early_is_judged(before, found):
    assert judged(*QUESTION[:2], *before, GONE) == found


def test_a_member_that_lacks_something_is_found():
    faults = (Partition(at_ns=seconds(1), groups=((0, 1), (2,))), Heal(at_ns=seconds(3) - 1))
    verdict = all_delivered(group(3, duration_ns=seconds(3), faults=faults), 0)
    assert verdict.properties == (DELIVERED,) and "node 2 has delivered" in " ".join(verdict.lines)


# The scenario and the zoo.

ROWS = [bug.id for bug in BUGS.values() if bug.scenario == "causal-hunt"]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_found_by_its_own_property(row):
    found = hunt(row, 0, 30)
    assert found.found is not None, found.others
    assert named(ground_of(BUGS[row]), found.found, None) == frozenset()


@pytest.mark.slow
def test_the_right_one_passes_and_is_hunted_where_something_happens():
    assert len(ROWS) == 8 and right_one(ground_of(BUGS[ROWS[0]]), range(500, 510)) == []
    reached: dict[str, int] = {}
    entry = entries()["causal-hunt"]
    for seed in range(20):
        for name, count in entry.sometimes(run(make_scenario(entry, Settings(seed=seed)))).items():
            reached[name] = reached.get(name, 0) + count
    assert [name for name, count in reached.items() if not count] in ([], ["left"], ["left", "dropped"]), reached


def test_the_same_everywhere(same_everywhere):
    scenario = make_scenario(entries()["causal-hunt"], Settings(seed=3, duration_ns=seconds(3)))
    assert same_everywhere(scenario).reports["DeliveryOrder"].counts["delivered"] > 50


def test_an_unknown_bug():
    with pytest.raises(UsageError, match="unknown bug 'CAUSAL-99'"):
        make_scenario(entries()["causal-hunt"], Settings(parameters={"bug": "CAUSAL-99"}))
