"""Hosts as Ray actors.

They run the same `Host` as in process; what differs is that mail travels as bytes and that several windows' answers are
awaited at once. It travels over a channel per host where one can be had, by Ray's calls where not. A worker that dies,
or whose channel breaks, is replaced, and its host brought up to date by sending it again all the mail it ever got, so
that a real failure changes nothing.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from threading import get_ident
from typing import Any

from simclock.actors.placements.ray.channels import (
    AGAIN,
    FAILED,
    MAIL,
    WINDOW,
    ChannelError,
    Channels,
    Invitation,
    answer_all,
    connected,
)
from simclock.actors.placements.ray.mail import mail_of, mail_to_bytes, window_of, window_to_bytes
from simclock.actors.placements.ray.session import ray_logs
from simclock.actors.placements.ray_deaths import how_it_died
from simclock.actors.placements.shipping import dumps, import_also_from, import_folders, loads
from simclock.errors import PlacementError
from simclock.guarding.guard import guarding
from simclock.kernel.host import Host
from simclock.kernel.mail import HostPlan, Mail, Summary, Window
from simclock.kernel.standing import HostStanding, frames_of

REVIVALS_MAX = 3
"""How often a host's worker may die before the run is given up."""
JOURNAL_BYTES_MAX = 1 << 30
"""Mail kept for reviving hosts, over all hosts of a run; once there is more none is kept."""
AGAIN_AT_ONCE = 1_000
"""Mails of the journal in one call."""
LOOK_TIMEOUT_S = 2
LOOKING = "looking"
"""The thread of an actor that tells where it stands, beside the one that works."""
UP_EVERY_S = 0.2
"""How often it is counted which actors are up."""
WATCH_S = 1.0
"""Where no host says anything for so long, Ray is asked whether the workers live."""
WATCH_AWAITED_S = 0.1
"""The same while a host is to connect: one that cannot tells Ray alone."""
DEATH_S = 5
"""So long Ray may take to find out how a worker died whose connection has ended."""


class HostActor:
    """A host in a worker process. Everything that crosses is bytes or plain numbers."""

    def __init__(self, folders: list[str], plan: bytes, number: int, guard: bool) -> None:
        import_also_from(folders)
        loaded: HostPlan = loads(plan)
        self._guarding = guarding(loaded.build, guard)
        self._guarding.run.__enter__()  # until the worker ends
        self._host = Host(loaded, number)
        self._mails = 0
        """How many it has had."""
        self._thread = 0

    def standing(self) -> tuple[Any, ...]:
        """Where the host stands, and what it is doing; asked in another thread."""
        return tuple(self._host.standing(frames_of(self._thread)))

    def serve(self, *invitation: Any) -> tuple[bool, str]:
        """Answer over a channel until the scheduler hangs up; whether there was one, and what was wrong with it."""
        try:
            connection = connected(Invitation(*invitation))
        except ChannelError as error:
            return False, str(error)
        return True, answer_all(connection, self.advance)

    def advance(self, kind: int, data: bytes) -> tuple[int, bytes] | None:
        """A window, as a frame that answers this one; None for mail that was answered before."""
        self._thread = get_ident()
        try:
            mail = mail_of(data)
            with self._guarding.advance():
                window = self._host.advance(*mail)
            self._mails += 1
            return None if kind == AGAIN else (WINDOW, window_to_bytes(window))
        except Exception as error:  # a value that cannot be pickled, say; a node's own errors are in the window
            said = " ".join(str(error).split())
            return FAILED, f"{type(error).__name__}: {said}\n{traceback.format_exc()}".encode(errors="replace")

    def advance_again(self, mails: list[bytes]) -> None:
        """Do again what was done before; the answers are known."""
        for data in mails:
            self.advance(AGAIN, data)

    def finish(self, end_ns: int, mails: list[int]) -> bytes | None:
        """The host's share of the result; None where it has not had as many mails as that says for each host."""
        return dumps(self._host.finish(end_ns)) if self._mails == mails[self._host.number] else None

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
        self.up = 0
        """How many workers have started."""
        self._ray = ray
        self._plan_ref = ray.put(dumps(plan))
        self._guard = guard
        # It runs in what the scheduler's actor runs in, the hash seed too.
        self._actor_class = actor_class(HostActor)
        alive = [node for node in ray.nodes() if node["Alive"]]
        self._nodes = spread({node["NodeID"]: node["Resources"].get("CPU", 0) for node in alive}, count)
        one_machine = len({node["NodeManagerAddress"] for node in alive}) == 1
        self._channels = Channels("127.0.0.1" if one_machine else ray.util.get_node_ip_address())
        self._serving: dict[int, Any] = {}
        """Host on a channel, or about to be -> the call in which it serves it."""
        self._off_channel: dict[str, list[int]] = {}
        """Why there was no channel -> hosts."""
        self._actors = [self._start(number) for number in range(count)]
        self._journal: list[list[bytes]] = [[] for _ in range(count)]
        """All mail of each host, oldest first: what brings a new worker to where the dead one was."""
        self._journal_bytes = 0
        """Above JOURNAL_BYTES_MAX none is kept."""
        self._submitted = [0] * count
        self._under_way: list[dict[int, bytes]] = [{} for _ in range(count)]
        """Per host: ticket -> mail that is not answered, oldest first."""
        self._refs: list[dict[int, Any]] = [{} for _ in range(count)]
        """Of a host without a channel: ticket -> the answer under way."""
        self._windows: list[dict[int, Window]] = [{} for _ in range(count)]
        """Answers that have come, and that nobody has asked for yet."""
        self._revivals = [0] * count

    def _start(self, number: int) -> Any:
        # Ray's own "SPREAD" puts actors that reserve no CPU on nodes at random, now and then all on one.
        there = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(self._nodes[number], soft=True)
        start = self._actor_class.options(scheduling_strategy=there).remote
        return start(import_folders(), self._plan_ref, number, self._guard)

    # Channels.

    def connect(self) -> None:
        """Have every host connect, once it is up; who cannot stays on Ray's calls."""
        for host in range(self.count):
            if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
                self._without_channel(host, "Ray is told to encrypt (RAY_USE_TLS), and channels do not")
            else:
                self._invite(host)
        while self._channels.awaited:
            self._listen()

    def notes(self) -> list[str]:
        """What made the run slower than it need be, a line each."""
        notes = []
        for why, hosts in self._off_channel.items():
            who = f"host {hosts[0]}" if len(hosts) == 1 else f"{len(hosts)} of {self.count} hosts"
            notes.append(f"{who} stayed on Ray's calls, which are slower than a channel: {why}")
        return notes

    def _invite(self, host: int) -> None:
        try:
            invitation = self._channels.invite(host)
        except ChannelError as error:
            self._without_channel(host, str(error))
        else:
            self._serving[host] = self._actors[host].serve.remote(*invitation)

    def _without_channel(self, host: int, why: str) -> None:
        self._serving.pop(host, None)
        self._channels.drop(host)
        self._off_channel.setdefault(why, []).append(host)

    def _listen(self) -> None:
        """Take what comes over the channels, or what has become of them."""
        channels = self._channels
        came = channels.poll(WATCH_AWAITED_S if channels.awaited else WATCH_S)
        for host, kind, data in came:
            self._take(host, next(iter(self._under_way[host]), -1), kind, data)
        ended = channels.ended.copy()
        for host, why in ended.items():
            self._revive(host, why)
        if not came and not ended:
            self._watch()

    def _watch(self) -> None:
        """See from Ray whether the hosts still serve: it knows of machines that are gone, and who could not connect."""
        hosts = {ref: host for host, ref in self._serving.items()}
        ready, _ = self._ray.wait(list(hosts), num_returns=len(hosts), timeout=0)
        for ref in ready:
            host = hosts[ref]
            try:
                connected, why = self._ray.get(ref)
            except self._ray.exceptions.RayActorError as error:
                self._revive(host, "it is gone", error)
            else:
                if connected:
                    self._revive(host, why or "the connection was closed")
                elif self._revivals[host] and not self._journal_kept:  # a new worker, that was to get what has gone now
                    raise self._given_up(host, why, None)
                else:
                    self._without_channel(host, why)
                    self._send_again(host)

    # Windows.

    def submit(self, host: int, mail: Mail) -> int:
        """Send mail to a host; the ticket is its running number there."""
        data = mail_to_bytes(mail)
        ticket = self._submitted[host]
        self._submitted[host] += 1
        self._under_way[host][ticket] = data
        if self._journal_kept:
            self._journal[host].append(data)
            self._journal_bytes += len(data)
            if self._journal_bytes > JOURNAL_BYTES_MAX:
                for journal in self._journal:
                    journal.clear()
        self._send(host, ticket, data)
        return ticket

    def _send(self, host: int, ticket: int, data: bytes) -> None:
        if host not in self._serving:
            self._refs[host][ticket] = self._actors[host].advance.remote(MAIL, data)
            return
        try:
            self._channels.send(host, MAIL, data)
        except ChannelError as error:
            raise PlacementError(f"mail for host {host} does not fit: {error}: use more hosts") from None

    def collect(self, tickets: Sequence[tuple[int, int]]) -> list[Window]:
        """Wait for all of them."""
        for host, ticket in tickets:
            while host in self._serving and ticket not in self._windows[host]:
                self._listen()
        called = [(host, ticket) for host, ticket in tickets if ticket not in self._windows[host]]
        if called:
            self._collect_calls(called)
        return [self._windows[host].pop(ticket) for host, ticket in tickets]

    def _collect_calls(self, tickets: Sequence[tuple[int, int]]) -> None:
        try:
            answers = self._ray.get([self._refs[host][ticket] for host, ticket in tickets])
        except self._ray.exceptions.RayActorError:
            answers = [self._answer(host, ticket) for host, ticket in tickets]
        for (host, ticket), answer in zip(tickets, answers, strict=True):
            del self._refs[host][ticket]
            self._take(host, ticket, *answer)

    def _answer(self, host: int, ticket: int) -> Any:
        while True:
            try:
                return self._ray.get(self._refs[host][ticket])
            except self._ray.exceptions.RayActorError as error:
                self._revive(host, "it is gone", error)

    def _take(self, host: int, ticket: int, kind: int, data: bytes) -> None:
        if kind == FAILED:
            said, _, details = data.decode(errors="replace").partition("\n")
            raise PlacementError(f"host {host} failed: {said}", details)
        del self._under_way[host][ticket]
        self._windows[host][ticket] = window_of(data)

    # Revival.

    def _revive(self, host: int, why: str, error: Exception | None = None) -> None:
        """Start a new worker and have it do everything again. `error` is what Ray says of the old one, where it did."""
        self._revivals[host] += 1
        init_failed = getattr(error, "_actor_init_failed", False)
        if init_failed or not self._journal_kept or self._revivals[host] > REVIVALS_MAX:
            raise self._given_up(host, why, error or self._death(host))
        with suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._actors[host])  # where only its connection is gone
        self._actors[host] = self._start(host)
        if host in self._serving:
            self._invite(host)
        self._send_again(host)

    @property
    def _journal_kept(self) -> bool:
        return self._journal_bytes <= JOURNAL_BYTES_MAX

    def _given_up(self, host: int, why: str, error: Exception | None) -> PlacementError:
        how, details = (why, "") if error is None else (how_it_died(error, ray_logs()), str(error))
        if getattr(error, "_actor_init_failed", False):
            return PlacementError(f"the Ray worker of host {host} did not live: {how}", details)
        who = f"the Ray worker of host {host} {'died' if error else 'was lost'}"
        if not self._journal_kept:
            return PlacementError(
                f"{who} ({how}), and the mail to revive it is no longer kept, being over {JOURNAL_BYTES_MAX:,} "
                "bytes: run again",
                details,
            )
        return PlacementError(f"{who} {self._revivals[host]} times: {how}", details)

    def _death(self, host: int) -> Exception | None:
        """What Ray says of a worker whose connection has ended; None where it lives."""
        if host not in self._serving:  # it has just answered a call
            return None
        self._ray.wait([self._serving[host]], num_returns=1, timeout=DEATH_S)
        try:
            self._ray.get(self._serving[host], timeout=0)
        except self._ray.exceptions.RayActorError as error:
            return error  # type: ignore[no-any-return]
        except self._ray.exceptions.RayError:  # it has not ended
            pass
        return None

    def _send_again(self, host: int) -> None:
        """All that a host ever got, to one that has just started."""
        under_way = self._under_way[host]
        done = self._journal[host][: self._submitted[host] - len(under_way)]
        if host in self._serving:
            for data in done:
                self._channels.send(host, AGAIN, data)
        else:
            for begin in range(0, len(done), AGAIN_AT_ONCE):
                self._actors[host].advance_again.remote(done[begin : begin + AGAIN_AT_ONCE])
        for ticket, data in under_way.items():
            self._send(host, ticket, data)

    # The beginning and the end.

    def process_ids(self) -> list[int]:
        """Of the workers; waits until all have started."""
        return list(self._asked("process_id"))

    def finish(self, end_ns: int) -> list[Summary]:
        """Every host's share of the result, in host order."""
        while not self._channels.settled:
            self._listen()
        self._channels.close()
        self._serving.clear()
        return [loads(told) for told in self._asked("finish", end_ns, self._submitted)]

    def _asked(self, method: str, *arguments: Any) -> Iterator[Any]:
        """What all hosts say to a call, in host order; one that cannot say is lost."""
        refs = [getattr(actor, method).remote(*arguments) for actor in self._actors]
        waiting, self.up = refs, 0
        while waiting:
            _, waiting = self._ray.wait(waiting, num_returns=len(waiting), timeout=UP_EVERY_S)
            self.up = self.count - len(waiting)
        for host, ref in enumerate(refs):
            while True:
                try:
                    told = self._ray.get(ref)
                except self._ray.exceptions.RayActorError as error:
                    self._revive(host, "it is gone", error)
                else:
                    if told is not None:
                        yield told
                        break
                    self._revive(host, "its connection broke with mail under way")
                ref = getattr(self._actors[host], method).remote(*arguments)

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


def actor_class(cls: type, **options: Any) -> Any:
    """What starts actors of a class, which Ray itself never starts again; one thread of each looks on."""
    import ray

    groups = {LOOKING: 1}
    return ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0, concurrency_groups=groups, **options)(cls)


def answer_of(ref: Any) -> Any:
    """What a call of an actor gives. Raises PlacementError where its worker has died."""
    import ray

    try:
        return ray.get(ref)
    except ray.exceptions.RayError as error:
        raise PlacementError(f"a Ray worker died: {how_it_died(error, ray_logs())}", str(error)) from None


def is_ready(ref: Any, timeout_s: float) -> bool:
    """Wait for what a call of an actor gives, or for its end, so long at most; False if there is neither yet."""
    import ray

    return bool(ray.wait([ref], timeout=timeout_s)[0])
