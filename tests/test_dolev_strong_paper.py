"""Dolev and Strong's broadcast, rule by rule: one node apart, its rounds and chains by hand."""

import pytest

from simclock import Standalone, ms
from simclock.protocols.dolev_strong import BroadcastSettings, Chain, Chains, Directory, Participant, Signer
from simclock.protocols.dolev_strong.participant import FORGED, LATE, NO_SENDER, NOT_FIRST, OVER, TWICE
from simclock.protocols.dolev_strong.signatures import content_of

SEED, NODES, FAULTS, ROUND_NS = 5, 5, 2, ms(10)
ME = 4


def settings(**changes):
    given = {"nodes": NODES, "faults": FAULTS, "broadcasts": 2, "senders": 1, "round_ns": ROUND_NS}
    return BroadcastSettings(**given | changes)


def alone(id=ME, **changes):
    """A node in round 0, which is before the first broadcast."""
    chosen = settings(**changes)
    return Standalone(
        lambda: Participant(chosen, Signer(SEED, id), Directory(SEED, NODES)), id=id, nodes=NODES, seed=SEED
    )


def next_round(node, rounds=1):
    for _ in range(rounds):
        node.passes(ROUND_NS)
        node.on_timer("round")


def chain(value, *signers, broadcast=0, sender=0):
    made = Chain(broadcast, sender, value)
    for signer in signers:
        made = made.extended(signer, Signer(SEED, signer).sign(content_of(made, len(made.signers))))
    return made


def hears(node, *chains, source=1):
    node.on_message(source, Chains(tuple(chains)))


def told(node, name):
    return [value for each, value in node.out.observed if each == name]


def refusals(node):
    return [value[-1] for value in told(node, "refused")]


def sent(node):
    """Target -> chains, and nothing else is left."""
    return {target: message.chains for target, message in node.out.take_sent()}


def decision(node):
    """What it decides for node 0 in broadcast 0, once that is over."""
    next_round(node, FAULTS + 2 - node.node.begun + 1)
    ((broadcast, values),) = told(node, "decided")
    assert broadcast == 0 and [sender for sender, _ in values] == [0]
    return values[0][1]


def test_in_round_1_the_sender_signs_its_value_and_sends_it_to_all():
    node = alone(id=0)
    assert sent(node) == {}
    next_round(node)
    ((broadcast, value),) = told(node, "proposed")
    assert broadcast == 0 and sent(node) == {target: (chain(value, 0),) for target in (1, 2, 3, 4)}
    assert decision(node) == value


def test_nobody_else_sends_in_round_1():
    node = alone()
    next_round(node)
    assert sent(node) == {} and told(node, "proposed") == []


def test_a_value_is_signed_and_sent_on_in_the_next_round_to_all():
    node = alone()
    next_round(node)
    hears(node, chain("attack", 0))
    assert sent(node) == {}
    next_round(node)
    assert sent(node) == {target: (chain("attack", 0, ME),) for target in (0, 1, 2, 3)}
    assert told(node, "extracted") == [(0, 1, ((0, "attack", (0,)),))]
    next_round(node)
    assert sent(node) == {}, "once"
    assert decision(node) == "attack"


@pytest.mark.parametrize("round", [1, 2, 3])
@pytest.mark.parametrize("signatures", [1, 2, 3])
def test_in_round_r_a_chain_has_at_least_r_signatures(round, signatures):
    node = alone()
    next_round(node, round)
    hears(node, chain("attack", *range(signatures)))
    assert refusals(node) == ([LATE] if signatures < round else [])
    assert decision(node) == (None if signatures < round else "attack")


def test_what_comes_before_its_round_is_sent_on_in_the_round_after_its_own():
    node = alone()
    hears(node, chain("attack", 0, 1))
    next_round(node, 2)
    assert sent(node) == {}
    next_round(node)
    assert sent(node)[0] == (chain("attack", 0, 1, ME),)


def test_after_the_last_round_nothing_is_believed():
    node = alone()
    next_round(node, FAULTS + 2)
    hears(node, chain("attack", 0, 1, 2))
    assert refusals(node) == [OVER]
    assert [value for _, value in told(node, "decided")] == [((0, None),)]


def test_nobody_signs_twice():
    node = alone()
    hears(node, chain("attack", 0, 1, 1), chain("attack", 0, 0))
    assert refusals(node) == [TWICE, TWICE]


def test_the_sender_signs_first():
    node = alone()
    hears(node, chain("attack", 1), chain("attack", 1, 0))
    assert refusals(node) == [NOT_FIRST, NOT_FIRST]


def test_only_whose_turn_it_is_is_a_sender():
    node = alone()
    hears(node, chain("attack", 1, sender=1), chain("attack", 0, broadcast=1), chain("attack", 0, broadcast=-1))
    hears(node, chain("attack", 0, broadcast=9))
    assert refusals(node) == [NO_SENDER] * 4


def replaced(position, **changes):
    signers, signatures = list(RIGHT.signers), list(RIGHT.signatures)
    signers[position] = changes.get("signer", signers[position])
    signatures[position] = changes.get("signature", signatures[position])
    return Chain(0, 0, "attack", tuple(signers), tuple(signatures))


def of(*positions, broadcast=0, value="attack"):
    """What stands at these places of the right chain."""
    signers, signatures = zip(*[(RIGHT.signers[each], RIGHT.signatures[each]) for each in positions], strict=True)
    return Chain(broadcast, 0, value, signers, signatures)


RIGHT = chain("attack", 0, 1, 2)
FORGERIES = {
    "another value": of(0, 1, 2, value="retreat"),
    "another broadcast": of(0, 1, 2, broadcast=5),
    "another signer": replaced(2, signer=3),
    "a signer that is no node": replaced(2, signer=NODES),
    "a signer below 0": replaced(2, signer=-1),
    "no signature": replaced(1, signature=b""),
    "the first one is wrong": replaced(0, signature=bytes(64)),
    "one in the middle is wrong": replaced(1, signature=bytes(64)),
    "the last one is wrong": replaced(2, signature=bytes(64)),
    "one is left out": of(0, 2),
    "a signature too many": Chain(0, 0, "attack", RIGHT.signers, (*RIGHT.signatures, bytes(64))),
    "a signer too many": Chain(0, 0, "attack", (*RIGHT.signers, 3), RIGHT.signatures),
    "in another order": of(0, 2, 1),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_every_signature_is_right_and_of_all_that_stands_before_it(name):
    node = alone(broadcasts=6)
    hears(node, FORGERIES[name])
    assert refusals(node) == [FORGED]
    hears(node, RIGHT)
    assert refusals(node) == [FORGED] and decision(node) == "attack"


def test_two_values_show_that_the_sender_lies_and_are_sent_on_and_no_third():
    node = alone()
    next_round(node)
    hears(node, chain("attack", 0), chain("retreat", 0), chain("wait", 0))
    next_round(node)
    assert sent(node)[0] == (chain("attack", 0, ME), chain("retreat", 0, ME))
    assert decision(node) is None and refusals(node) == []


def test_without_a_value_the_sender_lies():
    assert decision(alone()) is None


def test_a_chain_of_more_than_f_signatures_is_believed_and_not_sent_on():
    node = alone()
    next_round(node, FAULTS + 1)
    hears(node, chain("attack", 0, 1, 2))
    next_round(node)
    assert [chains for chains in sent(node).values() if chains[0].sender == 0] == []
    assert told(node, "decided") == [(0, ((0, "attack"),))]


@pytest.mark.parametrize("faults", range(NODES))
def test_a_node_decides_after_f_plus_1_rounds(faults):
    node = alone(faults=faults)
    next_round(node, faults + 1)
    assert told(node, "decided") == []
    next_round(node)
    assert [broadcast for broadcast, _ in told(node, "decided")] == [0]


def test_rounds_are_by_the_wall_clock_and_none_is_left_out():
    node = alone()
    node.passes(3 * ROUND_NS)
    node.on_timer("round")
    assert node.node.begun == 3


def test_who_was_down_takes_part_from_the_next_broadcast_on():
    node = alone()
    next_round(node, 2)
    node.crash()
    node.restart()
    assert told(node, "joined") == [1]
    next_round(node, FAULTS)
    assert told(node, "decided") == [], "it has not taken part in the first"
    while "round" in node.timers:
        next_round(node)
    assert [broadcast for broadcast, _ in told(node, "decided")] == [1]


def test_a_key_follows_from_seed_and_node():
    content = b"x"
    signature = Signer(SEED, 1).sign(content)
    assert signature == Signer(SEED, 1).sign(content) and len(signature) == 64
    assert Directory(SEED, NODES).is_signed(1, signature, content)
    for other in (Directory(SEED + 1, NODES), Directory(SEED, 1)):
        assert not other.is_signed(1, signature, content)
    assert not Directory(SEED, NODES).is_signed(2, signature, content)
