"""Channels between scheduler and hosts, without a Ray: frames in pieces, who is let in, and connections that break."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock.actors.placements.ray import channels as module
from simclock.actors.placements.ray.channels import (
    AGAIN,
    FAILED,
    MAIL,
    STRANGERS_MAX,
    TAG,
    WINDOW,
    ChannelError,
    Channels,
    Frames,
    Invitation,
    answer_all,
    connected,
    framed,
)

WAIT_S = 60
HERE = "127.0.0.1"


# Frames.


@given(
    st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=40)), max_size=6), st.lists(st.integers(1, 30), min_size=1)
)
def test_frames_are_the_same_however_they_are_cut(sent: list[tuple[int, bytes]], sizes: list[int]) -> None:
    stream = b"".join(part for frame in sent for part in framed(*frame))
    frames, came, at, turn = Frames(), [], 0, 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        came += frames.fed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert came == sent


def test_a_large_frame_is_not_copied_to_its_head() -> None:
    data = bytes(1 << 20)
    head, body = framed(MAIL, data)
    assert body is data
    assert Frames().fed(head + body) == [(MAIL, data)]


def test_a_frame_beyond_the_limit_is_neither_sent_nor_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    (just,) = framed(MAIL, bytes(1000))
    (beyond,) = framed(MAIL, bytes(1001))
    monkeypatch.setattr(module, "FRAME_BYTES_MAX", 1000)
    assert Frames().fed(just) == [(MAIL, bytes(1000))]
    with pytest.raises(ChannelError, match="1,001 bytes in one window, and 1,000 are the most"):
        framed(MAIL, bytes(1001))
    with pytest.raises(ChannelError, match="a frame of 1,001 bytes was announced"):
        Frames().fed(beyond[:5])


# Both ends.


class Peer:
    """A host in a thread: connects, and answers everything with the same."""

    def __init__(self, invitation: Invitation, answer: Callable[[int, bytes], tuple[int, bytes] | None]) -> None:
        self.answer = answer
        self.ended: str | None = None
        self.thread = threading.Thread(target=self._serve, args=(invitation,), daemon=True)
        self.thread.start()

    def _serve(self, invitation: Invitation) -> None:
        try:
            connection = connected(invitation)
        except ChannelError as error:
            self.ended = str(error)
        else:
            self.ended = answer_all(connection, self.answer)

    def end(self) -> str | None:
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()
        return self.ended


def echo(kind: int, data: bytes) -> tuple[int, bytes] | None:
    return None if kind == AGAIN else (WINDOW, data)


class Scheduler(Channels):
    """The scheduler's end, which keeps what has come."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.came: list[tuple[int, int, bytes]] = []

    def until(self, reached: Callable[[], object]) -> None:
        """Poll until that is so."""
        end = time.monotonic() + WAIT_S
        while not reached():
            assert time.monotonic() < end, "it does not come about"
            self.came += self.poll(0.01)

    def answers(self, count: int) -> list[tuple[int, int, bytes]]:
        """Poll until so many have come, from the beginning on."""
        self.until(lambda: len(self.came) >= count)
        return self.came


@pytest.fixture
def channels() -> Iterator[Scheduler]:
    opened = Scheduler(HERE)
    yield opened
    opened.close()


def test_mail_is_answered_in_order_also_what_was_sent_before_the_host_came(channels: Scheduler) -> None:
    invitations = [channels.invite(host) for host in (0, 1)]
    channels.send(1, AGAIN, b"old")
    channels.send(1, MAIL, b"first")
    peers = [Peer(invitation, echo) for invitation in invitations]
    channels.until(lambda: not channels.awaited)
    channels.send(1, MAIL, b"second")
    channels.send(0, MAIL, b"to the other")
    came = channels.answers(3)
    assert [each for each in came if each[0] == 1] == [(1, WINDOW, b"first"), (1, WINDOW, b"second")]
    assert [each for each in came if each[0] == 0] == [(0, WINDOW, b"to the other")]
    channels.close()
    assert [peer.end() for peer in peers] == ["", ""]


def test_large_windows_both_ways_wait_for_no_one(channels: Scheduler) -> None:
    """Each side would block on a full socket with the other's frames unread, if both waited to send."""
    peer = Peer(channels.invite(0), echo)
    sent = [bytes([number]) * (20 << 20) for number in range(3)]
    for data in sent:
        channels.send(0, MAIL, data)
    channels.until(lambda: not channels.awaited)
    assert channels.answers(3) == [(0, WINDOW, data) for data in sent]
    channels.close()
    assert peer.end() == ""


def test_an_answer_beyond_the_limit_is_told_of_in_its_place(
    channels: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRAME_BYTES_MAX", 1000)
    Peer(channels.invite(0), lambda kind, data: (WINDOW, data * 10))
    channels.send(0, MAIL, bytes(101))
    ((host, kind, said),) = channels.answers(1)
    assert (host, kind) == (0, FAILED)
    assert said.startswith(b"1,010 bytes in one window")


def test_an_address_of_version_six_will_do() -> None:
    channels = Scheduler("::1")
    try:
        invitation = channels.invite(0)
    except ChannelError:
        pytest.skip("this machine has no ::1")
    Peer(invitation, echo)
    channels.send(0, MAIL, b"six")
    assert channels.answers(1) == [(0, WINDOW, b"six")]
    channels.close()


def test_an_address_that_is_not_ours_is_one_line() -> None:
    with pytest.raises(ChannelError, match=r"^nothing can listen on 192\.0\.2\.1: Cannot assign requested address$"):
        Channels("192.0.2.1").invite(0)


# Who is let in.


def refused(port: int) -> bool:
    try:
        socket.create_connection((HERE, port), timeout=WAIT_S).close()
    except ConnectionRefusedError:
        return True
    return False


def test_nothing_listens_but_while_a_host_is_awaited(channels: Scheduler) -> None:
    first, second = channels.invite(0), channels.invite(1)
    assert first.address == HERE
    assert first.port == second.port
    assert first.secret != second.secret and len(first.secret) == 32
    Peer(first, echo)
    channels.until(lambda: channels.awaited == {1})
    assert not refused(first.port)
    channels.drop(1)
    assert refused(first.port)
    channels.send(0, MAIL, b"who came stays")
    assert channels.answers(1) == [(0, WINDOW, b"who came stays")]


def test_a_refused_port_is_one_line(channels: Scheduler) -> None:
    invitation = channels.invite(0)
    channels.drop(0)
    assert Peer(invitation, echo).end() == f"no connection to 127.0.0.1 port {invitation.port}: Connection refused"


def test_who_has_a_wrong_secret_is_not_let_in_and_lets_nobody_in(channels: Scheduler) -> None:
    invitation = channels.invite(0)
    stranger = Peer(invitation._replace(secret=bytes(32)), echo)
    channels.until(lambda: stranger.ended is not None)
    assert stranger.end() == (
        f"who answers at 127.0.0.1 port {invitation.port} does not have the secret of this run"
    ), "the host asks for a proof too"
    assert channels.awaited == {0}
    Peer(invitation, echo)
    channels.until(lambda: not channels.awaited)


def test_a_secret_is_good_for_one_connection(channels: Scheduler) -> None:
    used, _ = channels.invite(0), channels.invite(1)
    Peer(used, echo)
    channels.until(lambda: channels.awaited == {1})
    again = Peer(used, echo)
    channels.until(lambda: again.ended is not None)
    assert again.end() == f"127.0.0.1 port {used.port}: it hung up"


def test_who_was_invited_before_and_comes_late_is_not_taken_for_the_new_one(channels: Scheduler) -> None:
    old, _ = channels.invite(0), channels.invite(1)  # so that it goes on listening
    slow = socket.create_connection((HERE, old.port), timeout=WAIT_S)
    hello = struct.pack("<8sI32s", TAG, 0, bytes(32))
    slow.sendall(hello)
    said = b""

    def challenged() -> bool:
        nonlocal said
        slow.setblocking(False)
        with suppress(BlockingIOError):
            said += slow.recv(64 - len(said))
        return len(said) == 64

    channels.until(challenged)
    new = channels.invite(0)
    with suppress(OSError):  # it may have been sent away already
        slow.sendall(module._proof(old.secret, b"host", hello + said))
    gone = b"?"

    def sent_away() -> bool:
        nonlocal gone
        with suppress(BlockingIOError):
            gone = slow.recv(1)
        return gone == b""

    channels.until(sent_away)
    assert channels.awaited == {0, 1}
    Peer(new, echo)
    channels.until(lambda: channels.awaited == {1})
    channels.send(0, MAIL, b"hello")
    assert channels.answers(1) == [(0, WINDOW, b"hello")]
    slow.close()


HELLO = struct.pack("<8sI32s", TAG, 0, bytes(32))
RUBBISH = {
    "a request of the web": b"GET / HTTP/1.1\r\nHost: here\r\n\r\n" + bytes(100),
    "another host's number": struct.pack("<8sI32s", TAG, 7, bytes(32)),
    "another version": struct.pack("<8sI32s", b"simclk99", 0, bytes(32)),
    "a proof of zeros": HELLO + bytes(32),
}


@pytest.mark.parametrize("said", RUBBISH.values(), ids=RUBBISH.keys())
def test_a_stranger_who_talks_rubbish_is_sent_away(channels: Scheduler, said: bytes) -> None:
    invitation = channels.invite(0)
    heard = bytearray()
    gone = threading.Event()

    def stranger() -> None:
        with socket.create_connection((HERE, invitation.port), timeout=WAIT_S) as connection, suppress(OSError):
            connection.sendall(said)
            while piece := connection.recv(100):
                heard.extend(piece)
        gone.set()

    threading.Thread(target=stranger, daemon=True).start()
    channels.until(gone.is_set)
    assert channels.awaited == {0}
    assert len(heard) == (64 if said.startswith(HELLO) else 0), "who says nothing of sense hears nothing"
    assert channels.ended == {}, "no host is blamed for it"
    Peer(invitation, echo)
    channels.until(lambda: not channels.awaited)


def test_who_gives_the_scheduler_its_own_proof_back_is_sent_away(channels: Scheduler) -> None:
    invitation = channels.invite(0)
    gone = threading.Event()

    def mirror() -> None:
        with socket.create_connection((HERE, invitation.port), timeout=WAIT_S) as connection, suppress(OSError):
            connection.sendall(HELLO)
            said = module._exactly(connection, 64)
            connection.sendall(said[32:])
            assert connection.recv(1) == b""
        gone.set()

    threading.Thread(target=mirror, daemon=True).start()
    channels.until(gone.is_set)
    assert channels.awaited == {0}


def test_strangers_who_say_nothing_keep_nobody_out(channels: Scheduler) -> None:
    """More than are held at once; the oldest go, and the host who comes last is let in."""
    invitation = channels.invite(0)
    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection((HERE, invitation.port), timeout=WAIT_S))
            for _ in range(STRANGERS_MAX + 10)
        ]
        for connection in silent:
            connection.setblocking(False)

        def oldest_is_gone() -> bool:
            with suppress(BlockingIOError):
                return silent[0].recv(1) == b""
            return False

        channels.until(oldest_is_gone)
        with pytest.raises(BlockingIOError):
            silent[-1].recv(1)
        Peer(invitation, echo)
        channels.until(lambda: not channels.awaited)
        for connection in silent:
            connection.setblocking(True)
        assert [connection.recv(1) for connection in silent] == [b""] * len(silent), "then all are sent away"


def test_a_stranger_who_says_nothing_is_sent_away_in_time(channels: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STRANGER_S", 0)
    port = channels.invite(0).port
    gone = threading.Event()

    def stranger() -> None:
        with socket.create_connection((HERE, port), timeout=WAIT_S) as connection:
            assert connection.recv(1) == b""
        gone.set()

    threading.Thread(target=stranger, daemon=True).start()
    channels.until(gone.is_set)
    assert channels.awaited == {0}


# Connections that break.


def raw(channels: Scheduler) -> socket.socket:
    """The connection of host 0, which is let in, for a test to spoil."""
    made: list[socket.socket] = []
    invitation = channels.invite(0)
    threading.Thread(target=lambda: made.append(connected(invitation)), daemon=True).start()
    channels.until(lambda: made and not channels.awaited)
    return made[0]


def test_a_frame_of_which_half_comes_is_none(channels: Scheduler) -> None:
    connection = raw(channels)
    (frame,) = framed(WINDOW, bytes(100))
    connection.sendall(frame + frame[:50])
    connection.close()
    channels.until(lambda: channels.ended)
    assert channels.came == [(0, WINDOW, bytes(100))]
    assert channels.ended == {0: "the connection was closed"}


def test_a_reset_is_an_end(channels: Scheduler) -> None:
    connection = raw(channels)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    channels.until(lambda: channels.ended)
    assert channels.ended == {0: "the connection broke: Connection reset by peer"}
    channels.send(0, MAIL, b"goes nowhere, and harms nobody")
    channels.send(0, MAIL, bytes(1 << 20))
    assert channels.poll(0) == []


def test_a_frame_too_large_to_be_true_is_an_end(channels: Scheduler) -> None:
    connection = raw(channels)
    connection.sendall(b"\xff\xff\xff\xff\x00")
    channels.until(lambda: channels.ended)
    assert channels.ended[0].startswith("a frame of 4,294,967,295 bytes was announced")


def test_a_host_that_is_dropped_and_invited_anew_starts_with_nothing(channels: Scheduler) -> None:
    connection = raw(channels)
    channels.send(0, MAIL, bytes(50 << 20))
    invitation = channels.invite(0)
    channels.send(0, MAIL, b"new")
    Peer(invitation, echo)
    assert channels.answers(1) == [(0, WINDOW, b"new")]
    connection.close()


def test_both_ends_say_small_things_at_once_and_notice_who_is_gone(channels: Scheduler) -> None:
    theirs = raw(channels)
    ours = channels._links[0].connection
    assert ours is not None
    for end in (theirs, ours):
        assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == module.SILENT_S * 1000
        assert not end.get_inheritable()
    theirs.close()
