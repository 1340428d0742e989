"""What a Ray that was started here leaves on this machine, and its removal.

Laws: a local Ray gets a folder of its own, which only its user may enter, and its starter holds a lock in it as long as
it lives: the system gives the lock back however a process ends. A small process of its own waits for that lock, ends
what still runs for the folder and removes it; where that one was killed too, the next local Ray does it. Nothing else
is touched: no other Ray, no other user's.

Run as a program with a folder's path, this file is the process that waits; it needs Python's own modules alone.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "simclock-ray-"
LOCK = "lock"
REMOVALS_MAX = 50
REMOVAL_PAUSE_S = 0.1
PLACE_CHARACTERS_MAX = 20
"""Of the folder that holds the folder: a socket's path has 107 at most, and Ray's own names take the rest."""


@contextmanager
def local_ray_folder() -> Iterator[str | None]:
    """A new folder for a local Ray, removed at the end; None, Ray's own choice, on a system without such locks."""
    if sys.platform == "win32":
        yield None
        return
    import fcntl

    place = _place()
    remove_left_behind(place)
    new = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=place))
    lock = _lock(new)
    folder = new.rename(place / new.name[1:])  # found by others only now, when it is locked
    command = [sys.executable, "-I", "-S", __file__, str(folder)]
    nothing = subprocess.DEVNULL
    # A session of its own: it outlives the terminal, and what ends the whole group of its starter.
    waiting = subprocess.Popen(
        command, stdin=nothing, stdout=nothing, stderr=nothing, cwd=os.sep, start_new_session=True
    )
    try:
        yield str(folder)
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)  # closing is not enough where a fork has it open too
        os.close(lock)
        waiting.wait()  # it removes the folder now


def remove_when_abandoned(folder: Path) -> None:
    """Wait until nobody holds the folder's lock, and remove what is left of it."""
    with suppress(FileNotFoundError):
        os.close(_lock(folder, wait=True))
        for _ in range(REMOVALS_MAX):
            _remove(folder)
            if not folder.exists():
                return
            time.sleep(REMOVAL_PAUSE_S)  # somebody was just writing there


def remove_left_behind(place: Path) -> None:
    """End and remove what local Rays left in `place` whose starters are gone."""
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):
            about = folder.lstat()
            if about.st_uid == os.getuid() and stat.S_ISDIR(about.st_mode):
                lock = _lock(folder)
                _remove(folder)
                os.close(lock)


def _place() -> Path:
    """Where Ray keeps its files, if the names are not too long for a socket there."""
    linux = sys.platform.startswith("linux")
    wanted = os.environ.get("RAY_TMPDIR") or (os.environ.get("TMPDIR") if linux else None) or "/tmp"
    return Path(wanted if len(wanted) <= PLACE_CHARACTERS_MAX and os.access(wanted, os.W_OK) else "/tmp")


def _lock(folder: Path, *, wait: bool = False) -> int:
    """The open lock of a folder; BlockingIOError where somebody else has it and we do not wait."""
    import fcntl

    lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _remove(folder: Path) -> None:
    for process_id in _left_running(folder):
        with suppress(OSError):
            os.kill(process_id, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _left_running(folder: Path) -> list[int]:
    """Ray's own processes that have a file in the folder open for writing, as all of a Ray have their logs.

    Ray's agents outlive the rest by a minute where it was killed. A process is Ray's own where it calls itself `ray::`
    or was started with the folder's name; the starter did neither, and has such files open too until it ends. Only
    Linux tells; elsewhere they end by themselves.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # another user's, or ended meanwhile
            command = (process / "cmdline").read_bytes()
            own = command.startswith(b"ray::") or os.fsencode(folder) in command
            if own and int(process.name) != os.getpid() and _writes_there(process, folder):
                found.append(int(process.name))
    return found


def _writes_there(process: Path, folder: Path) -> bool:
    return any(
        entry.lstat().st_mode & stat.S_IWUSR and os.readlink(entry).startswith(f"{folder}{os.sep}")
        for entry in (process / "fd").iterdir()
    )


def keep_token_private() -> None:
    """Make the token of local Rays where there is none yet: Ray would let everybody read it whom the umask lets."""
    named = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    if named or os.environ.get("RAY_AUTH_MODE", "token").lower() != "token":
        return
    token = Path.home() / ".ray" / "auth_token"
    with suppress(OSError):  # then Ray makes it, or tells why it cannot
        if token.exists():
            return
        token.parent.mkdir(parents=True, exist_ok=True)
        descriptor, new = tempfile.mkstemp(dir=token.parent)  # readable by its user alone
        with open(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32))
        try:
            os.link(new, token)  # never over one that another process has made meanwhile
        finally:
            os.unlink(new)


if __name__ == "__main__":
    remove_when_abandoned(Path(sys.argv[1]))
