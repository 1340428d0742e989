"""Methods that look like handlers and that nobody calls: `on_mesage` of a node, which then hears nothing.

A method counts as one if its name is close to a handler's, in any spelling of words (`onMessage`, `on_msg`), and the
code of its class does not speak of it.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

NODE_HANDLERS = ("on_start", "on_message", "on_timer")
OBSERVER_HANDLERS = ("on_observation", "on_finish")
CLOSE = 0.72
"""As difflib measures it: `on_msg` and `on_timeout` are close to a handler, `on_commit` is not."""


def misspelt_handlers(cls: type[Any], handlers: tuple[str, ...]) -> tuple[str, ...]:
    """A line for each method of a class that is likely meant to be one of the handlers."""
    return _misspelt(cls, handlers)  # type: ignore[arg-type] # an Observer may define __eq__; its class is hashable


@lru_cache(maxsize=256)
def _misspelt(cls: type[Any], handlers: tuple[str, ...]) -> tuple[str, ...]:
    own = [each for each in cls.__mro__ if each.__module__.partition(".")[0] not in ("simclock", "actors", "builtins")]
    called = {name for each in own for method in vars(each).values() for name in _names_in(method)}
    return tuple(
        f"{cls.__qualname__}.{name} is never called: is it meant to be {handler}?"
        for each in own
        for name, value in vars(each).items()
        if isinstance(value, types.FunctionType) and name not in handlers and name not in called and _plain(name)
        for handler in get_close_matches(_plain(name), handlers, n=1, cutoff=CLOSE)
    )


def _plain(name: str) -> str:
    """`onMessage` and `on_Message` as `on_message`; what does not begin with "on" is close to nothing."""
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name.lstrip("_"))
    words = words.replace("__", "_").strip("_")
    return words if words.startswith("on") else ""


def _names_in(method: object) -> Iterator[str]:
    """What a method's code calls or names, in functions within it too."""
    method = getattr(method, "__func__", getattr(method, "fget", method))  # of a class or static method, a property
    code = getattr(method, "__code__", None)
    waiting = [code] if isinstance(code, types.CodeType) else []
    while waiting:
        code = waiting.pop()
        yield from code.co_names
        yield from (value for value in code.co_consts if isinstance(value, str))
        waiting += [value for value in code.co_consts if isinstance(value, types.CodeType)]
