"""Nodes that lie, in several ways. They know all that liars know, and sign with each other's keys; nobody else's.

A liar follows the rounds, so that what it sends comes at the worst moment. The worst is the last in which it is
believed: a chain of k signatures that goes to one correct node in round k leaves that node alone to tell the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from simclock import stream
from simclock.protocols.dolev_strong.messages import Chain, Chains
from simclock.protocols.dolev_strong.observed import Lied
from simclock.protocols.dolev_strong.participant import VALUES, Participant
from simclock.protocols.dolev_strong.settings import BroadcastSettings
from simclock.protocols.dolev_strong.signatures import SIGNATURE_BYTES, Directory, Signer

OLD_MAX = 20
"""How many old chains are kept to be sent again."""


class Release(NamedTuple):
    """When a value that was held back is let out, and to whom."""

    round: int
    victim: int
    """A correct node."""
    value: str
    early: bool
    """Whether the sender tells all the other value before."""

    @property
    def other(self) -> str:
        return next(value for value in VALUES if value != self.value)


@dataclass(frozen=True)
class Plot:
    """What the liars of a run have agreed on."""

    seed: int
    settings: BroadcastSettings
    liars: tuple[int, ...]

    def signer(self, liar: int) -> Signer:
        """A liar's key."""
        assert liar in self.liars, "no key of a correct node is known"
        return Signer(self.seed, liar)

    @cached_property
    def correct(self) -> tuple[int, ...]:
        """Those who do not lie; there is at least one."""
        return tuple([node for node in range(self.settings.nodes) if node not in self.liars])

    def release(self, broadcast: int, sender: int) -> Release:
        """The same for all liars."""
        luck = stream(self.seed, f"plot {broadcast}", sender)
        return Release(
            round=luck.choice((1 + luck.randrange(self.settings.rounds), self.settings.rounds)),
            victim=luck.choice(self.correct),
            value=luck.choice(VALUES),
            early=luck.choice((True, False)),
        )


class Liar(Participant):
    """What liars have in common."""

    def __init__(self, settings: BroadcastSettings, signer: Signer, directory: Directory, plot: Plot) -> None:
        super().__init__(settings, signer, directory)
        self.plot = plot
        self.releases: dict[tuple[int, int], Release] = {}

    def begin_round(self, broadcast: int, round: int) -> None:
        super().begin_round(broadcast, round)
        for sender in self.settings.senders_of(broadcast):
            self.act(broadcast, round, sender, self.release(broadcast, sender))

    def release(self, broadcast: int, sender: int) -> Release:
        """What the liars have agreed on about a sender's value."""
        if (broadcast, sender) not in self.releases:
            self.releases[broadcast, sender] = self.plot.release(broadcast, sender)
        return self.releases[broadcast, sender]

    def act(self, broadcast: int, round: int, sender: int, release: Release) -> None:
        """What it does beside proposing and sending on, at the beginning of a round, about one sender."""

    def whisper(self, targets: Iterable[int], chain: Chain) -> None:
        """Send a chain to these nodes alone."""
        those = tuple([target for target in targets if target != self.id])
        if not those:
            return
        round = self.round_of(chain.broadcast)
        self.observe(Lied(chain.broadcast, round, those, chain.sender, chain.value, chain.signers))
        for target in those:
            self.send(target, Chains((chain,)))

    def everybody(self) -> range:
        """All nodes, itself among them."""
        return range(self.nodes)


class SilentLiar(Liar):
    """Says nothing."""

    def propose(self, broadcast: int) -> None:
        pass

    def relay(self, broadcast: int, round: int, chains: Sequence[Chain]) -> None:
        pass


class EquivocatingLiar(Liar):
    """As the sender it tells each node one of two values, or nothing; otherwise it does as it should."""

    def propose(self, broadcast: int) -> None:
        told: dict[str, list[int]] = {value: [] for value in (*VALUES, "")}
        for target in self.everybody():
            told[self.random.choice(tuple(told))].append(target)
        for value in VALUES:
            if told[value]:
                self.whisper(told[value], self.signed(Chain(broadcast, self.id, value)))


class LateLiar(Liar):
    """Holds back what it should send on, until the last round, and then gives it to one node only.

    As the sender it gives one node a value, signed by itself alone, in a round that is too late for that.
    """

    def propose(self, broadcast: int) -> None:
        release = self.release(broadcast, self.id)
        if release.early:
            self.whisper(self.everybody(), self.signed(Chain(broadcast, self.id, release.other)))

    def relay(self, broadcast: int, round: int, chains: Sequence[Chain]) -> None:
        for chain in chains:
            self.to_relay.setdefault((broadcast, self.settings.rounds + 1), []).append(chain)

    def act(self, broadcast: int, round: int, sender: int, release: Release) -> None:
        if sender == self.id and round == release.round:
            self.whisper((release.victim,), self.signed(Chain(broadcast, sender, release.value)))
        if round == self.settings.rounds:
            for chain in self.to_relay.get((broadcast, round + 1), ()):
                if chain.sender == sender:
                    self.whisper((release.victim,), self.signed(chain))


class ForgingLiar(Liar):
    """Puts another value under others' signatures, and makes up chains of correct nodes; its own signature is right."""

    def relay(self, broadcast: int, round: int, chains: Sequence[Chain]) -> None:
        for chain in chains:
            other = next(value for value in VALUES if value != chain.value)
            self.whisper(
                self.everybody(), self.signed(Chain(broadcast, chain.sender, other, chain.signers, chain.signatures))
            )

    def act(self, broadcast: int, round: int, sender: int, release: Release) -> None:
        if round != release.round or sender in self.plot.liars:
            return
        others = [node for node in self.plot.correct if node != sender]
        chain = Chain(broadcast, sender, release.value)
        for named in (sender, *others)[: max(1, round - 1)]:
            forged = self.random.randrange(1 << 8 * SIGNATURE_BYTES).to_bytes(SIGNATURE_BYTES, "big")
            chain = chain.extended(named, forged)
        self.whisper(self.everybody(), self.signed(chain))


class ReplayingLiar(Liar):
    """Sends chains of earlier broadcasts again, as they were and as ones of this broadcast."""

    def __init__(self, settings: BroadcastSettings, signer: Signer, directory: Directory, plot: Plot) -> None:
        super().__init__(settings, signer, directory, plot)
        self.old: list[Chain] = []

    def extract(self, chain: Chain) -> None:
        super().extract(chain)
        if len(self.old) < OLD_MAX:
            self.old.append(chain)

    def act(self, broadcast: int, round: int, sender: int, release: Release) -> None:
        for chain in self.old if round == 1 else ():
            if chain.broadcast < broadcast and chain.sender == sender:
                self.whisper(self.everybody(), chain)
                self.whisper(self.everybody(), Chain(broadcast, sender, chain.value, chain.signers, chain.signatures))


class ColludingLiar(Liar):
    """The sender gives a value to another liar, which signs it and gives it to the next, until it is let out."""

    def propose(self, broadcast: int) -> None:
        release = self.release(broadcast, self.id)
        if release.early:
            self.whisper(self.everybody(), self.signed(Chain(broadcast, self.id, release.other)))
        self._pass_on(1, self.signed(Chain(broadcast, self.id, release.value)))

    def relay(self, broadcast: int, round: int, chains: Sequence[Chain]) -> None:
        for chain in chains:
            if set(chain.signers) <= set(self.plot.liars):
                self._pass_on(round, self.signed(chain))

    def _pass_on(self, round: int, chain: Chain) -> None:
        release = self.release(chain.broadcast, chain.sender)
        left = [liar for liar in self.plot.liars if liar not in chain.signers]
        is_secret = chain.value == release.value
        target = left[0] if left and is_secret and round < release.round else release.victim
        self.whisper((target,), chain)


class PaddingLiar(Liar):
    """As the sender it makes up for the signatures that it lacks: by its own again and again, and by forged ones."""

    def propose(self, broadcast: int) -> None:
        release = self.release(broadcast, self.id)
        if release.early:
            self.whisper(self.everybody(), self.signed(Chain(broadcast, self.id, release.other)))

    def act(self, broadcast: int, round: int, sender: int, release: Release) -> None:
        if sender != self.id or round != self.settings.rounds:
            return
        again = forged = self.signed(Chain(broadcast, sender, release.value))
        for _ in range(1, round):
            again = self.signed(again)
        for node in [node for node in self.everybody() if node not in (self.id, release.victim)][: round - 1]:
            forged = forged.extended(node, bytes(SIGNATURE_BYTES))
        self.whisper((release.victim,), again)
        self.whisper((release.victim,), forged)


class ImpostorLiar(Liar):
    """Signs another value in a correct sender's place, with as many of the liars as the round asks for."""

    def act(self, broadcast: int, round: int, sender: int, release: Release) -> None:
        if sender in self.plot.liars or round != min(release.round, len(self.plot.liars)):
            return
        chain = self.signed(Chain(broadcast, sender, release.value))
        for liar in [liar for liar in self.plot.liars if liar != self.id][: round - 1]:
            signature = self.plot.signer(liar).sign(self.content(chain, len(chain.signers)))
            chain = chain.extended(liar, signature)
        self.whisper(self.everybody(), chain)


LIARS: dict[str, type[Liar]] = {
    "silent": SilentLiar,
    "equivocating": EquivocatingLiar,
    "late": LateLiar,
    "forging": ForgingLiar,
    "replaying": ReplayingLiar,
    "colluding": ColludingLiar,
    "padding": PaddingLiar,
    "impostor": ImpostorLiar,
}
