"""Always, sometimes, eventually, leads to, and convergence: on streams known to be good and known to be bad."""

import re
from dataclasses import replace

import pytest

from simclock import (
    Constant,
    Crash,
    HandlerError,
    Heal,
    Network,
    Observer,
    Partition,
    Restart,
    Scenario,
    UsageError,
    always,
    eventually,
    leads_to,
    ms,
    seconds,
    sometimes,
)
from simclock.actors import Message, Node, Placement, run
from simclock.experiments.checkers.convergence import Converges, convergence
from simclock.experiments.checkers.linearizability import Verdict
from simclock.experiments.checkers.properties import property_reports, unreached
from simclock.experiments.entries.verdict import judge_invariants
from simclock.experiments.runs.outcome import outcome_of_death
from simclock.experiments.runs.sweep_report import sweep_status


class Telling(Node):
    """Observes what a script says: (time_ms, name, value)."""

    def __init__(self, script):
        self.script = script

    def on_start(self):
        for number, (time_ms, _, _) in enumerate(self.script):
            self.set_timer(number, ms(time_ms))

    def on_timer(self, timer):
        _, name, value = self.script[timer]
        self.observe(name, value)


def told(scripts, *observers, placement="inline", duration_ns=1_000_000_000, faults=()):
    scenario = Scenario(
        name="telling",
        nodes=len(scripts),
        build=lambda node: Telling(scripts[node]),
        observers=observers,
        duration_ns=duration_ns,
        network=Network(latency=Constant(delay_ns=ms(1))),
        faults=faults,
    )
    return run(scenario, placement)


def violations(result):
    return [(v.property, v.node, v.time_ns) for v in result.violations]


def test_always_holds():
    result = told([[(1, "n", 1), (2, "n", 2)], [(3, "n", 3)]], always("positive", lambda nodes: nodes.now.value > 0))
    assert violations(result) == []
    assert str(property_reports(result)["positive"]) == "held, asked 3 times"
    assert unreached(result) == ()


def test_always_names_node_and_time_and_stops_the_run():
    result = told(
        [[(1, "n", 1)], [(3, "n", -3)], [(9, "n", -9)]], always("positive", lambda nodes: nodes.now.value > 0)
    )
    assert violations(result) == [("positive", 1, ms(3))]
    assert result.violations[0].detail == "n -3"
    assert result.virtual_ns == ms(4), "one lookahead after"


def test_always_may_go_on():
    going_on = always("positive", lambda nodes: nodes.now.value > 0, stop=False)
    result = told([[(1, "n", 1)], [(3, "n", -3)], [(9, "n", -9)]], going_on)
    assert violations(result) == [("positive", 1, ms(3)), ("positive", 2, ms(9))]
    assert property_reports(result)["positive"].violated == 2


def test_always_of_a_name_that_never_comes_is_vacuous():
    result = told([[(1, "n", 1)]], always("balance", lambda nodes: nodes.now.value > 5, of="balance"))
    assert unreached(result) == ("balance",)
    assert violations(result) == []


def test_an_invariant_over_several_nodes_reads_the_latest_of_each():
    def one_leader(nodes):
        return sum(nodes.values("leads")) <= 1

    good = [[(1, "leads", True), (5, "leads", False)], [(6, "leads", True)]]
    bad = [[(1, "leads", True), (5, "leads", False)], [(4, "leads", True)]]
    assert violations(told(good, always("one leader", one_leader))) == []
    assert violations(told(bad, always("one leader", one_leader))) == [("one leader", 1, ms(4))]


def test_sometimes_is_reached_or_said_not_to_be():
    observers = (
        sometimes("big", lambda nodes: nodes.now.value > 1),
        sometimes("huge", lambda nodes: nodes.now.value > 9),
    )
    result = told([[(1, "n", 1), (2, "n", 2), (3, "n", 3)]], *observers)
    reports = property_reports(result)
    assert (reports["big"].tested, reports["big"].reached_at_ns) == (2, ms(2))
    assert [str(reports[name]) for name in ("big", "huge")] == ["reached 2 times", "never reached"]
    assert unreached(result) == ("huge",)
    assert violations(result) == []


def repaired(within_ms, **more):
    return leads_to(
        "repaired",
        lambda nodes: nodes.now.name == "down",
        lambda nodes: nodes.now.name == "up",
        within=ms(within_ms),
        **more,
    )


LEADS_TO = {
    "in time": ([[(1, "down", 0), (5, "up", 0)]], []),
    "at the bound": ([[(1, "down", 0), (11, "up", 0)]], []),
    "one late": ([[(1, "down", 0), (12, "up", 0)]], [("repaired", 0, ms(11))]),
    "never, though others go on": ([[(1, "down", 0)], [(30, "tick", 0)]], [("repaired", 0, ms(11))]),
    "never": ([[(1, "down", 0)]], [("repaired", 0, ms(11))]),
    "one goal meets two": ([[(1, "down", 0), (2, "down", 0), (9, "up", 0)]], []),
    "the second is too late": (
        [[(1, "down", 0), (9, "up", 0), (10, "down", 0)], [(40, "tick", 0)]],
        [("repaired", 0, ms(20))],
    ),
    "another node repairs it": ([[(1, "down", 0)], [(5, "up", 0)]], []),
}  # fmt: skip


@pytest.mark.parametrize(("scripts", "expected"), LEADS_TO.values(), ids=LEADS_TO)
def test_leads_to(scripts, expected):
    result = told(scripts, repaired(10))
    assert violations(result) == expected
    if expected:
        assert "nothing within 10ms" in result.violations[0].detail


def test_leads_to_at_the_same_node():
    same = repaired(10, match=lambda nodes: nodes.now.node)
    assert violations(told([[(1, "down", 0)], [(5, "up", 0)]], same)) == [("repaired", 0, ms(11))]
    assert violations(told([[(1, "down", 0), (6, "up", 0)], [(5, "up", 0)]], same)) == []


def test_what_is_still_due_at_the_end_is_open():
    result = told([[(1, "down", 0), (4, "up", 0), (995, "down", 0), (2000, "tick", 0)]], repaired(10))
    report = property_reports(result)["repaired"]
    assert (report.tested, report.open, report.violated, report.slowest_ns) == (2, 1, 0, ms(3))
    assert str(report) == "triggered 2 times, 0 too late, 1 open at the end, at the latest after 3ms"
    assert unreached(told([[(1, "up", 0)]], repaired(10))) == ("repaired",)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: leads_to("repaired", bool, bool, within=0.5), "repaired: within: cannot read '0.5'"),
        (lambda: eventually("repaired", bool, within="soon"), "repaired: within: cannot read 'soon'"),
        (lambda: eventually("repaired", bool, within=-1), "repaired: within: -1 is negative"),
        (lambda: always(lambda nodes: True, "one leader"), "is not a name"),
        (lambda: eventually("x", bool, within="1s", despite=("dwn",)), "x: despite: unknown sort of fault that stands"),
        (
            lambda: eventually("x", bool, within="1s", despite="down"),
            "x: despite: unknown sort of fault that stands 'd'",
        ),
        (lambda: always("one leader", True), "one leader: True is not a function: write lambda nodes: ..."),
    ],
)
def test_what_a_property_is_made_of_is_checked_where_it_is_made(make, problem):
    with pytest.raises(UsageError, match=re.escape(problem)):
        make()


# What the predicate sees.


def test_a_node_shows_what_it_observed_last_by_name():
    seen = []

    def look(nodes):
        seen.append(
            (
                [node.id for node in nodes if "n" in node],
                nodes[0].get("n", "none"),
                getattr(nodes[1], "two words", None),
                nodes.values("n"),
                len(nodes),
                nodes.now.node,
            )
        )
        return True

    told([[(1, "n", 1), (4, "n", 2)], [(3, "two words", 3)], [(2, "n", 9)]], always("looked at", look))
    assert seen == [
        ([0], 1, None, (1,), 3, 0),
        ([0, 2], 1, None, (1, 9), 3, 2),
        ([0, 2], 1, 3, (1, 9), 3, 1),
        ([0, 2], 2, 3, (2, 9), 3, 0),
    ]


def test_what_is_not_observed_yet_is_not_judged_and_no_false_alarm():
    same = always("equal", lambda nodes: nodes[0].n == nodes[1].n)
    assert violations(told([[(1, "n", 7)], [(2, "n", 7)]], same)) == []
    different = told([[(1, "n", 7)], [(2, "n", 8)]], same)
    assert violations(different) == [("equal", 1, ms(2))]
    assert different.violations[0].detail == "n 8 (n: 7 at node 0, 8 at node 1)"
    alone = told([[(1, "n", 7)], [(2, "m", 7)]], same)
    assert [str(each) for each in alone.unjudged] == [
        'equal was not judged: node 1 has not observed \'n\' (`"name" in node` and `node.get("name", default)` '
        "can be asked all the same)"
    ]
    assert judge_invariants(alone).status == "unknown"


def test_a_name_that_no_node_observes_is_named_with_what_may_be_meant():
    misspelt = always("one leader", lambda nodes: sum(nodes.values("leadr")) <= 1)
    result = told([[(1, "leader", True)], [(2, "leader", True)]], misspelt)
    judged = judge_invariants(result)
    assert (judged.status, judged.lines) == (
        "unknown",
        ("one leader was not judged: no node ever observed 'leadr': did you mean 'leader'?",),
    )
    assert unreached(result) == ("one leader",)
    lenient = always("none failed", lambda nodes: not any(node.get("failed") for node in nodes))
    assert judge_invariants(told([[(1, "n", 1)]], lenient)).status == "valid"


def test_a_run_in_which_nothing_is_observed_judges_nothing():
    observers = (always("a", lambda nodes: True), sometimes("b", lambda nodes: True))
    assert [str(each) for each in told([[]], *observers).unjudged] == [
        "a was not judged: no node observed anything",
        "b was not judged: it never came to hold",
    ]


def test_an_answer_that_is_neither_true_nor_false_is_refused():
    with pytest.raises(HandlerError, match="its function gives a generator, which is neither true nor false") as caught:
        told([[(1, "n", 1)]], always("positive", lambda nodes: (node.n > 0 for node in nodes)))
    assert caught.value.failure.usage


def test_a_predicate_that_fails_is_told_with_its_line():
    with pytest.raises(HandlerError, match=r"ZeroDivisionError.*\n.*test_properties.py:\d+ in <lambda>"):
        told([[(1, "n", 1)]], always("positive", lambda nodes: nodes[0].n / 0 > 0))


# Eventually.

ALL_DECIDE = eventually("all decide", lambda nodes: all("decided" in node for node in nodes), within="10ms")
CUT = (Partition(at_ns=ms(2), groups=((0,), (1,))), Heal(at_ns=ms(50)))
DOWN = (Crash(at_ns=ms(20), node=0),)


@pytest.mark.parametrize(
    ("times_ms", "faults", "broken_at_ms"),
    [
        ((1, 10), (), None),
        ((1, 11), (), 10),
        ((1, None), (), 10),
        ((1, 60), CUT, None),
        ((1, 3), CUT, None),
        ((1, 61), CUT, 60),
        ((1, 21), (Crash(at_ns=ms(20), node=0), Restart(at_ns=ms(30), node=0)), None),
    ],
)
def test_eventually_counts_from_the_start_or_the_end_of_the_last_fault(times_ms, faults, broken_at_ms):
    scripts = [[(time_ms, "decided", 1)] if time_ms is not None else [] for time_ms in times_ms]
    result = told(scripts, ALL_DECIDE, faults=faults)
    assert violations(result) == ([] if broken_at_ms is None else [("all decide", -1, ms(broken_at_ms))])
    assert result.unjudged == ()


@pytest.mark.parametrize(
    ("ends_ms", "predicate", "broken_at_ms"),
    [
        (55, lambda nodes: nodes[1].get("up"), None),
        (30, lambda nodes: nodes[1].get("up"), 60),
        (55, lambda nodes: nodes.now.value and nodes[1].get("up"), 60),
    ],
)
def test_what_has_held_and_no_longer_does_is_not_met_by_that(ends_ms, predicate, broken_at_ms):
    """From 1 ms until then, with a cut until 50 ms; what looks at `now` has held in an instant alone."""
    up = eventually("up", predicate, within="10ms")
    result = told([[], [(1, "up", True), (ends_ms, "up", False)]], up, faults=CUT)
    assert violations(result) == ([] if broken_at_ms is None else [("up", -1, ms(broken_at_ms))])


def test_eventually_is_unknown_where_it_could_not_be_told():
    quiet = told([[(1, "decided", 1)], []], ALL_DECIDE, duration_ns=ms(5))
    assert violations(quiet) == [("all decide", -1, ms(5))], "nothing is left that could still decide"
    early = told([[(1, "decided", 1)], [(30, "decided", 1)]], ALL_DECIDE, duration_ns=ms(5))
    assert [each.why for each in early.unjudged] == ["the run ended 5ms after the start, and it may take 10ms"]


def test_a_fault_that_still_acts_leaves_it_unknown_unless_the_protocol_bears_it():
    scripts = [[(30, "decided", 1)], [(30, "decided", 1)]]
    assert [each.why for each in told(scripts, ALL_DECIDE, faults=DOWN).unjudged] == ["node 0 is still down"]
    bearing = eventually("all decide", ALL_DECIDE.predicate, within="10ms", despite=("down",))
    result = told(scripts, bearing, faults=DOWN)
    assert violations(result) == [("all decide", -1, ms(30))]
    assert result.violations[0].detail == ("not within 10ms of the end of the last fault at 20ms: decided: 1 at node 1")


def test_what_is_asked_of_the_observation_of_the_instant_does_not_stay():
    commit = eventually("a commit", lambda nodes: nodes.now.name == "commit", within="10ms")
    scripts = [[(1, "commit", 1), (70, "commit", 2)], [(5, "tick", 1)]]
    assert violations(told(scripts, commit, faults=CUT)) == [("a commit", -1, ms(60))]
    state = eventually("a commit", lambda nodes: "commit" in nodes[0], within="10ms")
    assert violations(told(scripts, state, faults=CUT)) == []


def test_leads_to_counts_from_the_end_of_the_last_fault():
    scripts = [[(1, "down", 0), (59, "up", 0)]]
    assert violations(told([*scripts, []], repaired(10), faults=CUT)) == []
    assert violations(told(scripts, repaired(10))) == [("repaired", 0, ms(11))]


def test_a_state_that_lasts_triggers_once():
    asked = leads_to("answered", lambda nodes: nodes[0].n > 1, lambda nodes: nodes.now.name == "answer", within="9ms")
    result = told([[(1, "n", 2), (2, "n", 3), (3, "answer", 0), (4, "n", 4), (30, "n", 1), (31, "n", 5)]], asked)
    assert property_reports(result)["answered"].tested == 2
    assert violations(result) == [("answered", 0, ms(40))]


def test_a_property_may_stand_beside_observers():
    class Counts(Observer):
        def __init__(self):
            self.count = 0

        def on_observation(self, observation, control):
            self.count += 1

        def report(self):
            return self.count

    result = told([[(1, "n", 1)]], Counts, always("positive", lambda nodes: nodes.now.value > 0))
    assert result.report(Counts) == 1
    assert judge_invariants(result).status == "valid"


PLACES = [Placement(kind="windows"), pytest.param(Placement(kind="ray", hosts=2), marks=pytest.mark.ray)]


@pytest.mark.parametrize("placement", PLACES, ids=str)
def test_properties_are_the_same_on_every_placement(placement, request):
    if placement.kind == "ray":
        request.getfixturevalue("ray")
    scripts = [[(1, "n", 1), (7, "down", 0)], [(3, "n", -3), (5, "up", 1)], [(4, "n", 5)]]
    observers = (
        always("positive", lambda nodes: nodes.now.value >= 0, stop=False),
        always("equal", lambda nodes: len(set(nodes.values("n"))) <= 1, stop=False),
        always("misspelt", lambda nodes: nodes[0].m > 0),
        sometimes("big", lambda nodes: nodes.now.value > 4),
        eventually("five", lambda nodes: 5 in nodes.values("n"), within="3ms"),
        repaired(10),
        Converges("n"),
    )
    inline, other = told(scripts, *observers), told(scripts, *observers, placement=placement)
    assert other.reports == inline.reports
    assert (other.violations, other.unjudged) == (inline.violations, inline.unjudged)
    assert other.digest == inline.digest
    broken = dict.fromkeys(violation.property for violation in inline.violations)
    assert list(broken) == ["positive", "equal", "five", "repaired", "convergence"]
    assert [each.property for each in inline.unjudged] == ["misspelt"]


# Of many runs.


@pytest.mark.parametrize(
    ("unjudged", "status"),
    [
        (((), ("a",), ("a", "b")), 0),
        ((("a",), ("b",)), 0),
        ((("a",), ("a", "b")), 3),
        ((("a",),), 3),
        (((),), 0),
    ],
)
def test_a_sweep_is_unknown_where_no_seed_has_judged_a_property(unjudged, status):
    def outcome(names):
        verdict = "unknown" if names else "valid"
        judged = outcome_of_death(0, "")
        return replace(judged, verdict=verdict, properties=names)

    assert sweep_status(map(outcome, unjudged)) == status
    without_a_name = replace(outcome(()), verdict="unknown")
    assert sweep_status([without_a_name, outcome(())]) == 3
    broken = replace(outcome(()), verdict="violated", properties=("a",))
    assert sweep_status([broken, outcome(("a",))]) == 1


def test_a_result_has_the_status_that_is_judged():
    for script in ([[(1, "n", 1)]], [[(1, "n", -1)]], [[]]):
        result = told(script, always("positive", lambda nodes: nodes[0].n > 0))
        assert result.status == judge_invariants(result).status


# Convergence.


def test_equal_replicas_have_converged():
    judged = convergence({0: (1, 2), 1: (1, 2), 2: (9,)}, replicas=(0, 1))
    assert (judged.verdict, judged.explain()) == (Verdict.OK, "OK: 2 replicas converged")


def test_replicas_that_differ_are_named_with_their_states():
    judged = convergence({0: "a", 1: "b", 2: "b"})
    assert judged.verdict is Verdict.ILLEGAL
    assert judged.explain().splitlines() == [
        "ILLEGAL: replicas diverged into 2 states",
        "  replicas 1, 2: 'b'",
        "  replicas 0: 'a'",
    ]


def test_a_replica_without_a_state_is_unknown_unless_others_differ():
    assert convergence({0: "a", 1: None}).verdict is Verdict.UNKNOWN
    assert convergence({0: "a", 1: None, 2: "b"}).verdict is Verdict.ILLEGAL
    with pytest.raises(UsageError, match="no replica"):
        convergence({})
    with pytest.raises(TypeError):
        bool(convergence({0: 1}))


def converged(scripts, **more):
    result = told(scripts, Converges("state", **more))
    return result.reports["Convergence"], violations(result)


def test_what_replicas_observe_last_is_compared_at_the_end():
    judged, broken = converged([[(1, "state", 1), (9, "state", 2)], [(4, "state", 2)]], quiet_ns=ms(500))
    assert (judged.verdict, broken) == (Verdict.OK, [])
    judged, broken = converged([[(1, "state", 1)], [(4, "state", 2)]])
    assert (judged.verdict, broken) == (Verdict.ILLEGAL, [("convergence", 1, seconds(1))])


def test_a_run_that_has_not_come_to_rest_is_unknown():
    judged, broken = converged([[(1, "state", 1), (990, "state", 3)], [(4, "state", 2)]], quiet_ns=ms(500))
    assert (judged.verdict, broken) == (Verdict.UNKNOWN, [])
    assert "still changing 10ms before the end" in judged.explain()
    assert converged([[(1, "other", 1)]])[0].verdict is Verdict.UNKNOWN
    assert converged([[(1, "state", 1)], []], replicas=(0, 1))[0].verdict is Verdict.UNKNOWN


class Unused(Message):
    """The Ray placement wants a message class."""
