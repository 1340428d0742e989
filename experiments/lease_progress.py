"""A lease service's progress: once everything has healed, somebody holds the lock and writes, within a stated time."""

from __future__ import annotations

from simclock import Control, Observation, Observer, format_duration

PROGRESS = "Lock Is Granted"


class LeaseProgress(Observer):
    """Demands a write that the store accepts, within some time after T, while clients want the lock all the time."""

    def __init__(self, within_ns: int, healed_ns: int) -> None:
        self._within_ns = within_ns
        self._healed_ns = healed_ns
        self._written_ns: int | None = None
        self._told = False

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.name == "accepted" and self._written_ns is None and observation.time_ns >= self._healed_ns:
            self._written_ns = observation.time_ns
        self._judge(control)

    def on_finish(self, control: Control) -> None:
        self._judge(control)

    def _judge(self, control: Control) -> None:
        """An observation after the time is up tells that it is; so does the end of the run."""
        due_ns = self._healed_ns + self._within_ns
        if self._told or control.now_ns < due_ns:
            return
        if self._written_ns is None or self._written_ns > due_ns:
            self._told = True
            detail = f"nobody has written within {format_duration(self._within_ns)} of healing"
            control.violated(PROGRESS, -1, detail)

    def report(self) -> dict[str, int | None]:
        took = self._written_ns
        return {"written_after_ns": None if took is None else took - self._healed_ns}
