"""Keys as Jepsen has them: in the value, as a pair [key, value] (jepsen.independent), where ours stand beside it.

Our files have a field `key`, which Jepsen's tools ignore. For knossos to judge the keys one by one, write
`keys_into_values(history)`; what Jepsen's `independent` tests recorded is read with `keys_from_values`. The fields of a
line are Jepsen's otherwise: type, f, value, process, time (ns), index.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace

from simclock.experiments.checkers.histories.operation import HistoryError, Operation

SHOWN = 3
"""Operations that an error names."""


def keys_from_values(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Each value [key, value] taken apart; a key that only the answer has is that of the operation.

    Raises HistoryError, which says where, if values are no such pairs or have different keys. What a failed or unknown
    operation heard may be anything.
    """
    given = tuple(operations)
    apart = [_taken_apart(each) for each in given]
    others = [each for each, taken in zip(given, apart, strict=True) if taken is None]
    if others:
        shown = "; ".join(map(str, others[:SHOWN])) + (f"; and {len(others) - SHOWN} more" if others[SHOWN:] else "")
        raise HistoryError(
            f"{len(others)} of {len(given)} operations have values that are no pair [key, value]: {shown}; "
            "is the history of independent keys?"
        )
    return tuple(each for each in apart if each is not None)


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


def _taken_apart(operation: Operation) -> Operation | None:
    """None where there is no pair, or something that is neither pair nor nil."""
    asked, heard = _pair(operation.argument), _pair(operation.result)
    if operation.key is not None or (asked is None and operation.argument is not None):
        return None
    if operation.outcome == "ok":
        if heard is None and operation.result is not None:
            return None
        if asked is not None and heard is not None and asked[0] != heard[0]:
            raise HistoryError(f"{operation}: asked of key {asked[0]!r} and answered of key {heard[0]!r}")
    pair = heard if asked is None and operation.outcome == "ok" else asked
    if pair is None:
        return None
    argument = None if asked is None else asked[1]
    return replace(operation, key=pair[0], argument=argument, result=operation.result if heard is None else heard[1])


def _pair(value: Hashable) -> tuple[Hashable, Hashable] | None:
    return value if isinstance(value, tuple) and len(value) == 2 else None
