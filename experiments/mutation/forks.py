"""A process that has imported all but what is under test, and forks one of its own for each mutant that tests judge.

Law: what is forked ends with its mutant, and so does whatever it has started; and all of them end with who asks, as
then the input ends.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TextIO

from simclock.experiments.mutation.instrument import Counters, Replacement, install

SESSION = "simclock.experiments.mutation.session"
ANSWER, SAID = "answer.json", "said.txt"
TICK_S = 0.005


def serve(setting: dict[str, Any], early: list[str], told: TextIO) -> None:
    """Import what can be; then answer task after task until the input ends."""
    replacements: dict[str, Replacement | None] = dict.fromkeys(setting["files"])
    counters, imported = install(replacements)
    session = import_module(SESSION)
    for name in setting["modules"]:
        _import_early(name)
    gc.collect()
    gc.freeze()
    _tell({"early": early}, told)
    while line := sys.stdin.readline():
        task = json.loads(line)
        begun = time.monotonic()
        child = os.fork()
        if not child:
            _be_forked(Path(task["folder"]), told)
            for path, source, span in task["files"]:
                replacements[path] = Replacement(source, None if span is None else tuple(span), calls=True)
            _do(task, setting["tests"], session, counters, imported)
        answer = _answer(child, task)
        _tell({**answer, "wall_s": time.monotonic() - begun}, told)


def _import_early(name: str) -> None:
    """Import a module, unless it needs what is under test: that is then refused, and the module is not imported."""
    try:
        import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException:  # UnderTest above all; and of some modules the name alone is not enough
        return


def _tell(answer: dict[str, Any], told: TextIO) -> None:
    told.write(f"{json.dumps(answer)}\n")
    told.flush()


def _be_forked(folder: Path, told: TextIO) -> None:
    os.setsid()
    os.close(told.fileno())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(folder / SAID, os.O_WRONLY | os.O_CREAT), 2)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)  # the one before has read ahead


def _do(task: dict[str, Any], tests: Sequence[str], session: Any, counters: Counters, imported: set[str]) -> NoReturn:
    """The task itself, in the process that was forked for it, which ends here."""
    try:
        folder = Path(task["folder"])
        answer = session.judged(tests, task["turns"], counters, folder)
        answer |= {"imported": sorted(imported), "modules": list(sys.modules)}
        (folder / ANSWER).write_text(json.dumps(answer), encoding="utf-8")
    finally:
        os._exit(0)  # and nothing that the code under test has left for the end is done


def _answer(child: int, task: dict[str, Any]) -> dict[str, Any]:
    """What the forked process has to say; it is ended where it says nothing for too long."""
    folder, limit_s = Path(task["folder"]), task["limit_s"]
    deadline_s = None if limit_s is None else time.monotonic() + limit_s
    while not os.waitpid(child, os.WNOHANG)[0]:
        if deadline_s is not None and time.monotonic() > deadline_s:
            _end(child)
            os.waitpid(child, 0)
            return {"silent": True}
        if select.select([0], [], [], TICK_S)[0]:  # nobody asks anything meanwhile: the input has ended
            _end(child)
            sys.exit()
    _end(child)
    try:
        answer: dict[str, Any] = json.loads((folder / ANSWER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"died": "its process ended before it had an answer"}
    said = (folder / SAID).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return {**answer, "said": said[-1] if said else ""}


def _end(child: int) -> None:
    """End it, and what it has started."""
    for end in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            end(child, signal.SIGKILL)
