"""Exceptions in a node's code, and values that cannot be encoded, told as data."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from pathlib import Path

from simclock.encoding import CANNOT_ENCODE, WHAT_CAN_BE_ENCODED, encode
from simclock.errors import Failure, UsageError
from simclock.events import KINDS, MESSAGE, Event
from simclock.standing import innermost_place

_MACHINERY = str(Path(__file__).parent)


def describe_error(time_ns: int, node: int, event: str, error: BaseException) -> Failure:
    """An exception as data, told from the user's code on."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_MACHINERY)] or list(frames)
    text = traceback.format_exception_only(error)[-1].strip()
    place = innermost_place(own)
    usage = isinstance(error, UsageError)
    if usage:
        text = str(error)
    return Failure(
        time_ns, node, event, text, place, "".join(traceback.format_list(own)) + text, usage, type(error).__name__
    )


def unencodable(events: Iterable[Event]) -> Failure:
    """The first of these events that cannot be encoded, as a failure of the node that caused it."""
    for event in events:
        try:
            encode(event)
        except CANNOT_ENCODE as error:
            time_ns, source, _, target, kind, payload = event
            what = "message" if kind == MESSAGE else KINDS[kind]
            text = f"{what} {payload!r} cannot be encoded ({error}): {WHAT_CAN_BE_ENCODED}"
            return Failure(time_ns, source, f"{what} to node {target}", text, "what it sent or observed", "", True)
    raise AssertionError("one of the events cannot be encoded")
