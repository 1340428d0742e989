"""The two kernels, plain and compiled, are one: the same digests, draws, traces, errors, and words for who debugs.

`python tests/shared/kernel_fuzz.py 10000` compares them on more random scenarios than here.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kernel_fuzz import differences
from simclock import UsageError
from simclock.kernel import _kernel as plain
from simclock.kernel import core
from simclock.kernel.core import COMPILED, PLAIN, VARIABLE, built
from simclock.kernel.events import ENVIRONMENT, FAULT, MESSAGE, START, TIMER, WAKE, Event

ROOT = Path(__file__).parent.parent
GOLDENS = ROOT / "tests" / "goldens" / "catalog.txt"

pytestmark = pytest.mark.skipif(not built(), reason="no compiled kernel is built here: there is no C compiler")


@pytest.fixture
def compiled() -> ModuleType:
    module, _ = core._compiled()
    assert module is not None
    return module


def on(kernel: str, program: str, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program on that kernel."""
    environment = {**os.environ, VARIABLE: kernel, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONBREAKPOINT", None)  # a Ray that another test has started sets its own debugger
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT, input=typed)


def test_random_scenarios_end_alike() -> None:
    assert list(differences(0, 40)) == []


@pytest.mark.slow
def test_many_random_scenarios_end_alike() -> None:
    assert list(differences(1_000, 400)) == []


CATALOG = """
import sys
from simclock.actors import run
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
for line in open(sys.argv[1]):
    if line.startswith("#"):
        continue
    key, digest = line.split()
    name, seed = key.split(":")
    found = run(make_scenario(entries()[name], Settings(seed=int(seed)))).digest
    print(key, "as recorded" if found == digest else f"is {found}")
"""


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [PLAIN, COMPILED])
def test_goldens_of_the_catalog_hold_on_both(kernel: str) -> None:
    done = on(kernel, CATALOG, str(GOLDENS))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) > 90
    assert [line for line in lines if not line.endswith("as recorded")] == []


# The generator.


def test_both_generators_draw_the_same(compiled: ModuleType) -> None:
    luck = random.Random(1)
    for number in range(60):
        key = luck.randbytes(32)
        one, other = plain.Generator(key), compiled.Generator(key)
        for _ in range(60):
            kind, k, n = luck.randrange(5), luck.choice((*range(130), 500)), luck.getrandbits(luck.randrange(1, 70)) + 1
            if kind == 0:
                assert one.getrandbits(k) == other.getrandbits(k)
            elif kind == 1:
                assert one.random() == other.random()
            elif kind == 2:
                assert one.below(n) == other.below(n)
            elif kind == 3:
                assert one.getstate() == other.getstate()
            else:
                one.setstate(other.getstate())
                other.setstate(plain.Generator(key).getstate() if luck.randrange(9) == 0 else one.getstate())
                one.setstate(other.getstate())
        assert one.getrandbits(4096) == other.getrandbits(4096), number


@pytest.mark.parametrize("key", [-1, 1 << 256, b"short", "text", 1.5])
def test_both_generators_refuse_the_same_keys(compiled: ModuleType, key: Any) -> None:
    assert refused(plain.Generator, key) == refused(compiled.Generator, key) != ""


@pytest.mark.parametrize("draw", [("getrandbits", -1), ("below", 0), ("below", -(1 << 80))])
def test_both_generators_refuse_the_same_draws(compiled: ModuleType, draw: tuple[str, int]) -> None:
    name, argument = draw
    both = [refused(getattr(each.Generator(7), name), argument) for each in (plain, compiled)]
    assert both[0] == both[1] != ""


def refused(call: Any, argument: Any) -> str:
    try:
        call(argument)
    except (TypeError, ValueError, UsageError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


# The queue.


def drawn_event(luck: random.Random, count: int) -> Event:
    far = luck.choice(((1 << 63) - 2, (1 << 63) - 1, 1 << 63, 1 << 90)) if luck.randrange(30) == 0 else 0
    time_ns = far or luck.choice((0, luck.randrange(5), luck.randrange(10**6), luck.randrange(10**12)))
    kind = luck.choice((MESSAGE, MESSAGE, TIMER, START, FAULT, WAKE))
    source = ENVIRONMENT if kind in (START, FAULT) else luck.randrange(5)
    return time_ns, source, count, ENVIRONMENT if kind == FAULT else luck.randrange(5), kind, ("payload", count)


@pytest.mark.parametrize("seed", range(5))
def test_both_queues_hold_the_same(compiled: ModuleType, seed: int) -> None:
    luck = random.Random(seed)
    one, other = plain.EventQueue(1 << 10), compiled.EventQueue(1 << 10)
    count = 0
    for _ in range(120):
        given = [drawn_event(luck, count := count + 1) for _ in range(luck.randrange(12))]
        one.push_all(given)
        for event in given:
            other.push(event)
        if luck.randrange(4) == 0:
            node = luck.randrange(5)
            assert one.take_out(lambda event: event[3] == node) == other.take_out(lambda event: event[3] == node)  # noqa: B023
        if luck.randrange(4) == 0:
            some = [event for event in one.pending() if event[4] == TIMER and luck.randrange(3) == 0]
            one.remove(some)
            other.remove(some)
        assert one.next_time_ns() == other.next_time_ns()
        assert one.pending() == other.pending() == sorted(other.unordered())
    assert count > 500


def test_a_timer_comes_back_as_the_very_event_that_was_queued(compiled: ModuleType) -> None:
    """By its identity it is told from one that was set again."""
    timer: Event = (5, 0, 1, 0, TIMER, "t")
    queue = compiled.EventQueue()
    queue.push(timer)
    assert queue.pending()[0] is timer and next(queue.unordered()) is timer


# Errors, and who debugs.

FAILING = """
import sys
from simclock import Constant, HandlerError, Message, Network, Node, Scenario, UsageError, ms, run

class Word(Message):
    text: str

class Bad(Node):
    def __init__(self, what):
        self.what = what
        if what.startswith("early"):
            exec(what.split(":")[1])

    def on_start(self):
        self.set_timer("t", ms(1))

    def on_timer(self, timer):
        self.broadcast(Word("x"))

    def on_message(self, source, message):
        self.deeper()

    def deeper(self):
        exec(self.what, {"self": self, "time": __import__("time")})

network = Network(latency=Constant(delay_ns=ms(1)))
for what in sys.stdin.read().splitlines():
    scenario = Scenario(name="bad", nodes=2, build=lambda node: Bad(what), network=network, duration_ns=ms(50))
    for trace in (None, [].append):
        try:
            print(what, run(scenario, trace=trace).digest)
        except HandlerError as error:
            print(what, error, error.failure, error.failure.trace, sep="\\n")
        except UsageError as error:
            print(what, error, sep="\\n")
"""
WRONG = """
1 / 0
time.time()
self.id = 3
del self.nodes
self.random = None
self.send(7, None)
self.send("1", None)
self.broadcast(5)
self.broadcast([])
self.send(0)
self.set_timer("t", -1)
self.set_timer("t", 1.5)
self.set_timer([], 1)
self.set_timer(("a", {}), 1)
self.set_timer("t")
self.cancel_timer([])
self.observe("x", [])
self.observe("x", 1 << 70)
self.observe("\\ud800")
self.observe(5)
self.observe()
self.halt("done")
self.sim_host.now_ns.nothing
raise SystemExit(3)
raise KeyboardInterrupt
self.send(0, 1 << 80)
early:self.send(0, Word("x"))
early:self.broadcast(Word("x"))
early:self.set_timer("t", 1)
early:self.set_timer("t", -1)
early:self.cancel_timer("t")
early:self.observe("x")
early:self.id
early:self.nodes
early:self.incarnation
early:self.random
early:self.clock
early:self.disk
""".strip()


def test_errors_and_their_places_are_told_alike() -> None:
    both = [on(kernel, FAILING, typed=WRONG) for kernel in (PLAIN, COMPILED)]
    assert [each.returncode for each in both] == [0, 0], both[1].stderr
    for line, other in zip(both[0].stdout.splitlines(), both[1].stdout.splitlines(), strict=True):
        assert spelt(other) == spelt(line)
    said = both[1].stdout
    assert "in deeper" in said and ".pyx" not in said and "kernel/" not in said
    assert said.count("it is too early") > 20


def spelt(line: str) -> str:
    """Without how Python spells the same in a function and in a method written in C."""
    for word in ("ProcessCore.", "Process.", "Node."):
        line = line.replace(word, "")
    if "positional argument" in line:
        return "too few arguments"
    return line


STOPPED = """
from simclock import Message, Network, Constant, Node, Scenario, ms, run

class Word(Message):
    text: str

class Stops(Node):
    def on_start(self):
        self.send(self.id, Word("hello"))

    def on_message(self, source, message):
        breakpoint()
        self.observe("after", message.text)

network = Network(latency=Constant(delay_ns=ms(1)))
print(run(Scenario(name="stops", nodes=1, build=lambda node: Stops(), network=network)).digest)
"""


def test_a_debugger_stops_in_a_handler_and_goes_on() -> None:
    found = {}
    for kernel in (PLAIN, COMPILED):
        done = on(kernel, STOPPED, typed="p message.text\np self.id + self.nodes\nn\nwhere\nc\n")
        assert done.returncode == 0, done.stderr
        assert "'hello'" in done.stdout and "(Pdb) 1" in done.stdout and "advance" in done.stdout
        found[kernel] = done.stdout.split()[-1]
    assert found[PLAIN] == found[COMPILED]


# Which one.


@pytest.mark.parametrize("kernel", [PLAIN, COMPILED])
def test_the_kernel_is_named(kernel: str) -> None:
    program = "import sys; from simclock.experiments.start import main; sys.argv[0] = 'simclock'; main()"
    assert on(kernel, program, "--version").stdout.endswith(f", {kernel} kernel\n")
    told = on(kernel, program, "run", "phold", "--duration", "1ms")
    assert told.returncode == 0, told.stderr
    assert ["kernel", kernel] in [line.split() for line in told.stdout.splitlines()]


def test_another_name_is_refused_in_one_line() -> None:
    program = "import sys; from simclock.experiments.start import main; sys.argv[0] = 'simclock'; main()"
    done = on("quick", program, "--version")
    assert done.returncode == 2 and done.stdout == ""
    assert (
        done.stderr == "simclock: SIMCLOCK_KERNEL: 'quick' is no kernel: set it to plain or compiled, or leave it out\n"
    )


def test_a_compiled_kernel_of_other_code_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "SOURCES", core.SOURCES[1:])
    monkeypatch.setenv(VARIABLE, "")
    assert core._chosen() is plain and not built()
    monkeypatch.setenv(VARIABLE, COMPILED)
    with pytest.raises(
        UsageError, match="the compiled kernel was built from other code than this: install simclock anew"
    ):
        core._chosen()


def test_where_none_is_built_the_plain_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simclock.kernel._compiled", None)
    monkeypatch.delenv(VARIABLE, raising=False)
    assert core._chosen() is plain
    monkeypatch.setenv(VARIABLE, COMPILED)
    with pytest.raises(UsageError, match="the compiled kernel was not built here: install"):
        core._chosen()


def test_workers_get_the_kernel_of_who_has_them_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "KERNEL", PLAIN)
    assert core.of_workers() == PLAIN
    monkeypatch.setattr(core, "KERNEL", COMPILED)
    assert core.of_workers() == "", "where they have it; else they take the plain one"
