"""Models: what one object, asked one operation at a time, may answer.

Rule 1: `step` is pure and judges an operation by its process, function, key, argument, outcome and, unless the
        outcome is unknown, result; never by its times.
Rule 2: of an unknown operation `step` gives the state after it took effect, and (False, state) where taking
        effect now changes nothing that never taking effect would not: the search may always leave it out.
Rule 3: states can be hashed, and equal ones (==) are the same to `step`.

The last six fields are hints. Without them a verdict is as right and may come later. All but `effect` are
checked at every step that the search takes; what they claim of other steps is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.histories import Operation
from simclock.errors import UsageError

State = Any  # the model's own, hashable


class ModelError(UsageError):
    """A model that breaks its rules, or a history it does not speak of."""


def _never(operation: Operation) -> bool:
    return False


def _unknown(operation: Operation) -> None:
    return None


def everything(operation: Operation) -> Hashable:
    """All that `step` may look at."""
    result = None if operation.is_open else operation.result
    return operation.process, operation.function, operation.key, operation.argument, operation.outcome, result


@dataclass(frozen=True, kw_only=True)
class Model:
    """A sequential object.

    A register, without any hints::

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
    effect: Callable[[Operation], Hashable] = everything
    """What `step` looks at: operations of equal effect do the same to every state."""
    is_read: Callable[[Operation], bool] = _never
    """True where the operation never changes any state."""
    is_overwrite: Callable[[Operation], bool] = _never
    """True where it is legal in every state and leaves one and the same, whatever was before."""
    needs: Callable[[Operation], tuple[State] | None] = _unknown
    """(state,) where the operation is legal in that state alone; else None."""
    leaves: Callable[[Operation], tuple[State] | None] = _unknown
    """(state,) where it leaves that state wherever it is legal; else None."""
    leads: Callable[[State, State], bool] | None = None
    """False where operations for which `leaves` is None cannot lead from the first state to the second."""


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

    return Model(name=name, initial=frozenset(initials), step=step, partition=partition)
