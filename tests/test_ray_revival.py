"""Hosts on channels, in processes that are really killed and stopped, and connections that are really broken."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from forked_ray import ForkedRay
from simclock import PlacementError, RunResult, Scenario, ms
from simclock.actors import run
from simclock.actors.message import check_message
from simclock.actors.placements.ray import channels as channels_module
from simclock.actors.placements.ray import hosts as hosts_module
from simclock.actors.placements.ray.channels import ChannelError
from simclock.actors.placements.ray.hosts import REVIVALS_MAX, RayHosts
from simclock.actors.placements.ray.scheduler import SchedulerActor
from simclock.actors.placements.shipping import loads, ship
from simclock.actors.run import Placement, payload_type_of
from simclock.experiments.catalog import entries
from simclock.experiments.entries.settings import Settings
from simclock.kernel.mail import Mail
from simclock.kernel.scheduler import Scheduler, host_plan

HOSTS = 2
Harm = Callable[[RayHosts, ForkedRay], None]


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return entries()["everything"].make(Settings(seed=1, duration_ns=ms(300)))


@pytest.fixture(scope="module")
def expected(scenario: Scenario) -> RunResult:
    return run(scenario)


class HarmedHosts(RayHosts):
    """Something happens to them at their `at`-th mail, and again after so many more, `times` in all."""

    def __init__(self, *arguments: Any, harm: Harm, at: int, times: int) -> None:
        super().__init__(*arguments)
        self.harm, self.at, self.times, self.mails = harm, at, times, 0

    def submit(self, host: int, mail: Mail) -> int:
        ticket = super().submit(host, mail)
        self.mails += 1
        if self.mails % self.at == 0 and self.mails // self.at <= self.times:
            self.harm(self, self._ray)
        return ticket


class Harmed:
    """Runs the scenario on hosts to which something happens."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.ray = ForkedRay()

    def __call__(self, harm: Harm, *, at: int = 20, times: int = 1) -> RunResult:
        host_of = Placement(kind="ray", hosts=HOSTS).host_of(self.scenario.nodes)
        observers = [make() for make in self.scenario.observers]
        plan = host_plan(
            self.scenario,
            host_of,
            observers,
            payload_type=payload_type_of(self.scenario),
            check_message=check_message,
            traced=False,
        )
        self.hosts = HarmedHosts(plan, HOSTS, False, harm=harm, at=at, times=times)
        self.hosts.process_ids()
        self.hosts.connect()
        self.addresses = [self.address_of(host) for host in self.hosts._channels._links]
        return Scheduler(self.scenario, self.hosts, observers, placement="", replay="").run()

    def address_of(self, host: int) -> str:
        connection = self.hosts._channels._links[host].connection
        assert connection is not None
        return str(connection.getsockname()[0])

    @property
    def started(self) -> int:
        return len(self.ray.actors)


@pytest.fixture
def harmed(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harmed]:
    made = Harmed(scenario)
    monkeypatch.setitem(sys.modules, "ray", made.ray)
    monkeypatch.setattr(hosts_module, "WATCH_S", 0.05)
    yield made
    made.ray.end()


def nothing(hosts: RayHosts, ray: ForkedRay) -> None:
    pass


def kill_newest(hosts: RayHosts, ray: ForkedRay) -> None:
    os.kill(ray.actors[-1].process.pid or 0, signal.SIGKILL)


def kill_both(hosts: RayHosts, ray: ForkedRay) -> None:
    for actor in ray.actors[-2:]:
        os.kill(actor.process.pid or 0, signal.SIGKILL)


def shut_down(hosts: RayHosts, ray: ForkedRay) -> None:
    connection = hosts._channels._links[0].connection
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)


def stop_for_a_while(hosts: RayHosts, ray: ForkedRay) -> None:
    """Longer than it takes until Ray is asked whether the workers live."""
    process_id = ray.actors[0].process.pid or 0
    os.kill(process_id, signal.SIGSTOP)
    threading.Timer(10 * hosts_module.WATCH_S, os.kill, (process_id, signal.SIGCONT)).start()


def test_windows_go_over_channels_on_loopback_where_all_is_on_one_machine(
    harmed: Harmed, expected: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(RayHosts, "_collect_calls")
    result = harmed(nothing)
    assert (result.digest, result.final, result.counters) == (expected.digest, expected.final, expected.counters)
    assert harmed.addresses == ["127.0.0.1"] * HOSTS
    assert harmed.hosts.notes() == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there all of 127/8 is this machine")
def test_on_several_machines_the_scheduler_listens_on_its_own_address(harmed: Harmed, expected: RunResult) -> None:
    (here,) = harmed.ray.nodes()
    harmed.ray.nodes = lambda: [here, {**here, "NodeID": "there", "NodeManagerAddress": "127.0.0.2"}]  # type: ignore[method-assign]
    harmed.ray.util.get_node_ip_address = lambda: "127.0.0.2"
    assert harmed(nothing).digest == expected.digest
    assert harmed.addresses == ["127.0.0.2"] * HOSTS


@pytest.mark.parametrize(
    ("harm", "times", "started"),
    [
        (kill_newest, 1, 3),
        (kill_newest, REVIVALS_MAX, 2 + REVIVALS_MAX),
        (kill_both, 1, 4),
        (shut_down, 1, 3),
        (shut_down, REVIVALS_MAX, 2 + REVIVALS_MAX),
        (stop_for_a_while, 1, 2),
    ],
)
def test_what_happens_to_workers_and_connections_changes_nothing(
    harmed: Harmed, expected: RunResult, harm: Harm, times: int, started: int
) -> None:
    result = harmed(harm, times=times)
    assert harmed.started == started
    for actor in harmed.ray.actors[:-HOSTS]:
        if actor not in harmed.hosts._actors:
            actor.process.join(60)
            assert not actor.process.is_alive(), "of a worker that was replaced nothing is left running"
    assert (result.digest, result.final, result.counters) == (expected.digest, expected.final, expected.counters)
    assert harmed.hosts.notes() == []


def kill_first(hosts: RayHosts, ray: ForkedRay) -> None:
    """The worker of host 0, whichever that is by now."""
    ray.kill(hosts._actors[0])


@pytest.mark.parametrize("lost", ["nothing", "what is done again"])
def test_a_worker_that_dies_at_the_very_end_changes_nothing(
    harmed: Harmed, expected: RunResult, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Its successor has nothing to answer any more, but has to do all again before it may tell the result."""
    true_finish, true_send = RayHosts.finish, channels_module.Channels.send

    def send(channels: channels_module.Channels, host: int, kind: int, data: bytes) -> None:
        if kind != channels_module.AGAIN or lost == "nothing":
            true_send(channels, host, kind, data)

    def finish(hosts: RayHosts, end_ns: int) -> Any:
        kill_first(hosts, harmed.ray)
        while not hosts._revivals[0]:
            hosts._listen()
        return true_finish(hosts, end_ns)

    monkeypatch.setattr(channels_module.Channels, "send", send)
    monkeypatch.setattr(RayHosts, "finish", finish)
    result = harmed(nothing)
    assert (result.digest, result.final, result.counters) == (expected.digest, expected.final, expected.counters)
    assert harmed.started == (3 if lost == "nothing" else 4)


def test_a_worker_that_dies_too_often_is_one_line(harmed: Harmed) -> None:
    with pytest.raises(PlacementError, match=r"^the Ray worker of host 0 died 4 times: its process was gone at once"):
        harmed(kill_first, times=REVIVALS_MAX + 1)
    assert harmed.started == 2 + REVIVALS_MAX


def test_a_connection_that_breaks_too_often_is_one_line(harmed: Harmed) -> None:
    """Whether the other end sees an end or a reset depends on what it had not yet read."""
    ends = "the connection was closed|the connection broke: Connection reset by peer|the connection broke: Broken pipe"
    with pytest.raises(PlacementError, match=rf"^the Ray worker of host 0 was lost 4 times: ({ends})$"):
        harmed(shut_down, times=REVIVALS_MAX + 1)


def test_without_a_journal_a_broken_connection_is_one_line(harmed: Harmed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts_module, "JOURNAL_BYTES_MAX", 1000)
    with pytest.raises(PlacementError, match=r"host 0 was lost .* no longer kept, being over 1,000 bytes: run again$"):
        harmed(shut_down)
    assert all(journal == [] for journal in harmed.hosts._journal), "the memory is given back"


# Hosts that get no channel.


def test_a_refused_port_leaves_the_host_on_calls_and_says_so(
    harmed: Harmed, expected: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_invite = channels_module.Channels.invite

    def elsewhere(channels: channels_module.Channels, host: int) -> Any:
        return true_invite(channels, host)._replace(port=1)

    monkeypatch.setattr(channels_module.Channels, "invite", elsewhere)
    monkeypatch.setattr(Harmed, "address_of", lambda harmed, host: "")
    result = harmed(kill_newest)
    assert result.digest == expected.digest, "and calls still revive"
    assert harmed.hosts.notes() == [
        "2 of 2 hosts stayed on Ray's calls, which are slower than a channel: "
        "no connection to 127.0.0.1 port 1: Connection refused"
    ]


def test_one_host_of_two_on_calls(harmed: Harmed, expected: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    true_invite = channels_module.Channels.invite

    def other_secret(channels: channels_module.Channels, host: int) -> Any:
        invitation = true_invite(channels, host)
        return invitation._replace(secret=bytes(32)) if host == 1 else invitation

    monkeypatch.setattr(channels_module.Channels, "invite", other_secret)
    assert harmed(kill_first).digest == expected.digest
    (note,) = harmed.hosts.notes()
    assert note.startswith("host 1 stayed on Ray's calls, which are slower than a channel: who answers at 127.0.0.1 ")
    assert note.endswith(" does not have the secret of this run")


def test_a_new_worker_that_cannot_connect_goes_on_by_calls(
    harmed: Harmed, expected: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(channels: channels_module.Channels, host: int) -> Any:
        raise ChannelError("nothing can listen here any more")

    def kill_and_deafen(hosts: RayHosts, ray: ForkedRay) -> None:
        monkeypatch.setattr(channels_module.Channels, "invite", no_more)
        kill_newest(hosts, ray)

    assert harmed(kill_and_deafen).digest == expected.digest
    assert harmed.hosts.notes() == [
        "host 1 stayed on Ray's calls, which are slower than a channel: nothing can listen here any more"
    ]


def test_where_ray_encrypts_no_channel_is_opened(
    harmed: Harmed, expected: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_USE_TLS", "1")
    assert harmed(nothing).digest == expected.digest
    (note,) = harmed.hosts.notes()
    assert note.startswith("2 of 2 hosts stayed on Ray's calls") and note.endswith(
        "encrypt (RAY_USE_TLS), and channels do not"
    )


def test_a_run_tells_of_hosts_without_a_channel(
    harmed: Harmed, scenario: Scenario, expected: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    host_of = Placement(kind="ray", hosts=HOSTS).host_of(scenario.nodes)
    shipped = ship((scenario, host_of, payload_type_of(scenario), "ray, 2 hosts", "", False, False))
    monkeypatch.setenv("RAY_USE_TLS", "true")
    actor = SchedulerActor([], shipped)
    assert actor.standing(False) is None
    kind, process_ids = loads(actor.start())
    assert (kind, len(process_ids)) == ("started", HOSTS)
    (told,) = [value for kind, value in map(loads, actor.run()) if kind == "result"]
    assert told.digest == expected.digest
    assert [line[:35] for line in told.warnings] == ["2 of 2 hosts stayed on Ray's calls,"]


def test_how_many_workers_are_up_is_told_while_they_start(harmed: Harmed, scenario: Scenario) -> None:
    host_of = Placement(kind="ray", hosts=HOSTS).host_of(scenario.nodes)
    actor = SchedulerActor([], ship((scenario, host_of, payload_type_of(scenario), "", "", False, False)))
    true_wait, said = harmed.ray.wait, []

    def wait(refs: Any, **named: Any) -> Any:
        if not actor._started and refs and named["timeout"]:  # two at once would be luck
            refs[0].come.wait(60)
            ready, waiting = [refs[0]], refs[1:]
        else:
            ready, waiting = true_wait(refs, **named)
        standing = actor.standing(False)
        said.append("" if standing is None else standing.starting)
        return ready, waiting

    harmed.ray.wait = wait  # type: ignore[method-assign]
    actor.start()
    assert said[:2] == ["starting 2 Ray actors: 0 up", "starting 2 Ray actors: 1 up"]
    standing = actor.standing(False)
    assert standing is not None and standing.starting == ""


def test_two_windows_under_way_over_channels(
    harmed: Harmed, expected: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simclock.kernel.scheduler.BUSY_EVENTS", 0)
    seen = []

    def look(hosts: RayHosts, ray: ForkedRay) -> None:
        seen.append(max(map(len, hosts._under_way)))

    assert harmed(look, at=1, times=10_000).digest == expected.digest
    assert max(seen) == 2
    assert harmed(kill_first).digest == expected.digest


def test_what_a_worker_cannot_read_or_answer_is_one_line(harmed: Harmed) -> None:
    def spoil(hosts: RayHosts, ray: ForkedRay) -> None:
        hosts._channels.send(0, channels_module.MAIL, b"no mail")

    with pytest.raises(PlacementError, match=r"^host 0 failed: \w+: ") as caught:
        harmed(spoil)
    assert "\n" not in str(caught.value)
    assert "Traceback" in caught.value.details
