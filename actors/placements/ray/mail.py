"""Mail and windows as bytes: what crosses between the scheduler's actor and the hosts', by channel or by call."""

from __future__ import annotations

import io
import pickle
from typing import Any

import msgspec

from simclock.actors.placements.shipping import dumps, loads
from simclock.errors import Failure
from simclock.kernel.mail import Mail, Observation, Window

_encode = msgspec.msgpack.Encoder().encode
_decode_mail = msgspec.msgpack.Decoder(tuple[int, list[bytes], bytes]).decode
_Answer = tuple[int | None, dict[int, bytes], dict[int, int], bytes, bytes, int, int]
_decode_window = msgspec.msgpack.Decoder(_Answer).decode


def mail_to_bytes(mail: Mail) -> bytes:
    """What a host is called with."""
    horizon_ns, inbox, faults = mail
    return _encode((horizon_ns, inbox, dumps(faults) if faults else b""))


def mail_of(data: bytes) -> Mail:
    """Undo `mail_to_bytes`."""
    horizon_ns, inbox, faults = _decode_mail(data)
    return horizon_ns, inbox, loads(faults) if faults else []


def window_to_bytes(window: Window) -> bytes:
    """A host's answer, with the parts that may hold user classes pickled our way."""
    observations, trace, failures = window.observations, window.trace, window.failures
    return _encode(
        (
            window.next_time_ns,
            window.outbox,
            window.outbox_ns_min,
            _told([tuple(each) for each in observations], trace) if observations or trace else b"",
            dumps([tuple(failure) for failure in failures]) if failures else b"",
            window.handled,
            window.last_time_ns,
        )
    )


def window_of(data: bytes) -> Window:
    """Undo `window_to_bytes`."""
    next_time_ns, outbox, outbox_ns_min, told, failures, handled, last_ns = _decode_window(data)
    observations, trace = loads(told) if told else ([], [])
    return Window(
        next_time_ns,
        outbox,
        outbox_ns_min,
        [Observation(*each) for each in observations],
        trace,
        [Failure(*each) for each in loads(failures)] if failures else [],
        handled,
        last_ns,
    )


class _NotPlainError(Exception):
    """There is more in it than Python's own values."""


class _PlainPickler(pickle.Pickler):
    """Python's own, a tenth of the time; what it would pickle by the name of its class is left to `dumps`."""

    def reducer_override(self, value: Any) -> Any:
        raise _NotPlainError


def _told(observations: list[tuple[Any, ...]], trace: list[Any]) -> bytes:
    told = (observations, trace)
    buffer = io.BytesIO()
    try:
        _PlainPickler(buffer, pickle.HIGHEST_PROTOCOL).dump(told)
    except (_NotPlainError, RecursionError):
        return dumps(told)
    return buffer.getvalue()
