"""What a replicated value has to be: computed from the operations and their causal history, by no data type.

A replica has seen a set of operations, and each of these had seen others when it was asked: a partial order. The value
is a function of that alone (Burckhardt, Gotsman, Yang and Zawirski, "Replicated data types: specification,
verification, optimality", POPL 2014):

    counter         the sum
    lww-register    the assignment with the greatest (time, replica)
    mv-register     the assignments that no other has seen
    set             an element of which some addition was seen by no removal of it: add wins
    2p-set          an element that was added, and that nobody who had seen that removed
    flag            on, if some "enable" was seen by no "disable"; disable-flag: off, if some "disable" by no "enable"
    map             each field by its updates that no removal of it has seen: what was removed counts no more
    sequence        the walk through the tree in which each insertion has its place by what its author saw (Fugue:
                    Weidner and Kleppmann 2023), without what was deleted
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from simclock.clocks.order import id_key


class Asked(NamedTuple):
    """An operation as it was asked."""

    number: int
    """Its bit in sets of operations."""
    replica: int
    operation: tuple[Any, ...]
    seen: int
    """The operations that its source had seen, as bits."""


def chosen(operations: Sequence[Asked], seen: int) -> list[Asked]:
    """Those in a set of bits; an operation's number is its place in the list."""
    found = []
    while seen:
        lowest = seen & -seen
        found.append(operations[lowest.bit_length() - 1])
        seen ^= lowest
    return found


def specified(kind: str, operations: Iterable[Asked]) -> Any:
    """The value of a replica that has seen these operations."""
    return _SPECIFIED[kind](list(operations))


def resurrected(kind: str, operations: Iterable[Asked], value: Any) -> list[tuple[Any, ...]]:
    """What is in a value though it was undone: it was put there by some operation, and should not be there now."""
    known = list(operations)
    put: set[tuple[Any, ...]] = set()
    for each in known:
        put |= parts(kind, specified(kind, [each]))
    return sorted((parts(kind, value) - parts(kind, specified(kind, known))) & put, key=repr)


def parts(kind: str, value: Any) -> set[tuple[Any, ...]]:
    """What there is in a value that can be taken away again."""
    match kind:
        case "set" | "2p-set" | "mv-register" | "register":
            return {(element,) for element in value}
        case "sequence":
            return {(character,) for character in value}
        case "flag":
            return {("on",)} if value else set()
        case "map":
            found = {(field,) for field, _ in value}
            for field, inner in value:
                found |= {(field, *part) for part in parts(field[1], inner)}
            return found
    return set()


def _undone(asked: Asked, removals: Iterable[Asked]) -> bool:
    return any(removal.seen >> asked.number & 1 for removal in removals)


def _named(operations: list[Asked], *names: str) -> list[Asked]:
    return [each for each in operations if each.operation[0] in names]


def _total(operations: list[Asked]) -> int:
    return sum(
        each.operation[1] if each.operation[0] == "increment" else -each.operation[1]
        for each in _named(operations, "increment", "decrement")
    )


def _kept(operations: list[Asked]) -> list[Asked]:
    resets = _named(operations, "reset")
    return [each for each in _named(operations, "increment", "decrement") if not _undone(each, resets)]


def _last(operations: list[Asked]) -> Any:
    ranked = [(each.operation[2], id_key(each.replica), each.operation[1]) for each in operations]
    return max(ranked, key=lambda rank: rank[:2])[2] if ranked else None


def _concurrent(operations: list[Asked]) -> tuple[Any, ...]:
    values = {each.operation[1] for each in _named(operations, "assign") if not _undone(each, operations)}
    return tuple(sorted(values, key=id_key))


def _added(operations: list[Asked]) -> tuple[Any, ...]:
    return tuple(sorted({each.operation[1] for each in operations}, key=id_key))


def _two_phase(operations: list[Asked]) -> tuple[Any, ...]:
    added = _named(operations, "add")
    gone = set()
    for removal in _named(operations, "remove"):
        element = removal.operation[1]
        if any(each.operation[1] == element and removal.seen >> each.number & 1 for each in added):
            gone.add(element)
    return tuple([element for element in _added(added) if element not in gone])


def _add_wins(operations: list[Asked]) -> tuple[Any, ...]:
    clears, removals = _named(operations, "clear"), _named(operations, "remove")
    alive = {
        each.operation[1]
        for each in _named(operations, "add")
        if not _undone(each, clears + [other for other in removals if other.operation[1] == each.operation[1]])
    }
    return tuple(sorted(alive, key=id_key))


def _wins(operations: list[Asked], winner: str, loser: str) -> bool:
    losers = _named(operations, loser)
    return any(not _undone(each, losers) for each in _named(operations, winner))


def _fields(operations: list[Asked]) -> tuple[tuple[Any, Any], ...]:
    clears, removals = _named(operations, "clear"), _named(operations, "remove")
    updates: dict[Any, list[Asked]] = {}
    for each in _named(operations, "update"):
        field, inner = each.operation[1:]
        if not _undone(each, clears + [other for other in removals if other.operation[1] == field]):
            updates.setdefault(field, []).append(each._replace(operation=inner))
    found = []
    for field in sorted(updates):
        kind = "reset-counter" if field[1] == "counter" else field[1]
        value = specified(kind, updates[field])
        # A field is there while anything is in it; a counter holds what it was given, even where that adds up to 0.
        if _kept(updates[field]) if kind == "reset-counter" else value:
            found.append((field, value))
    return tuple(found)


class _Character(NamedTuple):
    """Of a text: who hangs on which side of what, and when that was asked."""

    parent: Any
    is_right: bool
    value: str
    asked: int


_START = (-1, -1, 0)
"""The name of what every text hangs on."""


def _walk(tree: dict[Any, _Character], seen: int) -> list[Any]:
    """Of what these operations inserted: left children, the character, right children; siblings by name."""
    children: dict[tuple[Any, bool], list[Any]] = {}
    for name in sorted(tree):
        if seen >> tree[name].asked & 1:
            children.setdefault((tree[name].parent, tree[name].is_right), []).append(name)
    walked = []
    waiting = [(_START, False)]
    while waiting:
        name, is_opened = waiting.pop()
        if is_opened:
            walked.append(name)
            continue
        waiting += [(child, False) for child in reversed(children.get((name, True), []))]
        waiting.append((name, True))
        waiting += [(child, False) for child in reversed(children.get((name, False), []))]
    return walked


def _text(operations: list[Asked]) -> str:
    """Each operation at the position of the text as its author had it."""
    tree: dict[Any, _Character] = {}
    deleted: dict[Any, int] = {}
    everything = 0
    for each in operations:
        walked = _walk(tree, each.seen)
        shown = [name for name in walked[1:] if not deleted.get(name, 0) & each.seen]
        everything |= 1 << each.number
        match each.operation:
            case ("insert", position, text):
                before = shown[min(position, len(shown)) - 1] if position and shown else _START
                after = walked[walked.index(before) + 1 :]
                has_right = any((tree[name].parent, tree[name].is_right) == (before, True) for name in after)
                parent, is_right = (after[0], False) if has_right else (before, True)
                for at, value in enumerate(text):
                    name = (each.replica, each.number, at)
                    tree[name] = _Character(parent, is_right, value, each.number)
                    parent, is_right = name, True
            case ("delete", position, length):
                for name in shown[position : position + length]:
                    deleted[name] = deleted.get(name, 0) | 1 << each.number
    return "".join([tree[name].value for name in _walk(tree, everything)[1:] if name not in deleted])


_SPECIFIED: dict[str, Callable[[list[Asked]], Any]] = {
    "g-counter": _total,
    "counter": _total,
    "reset-counter": lambda operations: _total(_kept(operations)),
    "lww-register": _last,
    "mv-register": _concurrent,
    "register": _concurrent,
    "g-set": _added,
    "2p-set": _two_phase,
    "set": _add_wins,
    "flag": lambda operations: _wins(operations, "enable", "disable"),
    "disable-flag": lambda operations: not _wins(operations, "disable", "enable"),
    "map": _fields,
    "sequence": _text,
}
