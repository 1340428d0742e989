"""A limit on how long a run may take, estimated from its beginning.

Laws: the pilot is the beginning of the run itself. A thread looks where the run stands, first when a twentieth of the
limit has passed and virtual time has begun to, then after as long again, after twice that and so on; from its pace
between the first look and this one it reckons how long all of it would take. A run that would exceed the limit is ended
there, and one that cannot be reckoned (it has no duration, or its workers are still being started) when the limit is
reached. So no run takes longer than the limit, and none that is short enough pays for a pilot. What ends a run is a
signal, so that also one that waits for Ray is woken; in another thread than the main one nothing can be ended, and
there is no limit.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from simclock.actors.run import Look
from simclock.durations import format_duration
from simclock.errors import RunInterrupted
from simclock.kernel.standing import Standing

PILOT = 1 / 20
"""Of the limit: how long a run goes on before it is looked at, and how long its pace is measured at least."""
START_S = 0.5
"""Until virtual time goes on, it is looked so often whether it does."""
SIGNAL = getattr(signal, "SIGALRM", signal.SIGINT)
NOWHERE = Standing(0, None, 0)


class Seen(NamedTuple):
    """A run, seen from outside."""

    at_s: float
    """Since it was asked for."""
    virtual_ns: int


class Limit:
    """An onlooker of one run, which ends it; `word` then says why."""

    def __init__(self, limit_ns: int | None) -> None:
        self.word = ""
        self._limit_ns = limit_ns
        self._closing = False
        self._over = threading.Event()
        self._standing: Standing = NOWHERE

    @contextmanager
    def __call__(self, look: Look) -> Iterator[None]:
        if self._limit_ns is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        thread = threading.Thread(target=self.watch, args=(look, self._over.wait), name="limit", daemon=True)
        before = signal.signal(SIGNAL, self._raise)
        thread.start()
        try:
            yield
        finally:
            self._closing = True  # from here on the signal raises nothing
            self._over.set()
            thread.join()
            signal.signal(SIGNAL, signal.SIG_DFL if before is None else before)

    def watch(self, look: Look, over: Callable[[float], bool]) -> None:
        """Look on until the run is over, or has to be; `over` waits for that, so many seconds at most."""
        assert self._limit_ns is not None, "there is a limit"
        limit_s, began_s = self._limit_ns / 1e9, time.monotonic()
        first: Seen | None = None
        pause_s = limit_s * PILOT
        while not over(pause_s if first else min(START_S, pause_s)):
            standing = look(False) or NOWHERE
            now = Seen(time.monotonic() - began_s, standing.virtual_ns)
            self.word = over_limit(standing, first, now, limit_s)
            if self.word:
                self.end(standing)
                return
            if first is not None:
                pause_s = max(limit_s * PILOT, min(2 * pause_s, limit_s - now.at_s))
            elif standing.virtual_ns and now.at_s >= pause_s:
                first = now

    def end(self, standing: Standing) -> None:
        """End the run, which stands there."""
        self._standing = standing
        if not self._over.is_set():
            _thread.interrupt_main(SIGNAL)

    def _raise(self, number: int, frame: Any) -> None:
        if not self._closing:
            raise RunInterrupted(self._standing, 0)


def over_limit(standing: Standing, first: Seen | None, now: Seen, limit_s: float) -> str:
    """Why a run that stands there is over the limit, and was `first` seen elsewhere; empty where it is not known to be.

    What a run needs before it gets going, workers that start and code that is loaded, is not taken for its pace.
    """
    limit = format_duration(round(limit_s * 1e9))
    if standing.end_ns and first is not None and now.virtual_ns > first.virtual_ns:
        pace = (now.at_s - first.at_s) / (now.virtual_ns - first.virtual_ns)
        whole_s = now.at_s + pace * (standing.end_ns - now.virtual_ns)
        if whole_s > limit_s:
            return f"left out: about {whole_s:,.0f} s a run, limit {limit}"
    if now.at_s < limit_s:
        return ""
    return f"left out: {f'after {limit} still {standing.starting}' if standing.starting else f'over {limit} a run'}"
