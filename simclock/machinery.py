"""Which code is the machinery's, and which is a protocol's, a scenario's or a user's.

The machinery (the kernel, the environment, the placements) raises for what somebody's line has done, so errors are told
from that line on; and it alone may ask the real world. Protocols and experiments lie in the same installed package, and
are treated as a user's own code is.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path

PACKAGE = "simclock"
ROOT = Path(__file__).parent
"""The installed package; in a checkout `protocols` and its neighbours are links in it."""
IMPORTED_FROM = ROOT.parent
"""The folder in which Python finds it."""
NOT_MACHINERY = ("protocols", "experiments")
"""Rooms of the package whose code is judged as a user's is."""
_LIBRARY = (str(Path(traceback.__file__).parent), "<frozen ")
"""Python's own; installed packages live below it too."""
_OURS = f"{ROOT}{os.sep}"
_COMPILED = f"{PACKAGE}{os.sep}kernel{os.sep}_"
"""The compiled kernel's, named from the folder where it was built."""
_JUDGED = tuple(f"{ROOT / room}{os.sep}" for room in NOT_MACHINERY)


def is_machinery_file(filename: str) -> bool:
    """Whether that file of a traceback is the kernel's or a placement's."""
    return filename.startswith((_OURS, _COMPILED)) and not filename.startswith(_JUDGED)


def is_library_file(filename: str) -> bool:
    """Whether that file of a traceback is Python's, or an installed package's."""
    return filename.startswith(_LIBRARY) and not filename.startswith(_OURS)


def is_machinery(module: str) -> bool:
    """Whether the module of that name is the kernel's or a placement's."""
    package, _, rest = module.partition(".")
    return package == PACKAGE and rest.partition(".")[0] not in NOT_MACHINERY
