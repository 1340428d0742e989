"""A watched run, with a keyboard and a wall clock made of paper, and once through a pseudo terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from simclock import JumpClock, Scenario, UsageError, ms, seconds
from simclock.actors import Node, run
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.clock_synchronization.story import story
from simclock.experiments.command_line import main
from simclock.experiments.commands.run import flags_with_keys
from simclock.experiments.entries.entry import Entry, make_scenario
from simclock.experiments.entries.keys import Key, Press, keys_text, parse_keys
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.experiments.watching.watch import Watched, parse_speed, watch

ENTRY = entries()["clock-drift"]
ROOT = Path(__file__).parent.parent


class Paper:
    """Time goes on only while a key is waited for; each key comes at its time."""

    def __init__(self, keys: Iterable[tuple[float, str]] = ()) -> None:
        self.keys = list(keys)
        self.time_s = 100.0

    def now_s(self) -> float:
        return self.time_s

    def wait(self, timeout_s: float) -> str:
        end_s = self.time_s + timeout_s
        if self.keys and 100 + self.keys[0][0] <= end_s:
            at_s, key = self.keys.pop(0)
            self.time_s = max(self.time_s, 100 + at_s)
            return key
        self.time_s = end_s
        return ""


def settings(**more: Any) -> Settings:
    return Settings(seed=3, duration_ns=seconds(60), parameters={"sync": "berkeley", **more})


def watched(typed: Iterable[tuple[float, str]], speed: str = "1", **more: Any) -> tuple[Watched, list[str]]:
    lines: list[str] = []
    seen = watch(ENTRY, settings(**more), keyboard=Paper(typed), speed=Fraction(speed), say=lines.append)
    return seen, lines


def told(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("---")]


def test_what_is_seen_is_the_run() -> None:
    """Looking on, in slices, changes nothing: line by line the story of the run as it is."""
    seen, lines = watched([])
    assert seen == Watched(presses=(), quit_ns=None)
    assert lines == list(story(run(make_scenario(ENTRY, settings()))))


def test_a_run_in_which_nothing_happens_goes_on_to_its_end() -> None:
    keyboard = Paper()
    lines: list[str] = []
    watch(ENTRY, settings(sync="none"), keyboard=keyboard, speed=Fraction(1), say=lines.append)
    assert len(lines) == 13 and lines[-1].startswith("[  60.0000s] node 0 ") and keyboard.time_s >= 160


def test_keys_make_the_run_that_says_so() -> None:
    seen, lines = watched([(12.5, "j"), (33.0, "c"), (33.2, "x"), (41.0, "j")])
    assert [press.key for press in seen.presses] == ["j", "c", "j"], "x is no key"
    again = run(make_scenario(ENTRY, settings(keys=keys_text(seen.presses))))
    assert told(lines) == list(story(again)), "what was said before each key, and after it"
    assert sum("key" in line for line in lines if line not in told(lines)) == 3
    jumps = [fault for fault in again.faults if isinstance(fault, JumpClock)]
    assert [fault.at_ns for fault in jumps] == [seen.presses[0].at_ns, seen.presses[2].at_ns]
    assert all(fault.by_ns == seconds(10) and fault.node < 3 for fault in jumps)
    assert any("everybody synchronize" in line for line in lines)
    plain = run(make_scenario(ENTRY, settings()))
    assert again.digest != plain.digest


def test_keys_given_beforehand_stay() -> None:
    seen, lines = watched([(20.0, "j")], keys="50s:c,5s:j")
    assert keys_text(seen.presses).startswith("50s:c,5s:j,")
    assert told(lines) == list(story(run(make_scenario(ENTRY, settings(keys=keys_text(seen.presses))))))


def test_who_jumps_is_luck_of_the_seed_and_of_the_keys_number() -> None:
    def jumped(keys: str) -> list[Any]:
        return [fault.node for fault in make_scenario(ENTRY, settings(keys=keys)).faults]

    assert jumped("1s:j,2s:j,3s:j") == jumped("4s:j,5s:j,6s:j")
    assert len(set(jumped(",".join(f"{n}s:j" for n in range(1, 30))))) == 3


def test_leaving_ends_the_run_there() -> None:
    seen, lines = watched([(17.0, "q"), (18.0, "j")])
    assert seen.presses == () and seen.quit_ns is not None
    assert abs(seen.quit_ns - seconds(17)) < ms(100)
    assert [line[:11] for line in lines if "max skew" in line][-1] == "[  15.0000s"


class ReadsTheClock(Node):
    """What the guard is for."""

    def on_start(self) -> None:
        self.set_timer("read", seconds(1))

    def on_timer(self, timer: str) -> None:
        self.observe("time", time.time_ns() > 0)
        self.set_timer("read", seconds(1))


class Names:
    def tell(self, happened: Iterable[Any], before_ns: int) -> Iterator[str]:
        return (f"{each.time_ns // seconds(1)} s {each.name}" for each in happened)


@pytest.mark.parametrize(("guard", "told"), [(True, []), (False, ["1 s time", "2 s time"])])
def test_a_run_is_guarded_while_it_is_watched(guard: bool, told: list[str]) -> None:
    """A handler that reads the real clock ends the watched run where it does so, unless the guard is off."""

    def make(settings: Settings) -> Scenario:
        return Scenario(name="reads", seed=0, nodes=1, build=lambda node: ReadsTheClock(), duration_ns=ms(2500))

    entry = Entry(name="reads", summary="", make=make, judge=judge_invariants, narrator=lambda scenario: Names())
    entry = replace(entry, keys={"x": Key(label="nothing", press=lambda scenario, at_ns, luck: scenario)})
    for typed in ([], [(0.5, "x")]):
        lines: list[str] = []
        keyboard = Paper(typed)
        watch(entry, Settings(), keyboard=keyboard, speed=Fraction(1), say=lines.append, guard=guard)
        assert [line for line in lines if not line.startswith("---")] == told
        assert (keyboard.time_s < 101.2) == guard
    assert time.time_ns() > 0, "and nobody else is"


def test_speed_is_virtual_time_by_wall_time() -> None:
    seen, _ = watched([(2.0, "j"), (3.0, "q")], speed="10")
    assert abs(seen.presses[0].at_ns - seconds(20)) < seconds(1)
    assert seen.quit_ns is not None and abs(seen.quit_ns - seconds(30)) < seconds(1)
    keyboard = Paper()
    watch(ENTRY, settings(), keyboard=keyboard, speed=Fraction(1, 2), say=lambda line: None)
    assert 120 <= keyboard.time_s - 100 < 121


@pytest.mark.parametrize(
    ("text", "presses"),
    [
        ("", ()),
        ("12.5s:j,20s:c", (Press(12_500_000_000, "j"), Press(seconds(20), "c"))),
        (" 1m : c , ", (Press(seconds(60), "c"),)),
    ],
)
def test_keys_are_read_and_written(text: str, presses: tuple[Press, ...]) -> None:
    assert parse_keys(text, ENTRY.keys) == presses == parse_keys(keys_text(presses), ENTRY.keys)


@pytest.mark.parametrize("text", ["fast", "0", "-1", "1/0", "1e99", ""])
def test_no_speed(text: str) -> None:
    with pytest.raises(UsageError, match="--speed: "):
        parse_speed(text)


def test_keys_replace_those_that_were_given() -> None:
    assert flags_with_keys(("--keys", "1s:j", "--sync", "ntp"), "1s:j,2s:c") == ("--sync", "ntp", "--keys", "1s:j,2s:c")
    assert flags_with_keys(("--keys=1s:j",), "") == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run clock-drift --watch", "--watch: this is not a terminal"),
        ("run clock-drift --speed 2", "--speed: it paces a run that is watched: add --watch"),
        ("run clock-drift --watch --speed x", "--speed: 'x' is not a number"),
        ("run clock-drift --watch --format json", "--watch: a story is not JSON"),
        ("run clock-drift --watch --placement windows", "--watch: windows, one host per node cannot be looked on at"),
        ("run phold --watch", "--watch: phold has no story to tell while it runs"),
        ("run phold --keys 1s:j", "'--keys'"),
    ],
)
def test_where_there_is_nothing_to_watch(words: str, said: str) -> None:
    done = CliRunner().invoke(main, words.split())
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1 and said in done.stderr


class Screen:
    """What a program writes to its terminal, read as it comes."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.text = ""

    def until(self, wanted: str) -> None:
        while wanted not in self.text:
            got = self._read()
            assert got, f"{wanted!r} never came:\n{self.text}"

    def rest(self) -> str:
        while self._read():
            pass
        return self.text.replace("\r\n", "\n")

    def _read(self) -> str:
        try:
            got = os.read(self.descriptor, 4096).decode()
        except OSError:  # the program has ended
            return ""
        self.text += got
        return got


def test_in_a_terminal(tmp_path: Path) -> None:
    """Keys pressed by hand; the command that is printed at the end has the same digest, with no terminal."""
    program = "from simclock.experiments.command_line import main; main()"
    words = ["run", "clock-drift", "--seed", "5", "--duration", "10h", "--watch", "--speed", "50"]
    above, below = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", program, *words], stdin=below, stdout=below, stderr=below, env=environment, cwd=tmp_path
    ) as process:
        os.close(below)
        screen = Screen(above)
        screen.until("q quit")
        os.write(above, b"j")
        screen.until("--- key j at ")
        os.write(above, b"c")
        screen.until("everybody synchronize")
        os.write(above, b"q")
        text = screen.rest()
        assert process.wait(60) == 0, text
    os.close(above)
    rows = dict(
        line.strip().split(None, 1) for line in text.splitlines() if line.startswith("  ") and " " in line.strip()
    )
    assert "keys pressed: " in text and ":j," in rows["replay"] and "--duration" in rows["replay"]
    again = CliRunner().invoke(main, rows["replay"].split()[1:])
    assert f"digest        {rows['digest']}" in again.stdout
