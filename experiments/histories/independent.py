"""Keys as Jepsen has them: in the value, as a pair [key, value] (jepsen.independent), where ours stand beside it.

Our files have a field `key`, which Jepsen's tools ignore. For knossos to judge the keys one by one, write
`keys_into_values(history)`; what Jepsen's `independent` tests recorded is read with `keys_from_values`. The fields of a
line are Jepsen's otherwise: type, f, value, process, time (ns), index.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace

from experiments.histories.operation import HistoryError, Operation


def keys_from_values(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Each value [key, value] taken apart. Raises HistoryError where a value is no such pair."""
    return tuple(_taken_apart(each) for each in operations)


def keys_into_values(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Each argument and result as the pair (key, value)."""
    return tuple(
        replace(
            each,
            key=None,
            argument=(each.key, each.argument),
            result=None if each.finish is None or each.is_open else (each.key, each.result),
        )
        for each in operations
    )


def _taken_apart(operation: Operation) -> Operation:
    key, argument = _pair(operation, operation.argument)
    if operation.result is None:
        return replace(operation, key=key, argument=argument)
    same, result = _pair(operation, operation.result)
    if same != key:
        raise HistoryError(f"{operation}: asked of key {key!r} and answered of key {same!r}")
    return replace(operation, key=key, argument=argument, result=result)


def _pair(operation: Operation, value: Hashable) -> tuple[Hashable, Hashable]:
    if operation.key is not None or not isinstance(value, tuple) or len(value) != 2:
        raise HistoryError(f"{operation}: its value is no pair [key, value]; is the history of independent keys?")
    return value
