"""The page of a test's failing run: what `--simclock-html` writes."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from simclock.actors.run import interposed, tapped
from simclock.errors import UsageError
from simclock.experiments.shrinking.call import Call, Heard, label_of
from simclock.experiments.telling.output import cannot_write
from simclock.experiments.viewing.page import check_target, page
from simclock.experiments.viewing.seen import Collector, model_observed
from simclock.faults import Fault
from simclock.kernel.scheduler import RunResult
from simclock.observers import Violation
from simclock.scenario import Scenario
from simclock.trace import TraceRecord

NAME_MAX = 180
"""Bytes of a test's name in a file's, so that every file system takes it."""
HASH_BYTES = 4


def write_page(folder: Path, test: str, seed: int, plan: tuple[Fault, ...] | None, call: Call) -> str:
    """Make the call once more, and write the page of its last run; gives the line that says where it is.

    With a `plan` that plan strikes, as where the code that a failure gives to paste is run. Nothing is raised: a page
    that cannot be written hides no failure.
    """
    last = _LastRun(plan)
    with tapped(last.take), interposed(last.run):
        error = call()
    if not last.heard.scenarios:
        return "no page: the test makes no run in this process"
    (scenario,) = last.heard.scenarios
    violations = [each for ended in last.heard.results or last.heard.failures for each in ended.violations]
    for raised in last.heard.failures:
        failure = raised.failure
        violations.append(Violation("the code failed", failure.time_ns, max(-1, failure.node), str(raised)))
    rows = [("test", test), ("scenario", scenario.name), ("seed", str(seed))]
    if error is not None:
        words = traceback.format_exception_only(error)[0].partition(": ")[2]  # an exception may fail to tell its own
        rows.append(("raised", f"{label_of(error)}: {words}".splitlines()[0]))
    name = f"{test}, seed {seed}"
    seen = last.collector.seen(name, model_observed(scenario), violations=violations, report=rows)
    target = folder / f"{_file_name(test)}-seed-{seed}.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_target(target, "--simclock-html")
        target.write_text(page(name, [seen]), encoding="utf-8", newline="\n")
    except UsageError as refused:
        return f"no page: {refused}"
    except (OSError, ValueError) as failed:
        return f"no page: {cannot_write(f'--simclock-html: cannot write {target}', failed)}"
    return f"page: {target}"


def _file_name(test: str) -> str:
    """The test's name as a file may have it; where more is lost of it than what every name has, its hash tells."""
    plain = re.sub("::|/|\\[", "-", test.removesuffix("]"))
    name = re.sub(r"[^\w.=+-]+", "-", plain)
    cut = name.encode()[-NAME_MAX:].decode(errors="ignore")
    if cut == plain:
        return cut
    return f"{cut.strip('-')}-{blake2b(test.encode(), digest_size=HASH_BYTES).hexdigest()}"


class _LastRun:
    """Of the runs that a call makes, what the last has left."""

    def __init__(self, plan: tuple[Fault, ...] | None) -> None:
        self._plan = plan
        self.heard = Heard()
        self.collector = Collector()

    def run(self, scenario: Scenario, go: Callable[[Scenario], RunResult]) -> RunResult:
        """Run it, and forget the one before."""
        self.heard, self.collector = Heard(plan=self._plan), Collector()
        return self.heard.run(scenario, go)

    def take(self, record: TraceRecord) -> None:
        """The next record of the run."""
        self.collector.take(record)
