"""The pytest plugin: seeds, what a failure prints, the options; the documented recipes; what loading it costs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
ENTRY_POINT = "simclock.experiments.pytest_plugin"

TESTS = """
from simclock.actors import Message, Node, run
from simclock.experiments.pytest_plugin import simclock_seeds
from simclock import Constant, Network, Scenario, ms

TRIED = []


class Ball(Message):
    n: int


class Player(Node):
    def on_start(self):
        if self.id == 0:
            self.send(1, Ball(0))

    def on_message(self, source, message):
        self.send(source, Ball(message.n + 1))


def game(seed):
    network = Network(latency=Constant(delay_ns=ms(1)))
    return Scenario(name="game", nodes=2, seed=seed, build=lambda node: Player(), duration_ns=ms(50), network=network)


@simclock_seeds(20)
def test_game(seed):
    TRIED.append(seed)
    assert run(game(seed)).seed != 13
"""


@pytest.fixture
def tests(pytester, monkeypatch):
    """Write a test file and run it with the plugin, in this process."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run_tests(source: str, *arguments: str, name: str = "test_it") -> pytest.RunResult:
        pytester.makepyfile(**{name: source})
        return pytester.runpytest_inprocess(*_plugin(), "-p", "no:cacheprovider", *arguments)

    return run_tests


def _plugin() -> list[str]:
    """Nothing where it is installed, which loads it."""
    from importlib.metadata import entry_points

    installed = any(each.value == ENTRY_POINT for each in entry_points(group="pytest11"))
    return [] if installed else ["-p", ENTRY_POINT]


def test_a_failure_says_what_one_needs(tests):
    result = tests(TESTS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*assert 13 != 13*",
            "*Captured simclock call*",
            "seed 13 failed; 13 passed before, 6 of 0:20 not tried",
            "replay: pytest test_it.py::test_game --simclock-replay 13",
            "or paste: pytest test_it.py::test_game --simclock-replay sc1-*",
            "its last 20 events:",
            "*49ms node 1   deliver <- 0: Ball(n=48)",
            "*49ms node 1   send    -> 0: Ball(n=49) (arrives 50ms)",
        ]
    )
    result.stdout.no_fnmatch_line("*another exception occurred*")


def test_the_replay_runs_that_seed_alone(tests):
    result = tests(TESTS, "test_it.py::test_game", "--simclock-replay", "13")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["seed 13 failed; none was tried before, 0 of 13 not tried"])
    tests(TESTS, "test_it.py::test_game", "--simclock-replay", "12").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("flag", "tried"), [("5", range(5)), ("7:9", range(7, 9)), ("3,10:12", (3, 10, 11)), ("0:1", range(1))]
)
def test_which_seeds(tests, flag, tried):
    source = TESTS + f"\ndef test_tried():\n    assert TRIED == {list(tried)}\n"
    tests(source, "--simclock-seeds", flag).assert_outcomes(passed=2)


def test_a_mark_may_name_seeds_and_a_marked_test_may_have_fixtures_and_parameters(tests):
    result = tests(
        """
        import pytest
        from simclock.experiments.pytest_plugin import simclock_seeds

        seen = []

        @simclock_seeds("5:8")
        @pytest.mark.parametrize("letter", "ab")
        def test_each(letter, seed, tmp_path):
            seen.append((letter, seed, tmp_path.name))

        class TestInAClass:
            @pytest.mark.simclock_seeds(2)
            def test_method(self, seed):
                seen.append(seed)

        def test_seen():
            assert [each[:2] for each in seen[:6]] == [(letter, seed) for letter in "ab" for seed in (5, 6, 7)]
            assert len({each[2] for each in seen[:6]}) == 2
            assert seen[6:] == [0, 1]
        """
    )
    result.assert_outcomes(passed=4)


def test_a_test_that_its_seed_does_not_determine_is_told(tests):
    result = tests(
        """
        from simclock.experiments.pytest_plugin import simclock_seeds
        calls = []

        @simclock_seeds(5)
        def test_fickle(seed):
            calls.append(seed)
            assert len(calls) != 3
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["seed 2 failed; *", "*the seed does not determine this test"])


def test_skips_and_expected_failures_stay_what_they_are(tests):
    result = tests(
        """
        import pytest
        from simclock.experiments.pytest_plugin import simclock_seeds

        @simclock_seeds(5)
        def test_skipped(seed):
            pytest.skip("not here")

        @simclock_seeds(5)
        def test_expected(seed):
            pytest.xfail("known")

        @pytest.mark.xfail
        @simclock_seeds(5)
        def test_marked(seed):
            assert seed < 3

        @simclock_seeds(5)
        def test_failed(seed):
            pytest.fail("no")
        """
    )
    result.assert_outcomes(skipped=1, xfailed=2, failed=1)


def test_misuse_is_told_in_a_line(tests):
    result = tests(
        """
        import pytest
        from simclock.experiments.pytest_plugin import simclock_seeds

        def test_unmarked(seed):
            pass

        @simclock_seeds(5)
        def test_without():
            pass

        @simclock_seeds("five")
        def test_five(seed):
            pass

        @pytest.mark.simclock_seeds(count=3)
        def test_count(seed):
            pass
        """
    )
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            "*mark it with @simclock_seeds(100)*",
            "*a test over seeds takes an argument `seed`*",
            "*@simclock_seeds: 'five' is not a list of seeds*",
            "*@simclock_seeds takes `seeds`, a count, or a text as 500:600; and `nemesis`, `liveness`, `rhythm`*",
        ]
    )
    result.stdout.no_fnmatch_line("*another exception occurred*")


def test_what_would_pass_without_being_run_fails(tests):
    """A coroutine that nobody awaits says nothing, and unittest calls its methods once, without a seed."""
    result = tests(
        """
        import unittest
        from simclock.experiments.pytest_plugin import simclock_seeds

        @simclock_seeds(5)
        async def test_coroutine(seed):
            assert False

        class TestOld(unittest.TestCase):
            @simclock_seeds(5)
            def test_method(self, seed=0):
                pass
        """,
        "-W",
        "error::RuntimeWarning",
    )
    assert result.parseoutcomes().get("passed") is None
    result.stdout.fnmatch_lines_random(
        [
            "*a method of unittest.TestCase cannot run over seeds*",
            "*a test over seeds is a plain function: what is async calls asyncio.run in it*",
        ]
    )
    result.stdout.no_fnmatch_line("*never awaited*")


def test_a_mark_by_its_own_name_takes_its_argument_by_name(tests):
    source = TESTS.replace("@simclock_seeds(20)", "@pytest.mark.simclock_seeds(seeds=4)")
    source = f"import pytest\n{source}\ndef test_tried():\n    assert TRIED == [0, 1, 2, 3]\n"
    tests(source).assert_outcomes(passed=2)


def test_code_that_exits_is_a_failure_with_its_seed(tests):
    source = TESTS.replace("assert run(game(seed)).seed != 13", "seed == 3 and exit(7)")
    result = tests(source)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["seed 3 failed; 3 passed before, 16 of 0:20 not tried"])


def test_a_seed_fixture_of_ones_own_stays_ones_own(tests):
    result = tests(
        """
        import pytest

        @pytest.fixture
        def seed():
            return 4

        def test_own(seed):
            assert seed == 4
        """
    )
    result.assert_outcomes(passed=1)


def test_the_mark_is_known_and_the_options_are_listed(tests, pytester):
    result = tests(TESTS, "--strict-markers", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.simclock_seeds(seeds=100): *"])
    result = pytester.runpytest_inprocess(*_plugin(), "--help")
    result.stdout.fnmatch_lines(["*--simclock-seeds=SEEDS*", "*--simclock-replay=SEED*", "*--simclock-jobs=N*"])


# docs/testing.md


def documented() -> dict[str, str]:
    """File name -> source, of the page's Python blocks."""
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    return {re.match(r"# test_(\w+)\.py", each)[1]: each for each in re.findall(r"```python\n(.*?)```", page, re.S)}


def test_the_documented_failure_is_what_is_printed(tests):
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    printed = re.search(r"```text\n(seed .*?)```", page, re.S)
    result = tests(documented()["greeting"], name="test_greeting")
    result.assert_outcomes(failed=1)
    assert printed is not None
    assert printed[1] in re.sub(r"sc1-\S+", "sc1-...", result.stdout.str())


def test_the_recipe_with_hypothesis_passes(tests):
    tests(documented()["counter"], name="test_counter").assert_outcomes(passed=1)


def test_the_recipe_for_one_node_alone_passes_and_finds_a_vote_that_is_not_durable(tests):
    tests(documented()["voter"], name="test_voter").assert_outcomes(passed=1)
    hasty = documented()["voter"].replace("            self.disk.sync()\n", "")
    tests(hasty, name="test_voter").assert_outcomes(failed=1)


def test_the_recipe_finds_a_small_workload_and_names_the_seed(tests):
    source = documented()["counter"].replace("self.total += message.amount", "self.total += min(message.amount, 6)")
    result = tests(source, name="test_counter")
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r".*workload=\(\((7|8|9),\),\)",
            r"seed 0 failed; none was tried before, 4 of 0:5 not tried",
            r"replay: pytest test_counter.py::test_nothing_is_lost_in_counting --simclock-replay 0",
            r"its last \d+ events:",
            r".*deliver <- 1: Add\(amount=(7|8|9)\)",
        ]
    )


# Cost, and workers.


def test_loading_the_plugin_imports_nothing_else_of_simclock():
    program = (
        "import pytest, sys; before = set(sys.modules); import simclock.experiments.pytest_plugin; "
        "print(sorted(name for name in set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['simclock', 'simclock.experiments', 'simclock.experiments.pytest_plugin']"


@pytest.mark.ray
def test_jobs_find_the_same_first_failing_seed(tests, ray):
    result = tests(TESTS.replace("!= 13", "% 14 != 13"), "--simclock-jobs", "2", "--simclock-seeds", "60")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["seed 13 failed; 13 passed before, 46 of 0:60 not tried", "its last 20 events:"])


@pytest.mark.ray
def test_jobs_pass_where_all_seeds_do(tests, ray):
    tests(TESTS, "--simclock-jobs", "2", "--simclock-seeds", "14:60").assert_outcomes(passed=1)


@pytest.mark.ray
def test_a_fixture_that_cannot_travel_is_told(tests, ray):
    result = tests(
        """
        import pytest, threading
        from simclock.experiments.pytest_plugin import simclock_seeds

        @pytest.fixture
        def lock():
            return threading.Lock()

        @simclock_seeds(5)
        def test_it(seed, lock):
            pass
        """,
        "--simclock-jobs=2",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*--simclock-jobs: the test or a fixture: it cannot travel to a worker: *lock*"])
