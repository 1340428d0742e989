"""What operations do to states, remembered: the search steps over small ints, and asks the model once for each."""

from __future__ import annotations

from typing import NoReturn

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability.model import Model, ModelError, State

ILLEGAL_STEP = -1


class States:
    """The states met so far, numbered."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.values: list[State] = []
        self._numbers: dict[State, int] = {}

    def number(self, state: State) -> int:
        """The number of a state, the next one if it is new."""
        try:
            number = self._numbers.setdefault(state, len(self.values))
        except TypeError:
            raise ModelError(f"{self.model.name}: state {state!r} cannot be hashed; use tuples") from None
        if number == len(self.values):
            self.values.append(state)
        return number


class Transitions(dict[int, int]):
    """What the operations of one effect do: number of a state -> of the state after it, or ILLEGAL_STEP.

    Filled by `step` as the search asks; every answer is held against the hints of the model.
    """

    def __init__(self, operation: Operation, states: States) -> None:
        super().__init__()
        model = states.model
        self.operation = operation
        self.states = states
        self.is_read = model.is_read(operation)
        self.is_overwrite = model.is_overwrite(operation) and not self.is_read
        needs, leaves = model.needs(operation), model.leaves(operation)
        self.needs = None if needs is None else states.number(needs[0])
        self.leaves = None if leaves is None else states.number(leaves[0])
        if self.is_overwrite and self.leaves is None:
            self.leaves = self[states.number(model.initial)]

    # Equal as dicts is not the same operation: these are keys by identity.
    __hash__ = object.__hash__  # type: ignore[assignment]
    __eq__ = object.__eq__
    __ne__ = object.__ne__

    def origins(self, number: int) -> tuple[State, ...] | None:
        """Where an operation of which it is not known what it leaves leaves this state; None if not known."""
        return self.states.model.origins(self.operation, self.states.values[number])

    def expect_same(self, operation: Operation) -> None:
        """Refuse an operation that does something else, to the initial state at least."""
        model = self.states.model
        legal, after = model.step(model.initial, operation)
        if self[self.states.number(model.initial)] != (self.states.number(after) if legal else ILLEGAL_STEP):
            raise ModelError(
                f"{model.name}: {operation} has the effect of {self.operation}, says the model, but does "
                f"something else to {model.initial!r}"
            )

    @property
    def overwritten_with(self) -> int:
        """The state that an overwrite leaves."""
        assert self.is_overwrite and self.leaves is not None
        return self.leaves

    def __missing__(self, number: int) -> int:
        states = self.states
        legal, after = states.model.step(states.values[number], self.operation)
        target = states.number(after) if legal else ILLEGAL_STEP
        if not legal and self.is_overwrite:
            self._refuse("is_overwrite", "is illegal", number)
        if legal and self.is_read and target != number:
            self._refuse("is_read", "changes it", number)
        if legal and self.needs not in (None, number):
            self._refuse("needs another state", "is legal", number)
        if legal and self.leaves not in (None, target):
            self._refuse("leaves one state", "leaves another", number)
        if legal and not self.is_read and self.leaves is None:
            origins = self.origins(target)
            if origins is not None and states.values[number] not in origins:
                self._refuse(f"does not leave {states.values[target]!r}", "does", number)
        self[number] = target
        return target

    def _refuse(self, hint: str, fact: str, number: int) -> NoReturn:
        state = self.states.values[number]
        name = self.states.model.name
        raise ModelError(f"{name}: {self.operation} {hint}, says the model, but {fact} in state {state!r}")
