"""A script is played: command by command on a world, with what each one changed.

    for told in Play(script, begin): ...        # a block's lines, and which expectation was not met, if any

Laws: what is printed depends on the script and the code alone. A step that is impossible is a UsageError,
`file:line: ...`, that says what was possible. A property that is violated ends nothing: the script goes on, and says
whether it expected that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from simclock.actors.steering.steps import Ask, Drop, Fire, Step, TornCrash, name_text
from simclock.actors.steering.world import World
from simclock.durations import format_duration
from simclock.errors import UsageError
from simclock.experiments.scripts.checking import failing
from simclock.experiments.scripts.commands import (
    ALL,
    Action,
    AskNode,
    Begin,
    Command,
    Expectation,
    ExpectViolation,
    FireTimer,
    OnMessages,
    PutIn,
    Replace,
    SetUp,
    Show,
    Stabilize,
    TearCrash,
    Tell,
)
from simclock.experiments.scripts.naming import OnItsWay, chosen
from simclock.experiments.scripts.stage import Judge, Stage
from simclock.experiments.scripts.steps import OF_MESSAGES
from simclock.experiments.scripts.telling import NOTHING, VIOLATED, Shown, timer_text
from simclock.experiments.scripts.text import Block, Said, Script
from simclock.experiments.scripts.values import same

OK = "ok"
NOT_SO = "NOT SO"
WRONG = re.compile(rf"\s*({VIOLATED}|{NOT_SO})")
"""What is printed also where nothing else is."""


@dataclass
class Act:
    """One world of a script, from its `scenario` to the next one's."""

    setup: tuple[Said, ...]
    stage: Stage
    label: str
    """What is played, in a line."""
    expected: set[str] = field(default_factory=set)
    """The properties whose violation the script expects."""
    checked: int = 0
    """How many expectations it has."""


class Setting(NamedTuple):
    """What a `scenario` and what is put in make."""

    world: World
    shown: Shown
    label: str
    judge: Judge


Begins = Callable[[Begin, Sequence[PutIn | Replace]], Setting]
"""Makes the world that set-up commands ask for."""


class Failing(NamedTuple):
    """An expectation that is not met."""

    line: int
    text: str
    why: str


class Told(NamedTuple):
    """What a block printed."""

    block: Block
    lines: tuple[str, ...]


class Play:
    """Plays a script once; `acts` and `failing` say afterwards what came of it."""

    def __init__(self, script: Script, begins: Begins) -> None:
        self.script = script
        self.acts: list[Act] = []
        self.failing: list[Failing] = []
        self._begins = begins
        self._setup: list[Said] = []
        self._tells = True
        self._last = _last_lines(script)

    def blocks(self) -> Iterator[Told]:
        """Play all of it, a block at a time."""
        for position, block in enumerate(self.script.blocks):
            goes_on = position + 1 < len(self.script.blocks) and _puts_in(self.script.blocks[position + 1])
            yield Told(block, tuple(self._block(block, goes_on)))

    def _block(self, block: Block, goes_on: bool) -> list[str]:
        several = sum(not isinstance(said.command, SetUp | Tell) for said in block.said) > 1
        printed: list[str] = []
        checked = False
        for position, said in enumerate(block.said):
            follows = block.said[position + 1].command if position + 1 < len(block.said) else None
            lines = self._said(said, follows, goes_on)
            if lines == [OK]:
                checked = True
            elif several and lines and not isinstance(said.command, SetUp):
                printed += [f"> {said.text}", *(f"  {line}" for line in lines)]
            else:
                printed += lines
        return printed or [OK] * (checked and self._tells)

    def _said(self, said: Said, follows: Command | None, goes_on: bool) -> list[str]:
        """What one command prints; errors name its place."""
        try:
            match said.command:
                case Begin() | PutIn() | Replace():
                    if isinstance(said.command, Begin):
                        self._setup, self._tells = [], True
                    self._setup.append(said)
                    more = isinstance(follows, PutIn | Replace) or (follows is None and goes_on)
                    return [] if more else list(self._begin())
                case Tell(on):
                    self._tells = on
                    return []
                case command:
                    with self.acts[-1].stage.guarded():
                        lines = list(self._command(said, command)) or [NOTHING]
                    return lines if self._tells or lines == [OK] else [line for line in lines if WRONG.match(line)]
        except UsageError as error:
            raise UsageError(f"{self.script.name}:{said.line}: {error}") from None

    def _begin(self) -> Iterator[str]:
        begin, *more = [said.command for said in self._setup]
        assert isinstance(begin, Begin)
        made = self._begins(begin, [each for each in more if isinstance(each, PutIn | Replace)])
        act = Act(tuple(self._setup), Stage(made.world, made.shown, made.judge), made.label)
        self.acts.append(act)
        yield made.label
        yield from act.stage.beginning()

    def _command(self, said: Said, command: Command) -> Iterator[str]:
        act = self.acts[-1]
        match command:
            case Show(nodes, messages):
                yield from _shown(act.stage, nodes, messages)
            case Stabilize():
                yield from _stabilized(act.stage, command)
            case OnMessages() | FireTimer() | TearCrash() | AskNode() | Step():
                yield from _acted(act.stage, command)
            case Begin() | PutIn() | Replace() | Tell():
                raise AssertionError("these are carried out before")
            case _:
                yield self._expected(said, command, act)

    def _expected(self, said: Said, expected: Expectation, act: Act) -> str:
        act.checked += 1
        if isinstance(expected, ExpectViolation):
            act.expected.add(expected.property)
        why = failing(expected, act.stage, at_end=said.line in self._last)
        if why is None:
            return OK
        self.failing.append(Failing(said.line, said.text, why))
        return f"{NOT_SO}: {why}"


def _last_lines(script: Script) -> frozenset[int]:
    """The lines of the last command of each act."""
    said = [each for block in script.blocks for each in block.said]
    ends = [each for each, after in pairwise(said) if isinstance(after.command, Begin)]
    return frozenset(each.line for each in (*ends, *said[-1:]))


def _puts_in(block: Block) -> bool:
    return isinstance(block.said[0].command, PutIn | Replace)


# What is done.


def _acted(stage: Stage, action: Action) -> Iterator[str]:
    steps = list(_steps(stage, action))
    if len(steps) == 1:
        yield from stage.take(steps[0][0])
        return
    for step, name in steps:
        yield f"> {name}"
        lines = stage.take(step)
        yield from (f"  {line}" for line in lines if not isinstance(step, Drop))


def _steps(stage: Stage, action: Action) -> Iterator[tuple[Step, str]]:
    """The steps that a command means, each with its name."""
    match action:
        case OnMessages(verb, messages):
            for each in chosen(stage.pending(), messages):
                if messages.which != ALL or verb != "deliver" or stage.can_deliver(each):
                    yield _on(verb, each), f"{verb} {each.name}"
        case FireTimer(node, timer):
            yield _named(Fire(node, _timer(stage, node, timer)))
        case TearCrash(node, kept, torn):
            stage.check(node)
            unsynced = stage.world.view(node).durable.unsynced
            yield _named(TornCrash(node, unsynced if kept is None else kept, torn or (kept is None and unsynced > 0)))
        case AskNode(node, method, values, named):
            stage.check(node)
            given = stage.arguments(node, method, values, named) if stage.is_up(node) else values
            yield _named(Ask(node, method, given))
        case Step() as step:
            yield _named(step)


def _named(step: Step) -> tuple[Step, str]:
    return step, str(step)


def _on(verb: str, each: OnItsWay) -> Step:
    return OF_MESSAGES[verb](each.number, each.source, each.target, each.kind)


def _timer(stage: Stage, node: int, written: str) -> Any:
    """The timer that is written so."""
    stage.check(node)
    if not stage.is_up(node):
        return written  # the world says why not
    names = stage.timers(node)
    for name in names:
        if same(name, written) or name_text(name) == written:
            return name
    known = ", ".join(map(timer_text, names)) or "none"
    raise UsageError(f"timer {written} of node {node} is not set: set are {known}")


# What is shown.


def _shown(stage: Stage, nodes: Sequence[int], messages: bool) -> Iterator[str]:
    if messages:
        yield from map(str, stage.pending())
        return
    for node in nodes or range(stage.nodes):
        stage.check(node)
        yield from stage.whole(node)
    if not nodes:
        yield from map(str, stage.pending())
        cuts = ", ".join(f"{source}->{target}" for source, target in sorted(stage.world.cuts))
        yield f"{format_duration(stage.world.now_ns)} have passed" + (f"; cut: {cuts}" if cuts else "")


def _stabilized(stage: Stage, command: Stabilize) -> Iterator[str]:
    """Deliver the oldest message that can arrive, until none is left; where messages stay, each once."""
    for node in command.nodes:
        stage.check(node)
    among = set(command.nodes or range(stage.nodes))
    done: set[int] = set()

    def arriving() -> list[OnItsWay]:
        return [
            each
            for each in stage.pending()
            if {each.source, each.target} <= among and each.number not in done and stage.can_deliver(each)
        ]

    for _ in range(command.deliveries_max):
        ready = arriving()
        if not ready:
            return
        done.add(ready[0].number)
        yield f"> deliver {ready[0].name}"
        yield from (f"  {line}" for line in stage.take(_on("deliver", ready[0])))
    left = len(arriving())
    if left:
        raise UsageError(
            f"after {command.deliveries_max} deliveries {left} messages are still pending: write `stabilize max=N` "
            "for more, or deliver them one by one"
        )
