"""Failing seeds of tests, kept from one run of pytest to the next: a file for each test, in pytest's cache.

Law: a test is run by one process, which alone writes its file, whole or not at all; so the workers of pytest-xdist, or
two sessions at once, lose nothing to each other. A cache that cannot be written keeps nothing, and fails no test.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

FOLDER = "simclock-failing-seeds"
KEPT_MAX = 10
"""Seeds kept of a test: each of them is run before any other."""


@dataclass(frozen=True)
class KeptSeeds:
    """What is kept of one test."""

    folder: Path | None
    """None: pytest has no cache."""
    test: str
    """pytest's name of it."""

    def read(self) -> list[int]:
        """Seeds that failed and have not passed since, the last that failed first."""
        if self.folder is None:
            return []
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._file(self.folder).read_text(encoding="utf-8"))
            if kept["test"] == self.test:
                return [seed for seed in kept["seeds"] if type(seed) is int and seed >= 0]
        return []

    def keep(self, seed: int) -> None:
        """It has failed."""
        self._write([seed, *(other for other in self.read() if other != seed)][:KEPT_MAX])

    def drop(self, seed: int) -> None:
        """It has passed."""
        self._write([other for other in self.read() if other != seed])

    def _write(self, seeds: list[int]) -> None:
        if self.folder is None:
            return
        file = self._file(self.folder)
        part = file.with_name(f"{file.name}.{os.getpid()}")
        with suppress(OSError):
            if not seeds:
                file.unlink(missing_ok=True)
                return
            part.write_text(json.dumps({"test": self.test, "seeds": seeds}) + "\n", encoding="utf-8")
            part.replace(file)

    def _file(self, folder: Path) -> Path:
        return folder / f"{blake2b(self.test.encode(errors='replace'), digest_size=12).hexdigest()}.json"
