"""Hosts as Ray actors.

They run the same `Host` as in process; what differs is that mail travels as bytes and that several windows' answers are
awaited at once. A worker that dies is replaced, and its host brought up to date by sending it again all the mail it
ever got, so that a real failure changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import get_ident
from typing import Any

from simclock.actors.placements.ray.session import ray_logs
from simclock.actors.placements.ray_deaths import how_it_died
from simclock.actors.placements.shipping import dumps, import_also_from, import_folders, loads
from simclock.errors import Failure, PlacementError
from simclock.guarding.guard import guarding
from simclock.kernel.host import Host
from simclock.kernel.mail import HostPlan, Mail, Summary, Window
from simclock.kernel.standing import HostStanding, frames_of

REVIVALS_MAX = 3
"""How often a host's worker may die before the run is given up."""
JOURNAL_BYTES_MAX = 1 << 30
"""Mail kept for reviving hosts, over all hosts of a run."""
LOOK_TIMEOUT_S = 2
LOOKING = "looking"
"""The thread of an actor that tells where it stands, beside the one that works."""


class HostActor:
    """A host in a worker process. Everything that crosses is bytes or plain numbers."""

    def __init__(self, folders: list[str], plan: bytes, number: int, guard: bool) -> None:
        import_also_from(folders)
        loaded: HostPlan = loads(plan)
        self._guarding = guarding(loaded.build, guard)
        self._guarding.run.__enter__()  # until the worker ends
        self._host = Host(loaded, number)
        self._thread = 0

    def standing(self) -> tuple[Any, ...]:
        """Where the host stands, and what it is doing; asked in another thread."""
        return tuple(self._host.standing(frames_of(self._thread)))

    def advance(self, mail: Mail) -> tuple[Any, ...]:
        """A window, with the parts that may hold user classes pickled our way."""
        self._thread = get_ident()
        with self._guarding.advance():
            window = self._host.advance(*mail)
        told = dumps((window.observations, window.trace)) if window.observations or window.trace else b""
        failures = [tuple(failure) for failure in window.failures]
        return (
            window.next_time_ns,
            window.outbox,
            window.outbox_ns_min,
            told,
            failures,
            window.handled,
            window.last_time_ns,
        )

    def advance_only(self, mail: Mail) -> None:
        """Do again what was done before; the answer is known."""
        with self._guarding.advance():
            self._host.advance(*mail)

    def finish(self, end_ns: int) -> bytes:
        """The host's share of the result."""
        return dumps(self._host.finish(end_ns))

    def process_id(self) -> int:
        """Of the worker, for tests that kill it."""
        return os.getpid()


def spread(cpus: dict[str, float], count: int) -> list[str]:
    """The cluster's node for each of `count` hosts, in proportion to the nodes' CPUs.

    A node that offers none gets a host only if none offers any; ties go to the lower id.
    """
    share = {node: offered for node, offered in cpus.items() if offered} or dict.fromkeys(cpus, 1.0)
    taken = dict.fromkeys(sorted(share), 0)
    nodes = []
    for _ in range(count):
        node = min(taken, key=lambda node: (taken[node] + 1) / share[node])
        taken[node] += 1
        nodes.append(node)
    return nodes


class RayHosts:
    """Hosts as Ray actors; lives in the scheduler's actor."""

    def __init__(self, plan: HostPlan, count: int, guard: bool) -> None:
        import ray

        self.count = count
        # Carrying mail while hosts work takes a core of its own: with two hosts on two cores it made runs slower.
        self.pipelined = ray.cluster_resources().get("CPU", 0) > count
        self._ray = ray
        self._plan_ref = ray.put(dumps(plan))
        self._guard = guard
        # It runs in what the scheduler's actor runs in, the hash seed too.
        self._actor_class = actor_class(HostActor)
        cpus = {node["NodeID"]: node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]}
        self._nodes = spread(cpus, count)
        self._actors = [self._start(number) for number in range(count)]
        self._journal: list[list[Mail]] = [[] for _ in range(count)]
        """All mail of each host, oldest first: what brings a new worker to where the dead one was."""
        self._journal_bytes = 0
        self._refs: list[dict[int, Any]] = [{} for _ in range(count)]
        """Per host: place in the journal -> the answer under way."""
        self._revivals = [0] * count
        self._starting: list[Any] = []
        """The first answer of each worker."""

    def _start(self, number: int) -> Any:
        # Ray's own "SPREAD" puts actors that reserve no CPU on nodes at random, now and then all on one.
        there = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(self._nodes[number], soft=True)
        start = self._actor_class.options(scheduling_strategy=there).remote
        return start(import_folders(), self._plan_ref, number, self._guard)

    def submit(self, host: int, mail: Mail) -> int:
        """Send mail to a host; the ticket is its place in the journal."""
        journal = self._journal[host]
        journal.append(mail)
        self._journal_bytes += sum(map(len, mail[1]))
        ticket = len(journal) - 1
        self._refs[host][ticket] = self._actors[host].advance.remote(mail)
        return ticket

    def collect(self, tickets: Sequence[tuple[int, int]]) -> list[Window]:
        """Wait for all of them."""
        refs = [self._refs[host][ticket] for host, ticket in tickets]
        try:
            answers = self._ray.get(refs)
        except self._ray.exceptions.RayActorError:
            answers = [self._answer(host, ticket) for host, ticket in tickets]
        for host, ticket in tickets:
            del self._refs[host][ticket]
        return [_window(answer) for answer in answers]

    def _answer(self, host: int, ticket: int) -> Any:
        while True:
            try:
                return self._ray.get(self._refs[host][ticket])
            except self._ray.exceptions.RayActorError as error:
                self._revive(host, error)

    def _revive(self, host: int, error: Exception) -> None:
        """Start a new worker and have it do everything again."""
        self._revivals[host] += 1
        how, details = how_it_died(error, ray_logs()), str(error)
        if getattr(error, "_actor_init_failed", False):
            raise PlacementError(f"the Ray worker of host {host} did not live: {how}", details) from None
        who = f"the Ray worker of host {host} died"
        if self._journal_bytes > JOURNAL_BYTES_MAX:
            raise PlacementError(
                f"{who} ({how}), and the mail to revive it is no longer kept, being over {JOURNAL_BYTES_MAX:,} "
                "bytes: run again",
                details,
            ) from None
        if self._revivals[host] > REVIVALS_MAX:
            raise PlacementError(f"{who} {self._revivals[host]} times: {how}", details) from None
        self._actors[host] = self._start(host)
        under_way = self._refs[host]
        for place, mail in enumerate(self._journal[host]):
            if place in under_way:
                under_way[place] = self._actors[host].advance.remote(mail)
            else:
                self._actors[host].advance_only.remote(mail)

    def finish(self, end_ns: int) -> list[Summary]:
        """Every host's share of the result, in host order."""
        return [loads(self._asked(host, "finish", end_ns)) for host in range(self.count)]

    def standing(self) -> list[HostStanding]:
        """Where the hosts stand that answer, and what they are doing."""
        asked = [actor.standing.options(concurrency_group=LOOKING).remote() for actor in self._actors]
        ready, _ = self._ray.wait(asked, num_returns=len(asked), timeout=LOOK_TIMEOUT_S)
        told = []
        for ref in ready:
            try:
                told.append(HostStanding(*self._ray.get(ref)))
            except self._ray.exceptions.RayError:  # its worker has just died
                continue
        return told

    def process_ids(self) -> list[int]:
        """Of the workers; waits until all have started."""
        self._starting = [actor.process_id.remote() for actor in self._actors]
        return [self._asked(host, "process_id") for host in range(self.count)]

    def up(self) -> int:
        """How many workers have started; asked in another thread, while `process_ids` waits for all."""
        asked = self._starting
        return len(self._ray.wait(asked, num_returns=len(asked), timeout=0)[0]) if asked else 0

    def _asked(self, host: int, method: str, *arguments: Any) -> Any:
        while True:
            try:
                return self._ray.get(getattr(self._actors[host], method).remote(*arguments))
            except self._ray.exceptions.RayActorError as error:
                self._revive(host, error)


def actor_class(cls: type, **options: Any) -> Any:
    """What starts actors of a class, which Ray itself never starts again; one thread of each looks on."""
    import ray

    groups = {LOOKING: 1}
    return ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0, concurrency_groups=groups, **options)(cls)


def _window(answer: tuple[Any, ...]) -> Window:
    next_time_ns, outbox, outbox_ns_min, told, failures, handled, last_ns = answer
    observations, trace = loads(told) if told else ([], [])
    told_failures = [Failure(*failure) for failure in failures]
    return Window(next_time_ns, outbox, outbox_ns_min, observations, trace, told_failures, handled, last_ns)
