"""Which code a result came from: a text for people, and a hash that tells whether it has changed since.

The hash is over the sources of our packages, the scenario's module and what that has imported from its own folder; the
text names the git commit where our sources are tracked by git, else the package's version.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from simclock.actors.placements.installed import travels_by_value
from simclock.machinery import IMPORTED_FROM, ROOT

SOURCES = ("simclock", "actors", "protocols", "experiments")
"""Where they lie in a checkout."""
HASH_BYTES = 8
GIT_TIMEOUT_S = 10


class CodeVersion(NamedTuple):
    """The code of a sweep."""

    text: str
    """Such as `git 3cfbb3b1a2c4`, `git 3cfbb3b1a2c4 + changes` or `0.1.0`."""
    hash: str
    """16 hexadecimal digits; equal exactly where all sources are."""


def code_version(*names: str) -> CodeVersion:
    """Of our packages and the modules of what has been found, a scenario or a class: by its name in a scenario file."""
    return _version(each for found in names for each in _scenario_sources(found))


def module_version(module: ModuleType) -> CodeVersion:
    """Of our packages, that module, and the user's own modules from which it has what it names."""
    homes = {getattr(value, "__module__", None) or getattr(value, "__name__", "") for value in vars(module).values()}
    files = {getattr(sys.modules.get(name), "__file__", None) for name in homes if isinstance(name, str)}
    own = {Path(file).resolve() for file in (*files, module.__file__) if file and file.endswith(".py")}
    return _version((path.name, path) for path in sorted(own) if not path.is_relative_to(sys.prefix))


def _version(user_sources: Iterable[tuple[str, Path]]) -> CodeVersion:
    hashed = blake2b(digest_size=HASH_BYTES)
    for name, path in (*_own_sources(), *user_sources):
        content = path.read_bytes()
        hashed.update(f"{name}\0{len(content)}\0".encode())
        hashed.update(content)
    return CodeVersion(_git_text() or _package_text(), hashed.hexdigest())


def _own_sources() -> Iterator[tuple[str, Path]]:
    walked = os.walk(ROOT, followlinks=True)  # in a checkout some of its rooms are links
    for path in sorted(Path(folder, name) for folder, _, names in walked for name in names if name.endswith(".py")):
        yield path.relative_to(ROOT).as_posix(), path


def _scenario_sources(scenario: str) -> Iterator[tuple[str, Path]]:
    """The scenario's module and the user's own modules beside it."""
    module, _, _ = scenario.rpartition(":")
    if not module:
        return
    file = module if module.endswith(".py") else getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return
    main = Path(file).resolve()
    yield main.name, main
    paths = set()
    for name, each in list(sys.modules.items()):
        origin = getattr(each, "__file__", None)
        if origin and origin.endswith(".py") and name != "__main__" and travels_by_value(name):
            path = Path(origin).resolve()
            if path.is_relative_to(main.parent) and path != main:
                paths.add(path)
    for path in sorted(paths):
        yield path.relative_to(main.parent).as_posix(), path


def _git_text() -> str:
    """The commit of our sources, empty where git does not track them."""
    import subprocess

    try:
        if not _git("ls-files", "simclock/__init__.py"):
            return ""
        commit = _git("rev-parse", "--short=12", "HEAD").strip()
        changed = _git("status", "--porcelain", "--", *SOURCES)
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"git {commit} + changes" if changed else f"git {commit}"


def _git(*arguments: str) -> str:
    import subprocess

    done = subprocess.run(
        ["git", "-C", str(IMPORTED_FROM), *arguments], capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_S
    )
    return done.stdout


def _package_text() -> str:
    from importlib.metadata import PackageNotFoundError, version  # it brings the whole of `email`

    try:
        return version("simclock")
    except PackageNotFoundError:
        return "unknown"
