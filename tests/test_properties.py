"""Always, sometimes, eventually within, and convergence: on streams known to be good and known to be bad."""

import pytest

from simclock import Constant, Network, Scenario, UsageError, ms, seconds
from simclock.actors import Message, Node, Placement, run
from simclock.experiments.checkers.convergence import Converges, convergence
from simclock.experiments.checkers.linearizability import Verdict
from simclock.experiments.checkers.properties import always, eventually_within, property_reports, sometimes, unreached


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


def told(scripts, *observers, placement="inline", duration_ns=1_000_000_000):
    scenario = Scenario(
        name="telling",
        nodes=len(scripts),
        build=lambda node: Telling(scripts[node]),
        observers=observers,
        duration_ns=duration_ns,
        network=Network(latency=Constant(delay_ns=ms(1))),
    )
    return run(scenario, placement)


def violations(result):
    return [(v.property, v.node, v.time_ns) for v in result.violations]


def test_always_holds():
    result = told([[(1, "n", 1), (2, "n", 2)], [(3, "n", 3)]], always("positive", lambda seen: seen.value > 0))
    assert violations(result) == []
    assert str(property_reports(result)["positive"]) == "held, asked 3 times"
    assert unreached(result) == ()


def test_always_names_node_and_time_and_stops_the_run():
    result = told([[(1, "n", 1)], [(3, "n", -3)], [(9, "n", -9)]], always("positive", lambda seen: seen.value > 0))
    assert violations(result) == [("positive", 1, ms(3))]
    assert result.violations[0].detail == "n -3"
    assert result.virtual_ns == ms(4), "one lookahead after"


def test_always_may_go_on():
    going_on = always("positive", lambda seen: seen.value > 0, stop=False)
    result = told([[(1, "n", 1)], [(3, "n", -3)], [(9, "n", -9)]], going_on)
    assert violations(result) == [("positive", 1, ms(3)), ("positive", 2, ms(9))]
    assert property_reports(result)["positive"].violated == 2


def test_always_of_a_name_that_never_comes_is_vacuous():
    result = told([[(1, "n", 1)]], always("balance", lambda seen: seen.value > 5, of="balance"))
    assert unreached(result) == ("balance",)
    assert violations(result) == []


def test_an_invariant_over_several_nodes_reads_the_latest_of_each():
    def one_leader(seen):
        return sum(seen.latest.get("leads", {}).values()) <= 1

    good = [[(1, "leads", True), (5, "leads", False)], [(6, "leads", True)]]
    bad = [[(1, "leads", True), (5, "leads", False)], [(4, "leads", True)]]
    assert violations(told(good, always("one leader", one_leader))) == []
    assert violations(told(bad, always("one leader", one_leader))) == [("one leader", 1, ms(4))]


def test_sometimes_is_reached_or_said_not_to_be():
    observers = (sometimes("big", lambda seen: seen.value > 1), sometimes("huge", lambda seen: seen.value > 9))
    result = told([[(1, "n", 1), (2, "n", 2), (3, "n", 3)]], *observers)
    reports = property_reports(result)
    assert (reports["big"].tested, reports["big"].reached_at_ns) == (2, ms(2))
    assert [str(reports[name]) for name in ("big", "huge")] == ["reached 2 times", "never reached"]
    assert unreached(result) == ("huge",)
    assert violations(result) == []


def repaired(within_ms, **more):
    return eventually_within(
        "repaired", lambda seen: seen.name == "down", lambda seen: seen.name == "up", ms(within_ms), **more
    )


EVENTUALLY = {
    "in time": ([[(1, "down", 0), (5, "up", 0)]], []),
    "at the bound": ([[(1, "down", 0), (11, "up", 0)]], []),
    "one late": ([[(1, "down", 0), (12, "up", 0)]], [("repaired", 0, ms(12))]),
    "never, noticed by another": ([[(1, "down", 0)], [(30, "tick", 0)]], [("repaired", 0, ms(30))]),
    "never, noticed at the end": ([[(1, "down", 0)]], [("repaired", 0, seconds(1))]),
    "one goal meets two": ([[(1, "down", 0), (2, "down", 0), (9, "up", 0)]], []),
    "the second is too late": (
        [[(1, "down", 0), (9, "up", 0), (10, "down", 0)], [(40, "tick", 0)]],
        [("repaired", 0, ms(40))],
    ),
    "another node repairs it": ([[(1, "down", 0)], [(5, "up", 0)]], []),
}  # fmt: skip


@pytest.mark.parametrize(("scripts", "expected"), EVENTUALLY.values(), ids=EVENTUALLY)
def test_eventually_within(scripts, expected):
    result = told(scripts, repaired(10))
    assert violations(result) == expected
    if expected:
        assert "nothing within 10ms" in result.violations[0].detail


def test_eventually_at_the_same_node():
    same = repaired(10, match=lambda seen: seen.node)
    assert violations(told([[(1, "down", 0)], [(5, "up", 0)]], same)) == [("repaired", 0, seconds(1))]
    assert violations(told([[(1, "down", 0), (6, "up", 0)], [(5, "up", 0)]], same)) == []


def test_what_is_still_due_at_the_end_is_open():
    result = told([[(1, "down", 0), (4, "up", 0), (995, "down", 0)]], repaired(10))
    report = property_reports(result)["repaired"]
    assert (report.tested, report.open, report.violated, report.slowest_ns) == (2, 1, 0, ms(3))
    assert str(report) == "triggered 2 times, 0 too late, 1 open at the end, at the latest after 3ms"
    assert unreached(told([[(1, "up", 0)]], repaired(10))) == ("repaired",)


def test_a_bound_is_a_whole_number_of_nanoseconds():
    with pytest.raises(UsageError, match=r"repaired: within_ns"):
        eventually_within("repaired", bool, bool, 0.5)


PLACES = [Placement(kind="windows"), pytest.param(Placement(kind="ray", hosts=2), marks=pytest.mark.ray)]


@pytest.mark.parametrize("placement", PLACES, ids=str)
def test_properties_are_the_same_on_every_placement(placement, request):
    if placement.kind == "ray":
        request.getfixturevalue("ray")
    scripts = [[(1, "n", 1), (7, "down", 0)], [(3, "n", -3), (5, "up", 1)], [(4, "n", 5)]]
    observers = (
        always("positive", lambda seen: seen.value >= 0, stop=False),
        sometimes("big", lambda seen: seen.value > 4),
        repaired(10),
        Converges("n"),
    )
    inline, other = told(scripts, *observers), told(scripts, *observers, placement=placement)
    assert other.reports == inline.reports
    assert other.violations == inline.violations
    assert len(inline.violations) == 3


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
