"""Modules that are first imported while a run goes: told of right after their code has run, before anybody has a name.

Law: the module, its loader and what `inspect` says of it are those of an import that nobody watches.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType


class LateModules:
    """Looks on, first in `sys.meta_path`, while others find modules of these names."""

    def __init__(self, names: Collection[str], imported: Callable[[str], None]) -> None:
        self._names = names
        self._imported = imported

    def watch(self) -> None:
        """From here on."""
        sys.meta_path.insert(0, self)

    def leave(self) -> None:
        """As if nobody had looked."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the finders behind this one find."""
        if fullname not in self._names:
            return None
        for finder in [each for each in sys.meta_path if each is not self]:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if isinstance(spec.loader, SourceFileLoader):
                    self._tell_when_run(spec.loader)
                return spec
        return None

    def _tell_when_run(self, loader: SourceFileLoader) -> None:
        """A loader is one module's own: for once it has another method."""
        exec_module = loader.exec_module

        def exec_and_tell(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            exec_module(module)
            if self in sys.meta_path:
                self._imported(module.__name__)

        vars(loader)["exec_module"] = exec_and_tell
