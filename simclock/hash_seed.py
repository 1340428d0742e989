"""The PYTHONHASHSEED of this process: what decides in which order a set of strings is walked through.

A node should not depend on it (`simclock check-determinism` names the line of one that does), but a run of one that
does must be the same again on its replay line. So everything that runs scenarios does so under the usual one, or under
one that the user has set.
"""

from __future__ import annotations

import os
import sys

USUAL = "0"
RANDOM = "random"
VARIABLE = "PYTHONHASHSEED"

_AT_START = os.environ.get(VARIABLE, RANDOM)
"""As of the import: to set it later changes nothing in this process."""


def hash_seed() -> str:
    """Of this process, a whole number as text; RANDOM where it was drawn as the process began, and nobody knows it."""
    if not sys.flags.hash_randomization:
        return "0"
    if sys.flags.ignore_environment or not _AT_START.isdecimal() or not int(_AT_START):
        return RANDOM
    return str(int(_AT_START))


def of_workers() -> str:
    """Of processes that carry a run for this one: its own, or the usual one where nobody knows it."""
    seed = hash_seed()
    return USUAL if seed == RANDOM else seed


def on_command_line() -> str:
    """What begins a command line that is to run under this process's hash seed: `PYTHONHASHSEED=5 `, or nothing."""
    seed = hash_seed()
    return "" if seed in (USUAL, RANDOM) else f"{VARIABLE}={seed} "
