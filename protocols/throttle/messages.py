"""What a client and the limiter say to each other."""

from __future__ import annotations

from simclock.actors import Message


class Request(Message):
    """A client calls the API; its number is larger than that of every earlier one."""

    number: int


class Answered(Message):
    """Admitted where `wait_ns` is None, as HTTP 200; else refused, as HTTP 429 with Retry-After."""

    number: int
    wait_ns: int | None
