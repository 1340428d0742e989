"""The placement `auto`: a run begins in process, goes elsewhere where the model says so, and is the same run."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import simclock
from simclock import HandlerError, Message, Network, Node, Observer, Scenario, Uniform, UsageError, ms, seconds
from simclock.actors.placements import auto
from simclock.actors.placements.model import GAIN_MIN, Choice, Load, choose, may_pay, start_s
from simclock.actors.run import Placement, run
from simclock.experiments.comparing.prediction import load_of, predicted_s
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.report import report_json, report_of, report_text
from simclock.experiments.scenario_files.file import named_entry


class Token(Message):
    hops: int


class Passer(Node):
    def on_start(self):
        self.broadcast(Token(0))

    def on_message(self, source, message):
        if message.hops == 9:
            self.observe("nine", self.id)
        if message.hops < 40:
            self.send((self.id + 1) % self.nodes, Token(message.hops + 1))


class Failing(Passer):
    def on_message(self, source, message):
        super().on_message(source, message)
        if message.hops == 9:
            raise ValueError("the ninth")


class Stops(Observer):
    def __init__(self):
        self.seen = 0

    def on_observation(self, observation, control):
        self.seen += 1
        if self.seen == 12:
            control.inject(simclock.Crash(at_ns=control.now_ns + ms(20), node=0))

    def report(self):
        return self.seen


def passing(node=Passer, **changes):
    values = {"name": "passing", "nodes": 4, "seed": 3, "build": lambda _: node(), "duration_ns": seconds(2)}
    network = Network(latency=Uniform(low_ns=ms(2), high_ns=ms(9)))
    return Scenario(**{**values, "network": network, "observers": (Stops,), **changes})


@pytest.fixture
def at_once(monkeypatch):
    """It is looked at after a moment, and goes to two hosts, which stand in for Ray's; gives what was asked."""
    asked = []

    def choice(load, cores, ray_s):
        asked.append(load)
        return Choice(2, "because")

    def on_windows(self, scenario, placement, **named):
        def there(hosts):
            return Placement(kind="windows", hosts=hosts).run

        return auto.run_where_it_pays(scenario, placement, here=Placement(), there=there, **named)

    monkeypatch.setattr(auto, "LOOKS_S", (1e-9,))
    monkeypatch.setattr(auto, "choose", choice)
    monkeypatch.setattr("simclock.actors.placements.placement._WhereItPays.run", on_windows)
    return asked


# The value.


def test_it_is_written_as_any_placement():
    assert Placement.parse("auto") == Placement(kind="auto") and str(Placement(kind="auto")) == "auto"
    assert Placement.parse(" auto ", "10.0.0.1:6379").address == "10.0.0.1:6379"
    for text in ("auto:2", "auto:hosts=2"):
        with pytest.raises(UsageError, match="is not a placement: use inline, windows, ray, auto"):
            Placement.parse(text)
    assert Placement() == Placement(kind="inline"), "the default stays in process"


# The model.

RAFT = Load(nodes=5, events=139_387, windows=7_185, cpu_s=2.0, left_s=0.2)
SIGNED = Load(nodes=100, events=8_099, windows=27, cpu_s=0.54, left_s=60.0)


def test_small_windows_stay_and_heavy_ones_go():
    assert choose(RAFT._replace(left_s=1000.0), 2, 0.0).hosts == 0
    assert choose(SIGNED, 2, 8.0).hosts == 2
    assert choose(SIGNED, 1, 0.0) == Choice(0, "there is one core")


def test_a_run_goes_only_where_what_is_left_pays_for_the_start():
    assert choose(SIGNED._replace(left_s=9.0), 2, 8.0).hosts == 0
    assert choose(SIGNED._replace(left_s=9.0), 2, 0.0).hosts == 2, "a Ray is there"


def test_a_cluster_has_more_cores():
    assert choose(SIGNED, 16, 8.0).hosts > 8 > choose(SIGNED, 4, 8.0).hosts >= 3
    assert choose(SIGNED._replace(nodes=3), 16, 8.0).hosts == 3, "one actor per node"
    one_at_a_time = SIGNED._replace(events=27)
    assert choose(one_at_a_time, 16, 0.0).hosts == 0, "an event a window keeps one host busy"


def test_why_is_told_in_one_line():
    why = choose(SIGNED, 2, 8.0).why
    assert why == (
        "a window of 300 events takes 20 ms here and 11 ms on 2 hosts on 2 cores; 60 s are left here, the whole takes "
        "34 s and 9.1 s to start there"
    )
    assert choose(RAFT, 2, 8.0).why == "a window of 19 events takes 278 us here and 403 us on 2 hosts on 2 cores"


@given(
    load=st.builds(
        Load,
        nodes=st.integers(2, 200),
        events=st.integers(1, 10**6),
        windows=st.integers(1, 10**5),
        cpu_s=st.floats(0.001, 10),
        left_s=st.floats(0, 10**4),
    ),
    cores=st.integers(2, 128),
    ray_s=st.floats(0, 20),
)
def test_it_never_goes_where_the_model_says_it_is_slower(load, cores, ray_s):
    nodes, left_s = load.nodes, load.left_s
    hosts, why = choose(load, cores, ray_s)
    assert "\n" not in why and 0 <= hosts <= min(nodes, cores) and hosts != 1
    if hosts:
        there_s = load.spread_s(hosts, cores) + start_s(hosts, cores, ray_s)
        assert there_s * GAIN_MIN < left_s
        assert may_pay(load) or cores > 64
        assert all(
            there_s <= load.spread_s(other, cores) + start_s(other, cores, ray_s) + 1e-9
            for other in range(2, min(nodes, cores, 64) + 1)
        )


# The run.


@pytest.mark.parametrize("name", ["raft-kv", "phold", "everything"])
def test_a_short_run_is_over_before_anybody_looks(name):
    scenario = make_scenario(named_entry(name, Path())[0], Settings(seed=2, duration_ns=ms(300)))
    inline, chosen = run(scenario), run(scenario, "auto")
    assert chosen.digest == inline.digest and chosen.events == inline.events and chosen.reports == inline.reports
    assert (chosen.placement, inline.chosen, chosen.started_s) == ("inline", "", 0.0)
    assert chosen.chosen == "auto: in process: it was over before more cores could pay"


def test_looking_often_changes_nothing(monkeypatch):
    monkeypatch.setattr(auto, "LOOKS_S", (1e-9, 2e-9, 3e-3, 4e-3))
    inline, records = run(passing()), []
    chosen = run(passing(), "auto", trace=records.append)
    expected = []
    run(passing(), trace=expected.append)
    assert chosen.digest == inline.digest and records == expected
    assert chosen.chosen.startswith("auto: in process: a window of ") and "(pilot: " in chosen.chosen
    assert chosen.report(Stops) == inline.report(Stops) and chosen.faults == inline.faults != ()


def test_a_run_that_goes_elsewhere_is_the_same_run(at_once):
    records, expected = [], []
    inline = run(passing(), trace=expected.append)
    chosen = run(passing(), "auto", trace=records.append)
    assert chosen.digest == inline.digest and chosen.placement == "windows, 2 hosts"
    assert records == expected, "what the pilot traced is not told twice"
    assert chosen.report(Stops) == inline.report(Stops) and chosen.faults == inline.faults
    assert chosen.chosen == f"auto: because (pilot: {at_once[0].events} events, 0.0 s)" and chosen.pilot_s > 0


def test_the_pilot_is_bounded(at_once, monkeypatch):
    monkeypatch.setattr(auto, "LOOKS_S", (1e9,))
    monkeypatch.setattr(auto, "EVENTS_MAX", 50)
    assert run(passing(), "auto").placement == "windows, 2 hosts"
    (load,) = at_once
    assert 50 <= load.events < 100 and 0 < load.windows < 50
    assert load.left_s > load.cpu_s, "most of the run is still to come"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"nodes": 1}, "one node has one host"),
        ({"network": Network(latency=Uniform(low_ns=0, high_ns=ms(1)))}, "the network has no smallest delay"),
    ],
)
def test_what_cannot_be_spread_is_not_piloted(at_once, changes, why):
    result = run(passing(**changes), "auto")
    assert result.chosen.startswith(f"auto: in process: {why}") and result.pilot_s == 0.0 and not at_once


@pytest.mark.parametrize("looks", [(1e-9,), (1e9,)])
def test_a_failure_is_told_once_with_its_trace(looks, monkeypatch):
    monkeypatch.setattr(auto, "LOOKS_S", looks)
    traced = {"inline": [], "auto": []}
    failures = {}
    for placement, records in traced.items():
        with pytest.raises(HandlerError, match="the ninth") as caught:
            run(passing(Failing), placement, trace=records.append)
        failures[placement] = caught.value.failure.time_ns, caught.value.failure.node, caught.value.counters["messages"]
    assert failures["auto"][:2] == failures["inline"][:2]
    assert traced["auto"] == traced["inline"][: len(traced["auto"])] and len(traced["auto"]) > 10


def test_who_looks_on_looks_on_once(at_once):
    opened, seen = [], []

    @contextmanager
    def onlooker(look):
        opened.append(look)
        yield
        seen.append(look(False))

    run(passing(), "auto", onlooker=onlooker)
    assert len(opened) == 1 and seen == [None], "nobody is there any more to be looked at"


# The reports.


def test_reports_tell_why_and_what_came_before(at_once):
    entry = named_entry("phold", Path())[0]
    result = run(make_scenario(entry, Settings(duration_ns=seconds(1))), "auto")
    text = report_text(report_of(entry, result))
    assert "  chosen        auto: because (pilot: " in text
    told = report_text(report_of(entry, result._replace(started_s=9.12, pilot_s=0.52)))
    assert "(Ray started in 9.1 s, after a pilot of 0.5 s)" in told
    assert "(Ray started in 9.1 s)" in result._replace(started_s=9.12, pilot_s=0.0)._repr_html_()
    assert '"chosen": "auto: because' in report_json(report_of(entry, result))


def test_a_comparison_shows_what_was_predicted(at_once):
    found = simclock.compare(passing(), placements=("inline", "windows", "auto"), repeats=2)
    inline, windows, chosen = found.rows
    assert found.status == 0 and inline.predicted_s > 0 and windows.predicted_s is None and chosen.predicted_s > 0
    assert "predicted" in found.headers and all(len(found.cells(row)) == len(found.headers) for row in found.rows)
    alone = simclock.compare(passing(), placements=("inline",), repeats=1)
    assert "predicted" not in alone.headers and alone.rows[0].predicted_s is None


def test_predictions_follow_the_model():
    assert predicted_s(None, Placement()) == predicted_s(SIGNED, Placement(kind="windows")) == 0.0
    assert predicted_s(SIGNED, Placement()) == SIGNED.whole_s
    cores = auto.cores_here()
    assert predicted_s(SIGNED, Placement(kind="ray", hosts=2)) == SIGNED.spread_s(2, cores)
    assert predicted_s(RAFT, Placement(kind="auto")) == RAFT.whole_s
    assert load_of(passing(Failing), [Placement(kind="ray")]) is None, "its code fails, as the run will tell"
    assert load_of(passing(), [Placement()]) is None


def test_auto_takes_no_packing(capsys):
    from simclock.experiments.command_line import main

    for flag in ("--hosts", "--nodes-per-actor"):
        with pytest.raises(SystemExit) as ended:
            main(["run", "phold", "--placement", "auto", flag, "2"])
        assert ended.value.code == 2 and "auto decides that itself" in capsys.readouterr().err


@pytest.mark.ray
def test_it_goes_to_actors_on_a_ray_that_is_there(ray, monkeypatch):
    monkeypatch.setattr(auto, "LOOKS_S", (1e-9,))
    monkeypatch.setattr(auto, "may_pay", lambda load: True)
    monkeypatch.setattr(auto, "choose", lambda load, cores, ray_s: Choice(2, f"{ray_s} s"))
    records, expected = [], []
    inline = run(passing(), trace=expected.append)
    result = run(passing(), "auto", trace=records.append)
    assert result.digest == inline.digest and records == expected
    assert result.placement == "ray, 2 hosts" and result.chosen.startswith("auto: 0.0 s (pilot: ")
    assert result.started_s > 0 and "Ray started in" in result.before_text
    assert replace(Placement.parse("auto"), kind="ray") == Placement(kind="ray")
