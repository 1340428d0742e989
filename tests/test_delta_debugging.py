"""The laws of shrinking without runs: delta debugging, trials side by side, plans made smaller."""

import random
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from simclock import Crash, Cut, Heal, Mend, Partition, Restart, seconds
from simclock.experiments.entries.settings import Settings
from simclock.experiments.shrinking.delta_debugging import ddmin, without_pairs
from simclock.experiments.shrinking.plan import ROUND_NS, paired, rounder, simpler, without_nodes
from simclock.experiments.shrinking.trials import RunsSpent, Trial, Trials, in_process

# Delta debugging.

SIZE = 24
CAUSES = st.lists(st.frozensets(st.integers(0, SIZE - 1), max_size=5), min_size=1, max_size=4)
"""It fails where all of any of these are there, and also where there is something odd about the candidate."""


def asked(causes, odd=0):
    """First failing of a predicate that is not monotone where `odd` is above 1."""

    def fails(candidate):
        caused = any(cause <= set(candidate) for cause in causes)
        return caused and (odd < 2 or len(candidate) % odd != 1 or len(candidate) == SIZE)

    return fails, lambda candidates: next((i for i, each in enumerate(candidates) if fails(each)), None)


@given(CAUSES, st.integers(0, 4))
def test_what_is_left_fails_and_is_1_minimal_and_in_order(causes, odd):
    fails, first_failing = asked(causes, odd)
    if not fails(tuple(range(SIZE))):
        return
    kept = ddmin(range(SIZE), first_failing)
    assert fails(kept)
    assert list(kept) == sorted(kept)
    assert not any(fails(kept[:i] + kept[i + 1 :]) for i in range(len(kept)))


@given(st.frozensets(st.integers(0, SIZE - 1), max_size=6))
def test_a_single_cause_is_found_exactly(cause):
    assert set(ddmin(range(SIZE), asked([cause])[1])) == cause


@given(CAUSES)
def test_without_pairs_leaves_no_pair_to_leave_out(causes):
    fails, first_failing = asked(causes)
    kept = without_pairs(range(SIZE), first_failing)
    assert fails(kept)
    for pair in combinations(range(len(kept)), 2):
        assert not fails(tuple(each for i, each in enumerate(kept) if i not in pair))


# Trials.


def a_trial(settings):
    """Candidates are told apart by their seed; 7 and those above 20 break it, 8 breaks something else."""
    names = {8: ("another",)}.get(settings.seed, ("it",) if settings.seed == 7 or settings.seed > 20 else ())
    return Trial(broken=names, details=dict.fromkeys(names, "seen"))


def shuffled(jobs, seed):
    """Like workers: up to `jobs` candidates at a time, whichever finishes first."""
    luck = random.Random(seed)

    def evaluate(candidates):
        under_way = []
        while True:
            for candidate in candidates:
                under_way.append(candidate)
                if len(under_way) == jobs:
                    break
            if not under_way:
                return
            done = under_way.pop(luck.randrange(len(under_way)))
            yield done, a_trial(done[1])

    return evaluate


ROUNDS = st.lists(st.lists(st.integers(0, 25), min_size=1, max_size=12), min_size=1, max_size=6)


@given(ROUNDS, st.integers(1, 6), st.integers(), st.integers(1, 30))
def test_trials_agree_for_any_number_of_jobs_and_any_order(rounds, jobs, seed, runs_max):
    def outcome(evaluate):
        trials = Trials(evaluate, "it", runs_max)
        found = []
        try:
            for seeds in rounds:
                found.append(trials.first_failing([Settings(seed=each) for each in seeds]))
        except RunsSpent:
            found.append("spent")
        return found, trials.runs

    alone = outcome(in_process(lambda candidate: a_trial(candidate[1])))
    assert outcome(shuffled(jobs, seed)) == alone
    assert alone[1] <= runs_max


def test_a_candidate_is_run_once_and_what_comes_after_the_winner_is_not():
    ran = []

    def runner(candidate):
        ran.append(candidate[1].seed)
        return a_trial(candidate[1])

    trials = Trials(in_process(runner), "it", 100)
    assert trials.first_failing([Settings(seed=each) for each in (1, 2, 1, 7, 3)]) == 3
    assert trials.first_failing([Settings(seed=each) for each in (2, 9)]) is None
    assert ran == [1, 2, 7, 9]
    assert trials.runs == 4


def test_another_property_is_not_the_same_failure():
    trials = Trials(in_process(lambda candidate: a_trial(candidate[1])), "it", 100)
    assert not trials.fails(Settings(seed=8))
    assert trials.fails(Settings(seed=7))


# Plans.


def test_what_is_undone_goes_with_what_undoes_it():
    plan = (
        Crash(at_ns=1, node=0),
        Cut(at_ns=2, source=0, target=1),
        Crash(at_ns=3, node=1),
        Restart(at_ns=4, node=0),
        Partition(at_ns=5, groups=((0,), (1,))),
        Mend(at_ns=6, source=0, target=1),
        Heal(at_ns=7),
        Restart(at_ns=8, node=2),
    )
    assert paired(plan) == [(0, 3), (1, 5), (2,), (4, 6), (7,)]


def test_a_plan_without_some_nodes_speaks_of_the_others_by_their_new_ids():
    plan = (
        Crash(at_ns=1, node=1),
        Crash(at_ns=2, node=3),
        Cut(at_ns=3, source=0, target=1),
        Partition(at_ns=4, groups=((1,), (0, 4), (2, 3))),
    )
    assert without_nodes(plan, (1, 2)) == (
        Crash(at_ns=2, node=1),
        Partition(at_ns=4, groups=((0, 2), (1,))),
    )


def test_a_simpler_partition_has_fewer_groups_or_nodes():
    fault = Partition(at_ns=0, groups=((0,), (1, 2)))
    assert [each.groups for each in simpler(fault)] == [((0,), (2,)), ((0,), (1,))]
    assert list(simpler(Heal(at_ns=0))) == []


@given(st.integers(0, seconds(100)))
def test_rounder_times_are_rounder_and_the_roundest_comes_first(time_ns):
    def unit(each):
        return next((unit for unit in ROUND_NS if each % unit == 0), 1)

    times = list(rounder(time_ns))
    assert all(unit(each) > unit(time_ns) for each in times)
    assert all(each >= 0 for each in times)
