"""The lease table: who claims which lock, in which order, with which token; a state machine that Raft replicates.

A *claim* is a place in a lock's queue. The first claim of a queue holds the lock. Every claim has a lease, whether it
holds or waits, and lives while it is renewed.

Law 1: a token is a claim's number. The table counts them, and the table is what the log makes it, so tokens strictly
       increase, on every replica alike, and none is used twice, whoever leads. The queue is first come, first served,
       so a lock's later holder has the greater token. (Chubby 2006 calls its like a sequencer; etcd uses the
       revision of the log, ZooKeeper a sequence number.)
Law 2: the table knows no time. Only the command `Expire` ends a claim that its holder did not release, and it names the
       renewal that it was measured from: once the claim has been renewed since, it changes nothing.
Law 3: deterministic and total. A command that makes no sense is refused, on every replica alike.

Why commands and not times in the log: a leader that measures needs a clock that runs evenly and nothing else; times in
entries would be readings of one leader's clock that the next leader's has to agree with (etcd's lessor and Chubby
measure at the leader too, and start anew when another takes office).
"""

from __future__ import annotations

import msgspec

from simclock.actors import Message
from simclock.protocols.leases.observed import TableChanged


class Acquire(Message):
    """Queue for a lock. A client that has a claim on it already keeps that one."""

    lock: str
    client: int


class Renew(Message):
    """Count my claim's lease from now, and tell me whether it holds."""

    lock: str
    token: int


class Release(Message):
    """Give a claim up, whether it holds or waits."""

    lock: str
    token: int


class Expire(Message):
    """A leader's: nobody has renewed this claim for as long as a lease lasts."""

    lock: str
    token: int
    renewals: int
    """How often the claim had been renewed when the leader began to measure."""


class Answer(Message):
    """What a client hears."""

    token: int
    """Of its claim; 0 if there is none: never made, released or expired."""
    holds: bool = False
    refused: bool = False
    """Whether the command made no sense."""


class Claim:
    """A place in a lock's queue."""

    __slots__ = ("client", "renewals", "token")

    def __init__(self, client: int, token: int) -> None:
        self.client = client
        self.token = token
        self.renewals = 0
        """How often its lease was renewed: by this a stale Expire is known."""


Command = Acquire | Renew | Release | Expire
_decode = msgspec.msgpack.Decoder(Command).decode
_encode = msgspec.msgpack.Encoder().encode
decode_answer = msgspec.msgpack.Decoder(Answer).decode
"""An answer, from the bytes that a state machine gives."""

REFUSED = _encode(Answer(0, refused=True))


def encode_command(command: Command) -> bytes:
    """A command, as the bytes that the log keeps."""
    return _encode(command)


class _Snapshot(Message):
    """All that a table is."""

    queues: tuple[tuple[str, tuple[tuple[int, int, int], ...]], ...]
    """(lock, its claims as (client, token, renewals)), in order of the lock."""
    last_token: int
    told_count: int


_decode_snapshot = msgspec.msgpack.Decoder(_Snapshot).decode


class LeaseTable:
    """The queues."""

    def __init__(self, first_token: int = 1) -> None:
        self.first_token = first_token
        self.queues: dict[str, list[Claim]] = {}
        """Lock -> its claims, oldest first; tokens strictly increase along it."""
        self.last_token = first_token - 1
        """The greatest token given so far."""
        self.told: list[TableChanged] = []
        """What happened since somebody last took it away."""
        self.told_count = 0

    def claims(self) -> list[tuple[str, Claim]]:
        """Every claim, with its lock."""
        return [(lock, claim) for lock, queue in sorted(self.queues.items()) for claim in queue]

    def apply(self, command: bytes) -> bytes:
        """Carry out a command."""
        try:
            asked = _decode(command)
        except msgspec.MsgspecError:
            return REFUSED
        match asked:
            case Acquire(lock, client):
                return _encode(self._acquire(lock, client))
            case Renew(lock, token):
                return _encode(self._renew(lock, token))
            case Release(lock, token):
                self._end("released", lock, token)
            case Expire(lock, token, renewals):
                self._expire(lock, token, renewals)
        return _encode(Answer(0))

    def _acquire(self, lock: str, client: int) -> Answer:
        queue = self.queues.setdefault(lock, [])
        claim = next((claim for claim in queue if claim.client == client), None)
        if claim is not None:
            return self._renew(lock, claim.token)
        self.last_token += 1
        claim = Claim(client, self.last_token)
        queue.append(claim)
        self._tell("queued", lock, claim)
        return self._standing(lock, claim)

    def _renew(self, lock: str, token: int) -> Answer:
        claim = self._find(lock, token)
        if claim is None:
            return self._no_claim(lock, token)
        claim.renewals += 1
        self._tell("renewed", lock, claim)
        return self._standing(lock, claim)

    def _no_claim(self, lock: str, token: int) -> Answer:
        """What a client hears whose claim has ended, in the queue or as holder: that it has none."""
        return Answer(0)

    def _expire(self, lock: str, token: int, renewals: int) -> None:
        claim = self._find(lock, token)
        if claim is not None and self._is_measured(claim, renewals):
            self._end("expired", lock, token)

    def _is_measured(self, claim: Claim, renewals: int) -> bool:
        """Law 2: what was measured from an earlier renewal says nothing about this one."""
        return claim.renewals == renewals

    def _end(self, kind: str, lock: str, token: int) -> None:
        claim = self._find(lock, token)
        if claim is not None:
            self.queues[lock].remove(claim)
            self._tell(kind, lock, claim)

    def _standing(self, lock: str, claim: Claim) -> Answer:
        holds = self.queues[lock][0] is claim
        if holds:
            self._tell("held", lock, claim)
        return Answer(claim.token, holds)

    def _find(self, lock: str, token: int) -> Claim | None:
        return next((claim for claim in self.queues.get(lock, ()) if claim.token == token), None)

    def _tell(self, kind: str, lock: str, claim: Claim) -> None:
        self.told.append(TableChanged(self.told_count, kind, lock, claim.token, claim.client))
        self.told_count += 1

    # As a state machine, besides its commands.

    def query(self, command: bytes) -> bytes:
        """No command of a table changes nothing."""
        return REFUSED

    def snapshot(self) -> bytes:
        """The claims in order, and what is counted on."""
        queues = tuple(
            (lock, tuple((claim.client, claim.token, claim.renewals) for claim in queue))
            for lock, queue in sorted(self.queues.items())
        )
        return msgspec.msgpack.encode(_Snapshot(queues, self.last_token, self.told_count))

    def restore(self, state: bytes) -> None:
        """Hold what a snapshot held; what happened before is not told again."""
        kept = _decode_snapshot(state)
        self.queues = {lock: [_claim(*each) for each in claims] for lock, claims in kept.queues}
        self.last_token, self.told_count = kept.last_token, kept.told_count
        self.told.clear()


def _claim(client: int, token: int, renewals: int) -> Claim:
    claim = Claim(client, token)
    claim.renewals = renewals
    return claim
