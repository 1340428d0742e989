"""Nodes that take part in a broadcast with signatures, with one wrong line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from simclock.experiments.entries.bug import Bug
from simclock.protocols.dolev_strong import AGREEMENT, TERMINATION, VALIDITY, Chain, Participant, Synchrony
from simclock.protocols.dolev_strong.signatures import content_of


class BelievesAnyRound(Participant):
    """DS-01: a chain is believed in round r with fewer than r signatures."""

    def least_signatures(self, round: int) -> int:
        return 1


class CountsSignaturesNotSigners(Participant):
    """DS-02: a node that has signed several times counts as often."""

    def are_different(self, signers: Sequence[int]) -> bool:
        return True


class VerifiesNothing(Participant):
    """DS-03: signatures are counted and not verified."""

    def is_signed(self, chain: Chain) -> bool:
        return True


class VerifiesTheLast(Participant):
    """DS-03b: only the last signature is verified, that of who sends the chain."""

    def is_signed(self, chain: Chain) -> bool:
        return self.is_right(chain, len(chain.signers) - 1)


class VerifiesTheFirst(Participant):
    """DS-03c: only the sender's signature is verified."""

    def is_signed(self, chain: Chain) -> bool:
        return self.is_right(chain, 0)


class RelaysOneRoundLess(Participant):
    """DS-04: what comes in the last round but one is not sent on."""

    def is_relayed(self, chain: Chain) -> bool:
        return len(chain.signers) < self.settings.faults


class DecidesAfterFaults(Participant):
    """DS-05: it decides after f rounds."""

    @property
    def last_round(self) -> int:
        return max(1, self.settings.faults)


class IgnoresWhoSignedFirst(Participant):
    """DS-06: a chain need not begin with its sender's signature."""

    def is_from_sender(self, chain: Chain) -> bool:
        return True


class DecidesTheFirst(Participant):
    """DS-07: of two values extracted the first one is decided."""

    def decision(self, values: Sequence[str]) -> str | None:
        return values[0] if values else None


class SignsAnyBroadcast(Participant):
    """DS-08: what is signed and verified does not say in which broadcast."""

    def content(self, chain: Chain, before: int) -> bytes:
        return content_of(Chain(0, chain.sender, chain.value, chain.signers, chain.signatures), before)


class RelaysOneValue(Participant):
    """DS-09: of one sender only the first value is sent on, as if a second showed nothing."""

    def is_relayed(self, chain: Chain) -> bool:
        return super().is_relayed(chain) and len(self.extracted[chain.broadcast, chain.sender]) == 1


class RelaysUnsigned(Participant):
    """DS-10: what is sent on does not bear the own signature."""

    def sent_on(self, chain: Chain) -> Chain:
        return chain


class ForgetsClocks(Synchrony):
    """DS-11: a round is as long as a message takes: that clocks differ is forgotten."""

    def round_ns(self, rounds: int) -> int:
        return Synchrony(delay_ns_max=self.delay_ns_max, offset_ns_max=0, drift_ppb_max=0).round_ns(rounds)


class WaitsForAValue(Participant):
    """DS-12: a node that has extracted nothing does not decide."""

    def decide(self, broadcast: int) -> None:
        if any(self.extracted.get((broadcast, sender)) for sender in self.settings.senders_of(broadcast)):
            super().decide(broadcast)


_PAPER = "Dolev & Strong 1983"
_row = partial(Bug, scenario="dolev-strong-hunt", judged=False)


def _bug(id: str, name: str, wrong: type, property: str, rule: str, *, part: str = "node") -> Bug:
    return _row(id=id, name=name, parts={part: wrong}, property=property, source=f"{_PAPER}, {rule}")


BUGS: tuple[Bug, ...] = (
    _bug("DS-01", "any-round", BelievesAnyRound, AGREEMENT, "r signatures in phase r"),
    _bug("DS-02", "signatures-not-signers", CountsSignaturesNotSigners, AGREEMENT, "distinct signatures"),
    _bug("DS-03", "verifies-nothing", VerifiesNothing, VALIDITY, "authentication"),
    _bug("DS-03b", "verifies-the-last", VerifiesTheLast, VALIDITY, "authentication"),
    _bug("DS-03c", "verifies-the-first", VerifiesTheFirst, AGREEMENT, "authentication"),
    _bug("DS-04", "one-relay-less", RelaysOneRoundLess, AGREEMENT, "messages relayed up to phase t + 1"),
    _bug("DS-05", "decides-after-f", DecidesAfterFaults, AGREEMENT, "t + 1 phases are necessary"),
    _bug("DS-06", "first-signer-unchecked", IgnoresWhoSignedFirst, VALIDITY, "the transmitter signs first"),
    _bug("DS-07", "first-of-two", DecidesTheFirst, AGREEMENT, "the default value"),
    _bug("DS-08", "any-broadcast", SignsAnyBroadcast, VALIDITY, "authentication"),
    _bug("DS-09", "one-value-relayed", RelaysOneValue, AGREEMENT, "at most two values relayed"),
    _bug("DS-10", "relays-unsigned", RelaysUnsigned, AGREEMENT, "each relay signs"),
    _bug("DS-11", "clocks-forgotten", ForgetsClocks, VALIDITY, "synchronous phases", part="synchrony"),
    _bug("DS-12", "waits-for-a-value", WaitsForAValue, TERMINATION, "the default value"),
)
