"""Which modules are installed, and so are where a worker lives too; what else there is travels with what names it."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from functools import cache
from pathlib import Path

from simclock.machinery import PACKAGE


def travels_by_value(module_name: str) -> bool:
    """Whether things of that module may be unknown to a worker."""
    if module_name == "__main__":
        return True
    if module_name.partition(".")[0] == PACKAGE:
        return False
    module = sys.modules.get(module_name)
    if module is None:
        return True
    origin = getattr(module, "__file__", None)
    if origin is None:
        return not hasattr(module, "__path__") and module_name not in sys.builtin_module_names
    # A package manager may put links into site-packages, to files that lie somewhere else.
    paths = (os.path.abspath(origin), str(Path(origin).resolve()))
    return not any(path.startswith(installed_folders()) for path in paths)


@cache
def installed_folders() -> tuple[str, ...]:
    """Where Python and its package managers put modules."""
    folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders.update((*site.getsitepackages(), site.getusersitepackages()))
    return tuple(
        str(path) for folder in folders if folder for path in (Path(folder).absolute(), Path(folder).resolve())
    )
