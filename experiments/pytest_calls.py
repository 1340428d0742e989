"""How a test over seeds is called, here and on workers."""

from __future__ import annotations

import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

FAILURES = (Exception, SystemExit, pytest.fail.Exception)
"""What a failing test raises; a skip is none of them."""


def call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Run the test with one seed; a coroutine that nobody awaits would pass whatever it says."""
    result = function(**arguments)
    if isinstance(result, Awaitable | AsyncGenerator):
        if isinstance(result, Coroutine):
            result.close()
        pytest.fail("a test over seeds is a plain function: what is async calls asyncio.run in it", False)


@dataclass(frozen=True)
class Caller:
    """Calls the test with seeds, on a worker."""

    function: Callable[..., Any]
    arguments: Mapping[str, Any]

    def first_failing(self, seeds: Sequence[int]) -> tuple[int, str] | None:
        """Position among these of the first seed that fails, and the traceback."""
        for position, seed in enumerate(seeds):
            try:
                call(self.function, {**self.arguments, "seed": seed})
            except FAILURES:
                return position, traceback.format_exc()
        return None


@dataclass(frozen=True)
class Batches:
    """The batches of one test, by number."""

    caller: Caller
    batches: Sequence[Sequence[int]]

    def __call__(self, number: int) -> tuple[int, str] | None:
        return self.caller.first_failing(self.batches[number])
