"""The process in which one mutant is hunted: `python -m simclock.experiments.mutation.worker`, a task on its input.

The module under test is replaced before anything that needs it is imported, and nothing is left of it afterwards: the
process ends. What it has to say is one line of JSON on its output; what the code under test prints goes nowhere. Where
tests judge, it forks a process of its own for each mutant (`forks.py`).
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from importlib import import_module

from simclock.experiments.mutation.forks import serve
from simclock.experiments.mutation.instrument import Replacement, install

HUNTING = "simclock.experiments.mutation.hunting"
MEMORY_BYTES_MAX = 4 << 30


def main() -> None:
    """Do the task, and tell."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    task = json.loads(sys.stdin.readline())
    _limit_memory()
    loaded = {os.path.realpath(file) for each in list(sys.modules.values()) if (file := getattr(each, "__file__", ""))}
    if "tests" in task:
        serve(task, sorted(loaded & set(task["files"])), told)
        return
    files = {path: Replacement(source, None if span is None else tuple(span)) for path, source, span in task["files"]}
    counters, imported = install(files)
    early = sorted(loaded & set(files))
    answer = {"early": early} if early else import_module(HUNTING).hunted(task, counters, imported)
    json.dump(answer, told)
    told.close()


def _limit_memory() -> None:
    """What grows without an end is an error of the code under test, and not this machine's end."""
    with suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))


if __name__ == "__main__":
    main()
