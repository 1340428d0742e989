"""The rhythm of a nemesis: stated, set, or measured by a short run without faults."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from simclock import Constant, Message, Network, Node, Observer, Scenario, UsageError, ms, seconds
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import Entry, as_drawn, make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.experiments.nemesis import Prey, Rhythm, parse_rhythm, under_nemesis
from simclock.experiments.nemesis.pilot import measure, roles_of
from simclock.experiments.nemesis.rhythm import counted_rhythm
from simclock.experiments.runs.outcome import SeedRunner


class Ping(Message):
    pass


class Pong(Message):
    pass


class Asker(Node):
    def on_start(self):
        self.set_timer("ask", ms(80))

    def on_timer(self, timer):
        self.send(1, Ping())
        self.set_timer(("give up", self.incarnation), ms(300))
        self.set_timer("ask", ms(80))


class Answerer(Node):
    def on_message(self, source, message):
        if isinstance(message, Ping):
            self.send(source, Pong())


class Once(Asker):
    def on_timer(self, timer):
        self.send(1, Ping())


class Told(Observer):
    made = 0

    def __init__(self):
        Told.made += 1


def pinging(asker=Asker, **given):
    return Scenario(
        name="pinging",
        nodes=3,
        build=lambda node: Answerer() if node == 1 else asker(),
        duration_ns=seconds(20),
        network=Network(latency=Constant(delay_ns=ms(4))),
        **given,
    )


def entry_of(make):
    return Entry(name="own", summary="", make=make, judge=judge_invariants)


def test_what_a_pilot_sees():
    measured = measure(pinging())
    assert measured == (ms(8), (ms(80), ms(300)), None)
    assert measured.rhythm(seconds(20)) == Rhythm((ms(8), ms(80), ms(300)))
    once = measure(pinging(Once))
    assert once.quiet_ns == ms(88) and once.rhythm(seconds(20)).for_ns == 8 * ms(88) // ms(10) * ms(10)


def test_no_rhythm_is_longer_than_a_part_of_what_happens():
    assert max(measure(pinging()).rhythm(ms(600)).rhythms_ns) == ms(50)
    assert max(measure(pinging(Once)).rhythm(seconds(20)).rhythms_ns) < ms(88) // 10


def test_an_own_observer_final_and_the_terminal_hear_nothing_of_it(capsys):
    class Loud(Asker):
        def on_timer(self, timer):
            print("asked")
            super().on_timer(timer)

    Told.made = 0
    measure(pinging(Loud, observers=(Told,), final=lambda node: pytest.fail("the run has not ended")))
    assert Told.made == 0 and capsys.readouterr().out == ""


def test_nothing_that_a_scenario_shares_is_left_by_the_pilot():
    def shared(settings):
        asked = []

        class Counting(Asker):
            def on_timer(self, timer):
                asked.append(timer)
                self.observe("asked", len(asked))
                super().on_timer(timer)

        return replace(pinging(Counting), seed=settings.seed)

    drawn = make_scenario(entry_of(shared), Settings(nemesis="crash"))
    again = make_scenario(entry_of(shared), as_drawn(Settings(nemesis="crash"), drawn))
    assert run(drawn).digest == run(again).digest


def test_the_pilot_ends_where_code_fails_and_the_run_tells():
    class Broken(Asker):
        def on_timer(self, timer):
            raise KeyError("no")

    assert measure(pinging(Broken)).timers_ns == (ms(80),)
    outcome = SeedRunner(entry=entry_of(lambda settings: pinging(Broken)), settings=Settings(nemesis="swarm")).outcome(
        0
    )
    assert outcome.properties[0].startswith("KeyError")


def test_a_pilot_has_an_end_also_where_the_run_has_none():
    class Busy(Node):
        def on_start(self):
            self.set_timer("on", 1)

        def on_timer(self, timer):
            self.set_timer("on", 1)

    assert measure(replace(pinging(), build=lambda node: Busy())).timers_ns == (1,)


def test_what_is_measured_stands_in_the_scenario_and_makes_the_same_plan():
    entry = entry_of(lambda settings: replace(pinging(), seed=settings.seed))
    settings = Settings(seed=3, nemesis="swarm")
    drawn = make_scenario(entry, settings)
    assert drawn.parameters["rhythm"] == "8ms+80ms+300ms"
    assert drawn.parameters["measured"] == "an exchange takes 8ms, timers 80ms to 300ms"
    again = make_scenario(entry, as_drawn(settings, drawn))
    assert again.faults == drawn.faults and "measured" not in again.parameters
    assert make_scenario(entry, replace(settings, rhythm="50ms")).faults != drawn.faults


def test_an_outcome_keeps_it_and_is_had_again():
    entry = entry_of(lambda settings: replace(pinging(Once), seed=settings.seed))
    outcome = SeedRunner(entry=entry, settings=Settings(nemesis="swarm")).outcome(5)
    rhythm = counted_rhythm(outcome.counters)
    assert rhythm is not None and rhythm.for_ns is not None
    again = outcome.settings(Settings(nemesis="swarm"))
    assert again == Settings(seed=5, nemesis="swarm", rhythm=str(rhythm))
    assert SeedRunner(entry=entry, settings=again).outcome(5).digest == outcome.digest


def test_who_states_a_rhythm_keeps_it():
    scenario = make_scenario(entries()["raft-kv"], Settings(seed=1, nemesis="swarm"))
    assert "rhythm" not in scenario.parameters and "measured" not in scenario.parameters
    prey = Prey(servers=(0, 1, 2), rhythm_ns=ms(100))
    assert "rhythm" not in under_nemesis(pinging(), prey, "swarm", liveness_ns=None, extra=False).parameters
    faster = make_scenario(entries()["raft-kv"], Settings(seed=1, nemesis="swarm", rhythm="10ms for 1s"))
    assert faster.parameters["rhythm"] == "10ms for 1s"


def test_what_a_scenario_spares_is_not_drawn_and_moves_nothing_else():
    def plans(spares):
        prey = Prey(servers=(0, 1, 2), spares=spares)
        for seed in range(30):
            scenario = replace(pinging(), seed=seed)
            yield under_nemesis(scenario, prey, "swarm", liveness_ns=None, extra=False).faults

    clocks = {"jump-clock", "set-drift", "stop-clock", "start-clock"}
    struck = 0
    for all_of_it, spared in zip(plans(()), plans(("clock",)), strict=True):
        struck += any(fault.kind in clocks for fault in all_of_it)
        assert spared == tuple(fault for fault in all_of_it if fault.kind not in clocks)
    assert struck > 3


def test_roles_are_the_classes_of_nodes():
    assert roles_of(pinging(), (0, 1, 2)) == ((0, 2), (1,))


@pytest.mark.parametrize("text", ["80ms", "8ms+80ms", "8ms+80ms for 2s", "1.5s for 1m"])
def test_a_rhythm_is_read_as_it_is_written(text):
    rhythm = parse_rhythm(text)
    assert parse_rhythm(str(rhythm)) == rhythm == counted_rhythm(rhythm.counters())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("80", "80ms"),
        ("0", "more than zero"),
        ("fast", "cannot read"),
        ("80ms for", "cannot read"),
        (7, "is no rhythm"),
    ],
)
def test_what_is_no_rhythm_is_refused(text, problem):
    with pytest.raises(UsageError, match=problem):
        parse_rhythm(text)


def test_a_rhythm_without_a_nemesis_is_refused(tmp_path):
    result = CliRunner().invoke(main, ["run", "raft-kv", "--rhythm", "80ms"])
    assert result.exit_code == 2 and "give a nemesis too" in result.stderr
    file = tmp_path / "own.toml"
    file.write_text('scenario = "raft-kv"\nnemesis = "swarm"\nrhythm = "80"\n')
    result = CliRunner().invoke(main, ["run", str(file)])
    assert result.exit_code == 2 and result.stderr.startswith(f"simclock: {file}: rhythm: cannot read '80'")
    file.write_text('scenario = "raft-kv"\nnemesis = "swarm"\nrhythm = "80ms for 1s"\nduration = "2s"\n')
    result = CliRunner().invoke(main, ["run", str(file)])
    assert result.exit_code == 0 and "rhythm 80ms for 1s" in result.stdout
