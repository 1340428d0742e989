"""A pytest session in the process of one mutant: until the first test fails, with what each may do counted.

Law: what becomes of a mutant follows from it and the tests alone, so nothing is kept from one session to the next:
neither pytest's cache nor Hypothesis's examples, which are drawn alike in every session. A failing example is not made
smaller, as one failure is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from simclock.experiments.mutation.instrument import TURNS_MAX, Counters

with suppress(ImportError):  # a project may do without
    import hypothesis

TIMES = 20
"""A test in which loops turn so many times as often as with the right code is a hang."""


def judged(tests: Sequence[str], turns: Mapping[str, int] | None, counters: Counters, folder: Path) -> dict[str, Any]:
    """Run these tests. `turns` has those of the right code by test; None: this is the right code."""
    watch = _Watch(counters, turns)
    # Assertions as they are: a module in which pytest rewrites them would not be compiled as `install` says
    own = [
        "-x",
        "--tb=no",
        "--assert=plain",
        "-o",
        f"cache_dir={folder / 'cache'}",
        f"--basetemp={folder / 'temporary'}",
    ]
    status = int(pytest.main([*tests, *own], plugins=[watch]))
    return {
        "status": status,
        "failed": watch.failed,
        "ran": counters.ran,
        "tests": len(watch.turns),
        "passed": watch.passed,
        "turns": watch.turns,
    }


class _Watch:
    """A plugin of pytest that counts, and keeps what failed first."""

    def __init__(self, counters: Counters, turns: Mapping[str, int] | None) -> None:
        self.failed: dict[str, Any] = {}
        self.passed = 0
        self.turns: dict[str, int] = {}
        self._counters = counters
        self._right = turns
        self._begin(max((turns or {}).values(), default=0))

    def _begin(self, turns: int) -> None:
        """What follows may turn loops as often as belongs to that many turns of the right code."""
        self._counters.begin(1 << 62 if self._right is None else max(TURNS_MAX, TIMES * turns))

    def pytest_configure(self, config: pytest.Config) -> None:
        if hasattr(config.option, "dist"):  # pytest-xdist: there is one process for a mutant
            config.option.dist = "no"

    def pytest_sessionstart(self) -> None:
        """After the project's own settings of Hypothesis, and before those of its tests."""
        try:
            phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate, hypothesis.Phase.target)
        except NameError:
            return
        own = hypothesis.settings(hypothesis.settings(), derandomize=True, database=None, phases=phases)
        hypothesis.settings.register_profile("simclock mutate", own)
        hypothesis.settings.load_profile("simclock mutate")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._begin((self._right or {}).get(nodeid, 0))

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.turns[nodeid] = self._counters.turns

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.passed += report.when == "call" and report.passed
        if report.failed:
            self._fail(report.nodeid, "", "")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._fail(report.nodeid, "", "", collecting=True)

    def pytest_exception_interact(
        self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any], report: object
    ) -> None:
        assert call.excinfo is not None, "it is called for an exception"
        collecting = isinstance(report, pytest.CollectReport)
        error = call.excinfo.value
        if collecting and error.__cause__ is not None:  # which pytest tells in words of its own
            error = error.__cause__
        self._fail(node.nodeid, type(error).__name__, _in_short(error), collecting=collecting)

    def _fail(self, test: str, kind: str, detail: str, *, collecting: bool = False) -> None:
        """Keep what failed first; its exception is told after it, or before."""
        if not self.failed:
            self.failed = {
                "test": test,
                "hung": self._counters.hung,
                "collecting": collecting,
                "kind": "",
                "detail": "",
            }
        if self.failed["test"] == test and not self.failed["kind"]:
            self.failed |= {"kind": kind, "detail": detail}


def _in_short(error: BaseException) -> str:
    """In one line what was raised and where; of an assertion without words the assertion."""
    failure = pytest.ExceptionInfo.from_exception(error)
    last = failure.traceback[-1]
    words = " ".join(failure.exconly().split())
    if isinstance(error, AssertionError) and not error.args:
        words = f"{words}: {' '.join(str(last.statement).split())}"
    return f"{words} ({Path(last.path).name}:{last.lineno + 1})"
