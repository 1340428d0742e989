"""The determinism guard: while a node's code runs, what reads the real world is refused by name.

Law: nothing outside a node's code is affected. The guarded functions look first whether this thread is inside
`handling()`, which a placement opens around `Host.advance`; everywhere else (the scheduler, observers, Ray's threads,
pytest) they do what they always did. They are in place from the first run's start to the last run's end.

Rule 1: a module's function is replaced in its module, and by identity in the globals of the user's own modules, so that
        `from time import time` is seen too.
Rule 2: classes written in Python (`socket.socket`, `threading.Thread`, `subprocess.Popen`, `random.Random`) get another
        method; the class stays what it is.
Rule 3: `datetime.now`, `utcnow` and `today` are methods of C classes, which refuse new attributes. The class's own dict
        is reached through `gc`, and CPython told that it changed (as the forbiddenfruit package does), because another
        class in its place would not be the type of existing values, nor be pickled under its name.
Rule 4: what a tool does in the middle of a handler is let through: logging, warnings, a debugger, a finalizer.

Limits. Not seen: a reference taken before the run and kept elsewhere than in a module's globals (a default argument, a
class attribute, an object's field: `def f(now=time.time)`), except of classes under rules 2 and 3; extension modules
that ask the system themselves; files; `id`, `hash` of text, the order of a set, `os.getpid`; state that nodes share.
`simclock check-determinism` finds these by their effect. Rule 3 needs CPython and its `ctypes`.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import sysconfig
from _thread import allocate_lock, get_ident
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from site import getsitepackages
from types import FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from simclock.errors import NondeterminismError
from simclock.guarding.forbidden import CLASS_METHODS, FUNCTIONS, METHODS, Forbidden
from simclock.guarding.late_modules import LateModules
from simclock.machinery import PACKAGE, is_machinery

_TOLERATED = {"logging", "warnings", "weakref", "importlib", "linecache", "traceback", "pdb", "bdb", "faulthandler"}
_TOLERATED |= {"coverage", "ray", "_pytest", "pytest_timeout", "hypothesis", "debugpy", "pydevd"}
"""Packages whose use of the real world, in the middle of a handler, does not reach the protocol."""
_HOST = "simclock.kernel.host"

CLASS_CHANGES_MAX = 100
"""Runs of a process after which classes keep their guarded methods, which outside a node's code pass everything on:
CPython stops caching look-ups in a class that has changed a thousand times."""

_handling: set[int] = set()
"""Threads that are inside a node's code."""
_lock = allocate_lock()
_runs: set[object] = set()
_undo: list[Callable[[], None]] = []
_undo_classes: list[Callable[[], None]] = []
_times_changed = [0]
"""How often classes were changed in this process."""
_wrappers: dict[int, Any] = {}
"""id of a forbidden function -> what stands in its place."""
_free: dict[int, tuple[dict[str, Any], int]] = {}
"""id of the globals of a module of this package in which no forbidden function is named -> they, and how many."""
_free_of: set[int] = set()
"""The forbidden functions of which that holds."""


class handling(AbstractContextManager[None]):
    """What happens inside `with` this, in this thread, is a node's code.

    A Ctrl-C may come behind any call. As a generator this would stay open where one came while it was entered, and all
    that the thread does from then on would pass for a node's code.
    """

    __slots__ = ("_outer",)

    def __enter__(self) -> None:
        thread = get_ident()
        self._outer = thread in _handling
        try:
            _handling.add(thread)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_error: object) -> None:
        if not self._outer:
            _handling.discard(get_ident())


class _Lifted(AbstractContextManager[None]):
    """What happens inside `with` this is not a node's code, also where that is not what goes on; entered often."""

    __slots__ = ("_inside",)

    def __enter__(self) -> None:
        thread = get_ident()
        self._inside = thread in _handling
        _handling.discard(thread)

    def __exit__(self, *_error: object) -> None:
        if self._inside:
            _handling.add(get_ident())


@contextmanager
def installed(build: Callable[..., Any]) -> Iterator[None]:
    """Keep the guard in place; `build` leads to code that stands in no module here, as on a Ray worker."""
    this_run = object()
    try:
        with _lock:
            _runs.add(this_run)
            if len(_runs) == 1:
                _install()
            _guard_names(build)
        yield
    finally:
        with _lock:
            _runs.discard(this_run)
            if not _runs:
                _remove()


class Guarding(NamedTuple):
    """What a placement puts around a run, around every `Host.advance`, and around what a host calls that is no node."""

    run: AbstractContextManager[None]
    advance: Callable[[], AbstractContextManager[None]]
    lifted: AbstractContextManager[None]


def guarding(build: Callable[..., Any], on: bool) -> Guarding:
    """The guard, or nothing where it is off."""
    return (
        Guarding(installed(build), handling, _Lifted()) if on else Guarding(nullcontext(), nullcontext, nullcontext())
    )


# What stands in place of a forbidden function.


def _check(forbidden: Forbidden, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    """Raise if a node's code is calling."""
    if get_ident() not in _handling or (forbidden.allowed is not None and forbidden.allowed(arguments, named)):
        return
    frame = sys._getframe(2)
    while frame is not None:  # who called whom, up to the host
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if frame.f_globals.get("__name__") == _HOST:
            break
        if package in _TOLERATED or frame.f_code.co_name == "__del__":
            return
        frame = frame.f_back  # type: ignore[assignment]
    raise NondeterminismError(forbidden.call, forbidden.why, forbidden.instead)


class _Function:
    """In place of a function of a module. No `__get__`: a built-in kept in a class does not bind either."""

    __slots__ = ("_forbidden", "_original")

    def __init__(self, original: Any, forbidden: Forbidden) -> None:
        self._original = original
        self._forbidden = forbidden

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        _check(self._forbidden, arguments, named)
        return self._original(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _named, (self._forbidden.module, self._forbidden.name)


def _named(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


def _method(original: Any, forbidden: Forbidden) -> Any:
    def guarded(self: Any, *arguments: Any, **named: Any) -> Any:
        _check(forbidden, arguments, named)
        return original(self, *arguments, **named)

    guarded.__name__ = guarded.__qualname__ = forbidden.name
    return guarded


def _class_method(original: Any, forbidden: Forbidden) -> Any:
    def guarded(cls: Any, *arguments: Any, **named: Any) -> Any:
        _check(forbidden, arguments, named)
        return original.__get__(None, cls)(*arguments, **named)

    guarded.__name__ = guarded.__qualname__ = forbidden.name
    return classmethod(guarded)


# Putting it there.


def _install() -> None:
    for forbidden in FUNCTIONS:
        if forbidden.needs and forbidden.needs not in sys.modules:
            continue
        _replace(sys.modules.get(forbidden.module) or import_module(forbidden.module), forbidden)
    late = LateModules({forbidden.module for forbidden in FUNCTIONS if forbidden.needs}, _replace_late)
    late.watch()
    _undo.append(late.leave)
    if not _undo_classes:
        _install_in_classes()


def _replace(module: ModuleType, forbidden: Forbidden) -> None:
    original = getattr(module, forbidden.name, None)
    if original is None or isinstance(original, _Function):  # this platform, or this CPython, does not have it
        return
    wrapper = _wrappers.setdefault(id(original), _Function(original, forbidden))
    setattr(module, forbidden.name, wrapper)
    _undo.append(partial(setattr, module, forbidden.name, original))


def _replace_late(name: str) -> None:
    """Nobody had imported the module when the run began."""
    for forbidden in FUNCTIONS:
        if forbidden.module == name:
            _replace(sys.modules[name], forbidden)


def _install_in_classes() -> None:
    _times_changed[0] += 1
    for forbidden in METHODS:
        cls = getattr(import_module(forbidden.module), forbidden.owner)
        original = cls.__dict__[forbidden.name]
        setattr(cls, forbidden.name, _method(original, forbidden))
        _undo_classes.append(partial(setattr, cls, forbidden.name, original))
    for forbidden in CLASS_METHODS:
        cls = getattr(import_module(forbidden.module), forbidden.owner)
        original = cls.__dict__[forbidden.name]
        _set_in_c_class(cls, forbidden.name, _class_method(original, forbidden))
        _undo_classes.append(partial(_set_in_c_class, cls, forbidden.name, original))


def _remove() -> None:
    while _undo:
        _undo.pop()()
    _wrappers.clear()
    while _undo_classes and _times_changed[0] < CLASS_CHANGES_MAX:
        _undo_classes.pop()()


def _set_in_c_class(cls: type, name: str, value: Any) -> None:
    """Rule 3."""
    (names,) = (each for each in gc.get_referents(cls.__dict__) if isinstance(each, dict))
    names[name] = value
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(cls))


def _guard_names(build: Callable[..., Any]) -> None:
    """Rule 1: replace forbidden functions in the globals of the user's modules, and of what `build` leads to."""
    if _wrappers.keys() != _free_of:
        _free.clear()
        _free_of.clear()
        _free_of.update(_wrappers)
    for names in (*_modules_of_the_user(), *_reachable(build)):
        if _wrappers.keys().isdisjoint(map(id, names.values())):
            if _is_own_module(names):
                _free[id(names)] = names, len(names)
            continue
        for name, value in list(names.items()):
            wrapper = _wrappers.get(id(value))
            if wrapper is not None and value is not wrapper:
                names[name] = wrapper
                _undo.append(partial(names.__setitem__, name, value))


def _modules_of_the_user() -> Iterator[dict[str, Any]]:
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and _is_of_the_user(name, getattr(module, "__file__", None)):
            names = vars(module)
            _, count = _free.get(id(names), (None, -1))
            if len(names) != count:  # a run of a sweep is short, and the modules of this package are many
                yield names


def _is_own_module(names: dict[str, Any]) -> bool:
    """Whether these are the globals of a module of this package, which lead to nobody's code but ours."""
    name = str(names.get("__name__"))
    return name.startswith(f"{PACKAGE}.") and getattr(sys.modules.get(name), "__dict__", None) is names


def _reachable(build: Callable[..., Any]) -> Iterator[dict[str, Any]]:
    """The globals of the functions and classes that `build` names, directly or through others of the user."""
    waiting: list[Any] = [build]
    seen: set[int] = set()
    expanded: set[int] = set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, FunctionType):
            names = thing.__globals__
            if not _is_of_the_user(str(names.get("__name__")), names.get("__file__")):
                continue
            if id(names) not in seen and not _is_own_module(names):
                seen.add(id(names))
                waiting += names.values()
                yield names
            waiting += [cell.cell_contents for cell in thing.__closure__ or () if _is_filled(cell)]
        elif isinstance(thing, type):
            for cls in thing.__mro__[:-1]:
                if id(cls) not in expanded and _is_class_of_the_user(cls):
                    expanded.add(id(cls))
                    waiting += vars(cls).values()
        elif isinstance(thing, staticmethod | classmethod | MethodType):
            waiting.append(thing.__func__)
        elif isinstance(thing, property):
            waiting += (thing.fget, thing.fset)
        elif isinstance(thing, partial):
            waiting += (thing.func, *thing.args, *thing.keywords.values())
        elif thing is build:
            waiting += (type(thing), *getattr(thing, "__dict__", {}).values())


def _is_class_of_the_user(cls: type) -> bool:
    """One whose module is unknown here has travelled, and is somebody's own."""
    module = sys.modules.get(cls.__module__)
    return module is None or _is_of_the_user(cls.__module__, getattr(module, "__file__", None))


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


@cache
def _is_of_the_user(module: str, file: str | None) -> bool:
    """Whether a module is neither Python's, nor installed, nor the kernel's."""
    package = module.partition(".")[0]
    if is_machinery(module) or package in sys.builtin_module_names:
        return False
    if package == PACKAGE:
        return True
    if file is None:
        return package == "__main__"
    return not str(Path(file).resolve()).startswith(_installed_folders())


@cache
def _installed_folders() -> tuple[str, ...]:
    folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders.update(getsitepackages())
    return tuple(str(Path(folder).resolve()) for folder in folders if folder)
