"""What a local Ray leaves on this machine, and its removal. No Ray is started: its processes are played."""

import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simclock.actors.placements.local_ray import LOCK, PREFIX, keep_token_private, local_ray_folder, remove_left_behind

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells who writes where")
LOG = "session/logs/agent.log"
WAIT_S = 30


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where local Rays of this test have their folders; a short name, as a socket's must be."""
    folder = tempfile.mkdtemp(prefix="t", dir="/tmp")
    monkeypatch.setenv("RAY_TMPDIR", folder)
    yield Path(folder)
    shutil.rmtree(folder, ignore_errors=True)


def agent(folder: Path, mode: str = "w", *more: str) -> subprocess.Popen[bytes]:
    """A process that has a log there open, as Ray's agents have, and does not end by itself.

    `more` is what it is started with; Ray's own are given the folder's name, or call themselves `ray::` and something.
    """
    log = folder / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
    with log.open(mode) as stream:
        # Its own session: it is not ended with who started it.
        command = [sys.executable, "-c", "input()", *(more or [str(folder)])]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=stream, start_new_session=True)


def test_the_folder_is_its_users_alone_and_gone_at_the_end(place: Path) -> None:
    with local_ray_folder() as name:
        assert name is not None
        folder = Path(name)
        assert folder.parent == place
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        running = agent(folder)
    assert running.wait(WAIT_S) == -signal.SIGKILL
    assert list(place.iterdir()) == []


STARTER = """
import subprocess, sys
from pathlib import Path
from simclock.actors.placements.local_ray import local_ray_folder
with local_ray_folder() as folder:
    log = Path(folder, "agent.log").open("w")
    command = ["ray::Agent", "-c", "input()"]
    left = subprocess.Popen(
        command, executable=sys.executable, stdin=subprocess.PIPE, stderr=log, start_new_session=True
    )
    print(folder, left.pid, flush=True)
    input()
"""


def test_who_kills_the_starter_leaves_nothing(place: Path) -> None:
    """At once, and without another local Ray: a process of its own waits for the starter's end."""
    command = [sys.executable, "-c", STARTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        folder, left = starter.stdout.readline().split()
        ended = os.pidfd_open(int(left))
        assert Path(folder, LOCK).exists()
        starter.kill()
    try:
        assert select.select([ended], [], [], WAIT_S)[0], "what it started still runs"
    finally:
        os.close(ended)
    until = time.monotonic() + WAIT_S
    while list(place.iterdir()) and time.monotonic() < until:  # the folder's removal follows, within moments
        time.sleep(0.01)
    assert list(place.iterdir()) == []


def test_the_next_local_ray_removes_what_is_left_behind_and_nothing_else(place: Path) -> None:
    left, held, other = (place / f"{PREFIX}left", place / f"{PREFIX}held", place / "ray")
    running = {folder: agent(folder) for folder in (left, held, other)}
    reader, starter = agent(left, "r"), agent(left, "w", "a simclock that goes on")
    lock = hold(held)
    try:
        remove_left_behind(place)
        assert running[left].wait(WAIT_S) == -signal.SIGKILL
        assert sorted(place.iterdir()) == sorted([held, other]), "a Ray that runs, and one that was not started here"
        for process in (running[held], running[other], reader, starter):  # the reader may be the user himself
            process.communicate(b"end now\n", WAIT_S)
            assert process.returncode == 0, "it was not killed"
    finally:
        os.close(lock)
        for process in (*running.values(), reader, starter):
            process.kill()
            process.wait()


def hold(folder: Path) -> int:
    import fcntl

    lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def test_a_folder_that_leads_elsewhere_is_not_followed(place: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    (place / f"{PREFIX}link").symlink_to(tmp_path)
    remove_left_behind(place)
    assert list(tmp_path.iterdir()) == [tmp_path / "precious"]


def test_a_place_too_long_for_a_socket_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with local_ray_folder() as folder:
        assert folder is not None
        assert Path(folder).parent == Path("/tmp")


# Its token.


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_token_is_made_once_and_readable_by_its_user_alone(home: Path) -> None:
    before = os.umask(0)
    try:
        keep_token_private()
    finally:
        os.umask(before)
    token = home / ".ray" / "auth_token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    made = token.read_text()
    assert len(bytes.fromhex(made)) == 32
    keep_token_private()
    assert token.read_text() == made
    assert list(token.parent.iterdir()) == [token]


@pytest.mark.parametrize(
    ("name", "value"), [("RAY_AUTH_MODE", "disabled"), ("RAY_AUTH_TOKEN", "0" * 64), ("RAY_AUTH_TOKEN_PATH", "/x")]
)
def test_no_token_is_made_where_the_user_has_another_way(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    keep_token_private()
    assert not (home / ".ray").exists()
