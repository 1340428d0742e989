"""The Ray placement: clusters, users' classes, errors."""

from __future__ import annotations

import os
import re
import secrets
import select
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from simclock import Network, UsageError, ms
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings

pytestmark = pytest.mark.ray
ROOT = Path(__file__).parent.parent
RAY = str(Path(sys.executable).parent / "ray")
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
"""The cluster's own token: who starts a node or joins must have it."""


def python(program: str, *arguments: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", dedent(program), *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(command: list[str], awaited: str, folder: Path = ROOT) -> tuple[subprocess.Popen[str], re.Match[str]]:
    """Start a `ray start --block` and read what it says until the awaited words come."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, **TOKEN},
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(awaited, line):
            return process, found
    pytest.fail(f"{' '.join(command)} ended: {''.join(said)}")


@pytest.fixture(scope="module")
def two_node_cluster() -> Iterator[str]:
    """A Ray cluster of two nodes on this machine, started as its manual says."""
    common = ["--num-cpus=1", "--disable-usage-stats", "--block"]
    head, found = started(
        [RAY, "start", "--head", f"--port={free_port()}", "--include-dashboard=false", *common],
        r"ray start --address='([^']+)'",
    )
    processes = [head]
    try:
        address = found[1]
        processes.append(started([RAY, "start", f"--address={address}", *common], "Ray runtime started")[0])
        yield address
    finally:
        for process in reversed(processes):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


RUN_THERE = """
import sys
import ray
from simclock.actors import Placement, run
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
scenario = make_scenario(entries()["everything"], Settings(seed=4))
result = run(scenario, Placement(kind="ray", hosts=2, address=sys.argv[1]))
assert not ray.is_initialized(), "the connection that was made is ended"
ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
print(result.digest, len([node for node in ray.nodes() if node["Alive"]]))
"""


@pytest.mark.slow
def test_a_two_node_cluster_gives_the_same_digest_and_goes_on(two_node_cluster: str) -> None:
    done = python(RUN_THERE, two_node_cluster, **TOKEN)
    assert done.returncode == 0, done.stderr
    digest, alive = done.stdout.split()
    assert digest == run(make_scenario(entries()["everything"], Settings(seed=4))).digest
    assert alive == "2", "only what was started here is stopped"


@pytest.mark.slow
def test_hosts_spread_over_the_cluster(two_node_cluster: str) -> None:
    program = """
    import sys
    from simclock.actors import Message, Node, Placement, run
    from simclock import Scenario, ms
    class Where(Node):
        def on_start(self):
            import ray
            self.place = ray.get_runtime_context().get_node_id()
    scenario = Scenario(
        name="where", nodes=6, build=lambda node: Where(), duration_ns=ms(5), final=lambda node: node.place
    )
    print(len(set(run(scenario, Placement(kind="ray", address=sys.argv[1])).final.values())))
    """
    done = python(program, two_node_cluster, **TOKEN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "2"


@pytest.fixture
def python_without_simclock(tmp_path: Path) -> str:
    """One that has all that is installed here but simclock."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    (packages,) = (tmp_path / "bare").glob("lib/python*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("simclock", "__editable__", "__pycache__")):
            (packages / entry.name).symlink_to(entry)
    return str(tmp_path / "bare" / "bin" / "python")


@pytest.mark.slow
def test_a_cluster_without_simclock_gets_it(python_without_simclock: str, tmp_path: Path) -> None:
    options = ["--include-dashboard=false", "--num-cpus=2", "--disable-usage-stats", "--block"]
    start = [python_without_simclock, "-m", "ray.scripts.scripts", "start", "--head", f"--port={free_port()}"]
    head, found = started([*start, *options], r"ray start --address='([^']+)'", folder=tmp_path)
    program = """
    import sys
    from simclock.actors import Message, Node, Placement, run
    from simclock import Scenario, ms
    class Where(Node):
        def on_start(self):
            import simclock
            self.place = simclock.__file__
    scenario = Scenario(
        name="where", nodes=2, build=lambda node: Where(), duration_ns=ms(5), final=lambda node: node.place
    )
    result = run(scenario, Placement(kind="ray", address=sys.argv[1]))
    print(result.digest == run(scenario).digest, *result.final.values())
    """
    try:
        done = python(program, found[1], folder=tmp_path, **TOKEN)
    finally:
        os.killpg(head.pid, signal.SIGKILL)
        head.wait()
    assert done.returncode == 0, done.stderr
    same, *places = done.stdout.split()
    assert same == "True"
    assert len(places) == 2
    assert not any(place.startswith(str(ROOT)) for place in places), "it came through Ray"


def test_ray_address_is_joined(two_node_cluster: str) -> None:
    program = """
    from simclock.actors.placements.ray.session import ray_session
    import ray
    with ray_session():
        print(len(ray.nodes()))
    """
    done = python(program, RAY_ADDRESS=two_node_cluster, **TOKEN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "2"


@pytest.mark.slow
def test_a_cluster_whose_token_we_lack_is_one_clear_line(two_node_cluster: str) -> None:
    program = """
    import sys
    from simclock.actors.placements.ray.session import ray_session
    from simclock import UsageError
    try:
        with ray_session(sys.argv[1]):
            pass
    except UsageError as error:
        print(error)
    """
    done = python(program, two_node_cluster, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="0" * 64)
    assert done.returncode == 0, done.stderr
    assert "does not know our token: set RAY_AUTH_MODE=token" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == "", "and what Ray says of each attempt is not shown"


# What a user may run.


PINGER = """
from simclock.actors import Message, Node, Placement, run
from simclock import Scenario, seconds

class Ping(Message):
    number: int

class Pinger(Node):
    def on_start(self):
        if self.id == 0:
            self.send(1, Ping(0))
    def on_message(self, source, message):
        match message:
            case Ping(number):
                self.send(source, Ping(number + 1))

def scenario():
    return Scenario(name="ping", nodes=2, build=lambda node: Pinger(), duration_ns=seconds(1))
"""


def test_classes_of_main_travel() -> None:
    program = (
        PINGER
        + """
result = run(scenario(), Placement(kind="ray"))
assert result.digest == run(scenario()).digest, "differs"
assert result.counters["messages"] > 900
"""
    )
    done = python(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == "", "Ray's own talk is not shown"


def test_classes_of_a_notebook_travel() -> None:
    """A notebook's cells run by exec in a module `__main__` that has no file; a cell run again replaces its classes."""
    program = """
    import sys, types
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    cell = sys.argv[1]
    exec(compile(cell, "<cell 1>", "exec"), main.__dict__)
    exec(compile(cell, "<cell 1>", "exec"), main.__dict__)
    exec(compile("a = run(scenario()).digest; b = run(scenario(), Placement(kind='ray')).digest; print(a == b)",
                 "<cell 2>", "exec"), main.__dict__)
    """
    done = python(program, PINGER)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True"


SHADOWING = """
from simclock.actors import Message, Node
from simclock import Scenario, ms

class Word(Message):
    text: str

class Speaker(Node):
    def on_start(self):
        import said  # only now: on a worker, where it must be found
        self.send(1 - self.id, Word(said.TEXT))

scenario = Scenario(name="words", nodes=2, build=lambda node: Speaker(), duration_ns=ms(20))
"""


@pytest.mark.slow
def test_a_user_s_files_hide_no_module_of_python_nor_of_ray(tmp_path: Path) -> None:
    """A scenario in a queue.py, beside files that are called as modules which only Ray and workers import."""
    (tmp_path / "queue.py").write_text(SHADOWING)
    (tmp_path / "said.py").write_text("TEXT = 'hello'")
    for name in ("statistics", "socket", "ray", "msgspec"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('not this one')")
    command = [str(Path(sys.executable).parent / "simclock"), "run", "queue.py:scenario"]
    shown = []
    for placement in ("inline", "ray:hosts=2"):
        done = subprocess.run(
            [*command, "--placement", placement], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240
        )
        assert (done.returncode, done.stderr) == (3, ""), "nothing is judged"
        shown.append(done.stdout)
    rows = [dict(line.split(maxsplit=1) for line in text.splitlines()[1:]) for text in shown]
    assert rows[0]["digest"] == rows[1]["digest"]
    assert "(Ray started in " in shown[1]
    assert "Ray" not in shown[0]


def test_classes_of_a_module_next_to_the_user_travel(tmp_path: Path) -> None:
    """The module cannot be imported on a worker: it lives where only the user's process looks."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "mine.py").write_text(PINGER)
    program = """
    import sys
    sys.path.insert(0, sys.argv[1])
    import mine
    from simclock.actors import Placement, run
    a, b = run(mine.scenario()), run(mine.scenario(), Placement(kind="ray"))
    print(a.digest == b.digest)
    """
    done = python(program, str(hidden))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True"


def test_a_failing_handler_on_a_worker_is_one_readable_error() -> None:
    program = (
        PINGER
        + """
class Bad(Pinger):
    def on_message(self, source, message):
        if message.number == 20:
            raise RuntimeError("twenty is too much")
        super().on_message(source, message)

from dataclasses import replace
from simclock import HandlerError
texts = []
for placement in ("inline", "ray"):
    try:
        run(replace(scenario(), build=lambda node: Bad(), seed=9), placement, replay="the command")
    except HandlerError as error:
        texts.append(str(error))
        assert error.__cause__ is None and error.__context__ is None or placement == "inline"
assert texts[0] == texts[1], texts
print(texts[0])
"""
    )
    done = python(program)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "node 1 failed at 21ms (seed 9) on message Ping(number=20) from node 0: RuntimeError: twenty is too much"
    )
    assert "the command" in done.stdout
    assert "ray" not in done.stdout
    assert len(lines) <= 4


BUSY_FOR_EVER = (
    PINGER
    + """
from dataclasses import replace
def started(process_ids):
    print(*process_ids, flush=True)
from simclock.actors.placements.ray.scheduler import run_on_ray
scenario = replace(scenario(), duration_ns=seconds(1_000_000))
run_on_ray(scenario, Placement(kind="ray"), trace=None, replay="", on_start=started)
"""
)


@pytest.mark.slow
def test_who_is_killed_leaves_no_worker_and_no_connection() -> None:
    """Its hosts wait at a channel, and not for Ray."""
    command = [sys.executable, "-c", BUSY_FOR_EVER]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        workers = [os.pidfd_open(int(process_id)) for process_id in driver.stdout.readline().split()]
        assert len(workers) == 2
        driver.kill()
    try:
        for worker in workers:
            assert select.select([worker], [], [], 60)[0], "it still runs"
    finally:
        for worker in workers:
            os.close(worker)


def test_a_message_that_lies_about_its_types_is_found_on_the_wire(ray: None) -> None:
    """In process a wrong plain type passes by reference; over the wire it is one clear line."""
    from simclock import Constant, Scenario
    from simclock.actors import Message, Node

    scenario = Scenario(
        name="lie",
        nodes=2,
        build=lambda node: Liar(),
        duration_ns=ms(50),
        network=Network(latency=Constant(delay_ns=ms(1))),
    )
    assert issubclass(Liar, Node)
    assert issubclass(Claim, Message)
    with pytest.raises(UsageError, match="does not hold what its class declares") as caught:
        run(scenario, "ray")
    assert "\n" not in str(caught.value)


def _liar() -> tuple[Any, Any]:
    from simclock.actors import Message, Node

    class Claim(Message, tag="Claim"):
        number: int

    class Liar(Node):
        def on_start(self) -> None:
            if self.id == 0:
                self.send(1, Claim("seven"))  # type: ignore[arg-type]

    return Claim, Liar


Claim, Liar = _liar()
