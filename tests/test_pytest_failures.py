"""What pytest keeps of a failure and makes of it: the seed that is tried first, the smaller plan, the code."""

import json
import re
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from simclock import Crash, Node, Note, Restart, Scenario, ms
from simclock.actors.run import interposed
from simclock.actors.run import run as run_scenario
from simclock.experiments.pytest_seeds import FOLDER, KEPT_MAX, KeptSeeds
from simclock.experiments.runs.replay_code import read_replay_code
from simclock.experiments.shrinking.call import Heard, smaller_plan
from simclock.experiments.viewing.page import data_of

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
STORM = re.search(r"```python\n(# test_storm.py\n.*?)```", PAGE, re.DOTALL)[1]
FRAGILE = """
from pathlib import Path
from simclock.experiments.pytest_plugin import simclock_seeds

@simclock_seeds(10)
def test_it(seed):
    with Path("tried").open("a") as file:
        file.write(f"{seed} ")
    assert seed not in eval(Path("bad").read_text())
"""


@pytest.fixture
def session(pytester, monkeypatch):
    """Write a test file and run it, with pytest's cache."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHONHASHSEED", "0")

    def run(source, *arguments, name="test_it"):
        pytester.makepyfile(**{name: source})
        return pytester.runpytest_inprocess(*arguments)

    return run


def tried():
    file = Path("tried")
    seeds = [int(each) for each in file.read_text().split()] if file.exists() else []
    file.unlink(missing_ok=True)
    return list(dict.fromkeys(seeds))


def bad(*seeds):
    Path("bad").write_text(repr(seeds))


# Seeds are kept.


def test_a_failing_seed_is_tried_first_until_it_passes(session, pytester):
    bad(7)
    session(FRAGILE).assert_outcomes(failed=1)
    assert tried() == list(range(8))

    again = session(FRAGILE)
    again.stdout.fnmatch_lines(["seed 7, saved by an earlier run, still fails; 9 of 0:10 not tried"])
    assert tried() == [7]

    bad()
    mended = session(FRAGILE)
    mended.assert_outcomes(passed=1)
    mended.stdout.fnmatch_lines(["simclock: seed 7 of test_it.py::test_it, saved by an earlier run, passes now"])
    assert tried() == [7, *(seed for seed in range(10) if seed != 7)]

    after = session(FRAGILE)
    assert tried() == list(range(10))
    after.stdout.no_fnmatch_line("*saved by an earlier run*")


def test_a_kept_seed_is_tried_though_it_is_not_asked_for_but_not_beside_a_replay(session):
    bad(7)
    session(FRAGILE)
    tried()
    session(FRAGILE, "--simclock-seeds", "3").stdout.fnmatch_lines(["seed 7, saved*still fails; 3 of 0:3 not tried"])
    assert tried() == [7]
    session(FRAGILE, "--simclock-replay", "2").assert_outcomes(passed=1)
    assert tried() == [2]


def test_another_seed_fails_after_a_kept_one_has_passed(session):
    bad(7)
    session(FRAGILE)
    bad(2)
    tried()
    session(FRAGILE).stdout.fnmatch_lines(["seed 2 failed; 3 passed before, 6 of 0:10 not tried"])
    assert tried() == [7, 0, 1, 2]
    session(FRAGILE).stdout.fnmatch_lines(["seed 2, saved by an earlier run, still fails; 9 of 0:10 not tried"])


def test_without_a_cache_nothing_is_kept(session):
    bad(7)
    for _ in range(2):
        session(FRAGILE, "-p", "no:cacheprovider").stdout.fnmatch_lines(["seed 7 failed; 7 passed before*"])
    session(FRAGILE)
    session(FRAGILE, "--cache-clear").stdout.fnmatch_lines(["seed 7 failed; 7 passed before*"])


@pytest.mark.slow
def test_workers_of_xdist_keep_the_seeds_of_all_their_tests(session, pytester):
    bad(1, 13, 25, 37)
    source = FRAGILE.replace("def test_it(seed):", "@pytest.mark.parametrize('n', range(4))\ndef test_it(seed, n):")
    source = source.replace("from pathlib", "import pytest\nfrom pathlib").replace(
        "assert seed", "assert seed + 10 * n + n"
    )
    bad(1, 12 + 1, 23 + 2, 34 + 3)
    session(source, "-n", "2", "--dist", "load").assert_outcomes(failed=4)
    kept = [json.loads(file.read_text()) for file in pytester.path.glob(f".pytest_cache/d/{FOLDER}/*.json")]
    assert len(kept) == 4
    result = session(source, "-n", "2")
    assert len(re.findall("saved by an earlier run, still fails", result.stdout.str())) == 4


def test_what_is_kept_is_the_last_few_and_survives_damage(tmp_path):
    kept = KeptSeeds(tmp_path, "test_x.py::test_y")
    for seed in (*range(20), 15):
        kept.keep(seed)
    assert kept.read() == [15, 19, 18, 17, 16, 14, 13, 12, 11, 10][:KEPT_MAX]
    assert KeptSeeds(tmp_path, "test_x.py::test_z").read() == []
    kept.drop(15)
    assert kept.read()[0] == 19
    (file,) = tmp_path.iterdir()
    for text in ("", "{", "[]", '{"test": "test_x.py::test_y"}', '{"test": "test_x.py::test_y", "seeds": 3}'):
        file.write_text(text)
        assert kept.read() == []
    kept.keep(3)
    kept.drop(3)
    assert list(tmp_path.iterdir()) == []
    nowhere = KeptSeeds(None, "test_x.py::test_y")
    nowhere.keep(3)
    assert nowhere.read() == []


# The smaller plan, and the code.


def code_in(result):
    return re.search(r"--simclock-replay (sc1-\S+)", result.stdout.str())[1]


def test_the_documented_plan_is_what_is_printed(session):
    printed = re.search(r"```text\n(seed 0 failed;.*?)```", PAGE, re.DOTALL)[1]
    result = session(STORM, name="test_storm")
    assert printed in re.sub(r"sc1-\S+", "sc1-...", result.stdout.str())


def test_a_code_runs_its_test_alone_with_the_smaller_plan(session):
    code = code_in(session(STORM, name="test_storm"))
    assert [fault["kind"] for fault in read_replay_code(code).document["faults"]] == ["crash", "restart"]
    result = session(FRAGILE, "--simclock-replay", code)  # the other file stands beside it
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(
        ["*50ms node 0   fault   50ms crash node 0", "*60ms node 0   fault   60ms restart node 0"]
    )
    result.stdout.no_fnmatch_line("*pause node*")


def test_a_code_says_that_the_test_has_changed_since(session):
    code = code_in(session(STORM, name="test_storm"))
    session(STORM, "--simclock-replay", code, name="test_storm").stdout.no_fnmatch_line("*has changed*")
    mended = STORM.replace("self.balance = 0", 'self.balance = self.disk.read("balance", 0)').replace(
        "self.balance += message.amount",
        'self.balance += message.amount\n        self.disk.write("balance", self.balance)\n        self.disk.sync()',
    )
    result = session(mended, "--simclock-replay", code, name="test_storm")
    result.stdout.fnmatch_lines(["simclock: the code has changed since this was made*"])
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("how", [("--simclock-shrink", "0"), ("-o", "simclock_shrink=0")])
def test_shrinking_can_be_switched_off(session, how):
    result = session(STORM, *how, name="test_storm")
    result.stdout.no_fnmatch_line("smaller: *")
    assert "faults" not in read_replay_code(code_in(result)).document


def test_a_test_of_several_runs_keeps_its_plan(session):
    twice = STORM.replace("    assert run(storm(seed))", "    run(storm(seed))\n    assert run(storm(seed))")
    result = session(twice, name="test_storm")
    result.stdout.fnmatch_lines(["or paste: *"])
    result.stdout.no_fnmatch_line("smaller: *")


def test_a_smaller_plan_fails_at_the_same_line(session):
    """Without its restart, node 0 has no balance to read: another failure, on another line, and no smaller plan."""
    source = STORM.replace(
        "    assert run(storm(seed)).final[0] >= 15",
        "    final = run(storm(seed)).final\n    balance = final[0]\n    assert balance >= 15",
    )
    result = session(source, name="test_storm")
    result.stdout.fnmatch_lines(["smaller: * with 2 of its 8 faults *", "  50ms crash node 0", "  60ms restart node 0"])


def test_what_a_test_prints_while_its_plan_is_made_smaller_is_not_shown(session):
    result = session(STORM.replace("    assert run", "    print('trying')\n    assert run"), name="test_storm")
    assert result.stdout.str().count("trying") <= 4


def test_the_time_that_shrinking_takes_is_bounded(monkeypatch):
    """A clock that goes on by a second at every look: each trial looks once."""
    plan = tuple(Note(at_ns=ms(at), text="") for at in range(1, 50))
    scenario = Scenario(name="x", nodes=1, build=lambda node: Node(), duration_ns=ms(60), faults=plan)
    calls = []

    def call():
        calls.append(1)
        try:
            assert len(run_scenario(scenario).faults) < 5
        except AssertionError as error:
            return error
        return None

    heard = Heard()
    with interposed(heard.run):
        error = call()
    assert error is not None
    for limit_s, least in ((0, 49), (3, 49), (8, 48), (1000, 5)):
        clock = count()
        monkeypatch.setattr("simclock.experiments.shrinking.call.time.monotonic", lambda clock=clock: next(clock))
        calls.clear()
        smaller = smaller_plan(call, error, heard, limit_s)
        assert len(calls) <= limit_s
        if limit_s == 0:
            assert smaller is None
        else:
            assert (smaller.before, smaller.spent) == (49, limit_s < 1000)
            assert 5 <= len(smaller.plan) <= least
            assert ("the time was up" in smaller.told) == smaller.spent


def test_what_is_expected_to_fail_is_not_made_smaller(session):
    source = STORM.replace("@simclock_seeds", "import pytest\n\n\n@pytest.mark.xfail\n@simclock_seeds")
    source = source.replace("    assert run", "    print('trying')\n    assert run")
    result = session(source, "-rX", "-s", name="test_storm")
    result.assert_outcomes(xfailed=1)
    assert result.stdout.str().count("trying") == 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--simclock-replay", "sc1-AAAA"), "--simclock-replay: sc1-AAAA: the replay code is damaged"),
        (("--simclock-replay", "soon"), "--simclock-replay: soon: it is no replay code"),
        (("--simclock-replay", "-1"), "--simclock-replay: -1: it is no replay code"),
        (("--simclock-shrink", "long"), "--simclock-shrink: 'long' is not a number of seconds"),
        (("--simclock-shrink", "-1"), "--simclock-shrink: '-1' is not a number of seconds"),
        (("-o", "simclock_shrink=nan"), "simclock_shrink: 'nan' is not a number of seconds"),
    ],
)
def test_bad_options_are_told_in_a_line(session, arguments, problem):
    bad()
    result = session(FRAGILE, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {problem.replace('[', '[[]')}*"])


def test_a_code_whose_test_is_gone_is_told_in_a_line(session):
    bad()
    code = code_in(session(STORM, name="test_storm"))
    Path("test_storm.py").unlink()
    result = session(FRAGILE, "--simclock-replay", code)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *its test, test_storm.py::test_no_deposit_is_lost, is not among those*"])


def test_a_code_of_a_scenario_is_for_the_command(session):
    from simclock.experiments.runs.replay_code import ReplayCode

    code = ReplayCode({"scenario": "phold", "seed": 1}, "git abc", "0" * 16).text()
    result = session(FRAGILE, "--simclock-replay", code)
    result.stderr.fnmatch_lines(["ERROR: *it is of a scenario and no test: `simclock run --replay` takes it"])


# Between `run` and its caller.


def test_what_is_interposed_sees_the_run_and_may_change_its_plan():
    names = {}
    exec(STORM.partition("@simclock_seeds")[0], names)  # the scenario of the page
    plan = (Crash(at_ns=ms(20), node=0), Restart(at_ns=ms(30), node=0))
    heard = Heard(plan=plan)
    with interposed(heard.run):
        result = run_scenario(names["storm"](0))
    assert (result.faults, heard.faults) == (plan, plan)
    assert run_scenario(names["storm"](0)).faults != plan


# The page of a failure.


def test_a_failure_leaves_a_page_of_its_run_with_the_smaller_plan(session):
    failed = session(STORM, "--simclock-html", "pages/of failures", name="test_storm")
    (file,) = Path("pages/of failures").iterdir()
    assert file.name == "test_storm.py-test_no_deposit_is_lost-seed-0.html"
    failed.stdout.fnmatch_lines(["*2 of its 8 faults*", f"page: pages/of failures/{file.name}"])
    names, records = {}, []
    exec(STORM, names)
    smaller = replace(names["storm"](0), faults=(Crash(at_ns=ms(50), node=0), Restart(at_ns=ms(60), node=0)))
    run_scenario(smaller, trace=records.append)
    (shown,) = json.loads(dict(data_of(file.read_text(encoding="utf-8")))["about-runs"])["runs"]
    assert shown["count"] == len(records) and "test_storm.py::test_no_deposit_is_lost" in shown["name"]
    again = session(STORM, "--simclock-html", "pages/of failures", name="test_storm")  # an earlier page gives way
    again.stdout.fnmatch_lines([f"page: pages/of failures/{file.name}"])


def test_a_page_is_of_the_last_run_and_tells_of_code_that_failed(session):
    source = """
    from simclock import Node, Scenario, ms, run
    from simclock.experiments.pytest_plugin import simclock_seeds

    class Late(Node):
        def on_start(self):
            self.set_timer("late", ms(30))

        def on_timer(self, name):
            raise KeyError("gone")

    @simclock_seeds(1)
    def test_it(seed):
        for build in (lambda node: Node(), lambda node: Late()):
            run(Scenario(name="late", nodes=2, seed=seed, duration_ns=ms(90), build=build))
    """
    session(source, "--simclock-html", ".").stdout.fnmatch_lines(["page: test_it.py-test_it-seed-0.html"])
    (shown,) = json.loads(dict(data_of(Path("test_it.py-test_it-seed-0.html").read_text()))["about-runs"])["runs"]
    assert shown["count"] == 4, "two starts and two timers, and nothing of the first run"
    assert [each["property"] for each in shown["violations"]] == ["the code failed"]


def test_what_cannot_be_written_hides_no_failure(session):
    bad(0)
    session(FRAGILE, "--simclock-html", "x").stdout.fnmatch_lines(["no page: the test makes no run in this process"])
    Path("test_storm.py-test_no_deposit_is_lost-seed-0.html").write_text("mine")
    failed = session(STORM, "--simclock-html", ".", name="test_storm")
    failed.stdout.fnmatch_lines(["no page: --simclock-html: * is there and is no such page: name another file"])
    failed.assert_outcomes(failed=2)
    refused = session(STORM, "--simclock-html", "test_storm.py", name="test_storm")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["*--simclock-html: 'test_storm.py' is no folder*"])


RUNS = """
import pytest
from simclock import HandlerError, Node, Scenario, ms, run
from simclock.experiments.pytest_plugin import simclock_seeds

class Broken(Node):
    def on_start(self):
        raise KeyError("gone")

class Dumb(Exception):
    def __str__(self):
        raise ValueError("it has no words")

def made(seed, node=Node):
    return Scenario(name="made", nodes=1, seed=seed, duration_ns=ms(9), build=lambda _: node())

"""


def test_a_page_tells_nothing_of_earlier_runs(session):
    test = """
@simclock_seeds(1)
def test_it(seed):
    with pytest.raises(HandlerError):
        run(made(seed, Broken))
    run(made(seed))
    run(made(seed))
    assert False
"""
    failed = session(RUNS + test, "--simclock-html", ".")
    failed.stdout.fnmatch_lines(["its last 1 events:", "page: test_it.py-test_it-seed-0.html"])
    (shown,) = json.loads(dict(data_of(Path("test_it.py-test_it-seed-0.html").read_text()))["about-runs"])["runs"]
    assert (shown["count"], shown["violations"]) == (1, [])


def test_two_tests_have_two_pages_and_what_is_expected_to_fail_has_none(session):
    test = f"""
@simclock_seeds(1)
@pytest.mark.parametrize("said", ["a b", "a/b", "a:b", "{"x" * 200}", "y{"x" * 200}"])
def test_said(seed, said):
    run(made(seed))
    assert False

@simclock_seeds(1)
def test_{"前" * 70}(seed):
    run(made(seed))
    assert False

@pytest.mark.xfail
@simclock_seeds(1)
def test_expected(seed):
    run(made(seed))
    assert False
"""
    failed = session(RUNS + test, "--simclock-html", "pages")
    failed.assert_outcomes(failed=6, xfailed=1)
    failed.stdout.no_fnmatch_line("no page:*")
    names = [file.name for file in Path("pages").iterdir()]
    assert len(names) == 6 and not [name for name in names if "expected" in name]


def test_an_exception_that_cannot_tell_its_words_is_still_the_failure(session):
    test = """
@simclock_seeds(1)
def test_it(seed):
    run(made(seed))
    raise Dumb
"""
    failed = session(RUNS + test, "--simclock-html", ".")
    failed.stdout.fnmatch_lines(["E*Dumb: <exception str() failed>", "page: test_it.py-test_it-seed-0.html"])
    report = Path("test_it.py-test_it-seed-0.html").read_text(encoding="utf-8")
    assert "Dumb at " in report
