"""What a script may say, as data: a class for each command that is not itself a step of a world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simclock.actors.steering.steps import Step

ALL = "all"
ANY = "any"
FIRST = "first"
LAST = "last"
ONE = "one"


@dataclass(frozen=True)
class Messages:
    """Which of the pending messages are meant."""

    number: int | None = None
    source: int | None = None
    """None: whichever."""
    target: int | None = None
    kind: str | None = None
    """The class of the message; None: any."""
    fields: tuple[tuple[str, str], ...] = ()
    """(path, value as it is written) that the message has."""
    which: str = ONE
    """ONE: there has to be exactly one such; FIRST or LAST sent of several; ALL of them."""

    def __str__(self) -> str:
        """As a script writes it."""
        words = [] if self.number is None else [f"#{self.number}"]
        if self.number is None and (self.source, self.target) == (None, None) and self.kind is None:
            return ALL
        if self.number is None or self.source is not None:
            words.append(f"{_who(self.source)}->{_who(self.target)}")
        words += [] if self.kind is None else [self.kind]
        words += [f"{name}={value}" for name, value in self.fields]
        return " ".join(words if self.which == ONE else [*words, self.which])


def _who(node: int | None) -> str:
    return "*" if node is None else str(node)


@dataclass(frozen=True)
class Begin:
    """`scenario NAME [parameter=value ...]`: a world of that scenario's nodes begins."""

    scenario: str
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class PutIn:
    """`bug ID`: a row of the zoo is put into the scenario above."""

    bug: str


@dataclass(frozen=True)
class Replace:
    """`replace PART=path.py:Class`: that class in the place of a part of the scenario above."""

    replacement: str


@dataclass(frozen=True)
class OnMessages:
    """`deliver`, `drop` or `duplicate` messages."""

    verb: str
    messages: Messages


@dataclass(frozen=True)
class FireTimer:
    """`fire NODE TIMER`."""

    node: int
    timer: str
    """As it is written."""


@dataclass(frozen=True)
class TearCrash:
    """`torn crash NODE [keeps N] [torn]`."""

    node: int
    kept: int | None = None
    """Of what the disk had not synced, it keeps so many operations; None: all of them, the last one torn."""
    torn: bool = False


@dataclass(frozen=True)
class AskNode:
    """`ask NODE METHOD [VALUE ...]` or `ask NODE METHOD(VALUE, ...)`: what a client asks of a node."""

    node: int
    method: str
    values: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Stabilize:
    """`stabilize [NODE ...] [max=N]`: deliver, oldest first, until nothing is pending (between these nodes)."""

    nodes: tuple[int, ...] = ()
    deliveries_max: int = 1000


@dataclass(frozen=True)
class Show:
    """`show [NODE ...]`, `show messages`: where things stand."""

    nodes: tuple[int, ...] = ()
    messages: bool = False


@dataclass(frozen=True)
class Tell:
    """`tell off`: print nothing but what is wrong, until `tell on`."""

    on: bool


@dataclass(frozen=True)
class ExpectState:
    """`expect WHO PATH OPERATOR VALUE`."""

    who: int | str
    path: str
    operator: str
    value: str


@dataclass(frozen=True)
class ExpectTold:
    """`expect WHO [not] told NAME [VALUE]`."""

    who: int | str
    told: bool
    name: str
    value: str | None = None


@dataclass(frozen=True)
class ExpectUp:
    """`expect WHO up`, `expect WHO down`."""

    who: int | str
    up: bool


@dataclass(frozen=True)
class ExpectTimer:
    """`expect WHO [no] timer NAME`."""

    who: int | str
    is_set: bool
    timer: str


@dataclass(frozen=True)
class ExpectMessage:
    """`expect message ...`, `expect no message ...`; of no message at all: `expect quiet`."""

    there: bool
    messages: Messages


@dataclass(frozen=True)
class ExpectViolation:
    """`expect violation NAME`."""

    property: str


@dataclass(frozen=True)
class ExpectHolds:
    """`expect holds`: no property is violated."""


SetUp = Begin | PutIn | Replace
Expectation = ExpectState | ExpectTold | ExpectUp | ExpectTimer | ExpectMessage | ExpectViolation | ExpectHolds
Action = OnMessages | FireTimer | TearCrash | AskNode | Step
Command = SetUp | Action | Stabilize | Show | Tell | Expectation
