"""A run that has gone quiet: since when, what was lost, who waits for whom; the same on every placement."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from simclock import (
    Clog,
    Constant,
    Crash,
    Cut,
    Network,
    Observer,
    Pause,
    Restart,
    Scenario,
    StopClock,
    UsageError,
    ms,
    seconds,
)
from simclock.actors import Message, Node, run
from simclock.actors.run import Placement
from simclock.experiments.command_line import main
from simclock.experiments.traces.waiting import who_waits
from simclock.kernel.quiet import NEVER_QUIET, Lost, Quiet


class Ask(Message):
    n: int = 0


class Answer(Message):
    n: int = 0


class Asks(Node):
    """Node 0 asks node 1, once."""

    def on_start(self):
        if self.id == 0:
            self.send(1, Ask())

    def on_message(self, source, message):
        if isinstance(message, Ask):
            self.send(source, Answer())


class Cancels(Asks):
    """And has thought of a retry, which it cancelled."""

    def on_start(self):
        super().on_start()
        self.set_timer("retry", ms(400))
        self.cancel_timer("retry")
        self.set_timer("other", ms(700))
        self.set_timer("other", ms(2))


class Retries(Asks):
    def on_start(self):
        super().on_start()
        self.set_timer("retry", seconds(2))


class AsksTheNext(Node):
    """Everybody asks the next, and answers only after it has been answered itself."""

    def on_start(self):
        self.send((self.id + 1) % self.nodes, Ask(self.id))

    def on_message(self, source, message):
        if isinstance(message, Answer):
            self.send((self.id - 1) % self.nodes, Answer())


def scenario(node, nodes=2, **more):
    network = Network(latency=Constant(delay_ns=ms(3)), loss=more.pop("loss", 0.0))
    return Scenario(
        name="s", nodes=nodes, build=lambda number: node(), **{"duration_ns": seconds(1), "network": network, **more}
    )


PLACEMENTS = ("inline", "windows", Placement(kind="windows", hosts=2))


def quiet_everywhere(made: Scenario):
    results = [run(made, placement) for placement in PLACEMENTS]
    assert len({result.digest for result in results}) == 1
    assert len({result.quiet for result in results}) == 1, [result.quiet for result in results]
    return results[0].quiet


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (scenario(Asks, loss=1.0), "quiet since 0s: no message, no timer left; node 0's Ask to 1 was lost"),
        (scenario(Asks), "quiet since 6ms: no message, no timer left"),
        (scenario(Cancels, loss=1.0), "quiet since 2ms: no message, no timer left; node 0's Ask to 1 was lost at 0s"),
        (
            scenario(Asks, faults=(Cut(at_ns=ms(1), source=0, target=1),)),
            "quiet since 3ms: no message, no timer left; node 0's Ask to 1 was cut off",
        ),
        (
            scenario(Asks, faults=(Crash(at_ns=ms(4), node=0), Restart(at_ns=ms(900), node=1))),
            "quiet since 6ms: no message, no timer left; node 1's Answer to 0 found that node down",
        ),
        (
            scenario(Asks, loss=1.0, faults=(Crash(at_ns=ms(20), node=0), Restart(at_ns=ms(50), node=0))),
            "quiet since 50ms: no message, no timer left; node 0's Ask to 1 was lost",
        ),
        (
            scenario(Asks, loss=1.0, duration_ns=None),
            "quiet since 0s: no message, no timer left; node 0's Ask to 1 was lost",
        ),
    ],
    ids=["lost", "done", "cancelled timers are nothing", "cut", "down", "restarted", "without a duration"],
)
def test_a_run_says_since_when_it_is_quiet_and_what_was_lost(made, told):
    assert str(quiet_everywhere(made)) == told


@pytest.mark.parametrize(("nodes", "more"), [(3, ""), (5, "; and 2 nodes more lost what they sent last")])
def test_three_of_what_was_lost_are_shown(nodes, more):
    lost = tuple(Lost(0, node, 1, 9, "Ask", "lost") for node in range(nodes))
    shown = "; ".join(f"node {node}'s Ask to 9 was lost" for node in range(3))
    assert str(Quiet(0, lost)) == f"quiet since 0s: no message, no timer left; {shown}{more}"


@pytest.mark.parametrize(
    "made",
    [
        scenario(Retries, loss=1.0),
        scenario(Asks, duration_ns=ms(2)),
        scenario(Asks, duration_ns=None),
        scenario(Asks, faults=(Pause(at_ns=ms(1), node=1),)),
        scenario(Asks, faults=(Clog(at_ns=ms(1), source=0, target=1),)),
        scenario(Retries, loss=1.0, faults=(StopClock(at_ns=ms(1), node=0), StopClock(at_ns=ms(1), node=1))),
    ],
    ids=["a timer is left", "a message is left", "it was to end so", "held for a pause", "held on a link", "parked"],
)
def test_where_something_is_left_a_run_is_not_quiet(made):
    assert quiet_everywhere(made) is None


class Stops(Observer):
    def on_observation(self, observation, control):
        control.stop("enough")


class Tells(Node):
    def on_start(self):
        self.observe("here")


def test_a_run_that_an_observer_stopped_is_not_quiet():
    assert run(scenario(Tells, observers=(Stops,))).quiet is None
    assert run(scenario(Tells)).quiet is not None


def test_a_scenario_makes_it_a_violation_and_no_digest_moves():
    lost = scenario(Asks, loss=1.0)
    result = run(replace(lost, fail_when_quiet=True))
    (violation,) = result.violations
    assert (violation.property, violation.time_ns) == (NEVER_QUIET, 0)
    assert violation.detail == str(result.quiet)
    assert result.digest == run(lost).digest and not run(lost).violations
    assert not run(replace(scenario(Retries), fail_when_quiet=True)).violations
    with pytest.raises(UsageError, match="fail_when_quiet: 1 is not true or false"):
        replace(lost, fail_when_quiet=1)


def test_a_circle_of_waiting_is_named():
    made = scenario(AsksTheNext, nodes=3)
    (line,) = who_waits(made, run(made))
    assert line == (
        "a circle: 0 has no answer from 1 (Ask at 0s), 1 has no answer from 2 (Ask at 0s), "
        "2 has no answer from 0 (Ask at 0s)"
    )


class Relays(Node):
    """2 asks 1, which asks 0 before it answers, which asks 3."""

    def on_start(self):
        if self.id == 2:
            self.send(1, Ask())

    def on_message(self, source, message):
        if isinstance(message, Ask) and self.id < 2:
            self.send(0 if self.id else 3, Ask())


def test_a_chain_to_a_message_that_was_lost_is_named():
    made = scenario(Relays, nodes=4, faults=(Cut(at_ns=ms(1), source=0, target=3),))
    (line,) = who_waits(made, run(made, "windows"))
    assert line == (
        "2 has no answer from 1 (Ask at 0s), 1 has no answer from 0 (Ask at 3ms), "
        "0 has no answer from 3 (Ask at 6ms, cut)"
    )


@pytest.mark.parametrize("made", [scenario(Asks), scenario(Retries, loss=1.0)], ids=["answered", "not quiet"])
def test_who_has_its_answer_waits_for_nobody(made):
    assert who_waits(made, run(made)) == ()


LONELY = """
from simclock.actors import Message, Node
from simclock import Constant, Network, Scenario, ms, seconds

class Ask(Message):
    n: int = 0

class Asks(Node):
    def on_start(self):
        if self.id == 0:
            self.send(1, Ask())

lonely = Scenario(name="lonely", nodes=2, build=lambda number: Asks(), duration_ns=seconds(1),
                  network=Network(latency=Constant(delay_ns=ms(1))))
"""


def test_the_command_line_says_it_and_fails_where_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lonely_one.py").write_text(LONELY, encoding="utf-8")

    def simclock(*arguments):
        return CliRunner().invoke(main, [str(each) for each in arguments])

    told = "quiet since 0s: no message, no timer left; node 0's Ask to 1 was lost"
    shown = simclock("run", "lonely_one.py:lonely", "--loss", "1.0")
    assert f"  ended         {told}\n                0 has no answer from 1 (Ask at 0s, lost)\n" in shown.stdout
    failed = simclock("run", "lonely_one.py:lonely", "--loss", "1.0", "--fail-when-quiet")
    assert failed.exit_code == 1
    assert f"violated: {NEVER_QUIET} violated in the whole run: {told}" in failed.stdout
    assert "--loss 1.0 --fail-when-quiet" in failed.stdout, "the replay line asks for it too"
    swept = simclock(
        "sweep", "lonely_one.py:lonely", "--seeds", "0:3", "--loss", "1.0", "--fail-when-quiet", "--jobs", 1
    )
    assert swept.exit_code == 1
    assert simclock("replay", "1:2").exit_code == 1, "a recorded result remembers that it was asked"
    assert simclock("shrink", "1:2").exit_code == 0
    assert "fail_when_quiet = true" in (tmp_path / "minimal.toml").read_text(encoding="utf-8")
    assert simclock("run", "minimal.toml").exit_code == 1
    as_json = json.loads(simclock("run", "minimal.toml", "--format", "json").stdout)
    assert as_json["quiet"]["since_ns"] == 0 and as_json["quiet"]["told"][0] == told
