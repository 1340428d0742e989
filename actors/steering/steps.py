"""What may happen next in a steered world, as data: frozen, hashable, and one line of text each.

A message is named by its number: the first that a run sends is 0, whoever sends it, and so on, copies included. Link
and class stand beside it for who reads; a step that names them wrongly is refused. Names of timers are the node's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from simclock.durations import format_duration

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NO_NAMES = ("none", "true", "false")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens; `str` is its line."""

    verb: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class OfMessage(Step):
    """What happens to a message on its way."""

    number: int
    source: int = -1
    target: int = -1
    kind: str = ""
    """The name of its class; empty, with nodes of -1, where a step gives the number alone."""

    def __str__(self) -> str:
        link = f" {self.source}->{self.target} {self.kind}" if self.kind else ""
        return f"{self.verb}{link} #{self.number}"


@dataclass(frozen=True, slots=True)
class Deliver(OfMessage):
    """It arrives."""

    verb: ClassVar[str] = "deliver"


@dataclass(frozen=True, slots=True)
class Drop(OfMessage):
    """It is lost."""

    verb: ClassVar[str] = "drop"


@dataclass(frozen=True, slots=True)
class Duplicate(OfMessage):
    """There is one more of it, which gets the next free number."""

    verb: ClassVar[str] = "duplicate"


@dataclass(frozen=True, slots=True)
class OfNode(Step):
    """What happens to a node."""

    node: int

    def __str__(self) -> str:
        return f"{self.verb} {self.node}"


@dataclass(frozen=True, slots=True)
class Fire(OfNode):
    """A timer that is set runs out: now, or when it is due, if that is later."""

    name: Any
    verb: ClassVar[str] = "fire"

    def __str__(self) -> str:
        return f"fire {self.node} {name_text(self.name)}"


@dataclass(frozen=True, slots=True)
class Crash(OfNode):
    """It ends, and with it what its disk had not synced."""

    verb: ClassVar[str] = "crash"


@dataclass(frozen=True, slots=True)
class TornCrash(OfNode):
    """It ends, and its disk keeps `kept` operations that it had not synced; `torn`: the last of them unreadable."""

    kept: int
    torn: bool = False
    verb: ClassVar[str] = "torn crash"

    def __str__(self) -> str:
        return f"{self.verb} {self.node} keeps {self.kept}{' torn' if self.torn else ''}"


@dataclass(frozen=True, slots=True)
class Restart(OfNode):
    """A node that is down is built anew, with what its disk kept."""

    verb: ClassVar[str] = "restart"


@dataclass(frozen=True, slots=True)
class Ask(OfNode):
    """A method of the node is called, as by a client beside it: `propose("x")`."""

    call: str
    arguments: tuple[Any, ...] = ()
    verb: ClassVar[str] = "ask"

    def __str__(self) -> str:
        return f"ask {self.node} {self.call}({', '.join(map(repr, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Pass(Step):
    """Virtual time passes; no timer runs out by itself."""

    duration_ns: int
    verb: ClassVar[str] = "pass"

    def __str__(self) -> str:
        return f"pass {format_duration(self.duration_ns).replace(' ', '')}"


@dataclass(frozen=True, slots=True)
class Cut(Step):
    """No message gets from one group to another, either way; what is on its way waits. Other nodes keep their links."""

    groups: tuple[tuple[int, ...], ...]
    verb: ClassVar[str] = "cut"

    def __str__(self) -> str:
        return "cut " + " | ".join(" ".join(map(str, group)) for group in self.groups)


@dataclass(frozen=True, slots=True)
class CutLink(Step):
    """No message gets from `source` to `target`."""

    source: int
    target: int
    verb: ClassVar[str] = "cut"

    def __str__(self) -> str:
        return f"cut {self.source}->{self.target}"


@dataclass(frozen=True, slots=True)
class Mend(Step):
    """All links are whole again; with `groups`, those between them."""

    groups: tuple[tuple[int, ...], ...] = ()
    verb: ClassVar[str] = "mend"

    def __str__(self) -> str:
        return ("mend " + " | ".join(" ".join(map(str, group)) for group in self.groups)).rstrip()


def name_text(name: Any) -> str:
    """A timer's name on a line: a plain word as it is, everything else as Python writes it, the text `true` too."""
    plain = isinstance(name, str) and _WORD.fullmatch(name) is not None and name.lower() not in _NO_NAMES
    return name if plain else repr(name)
