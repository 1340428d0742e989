"""A correct node: the algorithm of Dolev and Strong, "Authenticated Algorithms for Byzantine Agreement", 1983.

Rule 1: in round 1 the sender signs its value and sends it to all.
Rule 2: a chain is believed in round r if it has at least r signatures, of different nodes, the sender's first, and each
        is right. Its value is then extracted, unless it has been already.
Rule 3: what was extracted from r signatures, r <= f, is signed and sent to all at the beginning of round r + 1; of one
        sender no more than two values, as two show that it lies.
Rule 4: after round f + 1 the node decides the value extracted; where it is none or more than one, that the sender lies.

Why it is enough: a chain that is first believed in round f + 1 has f + 1 signatures. One of them is a correct node's,
which has sent the value to all in its own round. So what one correct node extracts, all do. Two values stand for all
others, as the decision is the same from two on.

Rounds are by the node's own wall clock (`synchrony.py` says how long they are). A chain that comes before its round, as
the sender's clock is ahead, is believed at once and sent on in the round after its own.

Deviation: the paper knows no node that joins late. One that crashed takes part again from the next broadcast on; it is
one of the f.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simclock.actors import Node
from simclock.protocols.dolev_strong.messages import Chain, Chains
from simclock.protocols.dolev_strong.observed import Decided, Extracted, Joined, Proposed, Refused, Relayed
from simclock.protocols.dolev_strong.settings import BroadcastSettings
from simclock.protocols.dolev_strong.signatures import Directory, Signer, content_of

VALUES = ("attack", "retreat")
"""What a sender chooses from."""
ENOUGH = 2
"""Values of one sender that are sent on: they show that it lies."""

LATE = "too few signatures for the round"
OVER = "the broadcast is over"
NO_SENDER = "not the sender's turn"
TWICE = "signed twice by one node"
NOT_FIRST = "not signed first by the sender"
FORGED = "a signature is forged"


class Participant(Node):
    """A correct node."""

    messages = (Chains,)

    def __init__(self, settings: BroadcastSettings, signer: Signer, directory: Directory) -> None:
        self.settings = settings
        self.signer = signer
        self.directory = directory
        self.begun = 0
        """How many rounds of the run have begun."""
        self.joined = 0
        """The first broadcast that this node takes part in."""
        self.extracted: dict[tuple[int, int], list[str]] = {}
        """(broadcast, sender) -> its values, at most two, in the order in which they were extracted."""
        self.to_relay: dict[tuple[int, int], list[Chain]] = {}
        """(broadcast, round) -> what is to be signed and sent when it begins."""
        self.news: list[Chain] = []
        """What was extracted since the last round began."""

    # Rounds.

    def on_start(self) -> None:
        if self.incarnation or self.clock.wall_ns() >= self.settings.reading_ns(0):
            self._join()
        self._wait()

    def on_timer(self, timer: Any) -> None:
        while self._is_left() and self.clock.wall_ns() >= self.settings.reading_ns(self.begun):
            self._begin()
        self._wait()

    def _is_left(self) -> bool:
        """Whether there is a round left to begin, or the last one to end."""
        return self.begun <= self.settings.rounds_in_all

    def _wait(self) -> None:
        if self._is_left():
            self.set_timer("round", max(0, self.settings.reading_ns(self.begun) - self.clock.wall_ns()))

    def _join(self) -> None:
        """Take part from the first broadcast on that has not begun by the own clock."""
        begun = max(0, self.clock.wall_ns() // self.settings.round_ns)
        self.joined = min(-(-begun // self.settings.rounds), self.settings.broadcasts)
        self.begun = self.joined * self.settings.rounds
        self.observe(Joined(self.joined))

    def _begin(self) -> None:
        """A round of the run ends, and the next one begins."""
        self._tell_news()
        ended, before = divmod(self.begun - 1, self.settings.rounds)
        if before + 1 == self.last_round and ended >= self.joined:
            self.decide(ended)
        broadcast, before = divmod(self.begun, self.settings.rounds)
        self.begun += 1
        if broadcast < self.settings.broadcasts:
            self.begin_round(broadcast, before + 1)

    @property
    def last_round(self) -> int:
        """After which round a node decides."""
        return self.settings.rounds

    def round_of(self, broadcast: int) -> int:
        """In which round of that broadcast this node is: 0 or less before it, more than f + 1 after it."""
        return self.begun - broadcast * self.settings.rounds

    def begin_round(self, broadcast: int, round: int) -> None:
        """Say what there is to say."""
        if round == 1 and self.settings.is_sender(self.id, broadcast):
            self.propose(broadcast)
        chains = self.to_relay.pop((broadcast, round), [])
        if chains:
            self.relay(broadcast, round, chains)

    def propose(self, broadcast: int) -> None:
        """Rule 1."""
        value = self.random.choice(VALUES)
        self.observe(Proposed(broadcast, value))
        self.extracted[broadcast, self.id] = [value]
        self.broadcast(Chains((self.signed(Chain(broadcast, self.id, value)),)))

    def relay(self, broadcast: int, round: int, chains: Sequence[Chain]) -> None:
        """Rule 3: all in one message."""
        self.observe(Relayed(broadcast, round, tuple([(chain.sender, chain.value) for chain in chains])))
        self.broadcast(Chains(tuple([self.sent_on(chain) for chain in chains])))

    def sent_on(self, chain: Chain) -> Chain:
        """What the others are to get of a chain."""
        return self.signed(chain)

    def signed(self, chain: Chain) -> Chain:
        """The chain with the own signature."""
        return chain.extended(self.id, self.signer.sign(self.content(chain, len(chain.signers))))

    # Chains.

    def on_message(self, source: int, message: Chains) -> None:
        for chain in message.chains:
            values = self.extracted.get((chain.broadcast, chain.sender), ())
            if chain.value in values or len(values) >= ENOUGH:
                continue
            why = self.objection(chain)
            if why:
                self.refuse(source, chain, why)
            else:
                self.extract(chain)

    def objection(self, chain: Chain) -> str:
        """Rule 2: why the chain is not believed; empty if it is. What costs least is asked first."""
        round, signers = self.round_of(chain.broadcast), chain.signers
        if not self.settings.is_sender(chain.sender, chain.broadcast):
            return NO_SENDER
        if round > self.settings.rounds:
            return OVER
        if len(signers) < self.least_signatures(round):
            return LATE
        if len(signers) != len(chain.signatures):
            return FORGED
        if not self.are_different(signers):
            return TWICE
        if not self.is_from_sender(chain):
            return NOT_FIRST
        return "" if self.is_signed(chain) else FORGED

    def least_signatures(self, round: int) -> int:
        """How many a chain must have in that round."""
        return max(1, round)

    def are_different(self, signers: Sequence[int]) -> bool:
        """Whether nobody has signed twice."""
        return len(set(signers)) == len(signers)

    def is_from_sender(self, chain: Chain) -> bool:
        """Whether the sender has signed it first."""
        return chain.signers[0] == chain.sender

    def is_signed(self, chain: Chain) -> bool:
        """Whether every signature is right, each of what stands before it."""
        return all(self.is_right(chain, number) for number in range(len(chain.signers)))

    def is_right(self, chain: Chain, number: int) -> bool:
        """Whether the signature that has so many before it is right."""
        content = self.content(chain, number)
        return self.directory.is_signed(chain.signers[number], chain.signatures[number], content)

    def content(self, chain: Chain, before: int) -> bytes:
        """What the signature signs that has so many before it."""
        return content_of(chain, before)

    def refuse(self, source: int, chain: Chain, why: str) -> None:
        """Nothing comes of the chain."""
        round = self.round_of(chain.broadcast)
        self.observe(Refused(chain.broadcast, round, source, chain.sender, chain.value, chain.signers, why))

    def extract(self, chain: Chain) -> None:
        """Take the value for the sender's, and send it on in the round after its own."""
        self.extracted.setdefault((chain.broadcast, chain.sender), []).append(chain.value)
        self.news.append(chain)
        if self.is_relayed(chain):
            self.to_relay.setdefault((chain.broadcast, len(chain.signers) + 1), []).append(chain)

    def is_relayed(self, chain: Chain) -> bool:
        """Whether the others may still lack the value."""
        return len(chain.signers) <= self.settings.faults

    def _tell_news(self) -> None:
        """The end of a round: what was extracted in it. What came before its broadcast is told in that."""
        told = [chain for chain in self.news if self.round_of(chain.broadcast) >= 1]
        self.news = [chain for chain in self.news if self.round_of(chain.broadcast) < 1]
        for broadcast in dict.fromkeys(chain.broadcast for chain in told):
            values = [(chain.sender, chain.value, chain.signers) for chain in told if chain.broadcast == broadcast]
            self.observe(Extracted(broadcast, self.round_of(broadcast), tuple(values)))

    # The end.

    def decide(self, broadcast: int) -> None:
        """Rule 4, after the broadcast's last round."""
        senders = self.settings.senders_of(broadcast)
        decisions = [(sender, self.decision(self.extracted.get((broadcast, sender), ()))) for sender in senders]
        self.observe(Decided(broadcast, tuple(decisions)))

    def decision(self, values: Sequence[str]) -> str | None:
        """What values extracted of one sender come to."""
        return values[0] if len(values) == 1 else None
