"""A latency model of a user's own: what it must answer, and whose copy it is that remembers."""

from dataclasses import replace

import pytest

from simclock import Network, Normal, Observer, Scenario, Uniform, UsageError, ms, read_round_trips, seconds
from simclock.actors import Message, Node, run
from simclock.actors.run import Placement
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.experiments.runs.outcome import SeedRunner


class Ball(Message):
    n: int


class Player(Node):
    def on_start(self):
        self.send((self.id + 1) % self.nodes, Ball(0))

    def on_message(self, source, message):
        self.observe("ball", message.n)
        self.send((self.id + 1) % self.nodes, Ball(message.n + 1))


class EveryTenthIsSlow:
    everywhere_uniform = None

    def __init__(self):
        self.sent = 0
        self.delays = []

    def check(self, nodes):
        pass

    def delay_ns_min(self, nodes):
        return ms(2)

    def sample_ns(self, source, target, now_ns, bits):
        self.sent += 1
        self.delays.append(ms(50) if self.sent % 10 == 0 else ms(2) + bits(20))
        return self.delays[-1]


MODEL = EveryTenthIsSlow()


def scenario(seed=0, latency=MODEL):
    return Scenario(
        name="players",
        nodes=3,
        seed=seed,
        build=lambda node: Player(),
        duration_ns=seconds(1),
        network=Network(latency=latency),
        final=lambda node: None,
    )


def test_a_model_that_remembers_gives_one_digest_everywhere_and_every_time():
    made = scenario()
    placements = ["inline", "windows", Placement(kind="windows", hosts=2), "inline"]
    assert len({run(made, placement).digest for placement in placements}) == 1
    assert MODEL.sent == 0 and MODEL.delays == [], "what the user gave is never asked"


def test_the_runs_of_a_sweep_are_what_each_is_alone():
    entry = Entry(name="p", summary="", make=lambda settings: scenario(settings.seed, MODEL), judge=judge_invariants)
    together = [each.digest for each in SeedRunner(entry=entry, settings=Settings())(range(5))]
    assert together == [run(scenario(seed, EveryTenthIsSlow())).digest for seed in range(5)]


class Grows(EveryTenthIsSlow):
    def sample_ns(self, source, target, now_ns, bits):
        return super().sample_ns(source, target, now_ns, bits) / 2


class Hurries(EveryTenthIsSlow):
    def sample_ns(self, source, target, now_ns, bits):
        return ms(1)


class Holds(EveryTenthIsSlow):
    def __init__(self):
        self.delays = (ms(number) for number in range(2, 9))


@pytest.mark.parametrize(
    ("latency", "told"),
    [
        (Grows(), "network.latency: Grows gave .* a delay is whole nanoseconds, and not less than its delay_ns_min"),
        (Hurries(), "network.latency: Hurries gave 1000000 from node 0 to 1: .* delay_ns_min, 2000000"),
        (Holds(), "network.latency: Holds cannot be copied for each sender .*generator"),
    ],
    ids=["a float", "less than its least", "what cannot be copied"],
)
def test_what_a_model_may_not_do_is_told_in_a_line(latency, told):
    with pytest.raises(UsageError, match=told):
        run(scenario(latency=latency))


def test_a_class_that_is_no_model_is_refused_with_what_it_lacks():
    class Half:
        def sample_ns(self, source, target, now_ns, bits):
            return ms(1)

    with pytest.raises(UsageError, match="has no everywhere_uniform, delay_ns_min, check: help"):
        Network(latency=Half())


def test_a_model_of_ours_is_not_copied():
    made = scenario(latency=Uniform(low_ns=ms(1), high_ns=ms(3)))
    made = replace(made, network=replace(made.network, loss=0.1))
    assert run(made).digest == run(made, "windows").digest


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ({}, True),
        ({"latency": Uniform(low_ns=1, high_ns=2)}, True),
        ({"latency": Normal(mean_ns=1, deviation_ns=0, floor_ns=1)}, False),
        ({"loss": 0.1}, False),
        ({"duplication": 0.1}, False),
        ({"corruption": 0.1}, False),
        ({"undetected_corruption": 0.1}, False),
        ({"bytes_per_s": 1}, False),
        ({"order": "fifo"}, False),
    ],
    ids=str,
)
def test_a_plain_network_is_one_that_only_delays(given, plain):
    """Its messages take the short way, which does no more than that."""
    assert Network(**given).plain is plain


def round_trips(tmp_path, *lines):
    file = tmp_path / "rtt.csv"
    file.write_text("\n".join(("# measured in August", "from,to,ms", *lines)), encoding="utf-8")
    return read_round_trips(file)


def test_a_matrix_of_round_trips_is_read_as_halves(tmp_path):
    """Comments and empty lines are left out; from none to an hour one way."""
    read = round_trips(tmp_path, "paris,oslo,30.5", "", "oslo,paris,7200000", "oslo,oslo,0")
    assert read == {("paris", "oslo"): 15_250_000, ("oslo", "paris"): 3600 * 10**9, ("oslo", "oslo"): 0}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("oslo,paris", "rtt.csv:5: expected from,to,milliseconds, found 'oslo,paris'$"),
        ("oslo,paris,1,2", "rtt.csv:5: expected from,to,milliseconds, found 'oslo,paris,1,2'$"),
        ("oslo,paris,x", "rtt.csv:5: expected from,to,milliseconds, found 'oslo,paris,x'$"),
        ("oslo,paris,-1", "rtt.csv:5: -1 ms is not a round-trip time"),
        ("oslo,paris,7200001", "rtt.csv:5: 7200001 ms is not a round-trip time"),
        ("oslo,paris,NaN", "rtt.csv:5: NaN ms is not a round-trip time"),
    ],
)
def test_a_line_that_is_no_round_trip_is_refused_with_its_place(tmp_path, line, told):
    with pytest.raises(UsageError, match=told):
        round_trips(tmp_path, "", "paris,oslo,30", line)


def test_a_matrix_without_a_round_trip_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no round-trip times in it"):
        round_trips(tmp_path)


class Remembers(Observer):
    def __init__(self):
        self.seen = 0

    def on_observation(self, observation, control):
        self.seen += 1


def test_an_observer_that_served_another_run_is_refused():
    shared = Remembers()
    made = replace(scenario(), observers=(lambda: shared,))
    run(made)
    with pytest.raises(UsageError, match="Remembers was given to a run before and remembers it: give the class"):
        run(made)


def test_a_node_that_lived_in_another_run_is_refused():
    nodes = [Player() for _ in range(3)]
    made = replace(scenario(), build=lambda node: nodes[node])
    run(made)
    with pytest.raises(UsageError, match="the scenario built one Player twice"):
        run(made)
