"""Linearizability: does one order of the operations explain what every client heard?

A history is linearizable when its operations can be put into one order, such that an operation that finished
before another was called stands before it, and the object, asked in that order, gives the answers that were
heard (Herlihy & Wing 1990). Operations of unknown outcome stand anywhere after their call, or are left out.

Rule 1: the object is a `Model`: an initial state and a pure `step(state, operation) -> (legal, state)`.
Rule 2: a verdict is OK, ILLEGAL or UNKNOWN (a limit was hit). OK comes with an order for each partition, that
        was replayed and found legal; ILLEGAL with the longest legal prefix and the operation that cannot
        follow it. `flaw_of` replays an order by the definition and knows nothing of the search.
Rule 3: partitions (operations on different keys) are judged by themselves: a history is linearizable exactly
        when its part for every object is (locality, Herlihy & Wing 1990, theorem 1).

    history = read_history("run.jsonl")
    judged = check_linearizability(history, key_value(), step_limit=1_000_000)
    if judged.verdict is not Verdict.OK:
        print(judged.explain())

The search is that of Wing & Gong 1993 with the memory of Lowe 2017 ("Testing for linearizability"), and
linearizes just in time as he describes. The model as three functions and the three verdicts are porcupine's
(https://github.com/anishathalye/porcupine). What the search leaves out, and why it may, stands in `search.py`.
Deciding linearizability is NP-complete (Gibbons & Korach 1997), so any search has histories it cannot finish.
Here those of registers and stores may be long, with many clients and time-outs; a `fifo_queue` is harder, as
the order of two enqueues shows only when both values come out: hundreds of operations, not thousands.
"""

from simclock.experiments.checkers.linearizability.certificate import flaw_of
from simclock.experiments.checkers.linearizability.checker import Linearizability, Verdict, check_linearizability
from simclock.experiments.checkers.linearizability.model import Model, ModelError, by_key, nondeterministic
from simclock.experiments.checkers.linearizability.objects import counter, fifo_queue, mutex, set_of_values
from simclock.experiments.checkers.linearizability.registers import cas_register, key_value, multi_register, register

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
