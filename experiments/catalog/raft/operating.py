"""What an operator is to do, as text: `2s:+3,-0` (at 2 s, node 3 comes in and node 0 goes), `4s:1` (node 1 leads)."""

from __future__ import annotations

import re

from simclock import UsageError, parse_duration
from simclock.protocols.raft.operator import Change, Request, Transfer

_MEMBER = re.compile(r"([+-])(\d{1,6})")


def changes_of(text: str) -> tuple[Change, ...]:
    """The changes that a text asks for, separated by spaces or semicolons. Raises UsageError."""
    return tuple(_change(each) for each in _items(text))


def transfers_of(text: str) -> tuple[Transfer, ...]:
    """The transfers that a text asks for, separated by spaces or semicolons. Raises UsageError."""
    made = []
    for each in _items(text):
        at_ns, target = _timed(each, "transfer", "4s:1")
        if not target.isdigit():
            raise UsageError(f"transfer: {each!r}: {target!r} is no node; write 4s:1 to have node 1 lead from 4 s on")
        made.append(Transfer(at_ns, int(target)))
    return tuple(made)


def schedule_of(changes: str, transfers: str) -> tuple[Request, ...]:
    """Both, in order of their times."""
    asked: list[Request] = [*changes_of(changes), *transfers_of(transfers)]
    return tuple(sorted(asked, key=lambda request: request.at_ns))


def nodes_named(schedule: tuple[Request, ...]) -> set[int]:
    """Every node that a schedule names."""
    named: set[int] = set()
    for request in schedule:
        named.update(request.add + request.remove if isinstance(request, Change) else (request.target,))
    return named


def _items(text: str) -> list[str]:
    return text.replace(";", " ").split()


def _timed(text: str, name: str, example: str) -> tuple[int, str]:
    at, colon, rest = text.partition(":")
    if not colon:
        raise UsageError(f"{name}: {text!r} has no time: write {example}")
    return parse_duration(at, f"{name}: {text!r}"), rest


def _change(text: str) -> Change:
    at_ns, moves = _timed(text, "change", "2s:+3,-0")
    add: list[int] = []
    remove: list[int] = []
    for move in moves.split(","):
        found = _MEMBER.fullmatch(move)
        if found is None:
            raise UsageError(f"change: {text!r}: {move!r} is neither +NODE nor -NODE; write 2s:+3,-0")
        (add if found[1] == "+" else remove).append(int(found[2]))
    return Change(at_ns, tuple(add), tuple(remove))
