# ruff: noqa: PLW0108 - what is called must be looked up when the node runs, not when the table is made
"""The determinism guard: a node's code that asks the real world is told so, and nobody else notices."""

import asyncio
import datetime
import multiprocessing
import os
import pickle
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import time as another_name
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from datetime import datetime as Moment
from random import Random, SystemRandom, randint
from secrets import token_hex
from time import perf_counter_ns
from time import time as now
from typing import Any
from uuid import uuid4

import pytest

from simclock import Constant, HandlerError, Network, NondeterminismError, Observer, Scenario, SimclockError, Stream, ms
from simclock.actors import Message, Node, Placement, run
from simclock.guarding import guard
from simclock.guarding.guard import installed

CALLS: dict[str, tuple[Callable[[], Any], str, str]] = {
    "time.time": (lambda: time.time(), "time.time", "self.clock"),
    "by another name": (lambda: another_name.time_ns(), "time.time_ns", "self.clock"),
    "imported by name": (lambda: now(), "time.time", "self.clock"),
    "monotonic": (lambda: time.monotonic(), "time.monotonic", "self.clock"),
    "perf_counter": (lambda: time.perf_counter(), "time.perf_counter", "self.clock"),
    "perf_counter_ns": (lambda: perf_counter_ns(), "time.perf_counter_ns", "self.clock"),
    "localtime": (lambda: time.localtime(), "time.localtime", "self.clock"),
    "sleep": (lambda: time.sleep(0), "time.sleep", "self.set_timer"),
    "datetime.now": (lambda: datetime.datetime.now(), "datetime.now", "self.clock"),
    "datetime.now, by name": (lambda: Moment.now(datetime.UTC), "datetime.now", "self.clock"),
    "utcnow": (lambda: Moment.utcnow(), "datetime.utcnow", "self.clock"),
    "datetime.today": (lambda: Moment.today(), "date.today", "self.clock"),
    "date.today": (lambda: date.today(), "date.today", "self.clock"),
    "random.random": (lambda: random.random(), "random.random", "self.random"),
    "random, by name": (lambda: randint(1, 6), "random.randint", "self.random"),
    "random.shuffle": (lambda: random.shuffle([1, 2]), "random.shuffle", "self.random"),
    "Random without a seed": (lambda: Random(), "random.Random() without a seed", "self.random"),
    "SystemRandom": (lambda: SystemRandom().random(), "os.urandom", "self.random"),
    "os.urandom": (lambda: os.urandom(4), "os.urandom", "self.random"),
    "uuid1": (lambda: uuid.uuid1(), "uuid.uuid1", "self.random"),
    "uuid4": (lambda: uuid4(), "uuid.uuid4", "self.random"),
    "secrets": (lambda: secrets.randbelow(5), "secrets.randbelow", "self.random"),
    "secrets, by name": (lambda: token_hex(), "secrets.token_hex", "self.random"),
    "a thread": (lambda: threading.Thread(target=print).start(), "threading.Thread.start", "set_timer"),
    "a process": (lambda: multiprocessing.Process(target=print).start(), "multiprocessing.Process.start", "set_timer"),
    "a command": (lambda: subprocess.run(["true"], check=False), "subprocess.Popen", "set_timer"),
    "a shell": (lambda: os.system("true"), "os.system", "set_timer"),
    "an exit": (lambda: os._exit(0), "os._exit", "self.halt()"),
    "another program": (lambda: os.execv(sys.executable, ["python", "-c", ""]), "os.execv", "self.halt()"),
    "a socket": (lambda: socket.socket(), "socket.socket", "self.send"),
    "a connection": (lambda: socket.create_connection(("127.0.0.1", 9)), "socket.create_connection", "self.send"),
    "a name": (lambda: socket.getaddrinfo("localhost", 80), "socket.getaddrinfo", "self.send"),
    "an event loop": (lambda: asyncio.new_event_loop(), "asyncio.new_event_loop", "self.set_timer"),
    "a subclass's now": (lambda: OwnMoment.now(), "datetime.now", "self.clock"),
    "a subclass of Random": (lambda: OwnRandom(), "random.Random() without a seed", "self.random"),
    "a timer's thread": (lambda: threading.Timer(0, print).start(), "threading.Thread.start", "self.set_timer"),
    "a pool": (lambda: ThreadPoolExecutor().submit(print), "threading.Thread.start", "self.set_timer"),
}


class OwnMoment(Moment):
    pass


class OwnRandom(Random):
    pass


class Word(Message):
    n: int


class Asking(Node):
    """Calls something it should not, on the second message."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call = call

    def on_start(self) -> None:
        if self.id == 0:
            self.send(1, Word(0))

    def on_message(self, source: int, message: Word) -> None:
        if message.n == 2:
            self.call()
        elif message.n < 5:
            self.send(source, Word(message.n + 1))


def asking(call: Callable[[], Any], **more: Any) -> Scenario:
    return Scenario(
        name="asking",
        nodes=2,
        build=lambda node: Asking(call),
        network=Network(latency=Constant(delay_ns=ms(1))),
        **more,
    )


@pytest.mark.parametrize(("call", "name", "instead"), CALLS.values(), ids=CALLS)
def test_a_node_that_asks_the_real_world_is_told_what_to_use(call, name, instead):
    with pytest.raises(HandlerError) as caught:
        run(asking(call))
    failure = caught.value.failure
    assert (failure.node, failure.time_ns) == (1, ms(3))
    assert f"NondeterminismError: {name} " in failure.error
    assert instead in failure.error
    assert __file__ in failure.place, "the place is the node's line, not the guard's"


LATE = """
import inspect, sys
from simclock.actors import Node, run
from simclock import HandlerError, Network, Scenario, ms

class Asking(Node):
    def on_start(self):
        {asked}

scenario = Scenario(name="late", nodes=1, build=lambda _: Asking(), duration_ns=ms(5), network=Network())
assert "{module}" not in sys.modules
for _ in range(2):
    try:
        run(scenario)
    except HandlerError as error:
        print(error.failure.error)
module = sys.modules["{module}"]
assert module.__loader__.__class__.__name__ == "SourceFileLoader" and "exec_module" not in vars(module.__loader__)
assert type(module.{name}).__name__ != "_Function" and inspect.getsource(module)
assert not [each for each in sys.meta_path if type(each).__name__ == "LateModules"]
"""


@pytest.mark.parametrize(
    ("module", "name", "asked"),
    [
        ("numpy.random", "rand", "import numpy; numpy.random.rand()"),
        ("numpy.random", "rand", "from numpy.random import rand; rand()"),
        ("asyncio", "run", "import asyncio; asyncio.run(None)"),
    ],
)
def test_what_a_handler_imports_is_guarded_from_the_first_run_on(module, name, asked):
    pytest.importorskip(module.partition(".")[0])
    script = LATE.format(module=module, name=name, asked=asked)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"NondeterminismError: {module}.{name} ") == 2


def test_numpys_shared_luck_is_refused_and_its_seeded_generators_are_not():
    numpy = pytest.importorskip("numpy")
    for call in (lambda: numpy.random.rand(), lambda: numpy.random.seed(3), lambda: numpy.random.default_rng()):
        with pytest.raises(HandlerError, match=r"NondeterminismError: (numpy\.random\.\w+|secrets\.\w+|os\.urandom) "):
            run(asking(call))
    assert run(asking(lambda: numpy.random.default_rng(7).random())).events == 5
    assert not isinstance(numpy.random.rand, guard._Function)


@pytest.mark.parametrize(
    "placement",
    [Placement(kind="windows"), pytest.param(Placement(kind="ray"), marks=[pytest.mark.ray, pytest.mark.slow])],
)
def test_every_placement_guards(placement, request):
    if placement.kind == "ray":
        request.getfixturevalue("ray")
    for call in (lambda: now(), lambda: Moment.now(), lambda: uuid4()):
        with pytest.raises(HandlerError, match=r"NondeterminismError: .*: use "):
            run(asking(call), placement)
        assert run(asking(call), placement, guard=False).events == 5


@pytest.mark.parametrize("call", [now, Moment.now, uuid4, os.urandom], ids=["now", "Moment.now", "uuid4", "urandom"])
def test_the_switch_turns_it_off(call):
    argument = (1,) if call is os.urandom else ()
    assert run(asking(lambda: call(*argument)), guard=False).events == 5


ALLOWED: dict[str, Callable[[], Any]] = {
    "a seeded generator": lambda: Random(7).random(),
    "a stream": lambda: Stream(7).random(),
    "a time that was given": lambda: time.strftime("%Y", time.gmtime(0)),
    "a moment that was given": lambda: Moment(2020, 1, 1).isoformat() + date.fromordinal(700000).isoformat(),
    "pickle of a moment": lambda: pickle.loads(pickle.dumps(Moment(2020, 1, 1))),
    "uuid of a number": lambda: uuid.UUID(int=5),
    "logging": lambda: __import__("logging").getLogger("test").error("logs carry a time"),
    "a warning": lambda: __import__("warnings").warn("now", stacklevel=1),
}


@pytest.mark.filterwarnings("ignore:now")
@pytest.mark.parametrize("call", ALLOWED.values(), ids=ALLOWED)
def test_what_says_the_same_every_time_is_allowed(call):
    assert run(asking(call)).events == 5


@pytest.mark.parametrize("place", ["build", "on_start", "on_timer"])
def test_every_entry_to_a_node_is_guarded(place):
    class Node1(Node):
        def on_start(self):
            self.set_timer("t", ms(1))
            if place == "on_start":
                time.time()

        def on_timer(self, timer):
            time.time()

    def build(node):
        if place == "build":
            time.time()
        return Node1()

    with pytest.raises(HandlerError, match=r"time\.time reads the real clock"):
        run(Scenario(name="entry", nodes=1, build=build))


class Watching(Observer):
    """What judges a run may look at the clock."""

    def on_observation(self, observation, control):
        self.saw = time.time(), Moment.now(), uuid4(), random.random()

    def report(self):
        return time.monotonic() > 0 and len(self.saw) == 4


class Telling(Node):
    def on_start(self):
        self.observe("here")


def test_observers_traces_and_results_are_not_guarded():
    scenario = Scenario(
        name="telling", nodes=1, build=lambda node: Telling(), observers=(Watching,), final=lambda node: time.time() > 0
    )
    result = run(scenario, trace=lambda record: time.time())
    assert result.reports == {"Watching": True}
    assert result.final == {0: True}


class Interrupted(set):
    """A Ctrl-C comes just behind what is added."""

    def add(self, thread):
        super().add(thread)
        raise KeyboardInterrupt


@pytest.mark.parametrize("outer", [False, True])
def test_an_interrupt_at_the_first_moment_leaves_no_thread_guarded_for_good(outer, monkeypatch):
    me = threading.get_ident()
    inside = Interrupted([me] if outer else [])
    monkeypatch.setattr(guard, "_handling", inside)
    with pytest.raises(KeyboardInterrupt) as kept, guard.handling():
        raise AssertionError("it is not entered")
    assert (me in inside) is outer, kept


def test_another_thread_goes_on_while_a_node_is_handled():
    answers: list[Any] = []
    asked, answered = threading.Event(), threading.Event()

    def outside() -> None:
        asked.wait()
        answers.extend((now(), Moment.now(), uuid4(), random.random(), time.perf_counter()))
        answered.set()

    thread = threading.Thread(target=outside)
    thread.start()

    def inside() -> None:
        asked.set()
        answered.wait()

    run(asking(inside))
    thread.join()
    assert len(answers) == 5


def test_a_finalizer_that_runs_in_a_handler_is_not_the_node(recwarn):
    class Late:
        def __del__(self):
            said.append(time.time())

    said: list[float] = []

    def call() -> None:
        late = Late()
        del late

    assert run(asking(call)).events == 5
    assert len(said) == 1


def everything_as_it_is() -> tuple[Any, ...]:
    classes = (socket.socket.__init__, threading.Thread.start, subprocess.Popen.__init__, Random.seed)
    moments = [Moment.__dict__[name] for name in ("now", "utcnow")]
    return time.time, random.random, os.urandom, uuid.uuid4, secrets.choice, now, randint, *classes, *moments


def test_after_a_run_everything_is_as_it_was():
    before = everything_as_it_is()
    run(asking(lambda: None))
    with pytest.raises(HandlerError):
        run(asking(lambda: time.time()))
    assert all(one is other for one, other in zip(before, everything_as_it_is(), strict=True))


def test_classes_are_not_changed_without_end(monkeypatch):
    """CPython stops caching look-ups in a class that changes too often: then the guarded methods stay, and pass on."""
    while guard._undo_classes:  # as it is in a process that has run little
        guard._undo_classes.pop()()
    monkeypatch.setattr(guard, "_times_changed", [0])
    monkeypatch.setattr(guard, "CLASS_CHANGES_MAX", 0)
    for _ in range(3):
        run(asking(lambda: None))
    assert guard._times_changed == [1]
    assert Moment.now() and Random() and socket.socket.__init__.__name__ == "__init__"
    with pytest.raises(HandlerError, match=r"datetime\.now"):
        run(asking(lambda: Moment.now()))
    monkeypatch.setattr(guard, "CLASS_CHANGES_MAX", 1_000)
    run(asking(lambda: None))
    assert everything_as_it_is()[-1] is not None and not guard._undo_classes


def test_a_module_of_ours_that_has_grown_since_the_run_before_is_looked_through_again(monkeypatch):
    from simclock.protocols.replication import quorum

    run(asking(lambda: None))
    monkeypatch.setattr(quorum, "moment", time.time, raising=False)
    with pytest.raises(HandlerError, match=r"time\.time"):
        run(asking(lambda: quorum.moment()))
    assert quorum.moment is time.time


def test_runs_inside_one_another_keep_the_guard():
    """The guard leaves with the last run; a run within a node's code does not open the node's way out."""

    def call() -> None:
        run(asking(lambda: None))
        time.time()

    with pytest.raises(HandlerError, match="NondeterminismError"):
        run(asking(call))
    assert type(time.time) is type(len)


def test_the_functions_stay_what_they_are_to_others():
    with installed(lambda: None):
        assert time.time() > 0
        assert pickle.loads(pickle.dumps(time.perf_counter)) is time.perf_counter
        assert isinstance(Moment.now(), datetime.datetime)
        assert type(Moment.now()) is Moment is datetime.datetime


def test_the_error_is_one_of_ours_and_travels():
    caught: list[NondeterminismError] = []

    def call() -> None:
        try:
            time.time()
        except NondeterminismError as error:
            caught.append(error)

    run(asking(call))
    assert isinstance(caught[0], SimclockError)
    again = pickle.loads(pickle.dumps(caught[0]))
    assert (again.call, str(again)) == ("time.time", str(caught[0]))
