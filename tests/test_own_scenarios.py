"""Scenarios of a user's own: what their functions take, whom they have struck, what is told of them, their bugs."""

from __future__ import annotations

import json
import re
import textwrap
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from click.testing import CliRunner, Result

from simclock import Duration, HandlerError, Network, Observer, Scenario, Uniform, UsageError, ms, run, seconds
from simclock.experiments.checkers.linearizability import register
from simclock.experiments.checkers.linearizable import Linearizable
from simclock.experiments.command_line import main
from simclock.experiments.entries.parameters import Choice, Flag, Number, Several, Text, Whole
from simclock.experiments.entries.parameters import Duration as Time
from simclock.experiments.entries.settings import Settings
from simclock.experiments.nemesis import struck
from simclock.experiments.nemesis.episodes import BRISK, HARSH, KINDS
from simclock.experiments.nemesis.hunters import HUNTERS
from simclock.experiments.scenario_files.signatures import signature_of
from simclock.kernel.process import Process

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parent.parent / "docs" / "own-scenarios.md"


def simclock(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def rows(result: Result) -> dict[str, str]:
    """Label -> text of a report."""
    found = (re.match(r"  (\S.*?)  +(.*)", line) for line in result.output.splitlines())
    return {each[1]: each[2] for each in found if each}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the page."""
    for block in re.findall(r"^```(?:python|toml)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S):
        name = re.match(r"# file: (\S+)", block)
        assert name, "every block of code of the page is a file"
        (tmp_path / name[1]).write_text(block, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, name: str, text: str) -> None:
    """A file with a scenario function that the text begins."""
    head = "from simclock import *\nfrom simclock import Duration, Node, Scenario\nfrom typing import Literal\n"
    (folder / name).write_text(head + textwrap.dedent(text), encoding="utf-8")


# What a function takes.


TIMEOUT_NS, PAUSE_NS = ms(80), ms(5)


class Order(Enum):
    ANY = "any"
    FIFO = "fifo"


class Level(Enum):
    LOW = 1
    HIGH = 2


def everything(
    seed: int,
    nodes: int = 3,
    *,
    count: int = 2,
    share: float = 1,
    words: str = "a",
    reads: bool = False,
    form: Literal["short", "long"] = "short",
    size: Literal[1, 2] = 1,
    order: Order = Order.ANY,
    level: Level = Level.LOW,
    timeout: Duration = TIMEOUT_NS,
    pause_ns: int = PAUSE_NS,
    text_time: Duration = "2s",  # type: ignore[assignment]
    sizes: tuple[int, ...] = (1, 2),
    most: int | None = None,
    helped: Annotated[int, "words of help"] = 1,
    bare=7,
) -> dict[str, Any]:
    """All of them.

    count: how many
    share (of all): which part
    """
    return dict(locals())


def test_annotations_are_kinds() -> None:
    signature = signature_of("x", everything)
    kinds = signature.parameters.kinds
    assert {name: type(kind) for name, kind in kinds.items()} == {
        "count": Whole,
        "share": Number,
        "words": Text,
        "reads": Flag,
        "form": Choice,
        "size": Choice,
        "order": Choice,
        "level": Choice,
        "timeout": Time,
        "pause_ns": Time,
        "text_time": Time,
        "sizes": Several,
        "most": Whole,
        "helped": Whole,
        "bare": Whole,
    }
    assert dict(signature.parameters) | {"most": None} == {
        "count": 2,
        "share": 1.0,
        "words": "a",
        "reads": False,
        "form": "short",
        "size": "1",
        "order": "any",
        "level": "LOW",
        "timeout": "80ms",
        "pause_ns": ms(5),
        "text_time": "2s",
        "sizes": (1, 2),
        "most": None,
        "helped": 1,
        "bare": 7,
    }
    assert [kinds[name].help for name in ("count", "share", "helped", "words")] == [
        "how many",
        "which part",
        "words of help",
        "",
    ]


def test_values_are_what_the_function_expects() -> None:
    signature = signature_of("x", everything)
    texts = {
        "order": "fifo",
        "level": "HIGH",
        "size": "2",
        "timeout": "1s",
        "sizes": "3,4",
        "most": "9",
        "reads": "true",
    }
    values = {name: signature.parameters.kinds[name].read(text, name) for name, text in texts.items()}
    asked = signature.call(Settings(seed=5, nodes=8, parameters=values))
    assert asked == {
        **signature.call(Settings()),
        "seed": 5,
        "nodes": 8,
        "order": Order.FIFO,
        "level": Level.HIGH,
        "size": 2,
        "timeout": seconds(1),
        "sizes": (3, 4),
        "most": 9,
        "reads": True,
    }
    assert signature.call(Settings()) == {**everything(0), "text_time": seconds(2), "share": 1.0}


def test_positions_and_a_lone_seed() -> None:
    def positional(seed: int, count: int = 3, /) -> tuple[int, int]:
        return seed, count

    def lone(number):  # type: ignore[no-untyped-def]
        return number

    assert signature_of("x", positional).call(Settings(seed=4, parameters={"count": 5})) == (4, 5)
    assert signature_of("x", lone).call(Settings(seed=4)) == 4


@pytest.mark.parametrize(
    ("head", "words", "told"),
    [
        ("seed, count", [], "count: say what it is: annotate it as int, float"),
        ("seed: int, count: dict = {}", [], "count: dict is no kind of parameter: annotate it as int"),
        ("seed: int, count: int = 'x'", [], "the default of count: 'x' is not a whole number"),
        ("seed: int, wait: Duration = '80'", [], "the default of wait: cannot read '80' as a time"),
        ("seed: int, count: int", [], "count has no default: give --count N"),
        ("seed: int, nodes: int", [], "nodes has no default: give --nodes N"),
        ("seed: int, count: int", ["--count", "x"], "--count: 'x' is not a whole number"),
        ("seed: int, part: type", [], "part: give the right class as its default"),
        ("seed: int, count: int = 1", ["--cuont", "2"], "'--cuont': did you mean '--count'?"),
        ("seed: int, count: int = 1", ["--set", "cuont=2"], "'cuont': "),
        ("seed: int, form: Literal['a', 'b'] = 'c'", [], "the default of form: 'c' is none of a, b"),
        ("seed: int, form: Literal['aa', 'bb'] = 'aa'", ["--form", "ab"], "--form: unknown form 'ab'"),
        ("seed: int, reads: bool = False", ["--reads", "maybe"], "--reads: 'maybe' is not true or false"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, head: str, words: list[str], told: str) -> None:
    written(tmp_path, "mistaken.py", f"def mistaken({head}) -> Scenario: ...\n")
    result = simclock("run", str(tmp_path / "mistaken.py"), *words)
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert told in result.output


def test_a_parameter_whose_flag_is_taken_is_set_by_name(tmp_path: Path) -> None:
    made = "Scenario(name=f'lasts {duration}', nodes=1, build=lambda node: Node(), duration_ns=1)"
    written(tmp_path, "taken.py", f"def taken(seed: int, duration: int = 3) -> Scenario:\n    return {made}\n")
    file = str(tmp_path / "taken.py")
    assert "--set duration=N" in simclock("run", file, "--help").output
    assert "lasts 7: " in simclock("run", file, "--set", "duration=7").output


def test_a_file_with_one_scenario_is_named_by_itself(tmp_path: Path) -> None:
    scenario = "    return Scenario(name='x', nodes=1, build=lambda node: Node(), duration_ns=1)\n"
    written(tmp_path, "one.py", f"def one(seed: int) -> Scenario:\n{scenario}def other(seed):\n{scenario}")
    assert "x: seed 3, 1 node" in simclock("run", str(tmp_path / "one.py"), "--seed", "3").output
    written(tmp_path, "two.py", f"def one(seed) -> Scenario:\n{scenario}def two(seed) -> Scenario:\n{scenario}")
    result = simclock("run", str(tmp_path / "two.py"))
    assert result.exit_code == 2 and "it has 2 scenarios: name one, as" in result.output
    written(tmp_path, "none.py", "x = 1\n")
    assert "name the scenario too" in simclock("run", str(tmp_path / "none.py")).output


# The page's example, by every verb.


def test_parameters_are_known_everywhere(page: Path) -> None:
    asked = ["--nodes", "5", "--transactions", "5", "--timeout", "90ms"]
    flags = simclock("run", "tpc.py", *asked)
    named = simclock("run", "tpc.py", "--nodes", "5", "--set", "transactions=5", "--set", "timeout=90ms")
    (page / "x.toml").write_text(
        'scenario = "tpc.py"\nnodes = 5\n[parameters]\ntransactions = 5\ntimeout = "90ms"\n', encoding="utf-8"
    )
    filed = simclock("run", "x.toml")
    assert rows(flags)["digest"] == rows(named)["digest"] == rows(filed)["digest"]
    assert rows(flags)["replay"] == "simclock run tpc.py --seed 0 --nodes 5 --transactions 5 --timeout 90ms"
    assert rows(simclock("run", "tpc.py"))["digest"] != rows(flags)["digest"]
    shown = simclock("show", "tpc.py", *asked)
    (page / "shown.toml").write_text(shown.output, encoding="utf-8")
    assert rows(simclock("run", "shown.toml"))["digest"] == rows(flags)["digest"]


def test_a_sweep_keeps_what_is_reported_and_replays(page: Path) -> None:
    swept = simclock("sweep", "tpc.py", "--seeds", "4:6", "--jobs", "1", "--transactions", "7")
    assert swept.exit_code == 0, swept.output
    results = json.loads(simclock("results", "--sweep", "1", "--format", "json").output)
    counted = results[0]["counters"]
    reported = json.loads(simclock("run", "tpc.py", "--seed", "4", "--transactions", "7", "--format", "json").output)
    assert reported["reports"]["AtomicCommit"] == {
        "commits": counted["measured_AtomicCommit.commits"],
        "aborts": counted["measured_AtomicCommit.aborts"],
    }
    assert sum(reported["measures"].values()) == 7
    assert rows(simclock("replay", "1:5"))["recorded"] == "1:5, the same to the last bit"


def test_a_bug_of_ones_own_is_found_shrunk_and_replayed(page: Path) -> None:
    hunted = simclock("zoo", "--file", "bugs.py", "--hunts", "1", "--first", "30", "--no-shrink", "--format", "json")
    assert hunted.exit_code == 0, hunted.output
    (row,) = json.loads(hunted.stdout)
    assert (row["row"], row["found at seed"], row["right protocol"]) == ("TPC-1", 30, "passes")
    buggy = simclock("run", "bugs.py", "--bug", "TPC-1", "--nemesis", "swarm", "--seed", "30")
    assert buggy.exit_code == 1 and rows(buggy)["replay"].endswith("--nemesis swarm --bug TPC-1")
    assert simclock("run", "bugs.py", "--nemesis", "swarm", "--seed", "30").exit_code == 0


@pytest.mark.parametrize(
    ("bug", "words", "told"),
    [
        ("scenario='tcp', parts={'coordinator': Coordinator}", ["zoo", "--file"], "unknown scenario 'tcp'"),
        ("scenario='tpc', parts={'server': Coordinator}", ["zoo", "--file"], "the function takes no class server"),
        ("scenario='tpc', parts={'coordinator': Coordinator}", ["zoo", "--rows", "B-2", "--file"], "unknown row 'B-2'"),
        ("scenario='tpc', parts={'coordinator': Coordinator}", ["run", "--bug", "B-2"], "unknown bug 'B-2'"),
    ],
)
def test_bad_rows_are_one_line(page: Path, bug: str, words: list[str], told: str) -> None:
    text = "from simclock.experiments.entries.bug import Bug\nfrom tpc import Coordinator, tpc\n"
    (page / "rows.py").write_text(f"{text}B = Bug(id='B-1', name='b', property='p', {bug})\n", encoding="utf-8")
    words = ["run", "rows.py", *words[1:]] if words[0] == "run" else [*words, "rows.py"]
    result = simclock(*words)
    assert (result.exit_code, result.output.count("\n")) == (2, 1) and told in result.output, result.output


# Who is struck, and what progress is.


class Told(Observer[int]):
    """How often anything was observed after everything healed."""

    def __init__(self, healed_ns: int) -> None:
        self.healed_ns, self.count = healed_ns, 0

    def on_observation(self, observation: Any, control: Any) -> None:
        self.count += observation.time_ns >= self.healed_ns

    def report(self) -> int:
        return self.count


class Ticking(Process):
    def on_start(self) -> None:
        self.set_timer("tick", ms(10))

    def on_timer(self, timer: Any) -> None:
        self.observe("tick")
        self.on_start()


def ticking(**more: Any) -> Scenario:
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2)))
    return Scenario(
        name="ticking", nodes=4, build=lambda node: Ticking(), duration_ns=seconds(1), network=network, **more
    )


def test_clients_are_no_prey() -> None:
    hit = struck(ticking(servers=(1, 2), rhythm_ns=ms(20)), "crash+pause+clock").faults
    assert {fault.node for fault in hit} == {1, 2}  # type: ignore[attr-defined]
    assert {fault.node for fault in struck(ticking(rhythm_ns=ms(20)), "crash").faults} == {0, 1, 2, 3}  # type: ignore[attr-defined]


def test_the_rhythm_that_is_stated_is_taken() -> None:
    slow, fast = (struck(ticking(rhythm_ns=each), "crash").faults for each in (ms(50), ms(5)))
    assert len(fast) > 4 * len(slow) > 0


def test_a_rhythm_that_is_not_stated_is_measured_and_one_that_is_asked_for_goes_over_both() -> None:
    measured = struck(ticking(), "crash+bounce")
    assert measured.parameters["rhythm"] == "10ms" and "timers 10ms" in measured.parameters["measured"]
    assert struck(ticking(), "crash+bounce", rhythm="10ms").faults == measured.faults
    assert "rhythm" not in struck(ticking(rhythm_ns=ms(20)), "crash").parameters
    asked = struck(ticking(rhythm_ns=ms(20)), "crash", rhythm="5ms for 200ms")
    assert asked.parameters["rhythm"] == "5ms for 200ms"
    assert max(fault.at_ns for fault in asked.faults) <= ms(200)
    with pytest.raises(UsageError, match="rhythm"):
        struck(ticking(), "crash", rhythm="fast")
    with pytest.raises(UsageError, match="nothing is drawn that has one"):
        struck(ticking(), "none", rhythm="5ms")


def test_progress_is_asked_for_after_healing() -> None:
    scenario = struck(ticking(progress=Told, progress_within_ns=ms(100)), "pause", liveness="200ms")
    assert run(scenario).report(Told) == 4 * 20
    with pytest.raises(UsageError, match="too short: progress may take 100ms"):
        struck(ticking(progress=Told, progress_within_ns=ms(100)), "pause", liveness="50ms")
    with pytest.raises(UsageError, match="does not say what progress is"):
        struck(ticking(), "pause", liveness="50ms")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"servers": (4,)}, "servers: node 4 is out of range: nodes are 0 to 3"),
        ({"rhythm_ns": 0.5}, "rhythm_ns: 0.5 is not a duration"),
        ({"progress": partial(Told, 1)}, "progress: .* is called with the time at which everything heals"),
    ],
)
def test_what_a_scenario_says_of_trouble_is_checked(more: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        ticking(**more)


def test_a_harsh_kind_that_does_not_exist_is_named() -> None:
    with pytest.raises(UsageError, match="withstands: unknown harsh kind of trouble 'rott': did you mean 'rot'"):
        struck(ticking(withstands=("rott",)), "swarm")


def test_the_page_has_every_kind_of_trouble() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Who is struck")[2].partition("## ")[0]
    table = re.findall(r"^\| `([a-z-]+)` \| \S.* \|$", section, re.M)
    assert table == [*KINDS, *HUNTERS, *BRISK, *HARSH]


# Histories.


class Teller(Process):
    """Tells a history, one event every millisecond."""

    def __init__(self, events: list[tuple[str, Any]]) -> None:
        self.events = list(events)

    def on_start(self) -> None:
        self.set_timer("tell", ms(1))

    def on_timer(self, timer: Any) -> None:
        if self.events:
            name, value = self.events.pop(0)
            self.observe(name, value)
            self.on_start()


def judged(*events: tuple[str, Any], steps: int = 1000) -> Any:
    return run(
        Scenario(
            name="told",
            nodes=1,
            build=lambda node: Teller(list(events)),
            observers=(partial(Linearizable, register(0), steps),),
        )
    )


WRITE = (("invoke", (0, "write", None, 1)), ("ok", (0, "write", None, 1)))


@pytest.mark.parametrize(("read", "verdict"), [(1, "OK"), (0, "ILLEGAL")])
def test_a_history_is_judged(read: int, verdict: str) -> None:
    result = judged(*WRITE, ("invoke", (0, "read", None, None)), ("ok", (0, "read", None, read)))
    report = result.report(Linearizable)
    assert (report.verdict, report.operations) == (verdict, 2)
    assert [each.property for each in result.violations] == ["linearizability"] * (verdict == "ILLEGAL")
    assert {each.node for each in result.violations} <= {-1}, "it is nobody's in particular"


def test_what_is_no_operation_is_named() -> None:
    with pytest.raises(HandlerError, match=r"which is not the \(process, function, key, value\) of Invoked"):
        judged(("invoke", ("read", None)))


def test_what_is_unknown_may_have_happened_and_what_failed_did_not() -> None:
    for end, legal in (("unknown", True), ("fail", False)):
        asked = (("invoke", (0, "write", None, 1)), (end, (0, "write", None, 1)))
        result = judged(*asked, ("invoke", (1, "read", None, None)), ("ok", (1, "read", None, 1)))
        assert (not result.violations) is legal


# In pytest.


@pytest.mark.slow
def test_a_nemesis_strikes_what_a_test_runs(page: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it=f"""
        import sys
        sys.path.insert(0, {str(page)!r})
        from simclock import ms, run, seconds
        from simclock.experiments.pytest_plugin import simclock_seeds
        from tpc import tpc

        @simclock_seeds(3, nemesis="crash", liveness="5s")
        def test_struck(seed):
            result = run(tpc(seed))
            assert {{fault.kind for fault in result.faults}} > {{"crash", "restart", "note"}}
            assert result.virtual_ns == seconds(8)

        @simclock_seeds(3, nemesis="crash", rhythm="5ms for 200ms")
        def test_in_a_rhythm(seed):
            assert 0 < max(fault.at_ns for fault in run(tpc(seed)).faults) <= ms(200)

        @simclock_seeds(3)
        def test_calm(seed):
            assert not run(tpc(seed)).faults

        @simclock_seeds(3, nemesis="swram")
        def test_misspelt(seed):
            pass

        @simclock_seeds(3, nemesis="swarm", liveness="1")
        def test_no_time(seed):
            pass
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*@simclock_seeds: nemesis: unknown kind of trouble 'swram': did you mean 'swarm'*",
            "*@simclock_seeds: liveness: cannot read '1' as a time*",
        ]
    )
