"""A limit on how long a run may take, estimated from its beginning.

Laws: the pilot is the beginning of the run itself. A thread looks where the run stands, first when a twentieth of the
limit has passed and virtual time has begun to, then after as long again, after twice that and so on; from its pace
since the look before it reckons how long all of it would take. A run that would exceed the limit is ended there, and
must exceed it by the more the less was seen: beginnings are slow, and machines busy. One that cannot be reckoned (it
has no duration, or its workers are still being started) is ended when the limit is reached. So no run takes longer
than the limit, and none that is short enough pays for a pilot. What ends a run is a signal, so that also one that waits
for Ray is woken, as it is where that Ray has died; in another thread than the main one nothing can be ended, and there
is no limit.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any, NamedTuple

from simclock.actors.run import Look
from simclock.durations import format_duration
from simclock.errors import RunInterrupted
from simclock.kernel.standing import Standing

PILOT = 1 / 20
"""Of the limit: how long a run goes on before it is looked at, and how long its pace is measured at least."""
GONE = "failed: Ray has died in the middle of a run"
GONE_S = 1.0
"""It is asked so often whether what carries the run has died."""
DOUBT = 4
"""After a pause of PILOT a run must exceed the limit by so many times the limit; after one twice as long, by half as
many."""
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
        self.gone: Callable[[], bool] = lambda: False
        """Whether what carries the run has died: who waits for Ray may wait in vain, or be ended by it."""
        self._limit_s = inf if limit_ns is None else limit_ns / 1e9
        self._closing = False
        self._over = threading.Event()
        self._standing: Standing = NOWHERE

    @contextmanager
    def __call__(self, look: Look) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
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
        limit_s, pilot_s, began_s = self._limit_s, self._limit_s * PILOT, time.monotonic()
        before: Seen | None = None
        pause_s, now_s, next_s = pilot_s, 0.0, inf if limit_s == inf else min(START_S, pilot_s)
        while not over(max(0.0, min(next_s - now_s, GONE_S))):
            now_s = time.monotonic() - began_s
            if self.gone():
                self.word = GONE
                self.end(NOWHERE)
                return
            if now_s < next_s:
                continue
            standing = look(False) or NOWHERE
            now = Seen(time.monotonic() - began_s, standing.virtual_ns)
            self.word = over_limit(standing, before, now, limit_s)
            if self.word:
                self.end(standing)
                return
            if before is not None:
                pause_s *= 2
            if before is not None or (standing.virtual_ns and now.at_s >= pilot_s):
                before = now
            now_s = now.at_s
            next_s = min(now_s + (pause_s if before else min(START_S, pilot_s)), max(limit_s, now_s + pilot_s))

    def end(self, standing: Standing) -> None:
        """End the run, which stands there."""
        self._standing = standing
        if not self._over.is_set():
            _thread.interrupt_main(SIGNAL)

    def _raise(self, number: int, frame: Any) -> None:
        if not self._closing:
            raise RunInterrupted(self._standing, 0)


def over_limit(standing: Standing, before: Seen | None, now: Seen, limit_s: float) -> str:
    """Why a run that stands there, and stood elsewhere before, is over the limit; empty where it is not known to be.

    What a run needs before it gets going, workers that start and code that is loaded, is not taken for its pace.
    """
    limit = format_duration(round(limit_s * 1e9))
    if standing.end_ns and before is not None and now.virtual_ns > before.virtual_ns:
        seen_s = now.at_s - before.at_s
        whole_s = now.at_s + seen_s / (now.virtual_ns - before.virtual_ns) * (standing.end_ns - now.virtual_ns)
        if whole_s > limit_s * (1 + DOUBT * PILOT * limit_s / seen_s):
            return f"left out: about {whole_s:,.0f} s a run, limit {limit}"
    if now.at_s < limit_s:
        return ""
    return f"left out: {f'after {limit} still {standing.starting}' if standing.starting else f'over {limit} a run'}"
