"""What must hold of leases and fencing, judged from observations alone, in true time.

    Mutual Exclusion Of Effects  the store accepts no write with a token less than one it has accepted, and one token is
                                 one holder's: the effects of two holders never interleave
    Writes In Order              of one token, the store accepts no write with a number less than one it has accepted
    Token Monotone               tokens are given in strictly increasing order; of a lock's holders the later has the
                                 greater one
    At Most One Holder           nobody is told that it holds while another does, or after its claim has ended
    Lease Lives While Renewed    no claim is expired within a lease's term after its holder sent a request that was
                                 answered "you hold"
    Believer Is Holder           who decides to write, by its own clock, still has its claim
    Replicas Agree               the same commands do the same to the table on every server

The first four need nothing of any clock. The fifth and sixth need clocks within the drift bound, of the leader and
of the holder; a clock that stands still they survive where messages take less than the guard (`Holder`, law 3).

A violation is told and the run goes on, so that it shows what follows from it. Counts in `report()` show that a run
was not vacuous.
"""

from __future__ import annotations

from collections import Counter

from simclock import Control, Observation, Observer, format_duration
from simclock.protocols.leases.observed import Accepted, Asks, Held, Looks, Refused, Stands, TableChanged, read

TOLD_MAX = 3
"""How often a property is told in one run."""


class _Lock:
    """What is known of one lock."""

    def __init__(self) -> None:
        self.holder: int | None = None
        """Token of who was told last that it holds, and has not ended."""
        self.held_token = 0
        """The greatest token that was told so."""
        self.accepted_token = 0
        """The greatest token that the store accepted."""
        self.accepted_number = 0
        """The greatest number that it accepted with that token."""


class LeaseProperties(Observer):
    """Reads the observations of one lease service, its clients and its store."""

    def __init__(self, servers: tuple[int, ...], term_ns: int) -> None:
        self._servers = frozenset(servers)
        self._term_ns = term_ns
        self._table: list[TableChanged] = []
        """What happened to the table, as the first server that applied it told."""
        self._locks: dict[str, _Lock] = {}
        self._queued_token = 0
        self._ended_ns: dict[int, tuple[str, int]] = {}
        """Token -> how and when its claim ended."""
        self._asked_ns: dict[tuple[int, int], int] = {}
        """(client, number of the request) -> when it was first sent."""
        self._promised_ns: dict[int, int] = {}
        """Token -> until when its holder may count on it."""
        self._writer: dict[int, int] = {}
        """Token -> the client whose write was accepted with it."""
        self._client: dict[int, int] = {}
        """Token -> the client whose claim it is."""
        self._counts: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._control = Control(1)

    def on_observation(self, observation: Observation, control: Control) -> None:
        self._control = control
        node = observation.node
        match read(observation):
            case TableChanged() as change if node in self._servers:
                self._on_table(node, change)
            case Asks(number):
                self._asked_ns[node, number] = control.now_ns
            case Held(_, token, number) if node not in self._servers:
                self._on_held(node, token, number)
            case Looks(lock, token):
                self._on_looks(node, lock, token)
            case Accepted() as write:
                self._on_accepted(node, write)
            case Refused():
                self._counts["writes refused"] += 1
            case Stands():
                self._counts["stopped clocks noticed"] += 1

    def report(self) -> dict[str, int]:
        """How often what happened."""
        names = ("holds", "handovers", "waits", "expired", "released", "renewed", "writes accepted", "writes refused")
        return {name: self._counts[name] for name in (*names, "stopped clocks noticed")}

    def _tell(self, property: str, node: int, detail: str) -> None:
        self._told[property] += 1
        if self._told[property] <= TOLD_MAX:
            self._control.violated(property, node, detail, stop=False)

    def _lock(self, lock: str) -> _Lock:
        return self._locks.setdefault(lock, _Lock())

    # The table, as replicated.

    def _on_table(self, node: int, change: TableChanged) -> None:
        number = change.number
        if number < len(self._table):
            if self._table[number] != change:
                here, elsewhere = change.as_observed()[1:], self._table[number].as_observed()[1:]
                self._tell("Replicas Agree", node, f"change {number} of the table is {here}, elsewhere {elsewhere}")
            return
        if number > len(self._table):
            self._tell("Replicas Agree", node, f"change {number} of the table comes after {len(self._table) - 1}")
            return
        self._table.append(change)
        kind, lock, token = change.kind, change.lock, change.token
        match kind:
            case "queued":
                self._on_queued(node, token, change.client)
            case "held":
                self._on_told_held(node, lock, token)
            case "expired" | "released":
                self._on_ended(node, kind, lock, token)
            case _:
                self._counts[kind] += 1

    def _on_queued(self, node: int, token: int, client: int) -> None:
        if token <= self._queued_token:
            self._tell("Token Monotone", node, f"token {token} is given after token {self._queued_token}")
        self._queued_token = max(token, self._queued_token)
        self._client[token] = client
        self._counts["waits"] += any(lock.holder is not None for lock in self._locks.values())

    def _on_told_held(self, node: int, lock: str, token: int) -> None:
        known = self._lock(lock)
        if token in self._ended_ns:
            how, _ = self._ended_ns[token]
            self._tell("At Most One Holder", node, f"token {token} is told that it holds {lock}; its claim was {how}")
        elif known.holder not in (None, token):
            self._tell("At Most One Holder", node, f"token {token} is told that it holds {lock}, as is {known.holder}")
        if token < known.held_token:
            self._tell("Token Monotone", node, f"token {token} holds {lock} after token {known.held_token} did")
        if token != known.holder:
            self._counts["holds"] += 1
            self._counts["handovers"] += known.held_token not in (0, token)
        known.holder = token
        known.held_token = max(token, known.held_token)

    def _on_ended(self, node: int, kind: str, lock: str, token: int) -> None:
        now_ns = self._control.now_ns
        self._ended_ns[token] = kind, now_ns
        self._counts[kind] += 1
        known = self._lock(lock)
        if known.holder == token:
            known.holder = None
        if kind == "expired":
            self._check_promise(node, token)

    # What holders count on.

    def _on_held(self, node: int, token: int, number: int) -> None:
        asked_ns = self._asked_ns.get((node, number))
        if asked_ns is None:
            return
        self._promised_ns[token] = max(asked_ns + self._term_ns, self._promised_ns.get(token, 0))
        self._check_promise(node, token)

    def _check_promise(self, node: int, token: int) -> None:
        """An answer may arrive after the expiry that followed it at once: either comes last."""
        how, ended_ns = self._ended_ns.get(token, ("", 0))
        promised_ns = self._promised_ns.get(token, 0)
        if how == "expired" and ended_ns < promised_ns:
            early = format_duration(promised_ns - ended_ns)
            detail = f"token {token} was renewed, and expired {early} before its lease was over"
            self._tell("Lease Lives While Renewed", node, detail)

    def _on_looks(self, node: int, lock: str, token: int) -> None:
        how, ended_ns = self._ended_ns.get(token, ("", 0))
        if how == "expired":
            late = format_duration(self._control.now_ns - ended_ns)
            self._tell("Believer Is Holder", node, f"counts on token {token} of {lock}, which expired {late} ago")

    # Effects.

    def _on_accepted(self, node: int, write: Accepted) -> None:
        lock, token, number, client = write.lock, write.token, write.number, write.client
        known = self._lock(lock)
        self._counts["writes accepted"] += 1
        if token < known.accepted_token:
            detail = f"{lock} takes a write of node {client} with token {token} after one with {known.accepted_token}"
            self._tell("Mutual Exclusion Of Effects", node, detail)
        writer = self._writer.setdefault(token, client)
        if writer != client:
            detail = f"{lock} takes writes of nodes {writer} and {client} with the same token, {token}"
            self._tell("Mutual Exclusion Of Effects", node, detail)
        if token == known.accepted_token and number < known.accepted_number:
            detail = f"{lock} takes write {number} of token {token} after write {known.accepted_number}"
            self._tell("Writes In Order", node, detail)
        greatest = max((token, number), (known.accepted_token, known.accepted_number))
        known.accepted_token, known.accepted_number = greatest
