"""A limit on how long a run may take, estimated from its beginning.

Laws: the pilot is the beginning of the run itself. A twentieth of the limit after its workers are up, and again
whenever twice as long has passed, a thread looks where the run stands and reckons how long all of it would take; a run
that would exceed the limit is ended there, and one that cannot be reckoned (it has no duration, or its workers are
still being started) when the limit is reached. So no run takes longer than the limit, and none that is short enough
pays for a pilot. What ends a run is a signal, so that also one that waits for Ray is woken; in another thread than the
main one nothing can be ended, and there is no limit.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from simclock.actors.run import Look
from simclock.durations import format_duration
from simclock.errors import RunInterrupted
from simclock.kernel.standing import Standing

PILOT = 1 / 20
"""Of the limit: after so long a run is looked at first."""
START_S = 0.5
"""While workers are being started, it is looked so often whether they are up."""
SIGNAL = getattr(signal, "SIGALRM", signal.SIGINT)
NOWHERE = Standing(0, None, 0)


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
            self.over()
            thread.join()
            signal.signal(SIGNAL, signal.SIG_DFL if before is None else before)

    def over(self) -> None:
        """The run has ended."""
        self._over.set()

    def watch(self, look: Look, wait: Callable[[float], object]) -> None:
        """Look on until the run is over, or has to be; `wait` waits so many seconds, or until it is over."""
        assert self._limit_ns is not None, "there is a limit"
        limit_s, began_s = self._limit_ns / 1e9, time.monotonic()
        started_s, pause_s = 0.0, limit_s * PILOT
        wait(pause_s)
        while not self._over.is_set():
            standing = look(False) or NOWHERE
            now_s = time.monotonic() - began_s
            if standing.starting:
                started_s, pause_s = now_s, limit_s * PILOT
            self.word = over_limit(standing, now_s=now_s, started_s=started_s, limit_s=limit_s)
            if self.word:
                self._end(standing)
                return
            if standing.starting:
                wait(min(START_S, pause_s))
            else:
                wait(min(pause_s, max(limit_s - now_s, limit_s * PILOT)))
                pause_s *= 2

    def _end(self, standing: Standing) -> None:
        self._standing = standing
        if not self._over.is_set():
            _thread.interrupt_main(SIGNAL)

    def _raise(self, number: int, frame: Any) -> None:
        if not self._closing:
            raise RunInterrupted(self._standing, 0)


def over_limit(standing: Standing, *, now_s: float, started_s: float, limit_s: float) -> str:
    """Why a run that stands there after so many seconds is over the limit; empty where it is not known to be.

    Of these its workers took `started_s` to start.
    """
    limit = format_duration(round(limit_s * 1e9))
    if standing.end_ns and standing.virtual_ns and not standing.starting:
        whole_s = started_s + (now_s - started_s) * standing.end_ns / standing.virtual_ns
        if whole_s > limit_s:
            return f"left out: about {whole_s:,.0f} s a run, limit {limit}"
    if now_s < limit_s:
        return ""
    return f"left out: {f'after {limit} still {standing.starting}' if standing.starting else f'over {limit} a run'}"
