"""Objects by effects: what an operation does, reduced to a tuple, before any state is looked at.

Rule 1: an operation's key names the object; operations with different keys touch different objects.
Rule 2: an effect is a tuple whose head is a word: `READS` never change a state, `OVERWRITES` are legal in
        every state and leave one. What an unknown outcome leaves open is decided by the effect alone.
Rule 3: a function the object does not have, or an answer it cannot give, is a `ModelError`, not a verdict.
Rule 4: values are compared with ==, to which `True`, 1 and 1.0 are three (`histories/values.py`). The answers of what
        only changes something (write, put, append, delete, enqueue, add, remove, release) are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simclock.experiments.checkers.histories import Operation
from simclock.experiments.checkers.linearizability.model import Model, ModelError, One, State, by_key

Effect = tuple[Any, ...]

NOTHING: Effect = ("nothing",)  # of a read whose answer is unknown

READS = frozenset({"nothing", "equals", "differs", "contains", "impossible", "empty", "held", "look"})
OVERWRITES = frozenset({"write", "replace"})


def model_by_effects(
    name: str,
    initial: State,
    effect: Callable[[Operation], Effect],
    apply: Callable[[State, Effect], tuple[bool, State]],
    functions: str,
    *,
    needs: Callable[[Effect], One | None] = lambda effect: None,
    leaves: Callable[[Effect], One | None] = lambda effect: None,
    leads: Callable[[State, State], bool] | None = None,
    origins: Callable[[Effect, State], tuple[State, ...] | None] = lambda effect, state: None,
) -> Model:
    """A model by effects; `functions` are the words that operations of this object use."""
    known = frozenset(functions.split())

    def known_effect(operation: Operation) -> Effect:
        if operation.function not in known:
            raise ModelError(f"{operation}: a {name} has no such function; it has {', '.join(sorted(known))}")
        return effect(operation)

    return Model(
        name=name,
        initial=initial,
        step=lambda state, operation: apply(state, known_effect(operation)),
        partition=by_key,
        effect=known_effect,
        is_read=lambda operation: known_effect(operation)[0] in READS,
        is_overwrite=lambda operation: known_effect(operation)[0] in OVERWRITES,
        needs=lambda operation: needs(known_effect(operation)),
        leaves=lambda operation: leaves(known_effect(operation)),
        leads=leads,
        origins=lambda operation, state: origins(known_effect(operation), state),
    )
