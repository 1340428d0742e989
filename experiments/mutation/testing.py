"""All mutants of some files, each in a process of its own, over the cores; the right code's runs come first.

Law: a mutant's outcome follows from it, the tests, the scenarios and the seeds alone, so it does not depend on how many
are judged at a time or on which is done first. The one exception is a process that is silent for too long (`limit_s`),
which is ended: a hang that no counter has seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from simclock.errors import PlacementError, UsageError
from simclock.experiments.mutation.hunting import interleaved
from simclock.experiments.mutation.mutants import Mutant
from simclock.hash_seed import VARIABLE, of_workers

WORKER = "simclock.experiments.mutation.worker"
TEST, PROPERTY, ERROR, HANG = "test", "property", "error", "hang"
KILLS = (TEST, PROPERTY, ERROR, HANG)
SILENT = "no answer"
LIMIT_TIMES = 30
"""A process may take so many times as long as the right code's runs, and LIMIT_S_MIN more."""
LIMIT_S_MIN = 60.0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one mutant."""

    number: int
    killed: str
    """One of KILLS, or empty: it survived."""
    by: str
    """The test that failed, the property that was violated, or the class and place of what was raised."""
    detail: str
    scenario: int | None
    """The number of the scenario that killed it."""
    seed: int | None
    runs: int
    ran: int
    """How often the changed place ran, in all tests and runs."""
    differed: int
    """In how many runs the digest was another than the right code's."""
    tests: int = 0
    """How many tests ran."""


Judge = Callable[[Mutant], Verdict | None]
"""Says what becomes of a mutant; None where the judging was ended meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is tested, and by what."""

    files: tuple[tuple[str, str, str], ...]
    """(as the user named it, real path, source)."""
    scenarios: tuple[str, ...]
    """Scenario files."""
    names: tuple[str, ...]
    """What the scenarios are called."""
    seeds: int
    first: int
    tests: tuple[str, ...] = ()
    """What pytest is given, before anything is hunted."""

    def original(self, mutant: Mutant) -> str:
        """The source that a mutant changes."""
        return next(source for file, _, source in self.files if file == mutant.file)

    def sources(self, mutant: Mutant | None) -> list[tuple[str, str, tuple[int, int] | None]]:
        """(real path, source, where it is changed) of each file, with this mutant; None: the right code."""
        found: list[tuple[str, str, tuple[int, int] | None]] = []
        for file, path, source in self.files:
            if mutant is not None and file == mutant.file:
                span = (mutant.start, mutant.start + len(mutant.replacement.encode()))
                found.append((path, mutant.source(source), span))
            else:
                found.append((path, source, None))
        return found

    def check_imported(self, answer: dict[str, Any], nobody: str, mend: str) -> None:
        """Raise UsageError for a file that the right code's process had before, or has not imported."""
        named = {path: file for file, path, _ in self.files}
        if answer.get("early"):
            raise UsageError(f"{named[answer['early'][0]]}: it runs the mutants itself, so it cannot be mutated")
        unused = [file for path, file in named.items() if path not in answer.get("imported", named)]
        if unused:
            raise UsageError(f"{unused[0]}: no {nobody} imports it {mend}")


@dataclass(frozen=True, kw_only=True)
class Right:
    """What the right code did."""

    runs: tuple[tuple[int, int, str, int, int], ...]
    """(number of the scenario, seed, digest, turns of loops, messages and timers handled)."""
    wrong: tuple[str, ...]
    """Runs that are left out, since the right code itself is not right in them."""
    wall_s: float


class Workers:
    """The processes under way, which all end when this is closed."""

    def __init__(self) -> None:
        self._alive: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def ask(self, task: dict[str, Any], limit_s: float | None) -> dict[str, Any] | None:
        """A process's answer to a task; None where it is silent for too long, or was ended."""
        with self._lock:
            if self._closed:
                return None
            process = subprocess.Popen(
                [sys.executable, "-m", WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env={**os.environ, VARIABLE: of_workers()},
                start_new_session=True,  # Ctrl-C is ours to tell them
            )
            self._alive.add(process)
        try:
            said, complaint = process.communicate(json.dumps(task), timeout=limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return None
        finally:
            with self._lock:
                self._alive.discard(process)
        if self.closed:
            return None
        try:
            answer: dict[str, Any] = json.loads(said)
        except ValueError:
            last = (complaint.strip().splitlines() or [f"exit status {process.returncode}"])[-1]
            return {"died": last}
        return answer

    @property
    def closed(self) -> bool:
        """Whether no process is begun any more."""
        return self._closed

    def close(self) -> None:
        """End every process, and begin none."""
        with self._lock:
            self._closed = True
            for process in self._alive:
                process.kill()


def right_runs(plan: Plan, jobs: int, workers: Workers) -> Right:
    """Run the right code with every seed. Raises UsageError where it never runs, or is never right."""
    every = list(interleaved(len(plan.scenarios), range(plan.first, plan.first + plan.seeds)))
    files = plan.sources(None)
    shares = [every[start::jobs] for start in range(min(jobs, len(every)))]
    tasks = [{"files": files, "scenarios": plan.scenarios, "right": None, "runs": share} for share in shares]
    with ThreadPoolExecutor(jobs) as pool:
        try:
            answers = list(pool.map(lambda task: workers.ask(task, None), tasks))
        except BaseException:
            workers.close()
            raise
    runs = []
    for answer in answers:
        assert answer is not None, "nothing ends it"
        _check(answer, plan)
        runs += answer["runs"]
    runs.sort(key=lambda each: (each["seed"], each["scenario"]))
    wrong = tuple(
        f"{plan.names[each['scenario']]}, seed {each['seed']}: {each['wrong']}" for each in runs if each["wrong"]
    )
    well = [each for each in runs if not each["wrong"]]
    if not well:
        raise UsageError(f"the right code is right with no seed, so no mutant can be told from it: {wrong[0]}")
    keys = ("scenario", "seed", "digest", "turns", "handled")
    return Right(
        runs=tuple(tuple(each[key] for key in keys) for each in well),
        wrong=wrong,
        wall_s=sum(each["wall_s"] for each in runs),
    )


def _check(answer: dict[str, Any], plan: Plan) -> None:
    if "died" in answer:
        raise PlacementError(f"the process that runs the right code died: {answer['died']}")
    if "runs" not in answer and "early" not in answer:
        raise UsageError(f"the scenario cannot be made: {answer['detail']}")
    plan.check_imported(answer, "scenario", f"({', '.join(plan.names)}): name one with --scenario")


def hunter(plan: Plan, right: Right, limit_s: float | None, workers: Workers) -> Judge:
    """Hunts mutants with the scenarios."""
    return partial(_hunted, plan, right, limit_s or limit_of(right.wall_s), workers)


def limit_of(wall_s: float) -> float:
    """How long a process may be silent, where the right code takes so long."""
    return LIMIT_S_MIN + LIMIT_TIMES * wall_s


def one_after_the_other(first: Judge, second: Judge) -> Judge:
    """Has the second judge what survives the first."""

    def judge(mutant: Mutant) -> Verdict | None:
        before = first(mutant)
        if before is None or before.killed:
            return before
        after = second(mutant)
        return None if after is None else replace(after, tests=before.tests, ran=before.ran + after.ran)

    return judge


def verdicts(mutants: Iterable[Mutant], judge: Judge, *, jobs: int, close: Callable[[], None]) -> Generator[Verdict]:
    """Judge these mutants; gives what became of each as it is known. At the end all is closed."""
    waiting = iter(mutants)
    pool = ThreadPoolExecutor(jobs)
    under_way: set[Future[Verdict | None]] = set()
    try:
        for mutant in waiting:
            under_way.add(pool.submit(judge, mutant))
            if len(under_way) >= jobs:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from _known(done)
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from _known(done)
    finally:
        close()
        pool.shutdown()


def _known(done: set[Future[Verdict | None]]) -> list[Verdict]:
    found = [each.result() for each in done]
    return sorted((each for each in found if each is not None), key=lambda each: each.number)


def _hunted(plan: Plan, right: Right, limit_s: float, workers: Workers, mutant: Mutant) -> Verdict | None:
    task = {"files": plan.sources(mutant), "scenarios": plan.scenarios, "right": right.runs}
    answer = workers.ask(task, limit_s)
    if answer is None:
        return None if workers.closed else silent(mutant, limit_s)
    return died(mutant, answer["died"]) if "died" in answer else Verdict(number=mutant.number, **answer)


_NOTHING: dict[str, Any] = {"scenario": None, "seed": None, "runs": 0, "ran": 0, "differed": 0}


def silent(mutant: Mutant, limit_s: float) -> Verdict:
    """Of a mutant whose process said nothing for so long."""
    detail = f"it was silent for {limit_s:.0f} s"
    return Verdict(number=mutant.number, killed=HANG, by=SILENT, detail=detail, **_NOTHING)


def died(mutant: Mutant, detail: str) -> Verdict:
    """Of a mutant whose process ended without an answer."""
    return Verdict(number=mutant.number, killed=ERROR, by="its process died", detail=detail, **_NOTHING)


def sources(files: Sequence[str]) -> tuple[tuple[str, str, str], ...]:
    """(name, real path, source) of these files, each once. Raises UsageError for what is no Python file."""
    found: dict[str, tuple[str, str, str]] = {}
    for file in files:
        path = Path(file)
        real = os.path.realpath(path)
        try:
            if path.suffix != ".py":
                raise UsageError(f"{file}: a Python file is mutated: its name ends in .py")
            source = path.read_text(encoding="utf-8")
            compile(source, file, "exec", dont_inherit=True)
        except OSError as error:
            raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise UsageError(f"{file}: it is not in UTF-8") from None
        except (SyntaxError, ValueError) as error:
            raise UsageError(f"{file}: it is no Python: {error}") from None
        found.setdefault(real, (file, real, source))
    return tuple(found.values())


def as_record(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain data."""
    return asdict(verdict)
