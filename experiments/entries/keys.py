"""Keys that a watched run takes, as part of the scenario: `keys = "12.5s:j,20s:c"` presses them again, anywhere.

Law: a key is pressed by making another scenario, never by reaching into a run. So a run in which somebody pressed keys
is the run of a scenario that says so, on every placement; up to the instant of the key the two are one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from simclock.durations import format_duration
from simclock.errors import UsageError
from simclock.experiments.scenario_files.toml_table import duration_ns
from simclock.experiments.telling.spelling import say, unknown
from simclock.scenario import Scenario
from simclock.streams import Stream, stream

PARAMETER = "keys"
"""The parameter of an entry that holds the keys pressed."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """What a key does."""

    label: str
    press: Callable[[Scenario, int, Stream], Scenario]
    """The scenario in which it is pressed at that virtual time, in nanoseconds; all luck is drawn from the stream."""


class Press(NamedTuple):
    """A key at a virtual time."""

    at_ns: int
    key: str


def parse_keys(text: str, keys: Mapping[str, Key]) -> tuple[Press, ...]:
    """Read `12.5s:j,20s:c`."""
    presses = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        at, colon, key = part.partition(":")
        if not colon:
            raise UsageError(f"keys: {say(part)} is not a key at a time: write it as 12.5s:{next(iter(keys), 'j')}")
        if key.strip() not in keys:
            raise UsageError(f"keys: {unknown('key', key.strip(), keys)}")
        presses.append(Press(duration_ns(at.strip(), "keys"), key.strip()))
    return tuple(presses)


def keys_text(presses: tuple[Press, ...]) -> str:
    """As `parse_keys` reads it."""
    return ",".join(f"{format_duration(press.at_ns)}:{press.key}" for press in presses)


def pressed(scenario: Scenario, keys: Mapping[str, Key], text: str) -> Scenario:
    """The scenario with these keys pressed, one after the other."""
    end_ns = scenario.duration_ns
    for number, press in enumerate(parse_keys(text, keys)):
        if end_ns is not None and press.at_ns >= end_ns:
            at, end = format_duration(press.at_ns), format_duration(end_ns)
            raise UsageError(f"keys: {at}:{press.key} never happens, the run ends at {end}: the key has to come before")
        scenario = keys[press.key].press(scenario, press.at_ns, stream(scenario.seed, f"key {number}"))
    return scenario
