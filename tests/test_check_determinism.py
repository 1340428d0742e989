"""`simclock check-determinism` passes what is deterministic, and names the line of what is not."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from simclock import UsageError, ms
from simclock.actors import run
from simclock.experiments.catalog.everything.scenario import EVERYTHING
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.code_lines import LINE, located, located_records
from simclock.experiments.runs.determinism import variants
from simclock.experiments.traces.plain_values import plain
from simclock.kernel.core import KERNEL, other_kernel

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "experiments/examples/set_order.py"


def check(scenario: str, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["check-determinism", scenario, *options])
    return done.exit_code, done.output


def test_a_measured_rhythm_is_one_in_every_process_and_one_that_is_asked_for_is_taken() -> None:
    lock = f"{ROOT}/tests/planted/lock.py:lock"
    words = ("--nemesis", "swarm", "--seed", "2", "--duration", "500ms", "--placements", "inline")
    status, measured = check(lock, *words, "--hash-seeds", "0,1")
    assert status == 0 and "2 times the same" in measured
    status, asked = check(lock, *words, "--hash-seeds", "0", "--rhythm", "7ms")
    assert status == 0 and asked.splitlines()[1] not in measured
    status, refused = check(lock, *words, "--hash-seeds", "0", "--rhythm", "fast")
    assert status == 2 and "--rhythm: cannot read 'fast' as a time" in refused


def line_of(text: str, file: Path) -> int:
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)


@pytest.mark.slow
def test_a_vector_clock_that_walks_through_a_set_is_caught():
    status, said = check(f"{EXAMPLE}:set_order", "--placements", "inline", "--hash-seeds", "0,1,2,3")
    assert status == 1
    line = line_of("self.send(", EXAMPLE)
    assert f"the runs part at 10ms, node 0, {EXAMPLE}:{line} in on_timer" in said
    assert "VectorClock(entries=((0, 1),))" in said
    assert "self.send(NAMES.index(friend), Letter(self.clock_seen))" in said, "the source line is shown"


def test_the_mended_one_passes():
    status, said = check(f"{EXAMPLE}:sorted_order", "--placements", "inline,windows", "--hash-seeds", "0,1")
    assert status == 0, said
    assert "3 times the same" in said


LEFT = """
from simclock.actors import Message, Node
from simclock import Network, Scenario, Uniform, ms, seconds

SEEN = []

class Count(Message):
    n: int

class Counts(Node):
    def on_start(self):
        SEEN.append(self.id)
        self.send(1 - self.id, Count(len(SEEN)))

left = Scenario(name="left", nodes=2, build=lambda node: Counts(), duration_ns=ms(9))
"""


def test_what_one_run_leaves_to_the_next_in_its_process_is_caught(tmp_path):
    file = tmp_path / "leaves.py"
    file.write_text(LEFT, encoding="utf-8")
    status, said = check(f"{file}:left", "--placements", "inline", "--hash-seeds", "0,1")
    assert status == 1 and "inline again, PYTHONHASHSEED 0" in said
    assert f"{file}:{line_of('self.send', file)} in on_start" in said


@pytest.mark.slow
def test_a_scenario_of_the_catalog_by_its_name_with_settings():
    status, said = check(
        "phold", "--seed", "3", "--seed", "4", "--nodes", "6", "--duration", "50ms", "--placements", "inline",
        "--hash-seeds", "0,random", "--set", "tokens=2",
    )  # fmt: skip
    assert status == 0, said
    assert said.count("2 times the same") == 2


BAD = """
from dataclasses import dataclass

from simclock.actors import Message, Node
from simclock import Constant, Network, Observer, Scenario, ms

class Word(Message):
    text: str

class Waiting(Node):
    def on_start(self):
        self.set_timer("t", ms(1) + hash("word") % 1000)
    def on_timer(self, timer):
        pass

CALLS = []

class Sharing(Node):
    def on_start(self):
        self.set_timer("t", ms(1))
    def on_timer(self, timer):
        CALLS.append(self.id)
        self.observe("called", len(CALLS))

class Asking(Node):
    def on_start(self):
        import time
        time.time()

class Lot(Observer):
    def on_finish(self, control):
        if hash("lot") % 2:
            control.violated("lot", 0, "drawn", stop=False)

@dataclass
class Pair:
    one: object
    other: object = None

class Saying:
    def __repr__(self):
        return str({"a", "b", "c", "d"})

def _scenario(name, node, **more):
    network = Network(latency=Constant(delay_ns=ms(2)))
    return Scenario(name=name, nodes=3, build=lambda _: node(), duration_ns=ms(20), network=network, **more)

waiting = _scenario("waiting", Waiting)
sharing = _scenario("sharing", Sharing)
asking = _scenario("asking", Asking)
judging = _scenario("judging", Node, observers=(Lot,))
listing = _scenario("listing", Node, final=lambda node: list({"a", "b", "c", "d"}))
keeping = _scenario("keeping", Node, final=lambda node: ({"a", "b", "c", "d"}, object()))
wrapping = _scenario("wrapping", Node, final=lambda node: Pair(frozenset({"a", "b", "c", "d"}), Saying()))
"""


@pytest.fixture
def bad(tmp_path):
    file = tmp_path / "bad_ones.py"
    file.write_text(BAD, encoding="utf-8")
    return file


def test_a_timer_names_the_line_that_set_it(bad):
    status, said = check(f"{bad}:waiting", "--placements", "inline", "--hash-seeds", "0,1")
    assert status == 1
    assert f"the runs part at 0s, node 0, {bad}:{line_of('hash(', bad)} in on_start" in said


def test_what_nodes_share_is_found_by_a_second_run_in_the_same_process(bad):
    status, said = check(f"{bad}:sharing", "--placements", "inline,windows", "--hash-seeds", "0")
    assert status == 1
    assert "inline again, PYTHONHASHSEED 0" in said
    assert f"the runs part at 1ms, node 0, {bad}:{line_of('self.observe(', bad)} in on_timer" in said


def test_what_no_digest_covers_is_compared_too(bad):
    """An observer that goes by a hash, and a `final` that tells the order of a set; a set itself is the same."""
    status, said = check(f"{bad}:judging", "--placements", "inline", "--hash-seeds", "0,1,2,3,4,5")
    assert status == 1
    assert "the digests are one, but what comes of the runs is not: verdict" in said
    assert '"valid"\n' in said and '"violated"\n' in said
    status, said = check(f"{bad}:listing", "--placements", "inline", "--hash-seeds", "0,1,2,3,4,5")
    assert status == 1
    assert "what comes of the runs is not: final" in said
    status, said = check(f"{bad}:keeping", "--placements", "inline", "--hash-seeds", "0,1,2")
    assert status == 0, said


@pytest.mark.slow
def test_a_set_within_what_is_compared_is_no_difference(bad):
    status, said = check(f"{bad}:wrapping", "--placements", "inline", "--hash-seeds", "0,1,2,3,4,5")
    assert status == 0, said


@dataclass
class Pair:
    one: object
    other: object = field(default=None, compare=False)


def test_dataclasses_are_plain_with_their_type():
    assert plain(Pair({3, 1}, 7)) == {"type": "Pair", "one": [1, 3]}
    assert plain({"a": Pair("x")}) == {"a": {"type": "Pair", "one": "x"}}
    assert plain(Pair) == str(Pair)
    assert plain({(1, "b"): 1, frozenset({2}): 2}) == {"(1, 'b')": 1, "[2]": 2}
    assert plain([object(), Fraction(1, 2)], lambda other: "thing") == ["thing", "1/2"]


@pytest.mark.slow
def test_code_that_fails_the_same_way_is_a_failure_and_no_difference(bad):
    status, said = check(f"{bad}:asking", "--placements", "inline", "--hash-seeds", "0,1")
    assert status == 4
    assert said.count("NondeterminismError: time.time reads the real clock") == 2
    assert "in the same way every time" in said
    status, said = check(f"{bad}:asking", "--placements", "inline", "--hash-seeds", "0,1", "--no-guard")
    assert status == 0, "what it asked never reached the protocol"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("nothing-of-this-name",), "unknown scenario"),
        (("phold", "--placements", "mars"), "'mars' is not a placement"),
        (("phold", "--hash-seeds", "x"), "'x' is no PYTHONHASHSEED"),
        (("phold", "--hash-seeds", "4294967296"), "is no PYTHONHASHSEED"),
        (("phold", "--hash-seeds", "9" * 5000), "is no PYTHONHASHSEED"),
    ],
)
def test_bad_usage_is_one_line(options, said):
    status, output = check(*options)
    assert status == 2
    assert said in output
    assert len(output.strip().splitlines()) <= 1 + output.count("phold\n")


def test_hash_seeds_vary_on_the_first_placement():
    chosen = variants(["inline", "windows"], ["0", "1", "random"])
    assert [variant.placement for variant in chosen] == ["inline", "inline", "inline", "windows"]
    assert [variant.hash_seed for variant in chosen[:2]] == ["0", "1"]
    assert len({variant.hash_seed for variant in chosen}) == 4
    others = [str(variant) for variant in chosen if variant.kernel != KERNEL]
    assert len(others) == bool(other_kernel()), "one run on the other kernel, where there are two"
    assert all(text.endswith(f", {other_kernel()} kernel") for text in others)
    with pytest.raises(UsageError):
        variants(["inline"], ["-1"])


def test_telling_the_lines_changes_nothing_else():
    """The same events at the same times, and every send and observation has its line."""
    scenario = make_scenario(EVERYTHING, Settings(seed=1, duration_ns=ms(300)))
    bare_records, telling = [], []
    run(scenario, trace=bare_records.append)
    result = run(located(scenario), trace=telling.append)
    lines = list(located_records(telling))

    def bare(record):
        return record._replace(number=0, sequence=0)

    assert [bare(line.record) for line in lines if line.record.what != "set"] == [
        bare(record) for record in bare_records
    ]
    told = [line for line in lines if line.record.what in ("send", "observe", "set")]
    assert all("everything/scenario.py:" in line.place for line in told)
    assert all(line.place for line in lines if line.record.what == "timer")
    assert not any(line.record.what == "observe" and line.record.detail[0] == LINE for line in lines)
    assert result.reports["Mischief"] > 0
