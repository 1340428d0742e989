"""Processes of this machine that take work, without a Ray: what they give, how they die, and that none is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from simclock.actors.placements import workers
from simclock.actors.placements.processes import map_in_processes
from simclock.actors.placements.workers import is_for_ray, map_on_workers
from simclock.errors import PlacementError, UsageError
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs import sweep as sweeps
from simclock.experiments.runs.outcome import SeedRunner
from simclock.experiments.scenario_files.file import named_entry
from simclock.hash_seed import of_workers

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes with sockets of their own need POSIX")


@dataclass(frozen=True)
class Own:
    """A class of this file, which no worker can import."""

    number: int


def square(own: Own) -> tuple[int, int, str]:
    print("not to be seen")
    return own.number**2, os.getpid(), os.environ["PYTHONHASHSEED"]


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return b") Z " not in Path(f"/proc/{process}/stat").read_bytes() if Path("/proc").exists() else True


def test_each_item_has_its_answer_from_another_process(capfd):
    started = []
    found = list(map_in_processes(square, map(Own, range(20)), jobs=2, on_start=started.append))
    assert sorted((item.number, answer[0]) for item, answer in found) == [(n, n * n) for n in range(20)]
    assert {answer[2] for _, answer in found} == {of_workers()}, "they have this process's hash seed"
    processes = {answer[1] for _, answer in found}
    assert os.getpid() not in processes and 1 <= len(processes) <= started[0] <= 2
    assert not any(map(alive, processes)) and capfd.readouterr() == ("", "")


def test_items_are_taken_when_a_worker_is_free():
    taken = []

    def items():
        for number in range(50):
            taken.append(number)
            yield Own(number)

    with closing(map_in_processes(square, items(), jobs=1)) as running:
        next(running)
        assert taken == [0]
        next(running)
        assert taken == [0, 1]


def test_nothing_to_do_starts_nobody():
    assert list(map_in_processes(square, [])) == []


def test_what_raises_is_told_with_where(tmp_path):
    with pytest.raises(PlacementError, match=r"a task failed: IndexError: list index out of range") as caught:
        list(map_in_processes(lambda number: [][number], [0]))
    assert "Traceback" in caught.value.details


def test_what_cannot_travel_is_refused_before_anything_starts():
    lock = (line for line in "x")
    with pytest.raises(UsageError, match="it cannot travel to a worker"):
        list(map_in_processes(lambda number: lock, [1]))


def test_an_item_whose_process_dies_is_tried_again_and_told(tmp_path):
    def work(item):
        with open(tmp_path / f"{item}", "a", encoding="ascii") as file:
            file.write("x")
        if item == "bad" or (item == "once" and (tmp_path / item).stat().st_size == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        return item.upper()

    found = dict(map_in_processes(work, ["good", "bad", "once", "more"], jobs=2, on_death=lambda item, why: why))
    why = "its worker died 3 times: its process was killed by SIGKILL"
    assert found == {"good": "GOOD", "bad": why, "once": "ONCE", "more": "MORE"}
    assert (tmp_path / "bad").read_text() == "xxx" and (tmp_path / "once").read_text() == "xx"


def test_without_a_word_for_it_a_death_ends_all():
    with pytest.raises(
        PlacementError, match="a worker died 3 times on one task: its process ended itself with exit st"
    ):
        list(map_in_processes(os._exit, [7]))


def test_who_stops_listening_ends_what_is_under_way(tmp_path):
    def endless(number):
        (tmp_path / str(number)).write_text(str(os.getpid()))
        while number:
            time.sleep(0.01)
        return number

    with closing(map_in_processes(endless, [0, 1], jobs=1)) as running:
        assert next(running) == (0, 0)
    process = int((tmp_path / "0").read_text())
    assert not alive(process)


PARENT = """
import os, sys, time
from simclock.actors.placements.processes import map_in_processes
def endless(number):
    open(sys.argv[-1] if number is None else number, "w").write(str(os.getpid()))
    while True:
        pass
list(map_in_processes(endless, sys.argv[1:]))
"""


def test_they_end_with_a_parent_that_is_killed(tmp_path):
    where = tmp_path / "process"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(where)])
    while not (where.exists() and where.read_text()):
        assert parent.poll() is None
        time.sleep(0.02)
    process = int(where.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until = time.monotonic() + 30
    while alive(process):
        assert time.monotonic() < until, "it outlives its parent"
        time.sleep(0.02)


# Which workers.


def test_a_ray_is_used_where_it_is_named_or_there(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(workers, "ray_is_up", lambda: False)
    assert not is_for_ray(None) and is_for_ray("local")
    monkeypatch.setattr(workers, "ray_is_up", lambda: True)
    assert is_for_ray(None)
    monkeypatch.setattr(workers, "ray_is_up", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert is_for_ray(None)


def test_processes_start_no_ray(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(workers, "ray_is_up", lambda: False)
    started = []
    found = list(map_on_workers(abs, [-1], jobs=1, on_start=lambda count, ray_s: started.append((count, ray_s))))
    assert found == [(-1, 1)] and started == [(1, 0.0)]


# A sweep whose number of workers is left open.


@pytest.fixture
def swept(monkeypatch):
    """Sweep a scenario: gives its outcomes' seeds and digests, how many worked at last, and why."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(workers, "ray_is_up", lambda: False)
    runner = SeedRunner(entry=named_entry("phold", Path())[0], settings=Settings(nodes=2, duration_ns=10_000_000))

    def swept(seeds, done=(), **named):
        started, why = [], []
        running = sweeps.sweep(
            runner, seeds, done=done, on_start=lambda count, ray_s: started.append(count), on_choice=why.append, **named
        )
        outcomes = [outcome for batch in running for outcome in batch]
        return {outcome.seed: outcome.digest for outcome in outcomes}, started, why

    return swept


def test_a_short_sweep_stays_here(swept):
    digests, started, (why,) = swept(range(5))
    assert sorted(digests) == list(range(5)) and started == [1]
    assert why.startswith("in this process: 5 seeds took 0.") and "too little for the start of workers" in why


def test_a_long_sweep_is_spread_and_the_same(swept, monkeypatch):
    expected, _, none = swept(range(30), jobs=1)
    monkeypatch.setattr(sweeps, "cores_here", lambda: 2)
    monkeypatch.setattr(sweeps, "PILOT_S", 1e-9)
    monkeypatch.setattr(sweeps, "PROCESSES_S", 0.0)
    digests, started, (why,) = swept(range(-3, 30), done={-3, -2, -1, 4})
    assert digests == {seed: digest for seed, digest in expected.items() if seed != 4} and none == []
    assert len(started) == 2 and why.startswith("spread: 1 seed took ") and "so 28 would take" in why


def test_a_number_that_is_asked_for_is_obeyed(swept):
    digests, started, why = swept(range(6), jobs=2)
    assert len(digests) == 6 and started == [min(2, sweeps.cores_here())] and why == []


@pytest.mark.parametrize(
    ("there", "wall_s", "seeds", "spreads"),
    [
        ((2, False), 0.6, 100, True),
        ((2, False), 0.6, 4, False),
        ((1, False), 0.6, 100_000, False),
        ((1, True), 0.6, 100, True),
        ((1, True), 0.6, 9, False),
        ((64, False), 0.4, 1_000_000, False),
    ],
)
def test_the_choice(monkeypatch, there, wall_s, seeds, spreads):
    cores, cluster = there
    monkeypatch.setattr(sweeps, "cores_here", lambda: cores)
    monkeypatch.setattr(sweeps, "is_for_ray", lambda address: cluster)
    outcome = SeedRunner(entry=named_entry("phold", Path())[0], settings=Settings(duration_ns=1)).outcome(0)
    choice = sweeps._Choice(seeds, False)
    choice.saw(type(outcome)(**{**vars(outcome), "wall_s": wall_s}))
    assert choice.spreads is spreads
