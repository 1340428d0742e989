"""A run that is watched: virtual time is paced to the wall clock, the story comes line by line, and keys are taken.

Laws: what is seen is what the scenario does anyway; only when it is computed depends on the wall clock. A key pressed
at a virtual time makes another scenario, in which it is pressed then (see `simclock.experiments.entries.keys`); that
one is run up to the present without a word, and goes on from there. So the run that was seen is the run of the scenario
that comes out, on every placement. The wall clock and the keyboard come in through one small interface, so that tests
need neither.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Protocol

from simclock import Control, HandlerError, Observation, Observer, UsageError
from simclock.actors.run import inline_run
from simclock.durations import MILLISECOND, format_duration
from simclock.experiments.entries.entry import Entry, make_scenario
from simclock.experiments.entries.keys import PARAMETER, Press, keys_text, parse_keys
from simclock.experiments.entries.settings import Settings
from simclock.experiments.telling.spelling import say as quoted
from simclock.guarding.guard import guarding

QUIT = "q"
SLICE_S = 0.05
"""How long a key is waited for before virtual time goes on."""
SPEED_MAX = 1_000_000
SPEED_LENGTH_MAX = 40


class Keyboard(Protocol):
    """The wall clock and the keys."""

    def now_s(self) -> float:
        """Seconds since some moment."""
        ...

    def wait(self, timeout_s: float) -> str:
        """The next key, empty where none comes in that time."""
        ...


class Terminal:
    """The terminal that stdin is."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def now_s(self) -> float:
        return time.monotonic()

    def wait(self, timeout_s: float) -> str:
        ready, _, _ = select.select([self._descriptor], [], [], timeout_s)
        if not ready:
            return ""
        try:
            return os.read(self._descriptor, 1).decode("ascii", "ignore") or QUIT
        except OSError:  # the terminal is gone
            return QUIT


@contextmanager
def terminal() -> Iterator[Terminal]:
    """Keys one by one, without an echo, until this is left. Raises UsageError where stdin and stdout are none."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError('--watch: this is not a terminal: give the keys beforehand, as --keys "20s:c", and no --watch')
    import termios  # not on every platform
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield Terminal(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def parse_speed(text: str) -> Fraction:
    """Virtual seconds per second: `2`, `0.5`."""
    try:
        speed = Fraction(text) if len(text) <= SPEED_LENGTH_MAX and "e" not in text.lower() else Fraction("")
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"--speed: {quoted(text)} is not a number: write 10 for ten virtual seconds a second"
        ) from None
    if not 0 < speed <= SPEED_MAX:
        raise UsageError(f"--speed: {text} is out of range: more than 0, at most {SPEED_MAX:,}")
    return speed


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A run that somebody watched."""

    presses: tuple[Press, ...]
    """Every key, also those that the scenario had before."""
    quit_ns: int | None
    """When it was left; None where it came to its end."""


def watch(
    entry: Entry,
    settings: Settings,
    *,
    keyboard: Keyboard,
    speed: Fraction,
    say: Callable[[str], Any],
    guard: bool = True,
) -> Watched:
    """Run and tell, until the end or until it is left; `guard` as in `simclock.actors.run`."""
    with ExitStack() as guarded:

        def live_of(settings: Settings) -> _Live:
            live = _Live(entry, settings, guard)
            guarded.enter_context(live.guards.run)
            return live

        return _watch(entry, settings, live_of, keyboard=keyboard, speed=speed, say=say)


def _watch(
    entry: Entry,
    settings: Settings,
    live_of: Callable[[Settings], _Live],
    *,
    keyboard: Keyboard,
    speed: Fraction,
    say: Callable[[str], Any],
) -> Watched:
    presses = parse_keys(settings.parameters.get(PARAMETER, ""), entry.keys)
    began_s = keyboard.now_s()
    now_ns = 0
    live = live_of(settings)
    while True:
        passed_ms = int((keyboard.now_s() - began_s) * 1000)
        now_ns = max(now_ns, int(passed_ms * speed) * MILLISECOND)
        for line in live.advance(now_ns):
            say(line)
        if live.over:
            return Watched(presses=presses, quit_ns=None)
        key = keyboard.wait(SLICE_S)
        if key == QUIT:
            return Watched(presses=presses, quit_ns=max(1, now_ns))
        if key in entry.keys:
            presses = (*presses, Press(now_ns, key))
            say(f"--- key {key} at {format_duration(now_ns)}: {entry.keys[key].label}")
            settings = replace(settings, parameters={**settings.parameters, PARAMETER: keys_text(presses)})
            live = live_of(settings)
            for _ in live.advance(now_ns):
                pass  # has been said


class _Live:
    """A run in this process that goes as far as it is told."""

    def __init__(self, entry: Entry, settings: Settings, guard: bool) -> None:
        assert entry.narrator is not None, "checked by who watches"
        scenario = make_scenario(entry, settings)
        self._tap = _Tap()
        self._narrator = entry.narrator(scenario)
        tapped = replace(scenario, observers=(*scenario.observers, lambda: self._tap))
        self.guards = guarding(scenario.build, guard)
        """Its `run` is kept open by who advances."""
        self._scheduler, _ = inline_run(tapped, guards=self.guards)
        self._told_ns = 0
        self._failed = False

    @property
    def over(self) -> bool:
        """Whether nothing is left to happen, or a node's code has failed: the run that follows will say how."""
        return self._failed or self._scheduler.over

    def advance(self, before_ns: int) -> Iterator[str]:
        """Everything earlier than `before_ns` happens, and is told."""
        scheduler = self._scheduler
        scheduler.pause_ns = before_ns
        try:
            while scheduler.step():
                pass
        except HandlerError:
            self._failed = True
        if before_ns >= scheduler.end_ns:
            before_ns = scheduler.end_ns + 1  # the end is told too
        faults = [fault for fault in scheduler.faults_before(before_ns) if fault.at_ns >= self._told_ns]
        happened: list[Any] = [(fault.at_ns, 0, fault) for fault in faults]
        happened += [(observation.time_ns, 1, observation) for observation in self._tap.take()]
        happened.sort(key=lambda each: each[:2])
        self._told_ns = before_ns
        yield from self._narrator.tell((each[2] for each in happened), before_ns)


class _Tap(Observer):
    """Keeps what was told since it was last asked."""

    reacts = judges = False

    def __init__(self) -> None:
        self._kept: list[Observation] = []

    def on_observation(self, observation: Observation, control: Control) -> None:
        self._kept.append(observation)

    def take(self) -> list[Observation]:
        kept, self._kept = self._kept, []
        return kept
