"""What a healed system owes: each property and hunt with a wrong line that it names, and the right code that passes.

The wrong lines are safe, or nearly so: hunts that ask for safety alone let them pass.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simclock import CRASHED, Control, Crash, JumpClock, Observation, Restart, Told, ms, seconds
from simclock.actors import Node, run
from simclock.clocks import HybridClock, HybridTime
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.dynamo.clients import ENDS, GOES_ON, ClientsGoOn, Promise
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID
from simclock.experiments.nemesis import Prey, draw_plan
from simclock.protocols.byzantine_clocks import ConvergingNode
from simclock.protocols.byzantine_clocks.messages import Tell
from simclock.protocols.clock_synchronization import CristianClient
from simclock.protocols.key_value.observed import Invoked, Operation, Succeeded
from simclock.protocols.leases import Holder, LeaseServer
from simclock.protocols.leases.observed import Released
from simclock.protocols.raft import NO_OP, AppendEntries, Entry, RaftServer, RaftTestimony
from simclock.protocols.raft.elections import ELECTION, HEARTBEAT
from simclock.protocols.raft.observed import (
    Appended,
    Candidate,
    Follower,
    Leader,
    Progressed,
    Started,
    Voted,
)
from simclock.protocols.raft.server import Following
from simclock.protocols.replication.observed import Applied, CommitIndex
from simclock.protocols.total_order.membership import Membership


def named(
    entry_name: str, seed: int, parts: dict[str, Any] | None = None, nemesis: str | None = None, **parameters: str
) -> set[str]:
    """What a run names, with these parts in place of the right ones."""
    entry = entries()[entry_name]
    if parts:
        entry = replace(entry, parts=replace(entry.parts, **parts))
    result = run(make_scenario(entry, Settings(seed=seed, nemesis=nemesis, parameters=parameters)))
    return {violation.property for violation in result.violations} | set(entry.judge(result).properties)


# Raft, healed.


class KeepsItsTimer(RaftServer):
    """An AppendEntries does not reset the election timer."""

    def _on_append_entries(self, message: AppendEntries) -> None:
        self._reset_election_timer = lambda: None  # type: ignore[method-assign]
        super()._on_append_entries(message)
        del self._reset_election_timer


class WaitsForHeartbeats(RaftServer):
    """New entries go out with the next heartbeat."""

    def _replicate(self) -> None:
        self._persist()
        self._advance_commit_index()


class FollowersLearnLate(RaftServer):
    """A follower commits no entry with the request that brought another."""

    def _follow_commit_index(self, message: AppendEntries) -> None:
        if self.random.randrange(8) == 0:
            super()._follow_commit_index(message)


class AnswersLate(RaftServer):
    """A client is answered a while after its command was applied."""

    def _answer(self, index: int, response: bytes) -> None:
        self.set_timer((index, response), ms(60))

    def on_timer(self, timer: Any) -> None:
        if isinstance(timer, tuple):
            super()._answer(*timer)
        else:
            super().on_timer(timer)


class IsNeverQuiet(RaftServer):
    """A leader appends an empty entry now and then."""

    def on_timer(self, timer: Any) -> None:
        if timer == HEARTBEAT and self.random.randrange(4) == 0:
            self._append_noop()
        super().on_timer(timer)

    def _append_noop(self) -> None:
        self._append((Entry(self.current_term, NO_OP),))
        self._replicate()


class TimesElectionsByWallClock(RaftServer):
    """The election timeout is held against the wall clock, which may be set back."""

    due_ns = 0

    def _reset_election_timer(self) -> None:
        super()._reset_election_timer()
        self.due_ns = max(self.due_ns, self.clock.wall_ns() + self.settings.election_timeout_ns_min)

    def on_timer(self, timer: Any) -> None:
        if timer == ELECTION and self.clock.wall_ns() < self.due_ns:
            self.set_timer(ELECTION, self.due_ns - self.clock.wall_ns())
        else:
            super().on_timer(timer)


WRONG_RAFT = {
    "Leader Stability": KeepsItsTimer,
    "Commit Latency": WaitsForHeartbeats,
    "Followers Follow": FollowersLearnLate,
    "Client Latency": AnswersLate,
    "Idle Is Quiet": IsNeverQuiet,
}


@pytest.mark.parametrize("property", WRONG_RAFT)
def test_a_raft_that_is_safe_and_unsteady_is_named(property: str) -> None:
    found = next(
        (s for s in range(12) if property in named("raft-calm-hunt", s, {"server": WRONG_RAFT[property]})), None
    )
    assert found is not None
    assert named("raft-calm-hunt", found) == set()


def test_a_raft_that_does_not_reset_its_timer_passes_where_only_safety_is_asked_for() -> None:
    assert issubclass(KeepsItsTimer, Following)
    assert [named("raft-hunt", seed, {"server": KeepsItsTimer}) for seed in range(6)] == [set()] * 6


# Servers tell in full.

STARTED = [(node, Started(0, None, 0, 0, None)) for node in range(3)]
ELECTED = [(0, Candidate(1)), (0, Voted(1, 0)), (1, Voted(1, 0)), (0, Leader(1))]
COMMITTED = [
    (0, Appended(0, ((1, b"x"),))),
    (0, Progressed(1, 1, 2)),
    (0, CommitIndex(1)),
    (0, Applied(1, 1, b"x")),
]
FOLLOWS = (0, Follower(2))
GOOD: list[tuple[int, Told]] = [*STARTED, *ELECTED, *COMMITTED, FOLLOWS, (0, Voted(2, 1))]
LEFT_OUT = {
    "started": (STARTED[0], "Told In Full"),
    "candidate": (ELECTED[0], "Told In Full"),
    "a vote": (ELECTED[2], "Elected By Majority"),
    "appended": (COMMITTED[0], "Told In Full"),
    "progress": (COMMITTED[1], "Told In Full"),
    "applied": (COMMITTED[3], "Told In Full"),
    "follower": (FOLLOWS, "Told In Full"),
}


def found_in(told: list[tuple[int, Told]]) -> list[str]:
    observer, control = RaftTestimony((0, 1, 2)), Control(1)
    later = [(0, Appended(1, ((2, b"y"),))), (1, Appended(0, ())), (0, CommitIndex(2))]
    for number, (node, each) in enumerate([*told, *later]):
        observer.on_observation(Observation(number, node, number, each.observed_as, each.as_observed()), control)
    return [violation.property for violation in control.violations]


def test_a_full_testimony_passes() -> None:
    assert found_in(GOOD) == []


@pytest.mark.parametrize("what", LEFT_OUT)
def test_what_is_not_told_is_named(what: str) -> None:
    missing, property = LEFT_OUT[what]
    assert found_in([each for each in GOOD if each != missing]) == [property]


# Clocks, healed.


class AsksOnce(CristianClient):
    """The next synchronization is not planned."""

    def on_timer(self, timer: Any) -> None:
        if timer == "synchronize":
            self.ask_time()
        else:
            super().on_timer(timer)


class NeverAims(CristianClient):
    """A reading is good, and nothing comes of it."""

    def aim(self, ahead_ns: int) -> None:
        return


@pytest.mark.parametrize(
    ("wrong", "property"), [(AsksOnce, "Every Clock Is Measured"), (NeverAims, "Set Right In Time")]
)
def test_a_clock_that_is_not_set_right_after_healing_is_named(wrong: type[Node], property: str) -> None:
    found = next(s for s in range(12) if property in named("clock-calm-hunt", s, {"node": wrong}, sync="cristian"))
    assert named("clock-calm-hunt", found, sync="cristian") == set()


def test_clock_hunt_takes_liveness() -> None:
    entry = entries()["clock-hunt"]
    for seed in range(3):
        result = run(make_scenario(entry, Settings(seed=seed, liveness_ns=seconds(70))))
        assert entry.judge(result).status == VALID and result.reports["ClockProgress"]["measured_after_ns"] is not None


# Wall clocks that jump.


def test_wall_clocks_jump_by_more_than_the_time_in_which_progress_is_due() -> None:
    prey = Prey(servers=(0, 1, 2), rhythm_ns=ms(100), progress_within_ns=seconds(20))
    network = entries()["raft-hunt"].make(Settings(seed=0), entries()["raft-hunt"].parts).network
    jumps = [each for seed in range(9) for each in draw_plan("jump-wall", seed, prey, network, seconds(9)).faults]
    sizes = [each.by_ns for each in jumps if isinstance(each, JumpClock)]
    assert len(sizes) == len(jumps) > 20 and min(sizes) < -seconds(20) and max(sizes) > seconds(20)


def test_only_a_jump_beyond_the_bound_shows_who_waits_for_the_wall_clock() -> None:
    entry = entries()["raft-calm-hunt"]
    wrong = replace(entry, parts=replace(entry.parts, server=TimesElectionsByWallClock))
    for by_ns, expected in ((-ms(300), []), (-seconds(20), ["Progress"])):
        jumps = [JumpClock(at_ns=ms(700), node=node, by_ns=by_ns) for node in range(3)]
        crash = (Crash(at_ns=ms(760), node=Leader.observed_as), Restart(at_ns=ms(1200), node=CRASHED))
        settings = Settings(seed=1, nodes=3, faults=(*jumps, *crash))
        result = run(make_scenario(wrong, settings))
        assert [violation.property for violation in result.violations if violation.property == "Progress"] == expected
        assert run(make_scenario(entry, settings)).violations == ()


# Leases, healed.


class NeverReleases(Holder):
    """Who has written all lets go, and tells nobody."""

    def _release(self) -> None:
        self.observe(Released(self.work.lock, self.token))
        self._let_go()


class ExpiresByWallClock(LeaseServer):
    """A leader measures leases by its wall clock."""

    def _measure(self, lock: str, token: int, renewals: int) -> None:
        super()._measure(lock, token, renewals)
        due_ns = self.clock.wall_ns() + self.leases.leader_term_ns
        self.due_ns = {**getattr(self, "due_ns", {}), (lock, token): due_ns}

    def _run_out(self, lock: str, token: int) -> None:
        left_ns = self.due_ns[lock, token] - self.clock.wall_ns()
        if left_ns > 0:
            self.set_timer(("lease", lock, token), left_ns)
        else:
            super()._run_out(lock, token)


@pytest.mark.parametrize(
    ("wrong", "first", "property"),
    [({"server": ExpiresByWallClock}, 0, "Lock Is Granted"), ({"holder": NeverReleases}, 0, "Everybody Holds")],
    ids=["wall clock", "no release"],
)
def test_leases_that_are_not_handed_on_are_named(wrong: dict[str, Any], first: int, property: str) -> None:
    found = next(seed for seed in range(first, first + 8) if property in named("leases-calm-hunt", seed, wrong))
    assert named("leases-calm-hunt", found) == set()


# A chat, healed.


class ProposesWithTheNextTick(Membership):
    """What is proposed goes out when the coordinator next gives a sign of life."""

    def _propose(self, suspects: Any) -> None:
        before, self._repeat = self.proposal, lambda: None  # type: ignore[method-assign]
        super()._propose(suspects)
        del self._repeat
        assert before is None or before is self.proposal


def test_a_view_that_changes_too_late_is_named() -> None:
    found = next(
        s for s in range(8) if "View Follows" in named("chat-calm-hunt", s, {"membership": ProposesWithTheNextTick})
    )
    assert named("chat-calm-hunt", found) == set()


# Liars and counters.


class CountsAnswers(ConvergingNode):
    """Every answer counts, whoever gave one before."""

    extra: tuple[int, ...] = ()

    def on_message(self, source: int, message: Any) -> None:
        if isinstance(message, Tell) and source in self.differences and self.asked_ns is not None:
            self.extra += (message.reading_ns - (self.asked_ns + self.logical_ns) // 2,)
        super().on_message(source, message)

    def correction_ns(self, differences: Any) -> int:
        extra, self.extra = self.extra, ()
        return super().correction_ns([*differences, *extra])


def test_two_answers_of_one_liar_are_one() -> None:
    for seed in (0, 2, 4):
        assert named("byzantine-equivocation-hunt", seed, {"node": CountsAnswers}) & {"Skew Bound", "Correction Bound"}
        assert named("byzantine-equivocation-hunt", seed) == set()
        assert named("byzantine-hunt", seed, {"node": CountsAnswers}) == set(), "no other liar shows it"


class LosesTheCarry(HybridClock, frozen=True):
    """A counter that is full begins again, in the same millisecond."""

    def _after(self, seen: HybridTime) -> int:
        following = HybridTime(seen.packed + 1)
        if following.logical >> self.logical_bits:
            return HybridTime.of(following.physical_ms).packed
        return following.packed


def test_a_counter_that_overflows_carries() -> None:
    found = next(
        s for s in range(8) if "HLC Clock Condition" in named("clock-overflow-hunt", s, {"hybrid": LosesTheCarry})
    )
    assert named("clock-overflow-hunt", found) == set()
    assert named("clock-laws", found, {"hybrid": LosesTheCarry}) == set(), "sixteen bits never overflow there"


# Clients of a store.


def clients(told: list[tuple[int, int, Operation]], end_ns: int) -> list[str]:
    promise = Promise(clients=range(2, 4), answer_within_ns=10, call_within_ns=50, stop_ns=200)
    observer, control = ClientsGoOn(promise), Control(1)
    for time_ns, node, each in told:
        control.now_ns = time_ns
        observer.on_observation(Observation(time_ns, node, 1, each.observed_as, each.as_observed()), control)
    control.now_ns = end_ns
    observer.on_finish(control)
    return [violation.property for violation in control.violations]


def test_clients_go_on() -> None:
    operations = [kind(1, "get", "k", None) for kind in (Invoked, Succeeded)]
    good = [(time, node, each) for time in (20, 60, 100, 140, 180) for node in (2, 3) for each in operations]
    assert clients(good, 300) == []
    assert clients(good[:8], 300) == [GOES_ON]
    assert clients(good[:-1], 300) == [ENDS]
    assert clients(good[:-1], 185) == []


RIGHT = ("raft-calm-hunt", "leases-calm-hunt", "clock-calm-hunt", "chat-calm-hunt", "clock-overflow-hunt")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*RIGHT, "byzantine-equivocation-hunt"])
def test_the_right_code_passes(name: str) -> None:
    for seed in range(100, 125):
        assert named(name, seed) == set(), seed
