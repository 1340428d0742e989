"""Stepping in the terminal: a line is a step, a number of what is possible, or a word about the branches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from simclock.actors.steering.steps import Crash, Deliver, Drop, Duplicate, Fire, Mend, Restart, Step
from simclock.durations import format_duration
from simclock.errors import HandlerError, UsageError
from simclock.experiments.stepping.branches import Branch, Branches
from simclock.experiments.stepping.words import obey
from simclock.experiments.telling.output import cannot_write

LIST_MAX = 60
HELP = """\
a number      that step of those that are listed
deliver #3    and drop #3, duplicate #3, fire 0 election, crash 1, restart 1, cut 0 | 1 2, mend, pass 10ms
back          one step back; jump 4 goes to branch 4 of the tree
go 20         let the seed go on for 20 steps: what comes first by delays and timers
nodes         the states of all nodes; list: what is possible; tree: what was tried
save FILE     a script that leads here; quit: the end"""


class Terminal:
    """Answers lines; what it says goes to `say`."""

    def __init__(self, branches: Branches, say: Callable[[str], object]) -> None:
        self.branches = branches
        self._say = say

    def begin(self) -> None:
        """What there is at first."""
        self._say(self.branches.label)
        self._tell(self.branches.here)
        self._list()

    def answer(self, line: str) -> bool:
        """Do what a line says; False at the end."""
        words = line.split()
        try:
            match words:
                case []:
                    self._list()
                case ["quit" | "exit" | "q"]:
                    return False
                case ["help" | "?"]:
                    self._say(HELP)
                case ["list"]:
                    self._list()
                case ["tree"]:
                    self._say("\n".join(self.branches.drawn()))
                case ["nodes"]:
                    self._say("\n".join(self._states()))
                case ["save", *name]:
                    self._save(" ".join(name))
                case [number] if number.isascii() and number.isdecimal():
                    self._tell(self.branches.take(self._possible(number)))
                    self._list()
                case _:
                    for branch in obey(self.branches, line):
                        self._tell(branch)
                    self._list()
        except HandlerError as error:
            self._say(f"the code fails there: {error}")
        except UsageError as error:
            self._say(str(error))
        return True

    def _steps(self) -> tuple[Step, ...]:
        return self.branches.here.world.enabled((Deliver, Fire, Drop, Duplicate, Crash, Restart, Mend))

    def _possible(self, number: str) -> Step:
        steps = self._steps()
        if len(number) > 9 or int(number) >= len(steps):
            raise UsageError(f"{number}: there is no such step: steps are 0 to {len(steps) - 1}")
        return steps[int(number)]

    def _tell(self, branch: Branch) -> None:
        self._say(f"[{branch.number}] {format_duration(branch.world.now_ns)} {branch}")
        for line in branch.changed:
            self._say(f"    {line}")

    def _list(self) -> None:
        steps = self._steps()
        for number, step in enumerate(steps[:LIST_MAX]):
            self._say(f"{number:>4}  {step}")
        if len(steps) > LIST_MAX:
            self._say(f"      and {len(steps) - LIST_MAX} more")

    def _states(self) -> Iterator[str]:
        stage = self.branches.here.stage
        for node in range(stage.nodes):
            yield from stage.whole(node)

    def _save(self, name: str) -> None:
        if not name:
            raise UsageError("save: name a file")
        if Path(name).exists():
            raise UsageError(f"save: {name} is there: name another file")
        try:
            Path(name).write_text(self.branches.script(), encoding="utf-8", newline="\n")
        except (OSError, ValueError) as error:
            raise cannot_write(f"save: cannot write {name}", error) from None
        self._say(f"{name}: simclock script {name} plays it")
