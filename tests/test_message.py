"""Messages are deeply immutable, typed, and travel unchanged."""

from __future__ import annotations

import enum
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from simclock import MessageTypeError
from simclock.actors import Message
from simclock.actors.message import message_classes, payload_union
from simclock.actors.placements.shipping import loads, ship
from simclock.clocks import VectorClock

ROOT = Path(__file__).parent.parent


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Entry(Message):
    term: int
    command: str = "no-op"

    def next(self) -> Entry:
        return Entry(self.term + 1, self.command)


class Everything(Message):
    number: int
    share: float
    raw: bytes
    colour: Colour
    entries: tuple[Entry, ...] = ()
    pair: tuple[int, float] | None = None
    kind: Literal["a", "b"] = "a"
    words: frozenset[str] = frozenset()
    seen: VectorClock = VectorClock()


GOOD = Everything(1, 0.5, b"x", Colour.RED, (Entry(1),), (1, 2.0), "b", frozenset({"q", "p"}))


@pytest.mark.parametrize(
    ("annotation", "instead"),
    [
        (list[int], "tuple[T, ...]"),
        (list, "tuple[T, ...]"),
        (dict[str, int], "tuple[tuple[K, V], ...]"),
        (set[int], "frozenset[T]"),
        (bytearray, "bytes"),
        (tuple[list[int], ...], "tuple[T, ...]"),
        (int | list[int], "tuple[T, ...]"),
        (tuple, "tuple[int, ...]"),
        (Any, "declare what it holds"),
        (object, "declare what it holds"),
        (Path, "not known to be immutable"),
    ],
)
def test_mutable_fields_are_refused_when_defined(annotation: Any, instead: str) -> None:
    namespace = {"__annotations__": {"content": annotation}, "__module__": __name__, "__qualname__": "Bad"}
    with pytest.raises(MessageTypeError) as caught:
        type(Message)("Bad", (Message,), namespace)
    assert "Bad.content" in str(caught.value), "the field is named"
    assert instead in str(caught.value), "what to use instead is named"


def test_an_unfrozen_message_is_refused() -> None:
    with pytest.raises(MessageTypeError, match="frozen"):
        type(Message)("Loose", (Message,), {"__annotations__": {}, "__module__": __name__}, frozen=False)


def test_messages_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        GOOD.number = 2  # type: ignore[misc]
    hash(GOOD)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("share", 1),
        ("raw", bytearray(b"x")),
        ("colour", "red"),
        ("entries", [Entry(1)]),
        ("entries", ((1, "x"),)),
        ("pair", (1, 2)),
        ("pair", [1, 2.0]),
        ("words", {"q"}),
        ("seen", ((1, 2),)),
    ],
)
def test_a_value_that_would_change_on_the_way_is_refused_when_made(field: str, value: Any) -> None:
    with pytest.raises(MessageTypeError, match=f"Everything.{field}"):
        msgspec.structs.replace(GOOD, **{field: value})


def test_round_trip_through_the_wire() -> None:
    union = payload_union(message_classes([Everything]))
    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(GOOD), type=union)
    assert decoded == GOOD
    assert type(decoded.entries[0]) is Entry


def test_classes_are_found_where_nodes_live() -> None:
    assert {Entry, Everything} <= set(message_classes([Everything]))


def test_two_classes_of_one_name_are_refused() -> None:
    namespace = {"__annotations__": {}, "__module__": "elsewhere", "__qualname__": "Entry"}
    with pytest.raises(MessageTypeError, match="two message classes are called Entry"):
        payload_union([Entry, type(Message)("Entry", (Message,), namespace)])


def test_user_classes_travel_to_a_process_that_lacks_them(tmp_path: Path) -> None:
    """The scenario's classes arrive whole: fields, defaults, methods; and come home as the same classes."""
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(ship((GOOD, Entry)))
    program = f"""
import pathlib
from simclock.actors.placements.shipping import dumps, loads
good, entry = loads(pathlib.Path({str(there)!r}).read_bytes())
assert type(good.entries[0]) is entry
assert entry(4).next() == entry(5, "no-op")
pathlib.Path({str(back)!r}).write_bytes(dumps((good, entry(9).next())))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    good, entry = loads(back.read_bytes())
    assert good == GOOD
    assert entry == Entry(10)
    assert type(entry) is Entry


def test_a_module_with_two_names_is_no_obstacle(monkeypatch):
    """`xml.parsers.expat` puts one module into `sys.modules` under two names; so might a user."""
    monkeypatch.setitem(sys.modules, "one_name", twice := types.ModuleType("one_name"))
    monkeypatch.setitem(sys.modules, "another_name", twice)
    assert loads(ship(GOOD)) == GOOD
