"""The page of a test's failing run: what `--simclock-html` writes."""

from __future__ import annotations

import re
from pathlib import Path

from simclock.actors.run import interposed, tapped
from simclock.errors import UsageError
from simclock.experiments.shrinking.call import Call, Heard, label_of
from simclock.experiments.telling.output import cannot_write
from simclock.experiments.viewing.page import check_target, page
from simclock.experiments.viewing.seen import Collector, model_observed
from simclock.faults import Fault
from simclock.observers import Violation
from simclock.trace import TraceRecord

NAME_MAX = 180
"""Characters of a file's name, so that every file system takes it."""


def write_page(folder: Path, test: str, seed: int, plan: tuple[Fault, ...] | None, call: Call) -> str:
    """Make the call once more, and write the page of its last run; gives the line that says where it is.

    With a `plan` that plan strikes, as where the code that a failure gives to paste is run. Nothing is raised: a page
    that cannot be written hides no failure.
    """
    kept = _LastRun()
    heard = Heard(plan=plan)
    with tapped(kept.take), interposed(heard.run):
        error = call()
    if not heard.scenarios:
        return "no page: the test makes no run in this process"
    scenario, ended = heard.scenarios[-1], (heard.results or heard.failures)
    violations = [] if not ended else list(ended[-1].violations)
    if heard.failures:
        failure = heard.failures[-1].failure
        violations.append(Violation("the code failed", failure.time_ns, max(-1, failure.node), str(heard.failures[-1])))
    rows = [("test", test), ("scenario", scenario.name), ("seed", str(seed))]
    if error is not None:
        rows.append(("raised", f"{label_of(error)}: {error}".splitlines()[0]))
    name = f"{test}, seed {seed}"
    seen = kept.collector.seen(name, model_observed(scenario), violations=violations, report=rows)
    target = folder / f"{_file_name(test)}-seed-{seed}.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_target(target, "--simclock-html")
        target.write_text(page(name, [seen]), encoding="utf-8", newline="\n")
    except UsageError as refused:
        return f"no page: {refused}"
    except OSError as failed:
        return f"no page: {cannot_write(f'--simclock-html: cannot write {target}', failed)}"
    return f"page: {target}"


def _file_name(test: str) -> str:
    return re.sub(r"[^\w.=+-]+", "-", test).strip("-")[-NAME_MAX:]


class _LastRun:
    """Takes the records of several runs, and keeps those of the last."""

    def __init__(self) -> None:
        self.collector = Collector()
        self._before: tuple[object, ...] | None = None

    def take(self, record: TraceRecord) -> None:
        """The next record; records of a run come in ascending order."""
        place = record[:3]
        if self._before is not None and place < self._before:
            self.collector = Collector()
        self._before = place
        self.collector.take(record)
