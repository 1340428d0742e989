"""Commands run under one PYTHONHASHSEED, so that the line which replays a run always holds.

Python draws a hash seed when a process begins, and it decides in which order a set of strings is walked through; a node
that does so would behave otherwise in every shell. So a process is started again under the usual hash seed, before
anything else is imported (it costs one bare start of Python), unless the user has set one.

This module imports nothing of ours where it need not: most of a start is imports.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

VARIABLE = "PYTHONHASHSEED"
USUAL = "0"
ASKED_FOR = "SIMCLOCK_HASH_SEED"
"""Set, to the hash seed, in a process that was started again because a recorded result asks for it."""


def drawn() -> bool:
    """Whether this process's hash seed was drawn, and another one would be heeded."""
    flags = sys.flags
    return bool(flags.hash_randomization) and not flags.ignore_environment and _set() is None


def _set() -> str | None:
    text = os.environ.get(VARIABLE, "")
    return text if text.isdecimal() else None


def under_one_hash_seed() -> None:
    """Start this process again under the usual hash seed, where it has a drawn one; else nothing."""
    if drawn():
        with suppress(OSError):  # it then goes on as it is, and the report says so
            start_again(USUAL)


def start_again(hash_seed: str, **environment: str) -> NoReturn:
    """Start this process again, the same command in the same place, with its files and its terminal."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    command = [sys.executable, *sys.orig_argv[1:]]
    variables = {**os.environ, VARIABLE: hash_seed, **environment}
    if os.name == "nt":  # there `exec` is a new process, and the shell would not wait for it
        import subprocess

        sys.exit(subprocess.run(command, env=variables, check=False).returncode)
    os.execve(sys.executable, command, variables)


_commands: list[str] = []
"""What this process is, where it is a command and nothing else: it may be started again."""


def this_is_the_command() -> None:
    """Say that this process is the command `simclock`, and nothing else."""
    _commands.append("simclock")
    under_one_hash_seed()


def under_hash_seed(hash_seed: str, mine: str, what: str) -> None:
    """Have the command be a process with this hash seed, where `mine` is another.

    Another process goes on as it is, and its report names its hash seed. Of several results in one command, all must
    ask for the same one.
    """
    if hash_seed == mine or not _commands:
        return
    if sys.flags.ignore_environment or os.environ.get(ASKED_FOR) == mine:
        from simclock.errors import UsageError

        raise UsageError(f"{what} ran under {VARIABLE}={hash_seed}, and this process has {mine}: set it to {hash_seed}")
    start_again(hash_seed, **{ASKED_FOR: hash_seed})
