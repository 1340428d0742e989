"""The exit statuses: one table, the same for every command and on every placement.

Laws: 1 is said of what was run and judged, or compared, and of nothing else, so that a script can tell a bug that was
found from a script that is broken. Of many runs the gravest counts: one that is violated, else one whose code failed,
else one that is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable

VALID = 0
VIOLATED = 1
BAD_USAGE = 2
UNKNOWN = 3
CODE_FAILED = 4
INTERRUPTED = 130
CLOSED_PIPE = 141
"""What a shell says of a program that a closed pipe ends."""

DIFFERENT = VIOLATED
"""Of commands that compare: the runs should be the same and are not."""

MEANINGS = {
    VALID: "valid: nothing is wrong, or what was compared is the same",
    VIOLATED: "violated: a property does not hold, or what was compared differs",
    BAD_USAGE: "bad usage: a flag, a file or a name; one line says which",
    UNKNOWN: "unknown: a limit was hit, or a verdict could not be had, kept or told (no Ray, a full disk)",
    CODE_FAILED: "the code under test failed: a node, an observer or a judge raised an exception",
    INTERRUPTED: "interrupted",
    CLOSED_PIPE: "valid as far as was seen: who reads the output closed it (| head -1)",
}
_GRAVEST = (VIOLATED, CODE_FAILED, BAD_USAGE, UNKNOWN)


def gravest(statuses: Iterable[int]) -> int:
    """The status of many runs."""
    found = set(statuses)
    return next((status for status in _GRAVEST if status in found), VALID)


def meanings_text() -> str:
    """The table, a line each, for help."""
    return "\n".join(f"  {status:>3}  {meaning}" for status, meaning in MEANINGS.items())
