"""The tests as judges: each mutant is run against them until the first fails.

Law: with the right code they pass, or there is nothing to judge by. The right code runs twice: first in a process that
imports everything itself, which says what there is to import; then as every mutant will, in one that was forked when
all else had been imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from simclock.errors import PlacementError, UsageError
from simclock.experiments.mutation.instrument import Hang
from simclock.experiments.mutation.mutants import Mutant
from simclock.experiments.mutation.testing import ERROR, HANG, TEST, WORKER, Plan, Verdict, died, limit_of, silent
from simclock.experiments.telling.spelling import is_file, is_folder
from simclock.hash_seed import VARIABLE, of_workers

NO_TESTS = 5
"""Pytest's exit status where it has found none."""
PATIENCE_S = 10.0


def check_tests(tests: Sequence[str]) -> None:
    """Raise UsageError where these cannot be run."""
    for test in tests:
        path = _path_of(test)
        if not (test and (is_file(path) or is_folder(path))):
            raise UsageError(f"--tests {test or repr(test)}: there is no such file")
    if find_spec("pytest") is None:
        raise UsageError("--tests: pytest is not installed here: install it (pip install pytest)")
    if not hasattr(os, "fork"):
        raise UsageError("--tests: this system cannot fork a process, which each mutant needs")


def _path_of(test: str) -> Path:
    return Path(test.partition("::")[0])


def files_used(tests: Sequence[str], mutated: Sequence[str]) -> list[Path]:
    """The Python files of these tests, and what they may import: what lies beside them and beside what is mutated."""
    found = {path for file in mutated for path in Path(file).resolve().parent.glob("*.py")}
    for path in (_path_of(test).resolve() for test in tests):
        found |= set(path.rglob("*.py") if path.is_dir() else path.parent.glob("*.py"))
        found |= {above / "conftest.py" for above in path.parents}
    return sorted(filter(is_file, found))


class Suite:
    """The tests, and a process for each core that forks one of its own for each mutant."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._folder = TemporaryDirectory(prefix="simclock-mutate-")
        self._numbers = count()
        self._processes: list[_Process] = []
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        self._closed = False
        self._turns: dict[str, int] = {}
        self._limit_s = 0.0

    def begin(self, jobs: int, limit_s: float | None) -> None:
        """Run the tests with the right code, and begin the processes. Raises UsageError where a test fails."""
        first = self._process([])
        answer = self._checked(first.ask(self._task(None)))
        first.close()
        modules = answer["modules"]
        other = self._process(modules)
        passed = other.ask(self._task(None))
        if passed is None or passed.get("status") != 0:  # something must not be imported before it is needed
            other.close()
            other, modules = self._process([]), []
            passed = other.ask(self._task(None))
        answer = self._checked(passed)
        self._turns = answer["turns"]
        self._limit_s = limit_s or limit_of(answer["wall_s"])
        for process in (other, *(self._process(modules) for _ in range(jobs - 1))):
            self._idle.put(process)

    def _process(self, modules: Sequence[str]) -> _Process:
        process = _Process(self._plan, modules, Path(self._folder.name) / f"said-{len(self._processes)}.txt")
        self._processes.append(process)
        return process

    def _task(self, mutant: Mutant | None) -> dict[str, Any]:
        folder = Path(self._folder.name) / str(next(self._numbers))
        folder.mkdir()
        right = mutant is None
        return {
            "files": self._plan.sources(mutant),
            "folder": str(folder),
            "turns": None if right else self._turns,
            "limit_s": None if right else self._limit_s,
        }

    def _checked(self, answer: dict[str, Any] | None) -> dict[str, Any]:
        """The answer of the right code. Raises where it has not passed the tests."""
        tests = " ".join(self._plan.tests)
        if answer is None or "died" in answer:
            detail = self._last_words() if answer is None else answer["died"]
            raise PlacementError(f"the process that runs the tests with the right code died: {detail}")
        failed = answer.get("failed")
        if failed:
            what = "cannot be collected" if failed["collecting"] else "fails"
            raise UsageError(f"{failed['test']} {what} without a mutant: {failed['detail']}")
        if answer.get("status") == NO_TESTS or answer.get("passed") == 0:
            raise UsageError(f"--tests {tests}: no test runs there, so none can kill a mutant")
        if answer.get("status"):
            raise UsageError(f"--tests {tests}: pytest ends with status {answer['status']}: {answer['said']}")
        self._plan.check_imported(answer, "test", f"({tests}): name one that does with --tests")
        return answer

    def judge(self, mutant: Mutant) -> Verdict | None:
        """What the tests say of it."""
        process = self._idle.get()
        answer = process.ask(self._task(mutant))
        self._idle.put(process)
        if self._closed:
            return None
        if answer is None:
            raise PlacementError(f"a process that forks those of the mutants died: {self._last_words()}")
        if "silent" in answer:
            return silent(mutant, self._limit_s)
        if "died" in answer:
            return died(mutant, answer["died"])
        killed, by, detail = _cause(answer)
        return Verdict(
            number=mutant.number,
            killed=killed,
            by=by,
            detail=detail,
            scenario=None,
            seed=None,
            runs=0,
            ran=answer["ran"],
            differed=0,
            tests=answer["tests"],
        )

    def _last_words(self) -> str:
        said = [line for process in self._processes for line in process.said().splitlines() if line.strip()]
        return said[-1] if said else "it said nothing"

    def close(self) -> None:
        """End every process; what is asked of them meanwhile has no answer."""
        self._closed = True
        for process in self._processes:
            process.close()
        self._folder.cleanup()


def _cause(answer: dict[str, Any]) -> tuple[str, str, str]:
    """(one of KILLS or nothing, by what, the details)."""
    failed = answer["failed"]
    if not failed:
        status = answer["status"]
        return (ERROR, f"pytest ends with status {status}", answer["said"]) if status else ("", "", "")
    if failed["hung"]:
        return HANG, f"{Hang.__name__} at {failed['test']}", failed["detail"]
    if failed["collecting"]:
        return ERROR, f"{failed['kind']} at import", failed["detail"]
    return TEST, failed["test"], failed["detail"]


class _Process:
    """One that forks, and is asked one thing at a time."""

    def __init__(self, plan: Plan, modules: Sequence[str], words: Path) -> None:
        self._words = words
        with words.open("w", encoding="utf-8") as stderr:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                encoding="utf-8",
                env={**os.environ, VARIABLE: of_workers()},
                start_new_session=True,  # Ctrl-C is ours to tell it
            )
        self._write({"tests": plan.tests, "files": [path for _, path, _ in plan.files], "modules": modules})
        self._greeted = False

    def ask(self, task: dict[str, Any]) -> dict[str, Any] | None:
        """Its answer to a task; None where it has ended."""
        if not self._greeted:
            self._greeted = True
            greeting = self._read()
            if greeting is None or greeting["early"]:
                return greeting
        self._write(task)
        return self._read()

    def _write(self, task: dict[str, Any]) -> None:
        assert self._popen.stdin is not None, "it is a pipe"
        with suppress(OSError, ValueError):  # it has ended, or is closed: there is nothing to read then
            self._popen.stdin.write(f"{json.dumps(task)}\n")
            self._popen.stdin.flush()

    def _read(self) -> dict[str, Any] | None:
        assert self._popen.stdout is not None, "it is a pipe"
        try:
            answer: dict[str, Any] = json.loads(self._popen.stdout.readline())
        except ValueError:
            return None
        return answer

    def said(self) -> str:
        """What it has complained about."""
        return self._words.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Have it end, with what it has forked: its input ends."""
        assert self._popen.stdin is not None, "it is a pipe"
        with suppress(OSError, ValueError):
            self._popen.stdin.close()
        try:
            self._popen.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
