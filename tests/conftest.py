"""What several tests share: external data, `--rewrite` for golden files, Ray, and hosts with windows in process."""

import linecache
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from hypothesis import settings

from simclock import RunResult, Scenario, TraceRecord
from simclock.actors import run
from simclock.actors.message import check_message, message_classes, payload_union
from simclock.experiments.traces.difference import first_difference
from simclock.kernel.host import Host
from simclock.kernel.mail import HostPlan, Mail, Summary, Window
from simclock.kernel.scheduler import Scheduler, host_plan

settings.register_profile("simclock", deadline=None)  # no test depends on how fast the machine is
settings.load_profile("simclock")

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="regenerate golden files instead of comparing")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several workers run the tests, all that start a Ray go to one of them."""
    for item in items:
        if item.get_closest_marker("ray"):
            item.add_marker(pytest.mark.xdist_group("ray"))


def pytest_make_parametrize_id(val: object) -> str | None:
    """A lambda is named in a test's name by what stands in it, which says more than its place in a list."""
    if isinstance(val, FunctionType) and val.__name__ == "<lambda>":
        return body_of(val)
    return None


def body_of(function: FunctionType) -> str:
    """The source of a lambda behind its colon, in one line of 60 characters at most."""
    spans = [
        (line, column, end_line, end_column)
        for line, end_line, column, end_column in function.__code__.co_positions()
        if None not in (line, end_line, column, end_column) and (line, column) != (end_line, end_column)
    ]
    begin, end = min(span[:2] for span in spans), max(span[2:] for span in spans)
    lines = [line.encode() for line in linecache.getlines(function.__code__.co_filename)[begin[0] - 1 : end[0]]]
    lines[-1] = lines[-1][: end[1]]
    lines[0] = lines[0][begin[1] :]
    return " ".join(b"".join(lines).decode().split())[:60]


@pytest.fixture(scope="session")
def rewrite(request: pytest.FixtureRequest) -> bool:
    """True where golden files are to be regenerated, not compared."""
    return bool(request.config.getoption("--rewrite"))


@pytest.fixture(scope="session")
def external_data() -> Path:
    """The folder of data from other projects; its tests carry the marker `external`, and skip without it."""
    folder = Path(os.environ.get("SIMCLOCK_EXTERNAL_DATA") or ROOT / "../shared/data").resolve()
    if not folder.is_dir():
        pytest.skip(f"no external data: {folder} is not a folder (SIMCLOCK_EXTERNAL_DATA names another)")
    return folder


@pytest.fixture(scope="session")
def ray() -> Iterator[None]:
    """A local Ray that all tests of a run share."""
    from simclock.actors.placements.ray.session import ray_session

    with ray_session():
        yield


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT interrupts, also where the tests were started in the background, which leaves it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class WindowedHosts:
    """Several hosts in this process, with the windows, the mail and the encoding that they have on Ray."""

    def __init__(self, plan: HostPlan, count: int) -> None:
        self.count = count
        self.pipelined = True
        self._hosts = [Host(plan, number) for number in range(count)]

    def submit(self, host: int, mail: Mail) -> Mail:
        return mail

    def collect(self, tickets: Sequence[tuple[int, Any]]) -> list[Window]:
        """The last host goes first: nothing may depend on it."""
        return [self._hosts[host].advance(*mail) for host, mail in reversed(tickets)][::-1]

    def finish(self, end_ns: int) -> list[Summary]:
        return [host.finish(end_ns) for host in self._hosts]


def run_in_windows(
    scenario: Scenario, host_of: Sequence[int], trace: Callable[[TraceRecord], None] | None = None
) -> RunResult:
    """Run a scenario on several hosts in this process; `host_of` is the host of each node."""
    observers = [make() for make in scenario.observers]
    classes = message_classes({type(scenario.build_node(node)) for node in range(scenario.nodes)})
    plan = host_plan(
        scenario,
        host_of,
        observers,
        payload_type=payload_union(classes),
        check_message=check_message,
        traced=trace is not None,
    )
    hosts = WindowedHosts(plan, max(host_of) + 1)
    return Scheduler(scenario, hosts, observers, placement="windows", replay="", trace=trace).run()


@pytest.fixture
def in_windows() -> Callable[..., RunResult]:
    """`run_in_windows`, for tests that choose the host of each node."""
    return run_in_windows


def spreads(nodes: int) -> list[list[int]]:
    """Ways to spread nodes over hosts: one each, two halves, and every second one."""
    return [list(range(nodes)), [node * 2 // nodes for node in range(nodes)], [node % 2 for node in range(nodes)]]


@pytest.fixture(params=[64, 0], ids=["windows one by one", "two windows under way"])
def same_everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Scenario], RunResult]:
    """Runs a scenario inline and in windows, asserts that all is the same, and gives the result of inline."""
    monkeypatch.setattr("simclock.kernel.scheduler.BUSY_EVENTS", request.param)

    def check(scenario: Scenario) -> RunResult:
        expected = run(scenario)
        for host_of in spreads(scenario.nodes):
            result = run_in_windows(scenario, host_of)
            if result.digest != expected.digest:
                one: list[TraceRecord] = []
                other: list[TraceRecord] = []
                run(scenario, trace=one.append)
                run_in_windows(scenario, host_of, other.append)
                pytest.fail(f"seed {scenario.seed}: {first_difference(one, other, ('inline', str(host_of)))}")
            for name in ("counters", "final", "virtual_ns", "stopped", "faults", "skipped", "reports", "violations"):
                assert getattr(result, name) == getattr(expected, name), (
                    f"seed {scenario.seed}: {name} differs on {host_of}"
                )
        return expected

    return check


@pytest.fixture
def traces_everywhere() -> Callable[[Scenario], list[list[TraceRecord]]]:
    """The traces of a scenario: inline, and in windows for several ways to spread its nodes."""

    def collect(scenario: Scenario) -> list[list[TraceRecord]]:
        traces: list[list[TraceRecord]] = [[] for _ in range(1 + len(spreads(scenario.nodes)))]
        run(scenario, trace=traces[0].append)
        for host_of, trace in zip(spreads(scenario.nodes), traces[1:], strict=True):
            run_in_windows(scenario, host_of, trace.append)
        return traces

    return collect
