"""Models: what one object, asked one operation at a time, may answer.

Rule 1: `step` is pure and judges an operation by its process, function, key, argument, outcome and, unless
        the outcome is unknown, result; never by its times.
Rule 2: of an unknown operation `step` gives the state after it took effect; or (False, state) where taking
        effect now would change nothing, for the search may always leave such an operation out.
Rule 3: states can be hashed, and those that are equal (==) are the same to `step`.
Rule 4: the fields from `effect` on are hints. Without them a verdict is as right and may take longer; a
        wrong one makes wrong verdicts. Those from `is_read` to `leaves` are checked at every
        step of a search, `origins` too, `effect` in the initial state, `leads` and `dead_ends` not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.checkers.histories import Operation, exact

State = Any  # the model's own, hashable
One = tuple[State]  # a state, wrapped: a state may be None


class ModelError(UsageError):
    """A model that breaks its rules, or an operation that it does not speak of."""


def _everything(operation: Operation) -> Hashable:
    """All that `step` may look at."""
    result = None if operation.is_open else operation.result
    return operation.process, operation.function, operation.key, operation.argument, operation.outcome, result


def _never(operation: Operation) -> bool:
    return False


def _from_anywhere(operation: Operation, state: State) -> None:
    return None


def _unknown(operation: Operation) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Model:
    """A sequential object.

    Values of operations and of `initial` are exact: `True`, 1 and 1.0 are three values to `==`. A register, without
    hints::

        def step(state, operation):
            if operation.function == "write":
                return True, operation.argument
            return operation.is_open or operation.result == state, state

        Model(name="register", initial=None, step=step, partition=by_key)
    """

    name: str
    initial: State
    step: Callable[[State, Operation], tuple[bool, State]]
    """Whether the operation is legal in the state, and the state after it."""
    partition: Callable[[Sequence[Operation]], list[list[Operation]]] | None = None
    """Splits a history into the parts that touch different objects; None keeps it whole."""
    describe: Callable[[Operation], str] = str
    """An operation in an explanation."""
    effect: Callable[[Operation], Hashable] = _everything
    """What `step` looks at: operations of equal effect do the same to every state."""
    is_read: Callable[[Operation], bool] = _never
    """True where the operation never changes a state."""
    is_overwrite: Callable[[Operation], bool] = _never
    """True where it is legal in every state and leaves one and the same, whatever was before."""
    needs: Callable[[Operation], One | None] = _unknown
    """The one state in which it is legal; None where that is more than one, or not known."""
    leaves: Callable[[Operation], One | None] = _unknown
    """The one state that it leaves wherever it is legal; None where it depends, or is not known."""
    leads: Callable[[State, State], bool] | None = None
    """False where operations of which `leaves` is not known cannot lead from the first state to the second."""
    origins: Callable[[Operation, State], tuple[State, ...] | None] = _from_anywhere
    """Of an operation of which `leaves` is not known: the states in which it leaves this one; None if not known."""
    dead_ends: Callable[[Sequence[Operation], Sequence[Operation]], Callable[[State], bool]] | None = None
    """Of operations that must all take effect, and others that may: a test, True only of a state from which
    those of the first that did not yet take effect cannot, in whatever order, be placed before their finishes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "initial", exact(self.initial))


def by_key(operations: Sequence[Operation]) -> list[list[Operation]]:
    """One part for each key, in the order in which the keys first appear."""
    parts: dict[Hashable, list[Operation]] = {}
    for operation in operations:
        parts.setdefault(operation.key, []).append(operation)
    return list(parts.values())


def nondeterministic(
    name: str,
    initials: Iterable[State],
    successors: Callable[[State, Operation], Iterable[State]],
    partition: Callable[[Sequence[Operation]], list[list[Operation]]] | None = None,
) -> Model:
    """A model whose operations may leave one of several states; none where the operation is illegal.

    Its state is the set of all that the object's state could be (the power set construction).
    """

    def step(states: frozenset[State], operation: Operation) -> tuple[bool, frozenset[State]]:
        after = frozenset(each for state in states for each in successors(state, operation))
        return (True, after) if after else (False, states)

    return Model(name=name, initial=frozenset(map(exact, initials)), step=step, partition=partition)
