"""All mutants of some files, each in a process of its own, over the cores; the right code's runs come first.

Law: a mutant's outcome follows from it, the scenarios and the seeds alone, so it does not depend on how many are hunted
at a time or on which is done first. The one exception is a process that is silent for too long (`limit_s`), which
is ended: a hang that no counter has seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simclock.errors import PlacementError, UsageError
from simclock.experiments.mutation.hunting import interleaved
from simclock.experiments.mutation.mutants import Mutant
from simclock.hash_seed import VARIABLE, of_workers

WORKER = "simclock.experiments.mutation.worker"
PROPERTY, ERROR, HANG = "property", "error", "hang"
KILLS = (PROPERTY, ERROR, HANG)
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
    """The property that was violated, or the class and place of what was raised."""
    detail: str
    scenario: int | None
    """The number of the scenario that killed it."""
    seed: int | None
    runs: int
    ran: int
    """How often the changed place ran, in all runs."""
    differed: int
    """In how many runs the digest was another than the right code's."""


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

    def original(self, mutant: Mutant) -> str:
        """The source that a mutant changes."""
        return next(source for file, _, source in self.files if file == mutant.file)


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
    files = [(path, source, None) for _, path, source in plan.files]
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
    named = {path: file for file, path, _ in plan.files}
    if "died" in answer:
        raise PlacementError(f"the process that runs the right code died: {answer['died']}")
    if answer.get("early"):
        raise UsageError(f"{named[answer['early'][0]]}: it runs the mutants itself, so it cannot be mutated")
    if "runs" not in answer:
        raise UsageError(f"the scenario cannot be made: {answer['detail']}")
    unused = [file for path, file in named.items() if path not in answer["imported"]]
    if unused:
        raise UsageError(f"{unused[0]}: no scenario imports it ({', '.join(plan.names)}): name one with --scenario")


def verdicts(
    plan: Plan, mutants: Iterable[Mutant], right: Right, *, jobs: int, limit_s: float | None, workers: Workers
) -> Generator[Verdict]:
    """Hunt these mutants; gives what became of each as it is known."""
    limit_s = limit_s or LIMIT_S_MIN + LIMIT_TIMES * right.wall_s
    waiting = iter(mutants)
    pool = ThreadPoolExecutor(jobs)
    under_way: set[Future[Verdict | None]] = set()
    try:
        for mutant in waiting:
            under_way.add(pool.submit(_verdict, plan, mutant, right, limit_s, workers))
            if len(under_way) >= jobs:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from _known(done)
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from _known(done)
    finally:
        workers.close()
        pool.shutdown()


def _known(done: set[Future[Verdict | None]]) -> list[Verdict]:
    found = [each.result() for each in done]
    return sorted((each for each in found if each is not None), key=lambda each: each.number)


def _verdict(plan: Plan, mutant: Mutant, right: Right, limit_s: float, workers: Workers) -> Verdict | None:
    files: list[tuple[str, str, tuple[int, int] | None]] = []
    for file, path, source in plan.files:
        if file == mutant.file:
            span = (mutant.start, mutant.start + len(mutant.replacement.encode()))
            files.append((path, mutant.source(source), span))
        else:
            files.append((path, source, None))
    answer = workers.ask({"files": files, "scenarios": plan.scenarios, "right": right.runs}, limit_s)
    nothing = {"scenario": None, "seed": None, "runs": 0, "ran": 0, "differed": 0}
    if answer is None:
        if workers.closed:
            return None
        answer = {"killed": HANG, "by": SILENT, "detail": f"it was silent for {limit_s:.0f} s", **nothing}
    elif "died" in answer:
        answer = {"killed": ERROR, "by": "its process died", "detail": answer["died"], **nothing}
    return Verdict(number=mutant.number, **answer)


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
