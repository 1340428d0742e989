"""The core of the kernel that this process runs on: the compiled one where it was built, else the plain one.

SIMCLOCK_KERNEL=plain or SIMCLOCK_KERNEL=compiled in the environment forces one. Both give the same digests, traces and
errors; the compiled one is quicker, a debugger steps into the plain one.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from simclock.errors import UsageError

__all__ = ["KERNEL", "EventQueue", "Generator", "HostCore", "KernelOwned", "ProcessCore"]

VARIABLE = "SIMCLOCK_KERNEL"
PLAIN = "plain"
COMPILED = "compiled"
KEY_BYTES = 32
"""Of a generator's key."""
SOURCES = ("_kernel.pyx", "_encoding.pxi", "_generator.pxi", "_queue.pxi", "_blake2b.h")
"""What the compiled core is built from."""


def _chosen() -> ModuleType:
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", PLAIN, COMPILED):
        raise UsageError(f"{VARIABLE}: {wanted!r} is no kernel: set it to {PLAIN} or {COMPILED}, or leave it out")
    if wanted != PLAIN:
        compiled, lacking = _compiled()
        if compiled is not None:
            return compiled
        if wanted:
            raise UsageError(f"{VARIABLE}: the compiled kernel {lacking}")
    return import_module("simclock.kernel._kernel")


def _compiled() -> tuple[ModuleType | None, str]:
    """The compiled core, or why there is none."""
    try:
        compiled = import_module("simclock.kernel._compiled")
    except ImportError:
        return None, "was not built here: install simclock where a C compiler is"
    built_from: str = compiled.BUILT_FROM
    if built_from != _sources(Path(__file__).parent, built_from):
        return None, "was built from other code than this: install simclock anew"
    return compiled, ""


def _sources(folder: Path, without: str) -> str:
    """A hash of what the compiled core is built from; `without` where the sources are not there."""
    made = blake2b(digest_size=16)
    try:
        for name in SOURCES:
            made.update((folder / name).read_bytes())
    except OSError:
        return without
    return made.hexdigest()


def other_kernel() -> str:
    """The kernel that this process does not run on; empty where there is none."""
    if KERNEL == COMPILED:
        return PLAIN
    return COMPILED if built() else ""


def built() -> bool:
    """Whether there is a compiled kernel here."""
    return _compiled()[0] is not None


def of_workers() -> str:
    """SIMCLOCK_KERNEL for processes that carry a run for this one: its kernel, where they have it, else the plain."""
    return PLAIN if KERNEL == PLAIN else ""


if TYPE_CHECKING:
    from simclock.kernel._kernel import EventQueue, Generator, HostCore, KernelOwned, ProcessCore
else:
    _core = _chosen()
    EventQueue, Generator = _core.EventQueue, _core.Generator
    HostCore, KernelOwned, ProcessCore = _core.HostCore, _core.KernelOwned, _core.ProcessCore
    KERNEL = _core.NAME

KERNEL: str
"""Its name."""
