"""Message programs as plain data, and every execution of them by rules of their own, to test exploration against.

The rules are operational, where the explorer's are declarative: a mailbox is a list that a send appends to, a link a
queue, causal delivery a look at vector clocks. Nothing is reduced: all interleavings, with equal states merged.

A program: {process: [operation, ...]}, with operations

    ("send", target, value)    ("receive", values or None, timeout)    ("choose", n)    ("read", name)
    ("write", name, value)     ("forward", target)         ("fail if", value)           ("stop if", value)
    ("acquire", name)          ("release", name)

`forward` sends what was last answered; `fail if` and `stop if` look at it and are no steps.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator
from typing import Any

from simclock.experiments.exploring.programs.program import (
    TIMEOUT,
    Process,
    Program,
    acquire,
    choose,
    read,
    receive,
    release,
    send,
    write,
)

Operations = list[tuple[Any, ...]]
Plain = dict[str, Operations]
SILENT = ("fail if", "stop if")


def process(operations: Operations) -> Process:
    """The process that does these operations; its result is all that it was answered."""
    answer: Any = 0
    answers: list[Hashable] = []
    for operation in operations:
        match operation:
            case ("fail if", value):
                assert answer != value, f"saw {value!r}"
                continue
            case ("stop if", value):
                if answer == value:
                    break
                continue
            case ("send", target, value):
                yield send(target, value)
                continue
            case ("forward", target):
                yield send(target, answer)
                continue
            case ("receive", values, timeout):
                answer = yield receive(
                    None if values is None else (lambda v, values=values: v in values), timeout=timeout
                )
                answer = "timeout" if answer is TIMEOUT else answer
            case ("choose", count):
                answer = yield choose(*range(count))
            case ("read", name):
                answer = yield read(name)
            case ("write", name, value):
                yield write(name, value)
                continue
            case ("acquire", name):
                yield acquire(name)
                continue
            case ("release", name):
                yield release(name)
                continue
        answers.append(answer)
    return tuple(answers)


def program_of(plain: Plain, model: str) -> Program:
    """The program that the explorer takes."""
    return Program({name: (process, operations) for name, operations in plain.items()}, model=model)


class Reference:
    """Every execution of a plain program under a model."""

    def __init__(self, plain: Plain, model: str) -> None:
        self.plain, self.model = plain, model
        self.names = list(plain)
        self.ends: set[tuple[Hashable, bool]] = set()
        """(what each process did, in its own order, and the order of conflicting accesses; whether all are done)."""
        self.violations: set[str] = set()
        self._seen: set[Hashable] = set()
        start = dict.fromkeys(self.names, (0, 0, ()))  # (place, answer, history)
        self._explore(start, dict.fromkeys(self.names, ()), {}, dict.fromkeys(self.names, frozenset()))

    # State: processes; messages to each (key, value, past: keys of messages sent before); variables: (value, accesses)

    def _explore(self, processes: Any, messages: Any, variables: Any, pasts: Any) -> None:
        todo = [(processes, messages, variables, pasts)]
        while todo:
            state = todo.pop()
            frozen = tuple(
                tuple(sorted(part.items())) if position != 2 else tuple(sorted((n, v) for n, v in part.items()))
                for position, part in enumerate(state)
            )
            if frozen in self._seen:
                continue
            self._seen.add(frozen)
            following = [after for name in self.names for after in self._steps(name, *state)]
            if following:
                todo += following
            else:
                self._end(state)

    def _operation(self, name: str, processes: Any) -> tuple[Any, ...] | None:
        """What a process does next, past what is no step; None when it is done."""
        place, answer, _ = processes[name]
        operations = self.plain[name]
        while place < len(operations):
            operation = operations[place]
            if operation[0] not in SILENT:
                return place, operation
            if answer == operation[1]:
                if operation[0] == "fail if":
                    self.violations.add(f"{name}: saw {operation[1]!r}")
                return None
            place += 1
        return None

    def _steps(self, name: str, processes: Any, messages: Any, variables: Any, pasts: Any) -> Iterator[Any]:
        found = self._operation(name, processes)
        if found is None:
            return
        place, operation = found
        _, answer, history = processes[name]

        def after(
            answer: Any, did: Hashable, new_messages: Any = messages, new_variables: Any = variables, past: Any = None
        ) -> Any:
            moved = {**processes, name: (place + 1, answer, (*history, did))}
            return moved, new_messages, new_variables, {**pasts, name: pasts[name] if past is None else past}

        match operation:
            case ("send", target, _) | ("forward", target):
                value = operation[2] if operation[0] == "send" else answer
                key = (name, sum(1 for did in history if did[0] == "sent"))
                sent = (key, value, pasts[name])
                yield after(
                    answer, ("sent",), {**messages, target: (*messages[target], sent)}, past=pasts[name] | {key}
                )
            case ("receive", values, timeout):
                waiting = messages[name]
                matching = [message for message in waiting if values is None or message[1] in values]
                for message in matching:
                    if self._may_take(message, matching):
                        left = tuple(other for other in waiting if other[0] != message[0])
                        yield after(
                            message[1],
                            ("took", message[0]),
                            {**messages, name: left},
                            past=pasts[name] | message[2] | {message[0]},
                        )
                if timeout and (self.model != "mailbox" or not matching):
                    yield after("timeout", ("timeout",))
            case ("choose", count):
                for value in range(count):
                    yield after(value, ("chose", value))
            case ("read", variable):
                value = variables.get(variable, (None, ()))[0]
                yield self._touch(after, name, (variables, pasts), (variable, "look", value), value)
            case ("write", variable, value):
                yield self._touch(after, name, (variables, pasts), (variable, f"set {value!r}", value), answer)
            case ("acquire", variable):
                if variables.get(variable, (None,))[0] is None:
                    yield self._touch(after, name, (variables, pasts), (variable, "change", "held"), answer)
            case ("release", variable):
                yield self._touch(after, name, (variables, pasts), (variable, "change", None), answer)

    def _touch(self, after: Any, name: str, state: Any, touch: Any, answer: Any) -> Any:
        """A variable is looked at or set. Its accesses are kept as runs of those whose order does not matter."""
        (variables, pasts), (variable, how, value) = state, touch
        runs = variables.get(variable, (None, ()))[1]
        past = pasts[name]
        for other, accesses in runs:
            if other != how or how == "change":
                past = past.union(*(each for _, each in accesses))
        mine = (name, past)
        if runs and runs[-1][0] == how and how != "change":
            runs = (*runs[:-1], (how, tuple(sorted((*runs[-1][1], mine), key=lambda each: (each[0], len(each[1]))))))
        else:
            runs = (*runs, (how, (mine,)))
        did = ("read",) if how == "look" else ("wrote",)
        return after(answer, did, new_variables={**variables, variable: (value, runs)}, past=past)

    def _may_take(self, message: Any, matching: Any) -> bool:
        others = [other for other in matching if other[0] != message[0]]
        match self.model:
            case "bag":
                return True
            case "fifo":
                return all(other[0][0] != message[0][0] or other[0][1] > message[0][1] for other in others)
            case "causal":
                return not any(other[0] in message[2] for other in others)
            case _:
                return bool(matching[0] == message)  # a list that every send appends to

    def _end(self, state: Any) -> None:
        processes, _, variables, _ = state
        done = all(self._operation(name, processes) is None for name in self.names)
        accesses = tuple(
            (name, tuple((how, tuple(sorted(who for who, _ in run))) for how, run in runs))
            for name, (_, runs) in sorted(variables.items())
        )
        self.ends.add(((tuple((name, processes[name][2]) for name in self.names), accesses), done))


def random_program(luck: random.Random, *, shared: bool = False, timeouts: bool = False, size: int = 3) -> Plain:
    """A small program: two to four processes, a few operations each."""
    names = ["A", "B", "C", "D"][: luck.randint(2, 4)]
    plain: Plain = {}
    for name in names:
        operations: Operations = []
        for _ in range(luck.randint(1, size)):
            draw = luck.random()
            others = [other for other in names if other != name]
            if draw < 0.4:
                operations.append(("send", luck.choice(others), luck.randint(0, 2)))
            elif draw < 0.8:
                values = None if luck.random() < 0.6 else tuple(sorted(luck.sample(range(3), luck.randint(1, 2))))
                operations.append(("receive", values, timeouts and luck.random() < 0.3))
            elif draw < 0.87:
                operations.append(("forward", luck.choice(others)))
            elif draw < 0.93:
                operations.append((luck.choice(["fail if", "stop if"]), luck.randint(0, 2)))
            elif shared:
                operations.append(
                    luck.choice(
                        [
                            ("read", "x"),
                            ("write", "x", luck.randint(0, 2)),
                            ("read", "y"),
                            ("write", "y", 1),
                            ("acquire", "l"),
                            ("release", "l"),
                        ]
                    )
                )
            else:
                operations.append(("choose", 2))
        if shared and luck.random() < 0.7:
            operations.insert(luck.randint(0, len(operations)), luck.choice([("read", "x"), ("write", "x", 1)]))
        plain[name] = operations
    return plain
