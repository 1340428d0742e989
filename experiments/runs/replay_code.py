"""A run as one string that can be pasted: `sc1-...` holds its scenario, seed, settings and fault plan.

    sc1-  base64url( checksum of 4 bytes  zlib( msgpack( ReplayCode ) ) )

The number is the version of what follows. What a code is of is a scenario file (`simclock.experiments.scenario_files`)
without its text, so that whatever can be set about a run is in it; or a test of pytest, with its seed and the faults
that its run is to have. A scenario of one's own is named by its file, from the folder in which the code was made.

Law: a code that no longer fits is refused in one line which says what does not fit: damaged, of another version, its
scenario or file not there, a parameter unknown. That the code under test has changed since is no refusal: it is told.
"""

from __future__ import annotations

import binascii
import os
import re
import sys
import tomllib
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from simclock.environment.network import Network
from simclock.errors import UsageError
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.code_version import CodeVersion, code_version, module_version
from simclock.experiments.scenario_files.text import write_settings
from simclock.faults import Fault
from simclock.hash_seed import hash_seed

VERSION = "sc1"
CHECK_BYTES = 4
CONTENT_BYTES_MAX = 1 << 20
SHOWN = 12
"""Characters of a code in a message."""
UNFILED = "notebook:"
"""How a scenario is named that no file has: it was defined in a cell of a notebook, or typed at a prompt."""
_CODE = re.compile(r"sc[0-9]+-")
_WRITTEN = re.compile(r"(sc[0-9]+)-([A-Za-z0-9_-]*)")


class ReplayCode(msgspec.Struct, frozen=True, array_like=True):
    """What a code holds."""

    document: dict[str, Any]
    """A scenario file, as TOML has it; of a test its `seed` and, if they are not the test's own, its `faults`."""
    code_text: str
    code_hash: str
    """Which code it was made by: see `code_version`."""
    hash_seed: str = "0"
    broken: str = ""
    """What broke: a property, or class and place of an exception."""
    digest: bytes = b""
    """Of the run; empty where it failed."""
    guard: bool = True
    test: str = ""
    """pytest's name of the test; empty where it is a scenario."""

    @property
    def scenario(self) -> str:
        """Its name, as in a scenario file."""
        return str(self.document.get("scenario", ""))

    def text(self) -> str:
        """The string that can be pasted."""
        packed = zlib.compress(msgspec.msgpack.encode(self), 9)
        return f"{VERSION}-{urlsafe_b64encode(_check(packed) + packed).decode().rstrip('=')}"

    def changed(self, now: CodeVersion) -> str:
        """A line where the code is another now than when this was made; else nothing."""
        if now.hash == self.code_hash:
            return ""
        return f"the code has changed since this was made ({self.code_text}), so the run may be another"


def is_replay_code(text: str) -> bool:
    """Whether the text can only be meant as a code."""
    return _CODE.match(text) is not None


def shown(text: str) -> str:
    """A code in a message."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def read_replay_code(text: str) -> ReplayCode:
    """What a code holds. Raises UsageError."""
    text = "".join(text.split())  # a terminal or a mail may have broken it
    written = _WRITTEN.fullmatch(text)
    if written is None and not is_replay_code(text):
        raise UsageError(f"{shown(text)}: it is no replay code, which begins with {VERSION}-")
    if written is not None and written[1] != VERSION:
        raise UsageError(f"{shown(text)}: it is of another version of simclock, whose codes begin with {VERSION}-")
    try:
        assert written is not None
        content = urlsafe_b64decode(written[2] + "=" * (-len(written[2]) % 4))
        check, packed = content[:CHECK_BYTES], content[CHECK_BYTES:]
        if check != _check(packed):
            raise ValueError("checksum")
        inflating = zlib.decompressobj()
        unpacked = inflating.decompress(packed, CONTENT_BYTES_MAX)
        return msgspec.msgpack.decode(unpacked, type=ReplayCode)
    except (AssertionError, ValueError, binascii.Error, zlib.error, msgspec.MsgspecError):
        raise UsageError(f"{shown(text)}: the replay code is damaged: paste all of it, from {VERSION}- on") from None


def _check(packed: bytes) -> bytes:
    return blake2b(packed, digest_size=CHECK_BYTES).digest()


@dataclass(frozen=True, kw_only=True)
class CodeMaker:
    """Makes codes of runs of one scenario, made of the same classes: which code they are of is looked up once."""

    name: str
    """Of the scenario, in a scenario file of any folder."""
    own: Network | None = None
    """The network that the scenario has by itself: its latency need not be written again."""
    guard: bool = True
    _version: list[CodeVersion] = field(default_factory=list)

    def code(self, settings: Settings, broken: str = "", digest: str = "") -> str:
        """The code of the run with these settings."""
        if not self._version:
            self._version.append(code_version(self.name, *settings.replaced_by))
        text, hashed = self._version[0]
        replaced = tuple(each._replace(where=from_here(each.where)) for each in settings.replaced)
        near = replace(settings, replaced=replaced)
        document = tomllib.loads(write_settings(from_here(self.name), near, self.own))
        held = ReplayCode(document, text, hashed, hash_seed(), broken, bytes.fromhex(digest), self.guard)
        return held.text()


def from_here(name: str) -> str:
    """A scenario's name with its file's path from this folder on, if it lies below."""
    module, colon, rest = name.rpartition(":")
    if not module.endswith(".py"):
        return name
    near = os.path.relpath(module, Path.cwd())
    return name if near.startswith("..") else f"{near}{colon}{rest}"


def name_of(scenario: Any) -> str:
    """What names a function, or a Scenario, that Python has: its file and name, or that no file has it."""
    name = getattr(scenario, "__qualname__", "") or getattr(scenario, "name", type(scenario).__name__)
    module = sys.modules.get(getattr(scenario, "__module__", "") or "")
    file = getattr(module, "__file__", None) or ""
    if file.endswith(".py") and getattr(module, name, None) is scenario:
        return f"{Path(file).resolve()}:{name}"
    return f"{UNFILED}{name.rpartition('.')[2]}"


def code_of_test(test: str, module: ModuleType, seed: int, faults: tuple[Fault, ...] | None) -> str:
    """The code of a test of pytest, run with a seed, and with these faults in place of its own."""
    version = module_version(module)
    document: dict[str, Any] = {"seed": seed}
    if faults is not None:
        document["faults"] = tomllib.loads(write_settings("", replace(Settings(), faults=faults)))["faults"]
    return ReplayCode(document, version.text, version.hash, hash_seed(), test=test).text()


def seed_of(document: Mapping[str, Any]) -> int:
    """The seed of a code's document, which has one."""
    seed = document.get("seed")
    if type(seed) is not int:
        raise UsageError("the replay code has no seed")
    return seed
