"""A run of which nothing was judged says so, methods that nobody calls are named, and what broke comes first."""

import pytest
from click.testing import CliRunner

from simclock import Network, Observer, Scenario, Uniform, ms, seconds
from simclock.actors import Message, Node, run
from simclock.experiments.catalog import entries
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED, Verdict, judge_invariants, together
from simclock.experiments.runs.report import report_of, verdict_lines


class Hello(Message):
    n: int


class Tells(Node):
    def on_start(self):
        self.observe("here")


class Ticks(Node):
    def on_start(self):
        self.observe("tick")
        self.set_timer("t", ms(2))


class Counts(Observer):
    def on_observation(self, observation, control):
        pass


class AtTheEnd(Observer):
    def on_finish(self, control):
        pass


class Collects(Counts):
    judges = False


class Breaks(Observer):
    def on_finish(self, control):
        control.violated("Nobody Tells", 1, "node 1 told", stop=False)


def scenario(node=Tells, **more):
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9)))
    return Scenario(
        name="s", nodes=2, build=lambda number: node(), **{"duration_ns": seconds(1), "network": network, **more}
    )


def verdict(made: Scenario) -> Verdict:
    return judge_invariants(run(made))


@pytest.mark.parametrize(
    "more",
    [{}, {"observers": (Collects,)}, {"observers": (Observer,)}],
    ids=["no observer", "collects", "does nothing"],
)
def test_nothing_was_judged(more):
    told = verdict(scenario(**more))
    assert told.status == UNKNOWN and told.lines[0].startswith("nothing was judged: ")


@pytest.mark.parametrize(
    "more",
    [
        {"observers": (Counts,)},
        {"observers": (AtTheEnd,)},
        {"observers": (Collects, Counts)},
        {"final": lambda node: None},
        {"fail_when_quiet": True, "duration_ns": ms(1), "node": Ticks},
    ],
    ids=["an observer", "at the end", "one of two", "final", "quiet"],
)
def test_something_was_judged(more):
    assert verdict(scenario(**more)) == Verdict(status=VALID, lines=("no invariant was violated",))


def test_an_observer_that_was_told_nothing_is_said_to():
    told = verdict(scenario(Node, observers=(Counts,)))
    assert told.status == VALID and told.lines == ("no invariant was violated: but no node observed anything",)


def test_a_run_says_it_with_status_3_and_a_load_promises_nothing(tmp_path):
    file = tmp_path / "hears_nothing.py"
    file.write_text(
        "from simclock.actors import Node\nfrom simclock import Scenario, seconds\n"
        "class Deaf(Node):\n    def on_mesage(self, source, message):\n        pass\n"
        "deaf = Scenario(name='deaf', nodes=2, build=lambda number: Deaf(), duration_ns=seconds(1))\n",
        encoding="utf-8",
    )
    for placement in ("inline", "windows"):
        done = CliRunner().invoke(main, ["run", f"{file}:deaf", "--placement", placement])
        assert done.exit_code == 3 and "unknown: nothing was judged" in done.stdout
        assert "Deaf.on_mesage is never called: is it meant to be on_message?" in done.stdout
    load = CliRunner().invoke(main, ["run", "phold", "--nodes", "5"])
    assert load.exit_code == 0 and "nothing was judged: a load promises nothing" in load.stdout


def named(**methods):
    return type("Named", (Node,), {"__module__": __name__, **methods})


def calls_on_timeout(self):
    self.on_timeout()


@pytest.mark.parametrize(
    ("methods", "meant"),
    [
        (("on_mesage",), "on_message"),
        (("on_messages",), "on_message"),
        (("onMessage",), "on_message"),
        (("on_Start",), "on_start"),
        (("on_strat",), "on_start"),
        (("on_msg",), "on_message"),
        (("on_timeout",), "on_timer"),
        (("on_times", "on_message"), "on_timer"),
        (("on_commit", "on_message", "_message", "timer", "start"), None),
    ],
)
def test_a_method_that_is_close_to_a_handler_is_named(methods, meant):
    warnings = run(scenario(named(**{name: lambda self, *rest: None for name in methods}))).warnings
    told = f"Named.{methods[0]} is never called: is it meant to be {meant}?"
    assert warnings == (() if meant is None else (told,))


def test_simclocks_own_classes_are_taken_to_be_right():
    ours = type("Ours", (Node,), {"__module__": "simclock.protocols.x", "on_mesage": lambda self: None})
    mine = type("Mine", (ours,), {"__module__": __name__, "on_timr": lambda self: None})
    assert run(scenario(mine)).warnings == ("Mine.on_timr is never called: is it meant to be on_timer?",)


def test_a_method_that_its_class_calls_is_none():
    called = named(on_timeout=lambda self: None, on_start=calls_on_timeout)
    assert run(scenario(called)).warnings == ()


def test_the_other_nodes_class_and_observers_are_looked_at_too():
    class Finishes(Observer):
        def on_finished(self, control):
            pass

    wrong = named(on_mesage=lambda self: None)
    made = scenario(observers=(Finishes,), byzantine={1: lambda node: wrong()})
    assert run(made, "windows").warnings == (
        "Named.on_mesage is never called: is it meant to be on_message?",
        f"{Finishes.__qualname__}.on_finished is never called: is it meant to be on_finish?",
    )


def test_the_catalog_has_none():
    from simclock.experiments.entries.entry import make_scenario
    from simclock.experiments.entries.settings import Settings

    for name in ("raft-kv", "everything", "chat", "crdts"):
        assert run(make_scenario(entries()[name], Settings(duration_ns=seconds(1)))).warnings == (), name


# What broke comes first.


def test_the_worst_part_comes_first():
    held = Verdict(status=VALID, lines=("all hold",))
    unknown = Verdict(status=UNKNOWN, lines=("too long",))
    broken = Verdict(status=VIOLATED, lines=("P violated", "  at node 1"), properties=("P",))
    assert together(held, unknown, broken) == Verdict(
        status=VIOLATED, lines=("P violated", "  at node 1", "too long", "all hold"), properties=("P",)
    )
    assert together(held, unknown).lines[0] == "too long" and together(held, unknown).status == UNKNOWN


@pytest.mark.parametrize("own", [VALID, UNKNOWN])
def test_an_invariant_that_broke_comes_before_what_the_own_judge_says(own):
    entry = Entry(
        name="s",
        summary="",
        make=lambda settings: scenario(),
        judge=lambda result: Verdict(status=own, lines=("P holds: 3 leaders",)),
    )
    report = report_of(entry, run(scenario(observers=(Breaks,))))
    assert verdict_lines(report) == ["violated: Nobody Tells violated at node 1: node 1 told", "P holds: 3 leaders"]
