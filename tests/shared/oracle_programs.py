"""Message programs whose numbers of executions are published, as the explorer takes them.

Sources: Must, Table 1 (Enea et al., OOPSLA 2024); TraceForge, traceforge/tests; Concuerror, tests/suites; Shuttle,
tests/basic/dfs.rs and pct.rs. Each is written from the words of its case.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simclock.experiments.exploring.programs.program import (
    TIMEOUT,
    Process,
    Program,
    acquire,
    choose,
    pause,
    read,
    receive,
    release,
    send,
    spawn,
    write,
)


def does(*operations: Any) -> Process:
    """A process that does these, whatever the answers."""
    for operation in operations:  # noqa: UP028 - answers are sent, and a tuple takes none
        yield operation


def receives(count: int) -> Process:
    """A process that takes so many messages; its result is what it took."""
    taken = []
    for _ in range(count):
        taken.append((yield receive()))
    return tuple(taken)


def relay(target: str) -> Process:
    """A process that passes one message on."""
    value = yield receive()
    yield send(target, value)


# Must and TraceForge


def senders(count: int, received: int, model: str = "fifo") -> Program:
    """`count` senders of a message each, and so many receives."""
    each = {f"s{number}": (does, send("R", number)) for number in range(count)}
    return Program({**each, "R": (receives, received)}, model=model)


def _in_turn(count: int) -> Process:
    for number in range(count):
        yield receive(lambda value, number=number: value == number)


def selective(count: int, model: str = "fifo") -> Program:
    """`count` senders; receive k takes message k."""
    each = {f"s{number}": (does, send("R", number)) for number in range(count)}
    return Program({**each, "R": (_in_turn, count)}, model=model)


def no_match(model: str = "fifo") -> Program:
    """Send a, receive only b."""
    return Program(
        {"A": (does, send("R", "a")), "R": (does, receive(lambda value: value == "b"))},
        model=model,
    )


def program_1(model: str) -> Program:
    """TraceForge's program1."""
    return Program(
        {
            "main": (does, send("M", 1), send("M", 2)),
            "A": (does, send("M", 3), send("B", 5)),
            "B": (does, receive(lambda value: value == 5), send("M", 4)),
            "M": (receives, 3),
        },
        model=model,
    )


def program_3(model: str) -> Program:
    """TraceForge's program3."""
    return Program({"main": (does, send("A", 1), send("A", 2), send("A", 3)), "A": (receives, 3)}, model=model)


def relays(count: int, model: str = "causal") -> Program:
    """`count` relays each forward a message to R, which receives once."""
    each = {f"p{number}": (relay, "R") for number in range(count)}
    sends = [send(name, name) for name in each]
    return Program({"main": (does, *sends), **each, "R": (receives, 1)}, model=model)


def _votes() -> Process:
    vote = yield choose("yes", "no")
    yield send("C", vote)


def two_phase_commit(count: int, *, symmetric: bool = False) -> Program:
    """A coordinator that receives the votes of `count` participants in any order."""
    names = [f"p{number}" for number in range(count)]
    return Program(
        {"C": (receives, count), **dict.fromkeys(names, _votes)},
        model="fifo",
        symmetric={"C": names} if symmetric else {},
    )


# Concuerror


def _last_zero_reader(count: int) -> Process:
    for number in range(count, 0, -1):
        if (yield read(f"x{number}")) == 0:
            return


def _last_zero_writer(number: int) -> Process:
    before = yield read(f"x{number - 1}")
    yield write(f"x{number}", before + 1)


def last_zero(count: int) -> Program:
    """Concuerror's last_zero."""
    writers = {f"w{number}": (_last_zero_writer, number) for number in range(1, count + 1)}
    return Program(
        {"r": (_last_zero_reader, count), **writers},
        variables={f"x{number}": 0 for number in range(count + 1)},
    )


def _r() -> Process:
    if (yield read("y")) == 0:
        yield write("z", 1)


def _s() -> Process:
    if (yield read("z")) == 1 and (yield read("y")) == 0:
        yield write("x", 2)


def popl_14() -> Program:
    """The example of the POPL 2014 paper."""
    return Program(
        {"w1": (does, write("x", 1)), "w2": (does, write("y", 1)), "r": _r, "s": _s},
        variables={"x": 0, "y": 0, "z": 0},
    )


def independent_receivers() -> Program:
    """Two senders to two relays; the parent receives two messages."""
    return Program(
        {
            "s1": (does, send("r1", 1)),
            "s2": (does, send("r2", 2)),
            "r1": (relay, "P"),
            "r2": (relay, "P"),
            "P": (receives, 2),
        },
        model="fifo",
    )


def proxy(count: int) -> Program:
    """A sends hello to C, and world through `count` proxies."""
    names = [f"p{number}" for number in range(count)]
    each = {name: (relay, target) for name, target in zip(names, [*names[1:], "C"], strict=True)}
    return Program(
        {"A": (does, send("C", "hello"), send("p0", "world")), **each, "C": (receives, 2)},
        model="fifo",
    )


def _channel() -> Process:
    buffer: list[Any] = []
    requests: list[Any] = []
    while True:
        if buffer and requests:
            yield send(requests.pop(0), buffer.pop(0))
            continue
        kind, value = yield receive()
        (buffer if kind == "put" else requests).append(value)


def _member(number: int, leaders: Iterable[int], source: str, target: str) -> Process:
    leader = 0
    if number in leaders:
        yield send(target, ("put", number))
        leader = number
    while True:
        yield send(source, ("get", f"m{number}"))
        heard = yield receive()
        if heard == ("leader", leader):
            if number != leader:
                yield send(target, ("put", heard))
            return
        if heard != number:
            yield send(target, ("put", heard))
            leader = max(heard, leader)
        elif number == leader:
            yield send(target, ("put", ("leader", number)))


def ring_election(leaders: Iterable[int] = (1,)) -> Program:
    """Three members in a ring of buffered channels."""
    channels = [f"c{number}" for number in range(3)]
    members = {
        f"m{number}": (_member, number, tuple(leaders), channels[(number - 2) % 3], channels[number - 1])
        for number in (1, 2, 3)
    }
    return Program({**dict.fromkeys(channels, _channel), **members}, model="mailbox", daemons=frozenset(channels))


def _server(workers: int) -> Process:
    work, results = [1, 2], []
    while workers or work:
        result = yield receive(lambda value: value[0] == "result", timeout=True)
        if result is not TIMEOUT:
            results.append(result[1])
            continue
        request = yield receive(lambda value: value[0] in ("work", "exit"))
        if request[0] == "exit":
            workers -= 1
        else:
            yield send(request[1], ("work", work.pop(0)) if work else ("no work",))
    return tuple(sorted(results))


def _worker(name: str) -> Process:
    while True:
        yield send("server", ("work", name))
        answer = yield receive()
        if answer[0] == "no work":
            yield send("server", ("exit",))
            return
        yield send("server", ("result", answer[1] + 10))


def workers() -> Program:
    """Two workers, and a server that polls for results first."""
    return Program({"server": (_server, 2), "w1": (_worker, "w1"), "w2": (_worker, "w2")}, model="mailbox")


def writers(count: int) -> Program:
    """`count` writes to one variable."""
    return Program({f"w{number}": (does, write("x", number)) for number in range(count)})


def readers_2(count: int) -> Program:
    """`count` readers, then a writer."""
    return Program({**{f"r{number}": (does, read("x")) for number in range(count)}, "w": (does, write("x", 1))})


def _conditional_reader() -> Process:
    if (yield read("y")) == 0:
        yield read("x")
        yield write("y", 1)


def conditional_readers() -> Program:
    """A writer of x, and two that read y, then perhaps x, then write y."""
    return Program(
        {"w": (does, write("x", 1)), "f": _conditional_reader, "g": _conditional_reader},
        variables={"x": 0, "y": 0},
    )


def write_read() -> Program:
    """One writes 1; one writes 1 and reads; one writes 0 and reads."""
    return Program(
        {"a": (does, write("x", 1)), "b": (does, write("x", 1), read("x")), "m": (does, write("x", 0), read("x"))}
    )


def difficult_readers() -> Program:
    """Two writers of different values and two readers, each behind a write of its own."""
    last = {"a": write("x", 1), "b": write("x", 2), "c": read("x"), "d": read("x")}
    return Program({name: (does, write(f"own {name}", 1), operation) for name, operation in last.items()})


def many_writes() -> Program:
    """Two writers of x, two of y."""
    return Program(
        {f"{name}{value}": (does, write(name, value)) for name in "xy" for value in (1, 2)},
    )


# Shuttle. What it does behind a task's last scheduling point is a step there, and a pause here.


def pauses(count: int) -> Process:
    """So many steps."""
    for _ in range(count):
        yield pause()


def spawner(names: Iterable[str], steps: int, own: int) -> Process:
    """Spawns tasks of so many steps each, and then makes its own."""
    for name in names:
        yield spawn(name, pauses, steps)
    yield from pauses(own)


def _sets() -> Process:
    yield write("pointer", 1)


def _uses() -> Process:
    assert (yield read("pointer")) is not None, "used before it was set"


def order_violation() -> Program:
    """PCT, Figure 1a."""
    return Program({"sets": _sets, "uses": _uses})


def _checks_and_uses(before: int, behind: int) -> Process:
    yield from pauses(before)
    if (yield read("pointer")) is not None:
        assert (yield read("pointer")) is not None, "gone between check and use"
    yield from pauses(behind)


def _takes_away(before: int, behind: int) -> Process:
    yield from pauses(before)
    yield write("pointer", None)
    yield from pauses(behind)


def atomicity_violation(steps: int, busy: int = 0) -> Program:
    """PCT, Figure 1b: so many steps together, of two tasks and of busy ones that make five each."""
    own = steps - 5 * busy
    half = own // 2
    return Program(
        {
            "checks": (_checks_and_uses, (half - 2) // 2, half - 2 - (half - 2) // 2),
            "takes": (_takes_away, (own - half - 1) // 2, own - half - 1 - (own - half - 1) // 2),
            **{f"busy{number}": (pauses, 5) for number in range(busy)},
        },
        variables={"pointer": 1},
    )


def _locks(first: str, second: str, before: int, behind: int) -> Process:
    yield from pauses(before)
    yield acquire(first)
    yield acquire(second)
    yield release(second)
    yield release(first)
    yield from pauses(behind)


def opposite_locks(steps: int) -> Program:
    """PCT, Figure 1c: two tasks take two locks in opposite order."""
    before = (steps // 2 - 4) // 2
    behind = steps // 2 - 4 - before
    return Program({"a": (_locks, "x", "y", before, behind), "b": (_locks, "y", "x", before, behind)})
