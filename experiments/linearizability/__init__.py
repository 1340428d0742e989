"""Linearizability: does one order of the operations explain what every client heard?

A history is linearizable when its operations can be put into one order, such that an operation that finished
before another was called stands before it, and the object, asked in that order, gives the answers that were
heard (Herlihy & Wing 1990). Operations of unknown outcome may stand anywhere after their call, or be left out.

Rule 1: the object is a `Model`: an initial state and a pure `step(state, operation) -> (legal, state)`.
Rule 2: a verdict is OK, ILLEGAL or UNKNOWN (a limit was hit). OK comes with the order itself, one for each
        partition, which was replayed and found legal; ILLEGAL with the longest legal prefix and the operation
        that cannot follow it. `flaw_of` replays an order without knowing anything of the search.
Rule 3: partitions (operations on different keys) are judged by themselves; a history is linearizable exactly
        when every one of its objects is (locality, Herlihy & Wing 1990, theorem 1).

    history = read_history("run.jsonl")
    judged = check_linearizability(history, key_value(initial=None), step_limit=1_000_000)
    if judged.verdict is not Verdict.OK:
        print(judged.explain())

The search is that of Wing & Gong 1993 with the memory of Lowe 2017 ("Testing for linearizability"), linearizing
just in time as he describes; the model as three functions and the three verdicts are porcupine's
(https://github.com/anishathalye/porcupine). What is left out of the search, and why that is sound, stands in
`search.py`.
"""

from experiments.linearizability.certificate import flaw_of
from experiments.linearizability.checker import Linearizability, Verdict, check_linearizability
from experiments.linearizability.model import Model, ModelError, by_key, nondeterministic
from experiments.linearizability.objects import (
    cas_register,
    counter,
    fifo_queue,
    key_value,
    multi_register,
    mutex,
    register,
    set_of_values,
)

__all__ = [
    "Linearizability",
    "Model",
    "ModelError",
    "Verdict",
    "by_key",
    "cas_register",
    "check_linearizability",
    "counter",
    "fifo_queue",
    "flaw_of",
    "key_value",
    "multi_register",
    "mutex",
    "nondeterministic",
    "register",
    "set_of_values",
]
