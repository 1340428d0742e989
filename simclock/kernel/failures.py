"""Exceptions in a user's code, and values that cannot be encoded, told as data.

Law: whatever the code of a node, an observer or a judge raises is a failure of that code, `SystemExit` and the like
included; only the user's own Ctrl-C ends a run.
"""

from __future__ import annotations

import dis
import signal
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from simclock.errors import Failure, Interruption, RunInterrupted, UsageError
from simclock.kernel.encoding import CANNOT_ENCODE, WHAT_CAN_BE_ENCODED, encode_canonically
from simclock.kernel.events import KINDS, MESSAGE, Event
from simclock.kernel.standing import innermost_place
from simclock.machinery import is_machinery_file

_RAISES = frozenset((dis.opmap["RAISE_VARARGS"], dis.opmap["RERAISE"]))
"""Instructions at which code raises by itself: a signal comes in between instructions of other kinds."""


def is_interrupt(error: BaseException) -> bool:
    """Whether the user has pressed Ctrl-C, or who looks on ends the run; not where code raises KeyboardInterrupt."""
    if isinstance(error, Interruption | RunInterrupted):
        return True
    if type(error) is not KeyboardInterrupt or threading.current_thread() is not threading.main_thread():
        return False
    handler: Any = signal.getsignal(signal.SIGINT)
    handler_code = getattr(getattr(handler, "__func__", handler), "__code__", None)
    place = error.__traceback__
    while place is not None:
        code = place.tb_frame.f_code
        if handler_code is not None and code is handler_code:
            return True
        if place.tb_next is None:
            return not _RAISES.intersection(code.co_code[place.tb_lasti : place.tb_lasti + 1])  # compiled code has none
        place = place.tb_next
    return True


def describe_error(
    time_ns: int, node: int, event: str, error: BaseException, called: Callable[..., Any] | None = None
) -> Failure:
    """An exception as data, told from the user's code on; `called` is what of the user's was called.

    It names the place where the exception has no line of the user's.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not is_machinery_file(frame.filename)]
    text = traceback.format_exception_only(error)[-1].strip()
    code = getattr(called, "__code__", None)
    if own or code is None:
        own = own or list(frames)
        place = innermost_place(own)
    else:
        place = f"{code.co_filename}:{code.co_firstlineno} in {code.co_name}"
    usage = isinstance(error, UsageError)
    if usage:
        text = str(error)
    trace = "".join(traceback.format_list(own)) + text
    if _came_too_early(error):
        text = "it is too early: a node may send, set timers, draw and so on from on_start on, not in __init__"
        trace = ""  # it would lead into the kernel
    return Failure(time_ns, node, event, text, place, trace, usage, type(error).__name__)


def _came_too_early(error: BaseException) -> bool:
    """Whether a node asked, while it was made, for what the kernel gives it afterwards."""
    if not isinstance(error, AttributeError) or not str(error.name).startswith("sim_"):
        return False
    return hasattr(type(error.obj), "sim_host") and not hasattr(error.obj, "sim_host")


def unencodable(events: Iterable[Event]) -> Failure:
    """The first of these events that cannot be encoded, as a failure of the node that caused it."""
    for event in events:
        try:
            encode_canonically(event)
        except CANNOT_ENCODE as error:
            time_ns, source, _, target, kind, payload = event
            what = "message" if kind == MESSAGE else KINDS[kind]
            text = f"{what} {payload!r} cannot be encoded ({error}): {WHAT_CAN_BE_ENCODED}"
            return Failure(time_ns, source, f"{what} to node {target}", text, "what it sent or observed", "", True)
    raise AssertionError("one of the events cannot be encoded")
