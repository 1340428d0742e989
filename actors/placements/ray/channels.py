"""Channels: one TCP connection between the scheduler and each of its hosts, for what windows carry.

A call of a Ray actor costs a hundred times what a frame over such a connection costs. Ray still places, starts, names
and ends everything; who may talk to whom goes through Ray as well, as a secret in the arguments of a call.

    host                                          scheduler
    TAG, number, nonce            ------------->  is a host of that number awaited?
                                  <-------------  nonce, proof that it has the secret
    proof that it has the secret  ------------->  frames may follow, both ways

A proof is an HMAC-SHA256 under the secret over its maker's role and all that was said before (mutual authentication in
three passes, as in ISO/IEC 9798-4). The network can be listened to, as what Ray itself sends can be.

Laws: nothing is given to who has not proved to have the secret, and a secret is good for one connection. The
scheduler's end waits for no one peer: what a socket does not take yet is kept here, and what has come is cut into
frames whatever the pieces it came in. So hosts may block on their end, and no two can wait for each other. Nothing
listens but while a host is awaited.
"""

from __future__ import annotations

import hmac
import secrets
import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

CONNECT_S = 5
"""A host that is not connected by then does without."""
PROOF_S = 60
"""Who has connected waits so long for the other side's words; the scheduler may be in an observer."""
STRANGER_S = 5
"""Who has connected to the scheduler proves itself by then."""
STRANGERS_MAX = 64
"""So many more than are awaited may be about to prove themselves; of more the oldest goes."""
IDLE_S = 30
"""A connection over which nothing goes is tried so often."""
SILENT_S = 300
"""Then a peer that acknowledges nothing is gone. Long, as who works and does not read counts as silent; of a machine
that is gone Ray tells much earlier."""
FRAME_BYTES_MAX = 1 << 30
COPIED_BYTES_MAX = 1 << 16
"""A frame up to this size is copied to go with its head."""
READ_BYTES = 1 << 18

MAIL, AGAIN, WINDOW, FAILED = range(4)
"""Kinds of frames: mail to be answered, mail that was answered before, an answer, and why there is none."""

TAG = b"simclk01"
_HELLO = struct.Struct("<8sI32s")
_NONCE_BYTES = _PROOF_BYTES = 32
_HEAD = struct.Struct("<IB")
_HOST, _SCHEDULER = b"host", b"scheduler"


class ChannelError(Exception):
    """A connection that did not come about, or is of no more use; one line."""


class Invitation(NamedTuple):
    """Where a host is awaited, and the secret it has to have. Travels through Ray alone."""

    address: str
    port: int
    host: int
    secret: bytes


class Frames:
    """Cuts what comes into frames: (kind, bytes) each."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def fed(self, piece: bytes) -> list[tuple[int, bytes]]:
        """The frames that this piece completes. Raises ChannelError for one that is too large."""
        kept = self._kept
        if not kept and len(piece) >= _HEAD.size:
            size, kind = _HEAD.unpack_from(piece)
            if len(piece) == _HEAD.size + size:  # nearly always
                return [(kind, piece[_HEAD.size :])]
        kept += piece
        frames, begin = [], 0
        while len(kept) - begin >= _HEAD.size:
            size, kind = _HEAD.unpack_from(kept, begin)
            if size > FRAME_BYTES_MAX:
                raise ChannelError(f"a frame of {size:,} bytes was announced, and {FRAME_BYTES_MAX:,} are the most")
            end = begin + _HEAD.size + size
            if end > len(kept):
                break
            with memoryview(kept) as view:
                frames.append((kind, bytes(view[begin + _HEAD.size : end])))
            begin = end
        if begin:
            del kept[:begin]
        return frames


def framed(kind: int, data: bytes) -> list[bytes]:
    """A frame, as what to send: in one, or head and data where copying would cost. Raises ChannelError if too large."""
    if len(data) > FRAME_BYTES_MAX:
        raise ChannelError(f"{len(data):,} bytes in one window, and {FRAME_BYTES_MAX:,} are the most that can be sent")
    head = _HEAD.pack(len(data), kind)
    return [head + data] if len(data) <= COPIED_BYTES_MAX else [head, data]


def _proof(secret: bytes, role: bytes, said: bytes) -> bytes:
    return hmac.digest(secret, role + b":" + said, "sha256")


def _made_ready(connection: socket.socket) -> None:
    """Small frames go at once, and a peer that is gone is noticed."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", IDLE_S),
        ("TCP_KEEPINTVL", IDLE_S),
        ("TCP_KEEPCNT", SILENT_S // IDLE_S),
        ("TCP_USER_TIMEOUT", SILENT_S * 1000),
    ):
        if hasattr(socket, name):  # not every system has all of them
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _why(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


# The host's end.


def connected(invitation: Invitation) -> socket.socket:
    """A connection over which both sides have proved themselves. Raises ChannelError, with the reason."""
    address, port, host, secret = invitation
    where = f"{address} port {port}"
    try:
        connection = socket.create_connection((address, port), timeout=CONNECT_S)
    except OSError as error:
        raise ChannelError(f"no connection to {where}: {_why(error)}") from None
    try:
        connection.settimeout(PROOF_S)
        hello = _HELLO.pack(TAG, host, secrets.token_bytes(_NONCE_BYTES))
        connection.sendall(hello)
        nonce, proof = _exactly(connection, _NONCE_BYTES), _exactly(connection, _PROOF_BYTES)
        if not hmac.compare_digest(proof, _proof(secret, _SCHEDULER, hello + nonce)):
            raise ChannelError(f"who answers at {where} does not have the secret of this run")
        connection.sendall(_proof(secret, _HOST, hello + nonce + proof))
        connection.settimeout(None)
        _made_ready(connection)
    except (OSError, ChannelError) as error:
        connection.close()
        raise ChannelError(str(error) if isinstance(error, ChannelError) else f"{where}: {_why(error)}") from None
    return connection


def _exactly(connection: socket.socket, count: int) -> bytes:
    said = b""
    while len(said) < count:
        more = connection.recv(count - len(said))
        if not more:
            raise OSError("it hung up")
        said += more
    return said


def answer_all(connection: socket.socket, answer: Callable[[int, bytes], tuple[int, bytes] | None]) -> str:
    """Answer frame after frame until the scheduler hangs up; gives why that was, empty where it simply did."""
    frames = Frames()
    try:
        while piece := connection.recv(READ_BYTES):
            for kind, data in frames.fed(piece):
                told = answer(kind, data)
                if told is None:
                    continue
                try:
                    parts = framed(*told)
                except ChannelError as error:
                    parts = framed(FAILED, str(error).encode())
                for part in parts:
                    connection.sendall(part)
    except OSError as error:
        return _why(error)
    except ChannelError as error:
        return str(error)
    finally:
        connection.close()
    return ""


# The scheduler's end.


class _Link:
    """A connection to a host, or what is to go there once there is one."""

    def __init__(self) -> None:
        self.connection: socket.socket | None = None
        self.frames = Frames()
        self.waiting: deque[memoryview] = deque()
        """What the socket has not taken yet."""


class _Stranger:
    """Who has connected, and has not yet proved to be a host."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.until = time.monotonic() + STRANGER_S
        self.wanted = _HELLO.size
        self.said = b""
        """Of the part that is wanted now."""
        self.host = -1
        self.secret = self.proof = b""
        """What its host was invited with, and what has to come last."""


class Channels:
    """The scheduler's end of all of them."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._listener: socket.socket | None = None
        self._selector = selectors.DefaultSelector()
        self._secrets: dict[int, bytes] = {}
        """Of the hosts that are awaited."""
        self._links: dict[int, _Link] = {}
        self._strangers: list[_Stranger] = []
        self.ended: dict[int, str] = {}
        """Host -> why its connection has ended; for the caller to take out."""

    @property
    def awaited(self) -> set[int]:
        """Hosts that were invited, and have neither come nor been dropped."""
        return set(self._secrets)

    @property
    def settled(self) -> bool:
        """Whether all that were invited have come, and all that was to be sent has gone."""
        return not self._secrets and not self.ended and not any(link.waiting for link in self._links.values())

    def invite(self, host: int) -> Invitation:
        """Await a host, under a new secret. Raises ChannelError where nothing can listen."""
        self.drop(host)
        if self._listener is None:
            self._listen()
        assert self._listener is not None, "it listens"
        self._secrets[host] = secrets.token_bytes(32)
        self._links[host] = _Link()
        return Invitation(self._address, self._listener.getsockname()[1], host, self._secrets[host])

    def send(self, host: int, kind: int, data: bytes) -> None:
        """Send a frame, or keep it until it can go. Raises ChannelError for one that is too large."""
        link = self._links[host]
        parts = framed(kind, data)
        if link.connection is not None and not link.waiting and len(parts) == 1:
            (part,) = parts
            try:
                sent = link.connection.send(part)
            except BlockingIOError:
                sent = 0
            except OSError:  # whoever reads finds the end
                return
            if sent == len(part):
                return
            link.waiting.append(memoryview(part)[sent:])
            self._want(host, link)
            return
        link.waiting.extend(map(memoryview, parts))
        if link.connection is not None:
            self._flush(host, link)

    def poll(self, timeout_s: float) -> list[tuple[int, int, bytes]]:
        """What has come, as (host, kind, bytes), once anything has happened or the time is over; see `ended` too."""
        came: list[tuple[int, int, bytes]] = []
        for key, events in self._selector.select(timeout_s):
            who = key.data
            if isinstance(who, int):
                link = self._links.get(who)
                if link is None or link.connection is not key.fileobj:  # dropped a moment ago
                    continue
                if events & selectors.EVENT_WRITE:
                    self._flush(who, link)
                if events & selectors.EVENT_READ:
                    self._read(who, link, came)
            elif who is None:
                self._accept()
            else:
                self._hear(who)
        if self._strangers:
            now = time.monotonic()
            for stranger in [each for each in self._strangers if each.until <= now]:
                self._send_away(stranger)
        return came

    def drop(self, host: int) -> None:
        """Forget a host, and what was to go there."""
        self._secrets.pop(host, None)
        link = self._links.pop(host, None)
        if link is not None and link.connection is not None:
            self._selector.unregister(link.connection)
            link.connection.close()
        self.ended.pop(host, None)
        self._rest()

    def close(self) -> None:
        """Hang up on all."""
        for host in list(self._links):
            self.drop(host)
        self._selector.close()

    def _listen(self) -> None:
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        listener = socket.socket(family)
        try:
            listener.bind((self._address, 0))
            listener.listen(socket.SOMAXCONN)
        except OSError as error:
            listener.close()
            raise ChannelError(f"nothing can listen on {self._address}: {_why(error)}") from None
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, None)
        self._listener = listener

    def _rest(self) -> None:
        """Listen no more where nobody is awaited."""
        if not self._secrets:
            self._stop_listening()

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
        for stranger in list(self._strangers):
            self._send_away(stranger)

    def _accept(self) -> None:
        if self._listener is None:  # closed a moment ago
            return
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):  # it has hung up already
            return
        except OSError:  # no more files are to be had: who is awaited finds nobody, and does without
            self._stop_listening()
            return
        connection.setblocking(False)
        stranger = _Stranger(connection)
        self._strangers.append(stranger)
        self._selector.register(connection, selectors.EVENT_READ, stranger)
        if len(self._strangers) > len(self._secrets) + STRANGERS_MAX:
            self._send_away(self._strangers[0])

    def _hear(self, stranger: _Stranger) -> None:
        if stranger not in self._strangers:  # sent away a moment ago
            return
        try:
            said = stranger.connection.recv(stranger.wanted - len(stranger.said))
        except BlockingIOError:
            return
        except OSError:
            said = b""
        stranger.said += said
        if not said:
            self._send_away(stranger)
        elif len(stranger.said) == stranger.wanted:
            if stranger.host < 0:
                self._challenge(stranger)
            elif (
                hmac.compare_digest(stranger.said, stranger.proof)
                and self._secrets.get(stranger.host) == stranger.secret  # not invited anew meanwhile, and not in yet
            ):
                self._let_in(stranger)
            else:
                self._send_away(stranger)

    def _challenge(self, stranger: _Stranger) -> None:
        hello = stranger.said
        tag, host, _ = _HELLO.unpack(hello)
        secret = self._secrets.get(host)
        if tag != TAG or secret is None:
            self._send_away(stranger)
            return
        nonce = secrets.token_bytes(_NONCE_BYTES)
        proof = _proof(secret, _SCHEDULER, hello + nonce)
        stranger.host, stranger.secret = host, secret
        stranger.proof = _proof(secret, _HOST, hello + nonce + proof)
        stranger.said, stranger.wanted = b"", _PROOF_BYTES
        with suppress(OSError):  # of one that hangs up, the end is read
            stranger.connection.send(nonce + proof)

    def _let_in(self, stranger: _Stranger) -> None:
        link = self._links[stranger.host]
        del self._secrets[stranger.host]
        self._strangers.remove(stranger)
        link.connection = stranger.connection
        _made_ready(link.connection)
        self._selector.modify(link.connection, selectors.EVENT_READ, stranger.host)
        if link.waiting:
            self._flush(stranger.host, link)
        self._rest()

    def _send_away(self, stranger: _Stranger) -> None:
        self._strangers.remove(stranger)
        self._selector.unregister(stranger.connection)
        stranger.connection.close()

    def _read(self, host: int, link: _Link, came: list[tuple[int, int, bytes]]) -> None:
        assert link.connection is not None, "it was ready"
        try:
            piece = link.connection.recv(READ_BYTES)
            if not piece:
                self.ended[host] = "the connection was closed"
            for kind, data in link.frames.fed(piece):
                came.append((host, kind, data))
        except BlockingIOError:
            return
        except OSError as error:
            self.ended[host] = f"the connection broke: {_why(error)}"
        except ChannelError as error:
            self.ended[host] = str(error)
        if host in self.ended:
            self._selector.unregister(link.connection)
            link.connection.close()
            link.connection = None

    def _flush(self, host: int, link: _Link) -> None:
        """Send what waits, as far as the socket takes it."""
        assert link.connection is not None, "it is connected"
        try:
            while link.waiting:
                part = link.waiting[0]
                sent = link.connection.send(part)
                if sent == len(part):
                    link.waiting.popleft()
                else:
                    link.waiting[0] = part[sent:]
        except BlockingIOError:
            pass
        except OSError:  # whoever reads finds the end
            link.waiting.clear()
        self._want(host, link)

    def _want(self, host: int, link: _Link) -> None:
        """Be told when the socket takes more, where something waits."""
        assert link.connection is not None, "it is connected"
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if link.waiting else 0)
        if self._selector.get_key(link.connection).events != events:
            self._selector.modify(link.connection, events, host)
