"""The pytest plugin: a test that runs over seeds, and says of a failure what replays it.

    from simclock.experiments.pytest_plugin import simclock_seeds

    @simclock_seeds(100)
    def test_agreement(seed):
        assert not run(scenario(seed)).violations

The test is one item; its seeds run in order until one fails. The failing seed is run once more with a trace, which
shows the last events, and tells a test that its seed does not determine; then its fault plan is made smaller. It is
kept in pytest's cache, and tried first by the next run, until it passes. Fixtures are made once for all seeds.

A session with such tests runs under a PYTHONHASHSEED that is known: it is started again under the usual one, unless
one is set, so that the line which replays a seed holds. Where that cannot be (pytest called by a program, or under a
debugger) the report of a failure says so.

pytest loads this module in every run of an environment that has simclock: it imports nothing but pytest.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import pytest

MARKER = "simclock_seeds"
SEEDS = 100
EVENTS_SHOWN = 20
SHRINK_S = 10
PASSES_NOW = "simclock_passes_now"
"""The property of a test's report that names a kept seed which has passed."""
BATCHES_PER_JOB = 8
BATCH_SEEDS_MAX = 200


def simclock_seeds(
    seeds: int | str = SEEDS, *, nemesis: str | None = None, liveness: str | None = None, rhythm: str | None = None
) -> pytest.MarkDecorator:
    """Run the test, which takes `seed`, with the seeds 0 to `seeds` - 1, or those of a text such as "500:600".

    With a nemesis, as "swarm", whatever the test runs is struck as by `--nemesis`, `--liveness` and `--rhythm`,
    drawn from the scenario's seed.
    """
    trouble = {"nemesis": nemesis, "liveness": liveness, "rhythm": rhythm}
    return pytest.mark.simclock_seeds(seeds, **{name: text for name, text in trouble.items() if text is not None})


class _NoSeed:
    """What an unmarked test would get."""


@pytest.fixture(scope="session")  # Hypothesis refuses fixtures of the function's scope
def seed() -> Any:
    """The seed of this run, in a test marked with `simclock_seeds`."""
    return _NoSeed()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    from simclock.experiments import pytest_script_files

    pluginmanager.register(pytest_script_files, "simclock_scripts")
    group = parser.getgroup("simclock", "simclock: tests over seeds")
    group.addoption("--simclock-seeds", metavar="SEEDS", help="how many seeds, or which: 1000, or 500:600")
    group.addoption(
        "--simclock-replay",
        metavar="SEED|CODE",
        help="run tests over seeds with this one alone; or the one test that a failure gave to paste, sc1-...",
    )
    group.addoption("--simclock-jobs", metavar="N", type=int, default=1, help="run seeds in N processes")
    group.addoption(
        "--simclock-shrink",
        metavar="SECONDS",
        help=f"how long to make the fault plan of a failure smaller, {SHRINK_S} if not set; 0: not at all",
    )
    group.addoption("--simclock-html", metavar="DIR", help="write a page of each failure's run to that folder")
    parser.addini("simclock_shrink", "the same as --simclock-shrink", default=str(SHRINK_S))


_CODE = pytest.StashKey[Any]()
"""What the code holds that was pasted."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_CODE] = _pasted(config.getoption("--simclock-replay"))
    _shrink_s(config)
    _check_folder(config.getoption("--simclock-html"))
    if config.getoption("dist", "no") != "no":
        os.environ.setdefault("PYTHONHASHSEED", "0")  # the workers of pytest-xdist, which are still to be started
    config.addinivalue_line(
        "markers",
        f"{MARKER}(seeds={SEEDS}): run the test, which takes `seed`, over seeds: a count, or a text as 500:600",
    )


def _pasted(text: str | None) -> Any:
    """What a code holds, where one is given in place of a seed."""
    if text is None or text.strip().isdecimal():
        return None
    from simclock.errors import UsageError
    from simclock.experiments.runs.replay_code import read_replay_code, shown

    try:
        code = read_replay_code(text)
    except UsageError as error:
        raise pytest.UsageError(f"--simclock-replay: {error}") from None
    if not code.test:
        problem = f"{shown(text)}: it is of a scenario and no test: `simclock run --replay` takes it"
        raise pytest.UsageError(f"--simclock-replay: {problem}")
    return code


def _check_folder(text: str | None) -> None:
    if text is not None and (not text or (os.path.exists(text) and not os.path.isdir(text))):
        raise pytest.UsageError(f"--simclock-html: {text!r} is no folder: name one, which is made if it is not there")


def _shrink_s(config: pytest.Config) -> float:
    given = config.getoption("--simclock-shrink")
    place, text = ("--simclock-shrink", given) if given is not None else ("simclock_shrink", None)
    text = str(config.getini("simclock_shrink")) if text is None else text
    try:
        limit_s = float(text)
    except ValueError:
        limit_s = -1.0
    if not 0 <= limit_s < float("inf"):
        raise pytest.UsageError(f"{place}: {text!r} is not a number of seconds, 0 or more")
    return limit_s


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A code that was pasted is of one test."""
    code = config.stash[_CODE]
    if code is None:
        return
    others = [item for item in items if item.nodeid != code.test]
    if len(others) == len(items):
        raise pytest.UsageError(f"--simclock-replay: its test, {code.test}, is not among those that were collected")
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item.nodeid == code.test]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which kept seeds pass now."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, seed in getattr(report, "user_properties", ()):
            if name == PASSES_NOW and report.when == "call":
                terminalreporter.write_line(
                    f"simclock: seed {seed} of {report.nodeid}, saved by an earlier run, passes now"
                )


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Run tests over seeds under a hash seed that is known, so that what replays a failure holds."""
    config = session.config
    if config.option.collectonly or all(item.get_closest_marker(MARKER) is None for item in session.items):
        return
    from simclock.experiments import hash_seeded

    _tell_changed_code(session)
    if hash_seeded.drawn() and _is_all_of_this_process(config):
        reporter = config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(
                f"simclock: started again with {hash_seeded.VARIABLE}={hash_seeded.USUAL}, so that seeds replay"
            )
        config._ensure_unconfigure()  # captured files are given back
        hash_seeded.under_one_hash_seed()


def _tell_changed_code(session: pytest.Session) -> None:
    """Say that a code was made by other code than today's."""
    code = session.config.stash[_CODE]
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if code is None or reporter is None:
        return
    from simclock.experiments.runs.code_version import module_version

    for module in {item.module for item in session.items if isinstance(item, pytest.Function)}:
        if changed := code.changed(module_version(module)):
            reporter.write_line(f"simclock: {changed}")


def _is_all_of_this_process(config: pytest.Config) -> bool:
    """Whether the process is the command `pytest`, and no program that called it, no worker, and under no debugger."""
    program = sys.argv[0]
    is_pytest = os.path.basename(program).removesuffix(".exe") in ("pytest", "py.test")
    is_pytest = is_pytest or program.endswith(os.path.join("pytest", "__main__.py"))
    ours = is_pytest and list(config.invocation_params.args) == sys.argv[1:]
    return ours and not hasattr(config, "workerinput") and "pydevd" not in sys.modules


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a mark that would be without effect: unittest calls its methods itself."""
    unittest = sys.modules.get("unittest")
    cls = getattr(item, "cls", None)
    if unittest is None or cls is None or item.get_closest_marker(MARKER) is None:
        return
    if issubclass(cls, unittest.TestCase):
        pytest.fail("a method of unittest.TestCase cannot run over seeds: write a function, or a plain class", False)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a marked test over its seeds."""
    marker = pyfuncitem.get_closest_marker(MARKER)
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    if marker is None:
        if any(isinstance(value, _NoSeed) for value in arguments.values()):
            pytest.fail(f"the fixture `seed` is for tests over seeds: mark it with @simclock_seeds({SEEDS})", False)
        return None
    if "seed" not in arguments:
        pytest.fail("a test over seeds takes an argument `seed`", False)
    seeds = _seeds_of(pyfuncitem.config, marker)
    _SeededTest(pyfuncitem, _struck(pyfuncitem.obj, marker), arguments, seeds).run()
    return True


def _seeds_of(config: pytest.Config, marker: pytest.Mark) -> Sequence[int]:
    from simclock.errors import UsageError
    from simclock.experiments.runs.replay_code import seed_of
    from simclock.experiments.runs.seeds import bounded, check_seed, parse_seeds

    replayed = config.getoption("--simclock-replay")
    code = config.stash[_CODE]
    given = config.getoption("--simclock-seeds")
    place = "--simclock-seeds" if given is not None else f"@{MARKER}"
    try:
        if replayed is not None:
            seed = bounded(replayed.strip()) if code is None else seed_of(code.document)
            check_seed(seed, "--simclock-replay")
            return (seed,)
        text = str(given if given is not None else _seeds_given(*marker.args, **marker.kwargs))
        return parse_seeds(f"0:{text}" if text.isdecimal() else text, place)
    except ValueError:  # a whole number of more digits than Python will print
        problem = f"{place}: that number is too large"
    except TypeError:
        problem = f"@{MARKER} takes `seeds`, a count, or a text as 500:600; and `nemesis`, `liveness`, `rhythm`"
    except UsageError as error:
        problem = str(error)
    pytest.fail(problem, False)


def _seeds_given(seeds: int | str = SEEDS, *, nemesis: str = "", liveness: str = "", rhythm: str = "") -> int | str:
    """What the mark was given, by place or by name."""
    return seeds


def _struck(function: Callable[..., Any], marker: pytest.Mark) -> Callable[..., Any]:
    """The test, under the nemesis of its mark if it has one."""
    nemesis, liveness, rhythm = map(marker.kwargs.get, ("nemesis", "liveness", "rhythm"))
    if nemesis is None and liveness is None and rhythm is None:
        return function
    from simclock.errors import UsageError
    from simclock.experiments.pytest_nemesis import StruckTest

    try:
        return StruckTest.of(function, "none" if nemesis is None else nemesis, liveness, rhythm)
    except UsageError as error:
        pytest.fail(f"@{MARKER}: {error}", False)


class _SeededTest:
    """One marked test, with its fixtures."""

    def __init__(
        self, item: pytest.Function, function: Callable[..., Any], arguments: dict[str, Any], seeds: Sequence[int]
    ) -> None:
        from simclock.experiments.pytest_seeds import KeptSeeds

        self._item = item
        self._function = function
        self._arguments = arguments
        self._seeds = seeds
        """As they were asked for."""
        self._kept = KeptSeeds(_cache_folder(item.config), item.nodeid)
        replays = item.config.getoption("--simclock-replay") is not None
        self._first: Sequence[int] = () if replays else self._kept.read()
        """Those that an earlier run has kept."""
        self._rest: Sequence[int] = [seed for seed in seeds if seed not in self._first] if self._first else seeds
        self._plan = _plan_of(item.config.stash[_CODE])

    def run(self) -> None:
        """Run all seeds, until one fails: first those that failed before."""
        for seed in self._first:
            error = self._error(seed)
            if error is not None:
                tried = f"saved by an earlier run, still fails; {len(self._rest)} of {self._text()} not tried"
                self._fail(seed, f"seed {seed}, {tried}", error)
            self._kept.drop(seed)
            self._item.user_properties.append((PASSES_NOW, seed))
        jobs = self._item.config.getoption("--simclock-jobs")
        here = len(self._rest) if jobs <= 1 else min(1, len(self._rest))  # the first is always run here: it may skip
        for position in range(here):
            self._run_here(position)
        if here < len(self._rest):
            failed = self._first_failing_in_workers(here, jobs)
            if failed is not None:
                self._run_here(failed[0])
                text = f"seed {self._rest[failed[0]]} failed in a worker and passes here:\n\n{failed[1]}"
                pytest.fail(text, pytrace=False)

    def _text(self) -> str:
        from simclock.experiments.runs.seeds import seeds_text

        return seeds_text(self._seeds)

    def _run_here(self, position: int) -> None:
        seed = self._rest[position]
        error = self._error(seed)
        if error is not None:
            before = position + len(self._first)
            passed = f"{before} passed before" if before else "none was tried before"
            left = len(self._rest) - position - 1
            self._fail(seed, f"seed {seed} failed; {passed}, {left} of {self._text()} not tried", error)

    def _error(self, seed: int) -> BaseException | None:
        """What the test raises with that seed, and the plan that was pasted."""
        if self._plan is None:
            return self._call(seed)
        from simclock.actors.run import interposed
        from simclock.experiments.shrinking.call import Heard

        with interposed(Heard(plan=self._plan).run):
            return self._call(seed)

    def _call(self, seed: int) -> BaseException | None:
        from simclock.experiments.pytest_calls import FAILURES, call

        try:
            call(self._function, {**self._arguments, "seed": seed})
        except FAILURES as error:
            if isinstance(error, pytest.xfail.Exception):
                raise
            return error
        return None

    def _call_again(self, seed: int) -> BaseException | None:
        """The same of a seed that has failed, in which nothing is skipped any more."""
        try:
            return self._call(seed)
        except (pytest.skip.Exception, pytest.xfail.Exception):
            return None

    def _fail(self, seed: int, what: str, error: BaseException) -> NoReturn:
        """Run the seed once more for its last events, make its plan smaller, report, and raise."""
        from simclock.actors.run import interposed, tapped
        from simclock.experiments.shrinking.call import Heard

        self._kept.keep(seed)
        last: deque[Any] = deque(maxlen=EVENTS_SHOWN)

        def tap(record: Any) -> None:
            if last and record[:3] <= last[-1][:3]:
                last.clear()  # records come in ascending order: another run has begun
            last.append(record)

        heard = Heard(plan=self._plan)
        began_s = time.monotonic()
        with tapped(tap), interposed(heard.run):
            again = self._call(seed)
        smaller = None
        expected = self._item.get_closest_marker("xfail") is not None  # and then nobody reads why it failed
        limit_s = 0.0 if expected else _shrink_s(self._item.config)
        if again is not None and self._plan is None and time.monotonic() - began_s < limit_s:
            smaller = self._smaller(seed, again, heard, limit_s)
        lines = [*self._report(seed, what, last, again, smaller)]
        if again is not None and not expected:
            lines += self._page(seed, smaller)
        self._item.add_report_section("call", "simclock", "\n".join(lines))
        raise again or error

    def _smaller(self, seed: int, error: BaseException, heard: Any, limit_s: float) -> Any:
        from simclock.experiments.shrinking.call import smaller_plan

        with redirect_stdout(StringIO()):  # of what it prints, once is enough
            return smaller_plan(lambda: self._call_again(seed), error, heard, limit_s)

    def _page(self, seed: int, smaller: Any) -> list[str]:
        """The line that names the page of the failing run, where one is asked for."""
        folder = self._item.config.getoption("--simclock-html")
        if folder is None:
            return []
        from simclock.experiments.pytest_page import write_page

        with redirect_stdout(StringIO()):
            plan = self._plan if smaller is None else smaller.plan
            return [write_page(Path(folder), self._item.nodeid, seed, plan, lambda: self._call_again(seed))]

    def _report(
        self, seed: int, what: str, last: Sequence[Any], again: BaseException | None, smaller: Any
    ) -> Iterator[str]:
        from simclock.experiments.runs.replay_code import code_of_test
        from simclock.hash_seed import RANDOM, hash_seed, on_command_line

        yield what
        yield f"replay: {on_command_line()}{self._replay(str(seed))}"
        if again is None:
            yield "run once more, it passed: the seed does not determine this test"
        else:
            plan = self._plan if smaller is None else smaller.plan
            code = code_of_test(self._item.nodeid, self._item.module, seed, plan)
            yield f"or paste: {on_command_line()}{self._replay(code)}"
        if smaller is not None:
            yield smaller.told
            yield from (f"  {fault}" for fault in smaller.plan)
        if last:
            yield f"its last {len(last)} events:"
            yield from (f"  {record}" for record in last)
        if hash_seed() == RANDOM:
            yield "PYTHONHASHSEED is random here, so code that walks through a set of strings may do otherwise: set it"

    def _replay(self, what: str) -> str:
        config = self._item.config
        _, colons, name = self._item.nodeid.partition("::")
        path = os.path.relpath(self._item.path, config.invocation_params.dir)
        return shlex.join(["pytest", f"{path}{colons}{name}", "--simclock-replay", what])

    def _first_failing_in_workers(self, start: int, jobs: int) -> tuple[int, str] | None:
        """Position of the first seed that fails and its traceback: of those before it, all have passed."""
        from simclock.actors.placements.workers import map_on_workers
        from simclock.errors import UsageError
        from simclock.experiments.pytest_calls import Batches, Caller

        size = max(1, min(len(self._rest) // (jobs * BATCHES_PER_JOB), BATCH_SEEDS_MAX))
        batches = [self._rest[at : at + size] for at in range(start, len(self._rest), size)]
        caller = Caller(self._function, {n: value for n, value in self._arguments.items() if n != "seed"})
        failures: dict[int, tuple[int, str]] = {}
        done: set[int] = set()
        try:
            for number, failed in map_on_workers(Batches(caller, batches), range(len(batches)), jobs=jobs):
                done.add(number)
                if failed is not None:
                    failures[number] = failed
                if failures and done.issuperset(range(min(failures))):
                    break
        except UsageError as error:
            pytest.fail(f"--simclock-jobs: the test or a fixture: {error}", False)
        if not failures:
            return None
        first = min(failures)
        within, text = failures[first]
        return start + first * size + within, text


def _cache_folder(config: pytest.Config) -> Path | None:
    """Where failing seeds are kept; None where pytest has no cache, or cannot write it."""
    from simclock.experiments.pytest_seeds import FOLDER

    cache = getattr(config, "cache", None)
    try:
        return None if cache is None else cache.mkdir(FOLDER)
    except OSError:
        return None


def _plan_of(code: Any) -> Any:
    """The faults that a code which was pasted has in place of the test's own."""
    if code is None or "faults" not in code.document:
        return None
    from simclock.errors import UsageError
    from simclock.experiments.scenario_files.file import faults_from_toml

    try:
        return faults_from_toml(code.document, "--simclock-replay")
    except UsageError as error:
        pytest.fail(str(error), False)
