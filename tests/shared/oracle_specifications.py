"""Specifications of tlaplus/Examples (MIT), by their variables and actions, for `shared_variables.counted`.

Each is named by its file there. A world is a tuple; processes are numbered from 0 on.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

from shared_variables import Shared, World, put, subsets

# Rings and barriers.


def token_ring(nodes: int, values: int) -> Shared:
    """ewd426/TokenRing: Dijkstra's first self-stabilizing ring, from any beginning."""

    def steps(i: int, c: World) -> Iterator[World]:
        if i == 0 and c[0] == c[-1]:
            yield put(c, 0, (c[-1] + 1) % values)
        elif i > 0 and c[i] != c[i - 1]:
            yield put(c, i, c[i - 1])

    return Shared(processes=nodes, beginnings=tuple(product(range(values), repeat=nodes)), steps=steps)


def barrier(processes: int) -> Shared:
    """barriers/Barrier."""

    def steps(i: int, world: World) -> Iterator[World]:
        if not world[i]:
            yield put(world, i, True)
        if all(world):
            yield (False,) * processes

    return Shared(processes=processes, beginnings=((False,) * processes,), steps=steps)


def dining_philosophers(philosophers: int) -> Shared:
    """DiningPhilosophers: Chandy and Misra's forks, (holder, clean); a philosopher is (where, hungry)."""

    def steps(i: int, world: World) -> Iterator[World]:
        forks, people = world
        left, right = i, (i + 1) % philosophers
        where, hungry = people[i]
        if where == "think":
            yield forks, put(people, i, ("loop", True))
        elif where == "eat":
            for fork in (left, right):
                forks = put(forks, fork, (forks[fork][0], False))
            yield forks, put(people, i, ("loop", False))
        else:
            can_eat = forks[left] == forks[right] == (i, True)
            if forks[left] == (i, False):
                forks = put(forks, left, ((i - 1) % philosophers, True))
            elif forks[right] == (i, False):
                forks = put(forks, right, ((i + 1) % philosophers, True))
            then = ("eat" if can_eat else "loop") if hungry else "think"
            yield forks, put(people, i, (then, hungry))

    forks = tuple((0 if fork == 1 else fork, False) for fork in range(philosophers))
    return Shared(processes=philosophers, beginnings=((forks, (("loop", True),) * philosophers),), steps=steps)


def replicated_log(nodes: int, transactions: int, bound: int = 5) -> Shared:
    """FiniteMonotonic/MCReplicatedLog: what all have executed may be cut off in the same step."""

    def reduced(world: World) -> Iterator[World]:
        log, executed = world
        least = min(executed)
        for then in (world, (log[least:], tuple(each - least for each in executed))):
            if len(then[0]) < bound and all(len(then[0]) - each < bound for each in then[1]):
                yield then

    def steps(i: int, world: World) -> Iterator[World]:
        log, executed = world
        then = put(executed, i, executed[i] + 1)
        if executed[i] < len(log):
            yield from reduced((log, then))
        else:
            for transaction in range(transactions):
                yield from reduced(((*log, transaction), then))

    return Shared(processes=nodes, beginnings=(((), (0,) * nodes),), steps=steps)


# Detection of termination.


def ewd840(nodes: int) -> Shared:
    """ewd840/EWD840: (active, black, where the token is, whether it is black)."""

    def steps(i: int, world: World) -> Iterator[World]:
        active, black, token, token_black = world
        if token == i == 0 and (token_black or black[0]):
            yield active, put(black, 0, False), nodes - 1, False
        if token == i > 0 and (not active[i] or black[i] or token_black):
            yield active, put(black, i, False), i - 1, black[i] or token_black
        if active[i]:
            yield put(active, i, False), black, token, token_black
            for other in range(nodes):
                if other != i:
                    yield put(active, other, True), put(black, i, black[i] or other > i), token, token_black

    flags = tuple(product((False, True), repeat=nodes))
    beginnings = tuple((active, black, token, True) for active in flags for black in flags for token in range(nodes))
    return Shared(processes=nodes, beginnings=beginnings, steps=steps)


def asynchronous_termination(nodes: int, bound: int = 3) -> Shared:
    """ewd998/AsyncTerminationDetection: (active, pending, detected)."""

    def over(active: World, pending: World) -> bool:
        return not any(active) and not any(pending)

    def steps(i: int, world: World) -> Iterator[World]:
        active, pending, detected = world
        if over(active, pending):
            yield active, pending, True
        if active[i]:
            then = put(active, i, False)
            yield then, pending, detected
            yield then, pending, over(then, pending)
            for other in range(nodes):
                if pending[other] < bound:
                    yield active, put(pending, other, pending[other] + 1), detected
        if pending[i]:
            yield put(active, i, True), put(pending, i, pending[i] - 1), detected

    beginnings = {
        (active, (0,) * nodes, detected)
        for active in product((False, True), repeat=nodes)
        for detected in (False, not any(active))
    }
    return Shared(processes=nodes, beginnings=tuple(sorted(beginnings)), steps=steps)


# Voting.


def votings(acceptors: int, values: int, ballots: int, shows_safe: Any) -> Shared:
    """Acceptors that may raise their ballot, or vote for what is shown to be safe: (votes, highest ballots)."""

    def steps(i: int, world: World) -> Iterator[World]:
        votes, highest = world
        for ballot in range(ballots):
            if ballot > highest[i]:
                yield votes, put(highest, i, ballot)
            if ballot < highest[i] or any(each[0] == ballot for each in votes[i]):
                continue
            for value in range(values):
                alone = all(v == value for other in votes for b, v in other if b == ballot)
                if alone and shows_safe(world, ballot, value):
                    yield put(votes, i, votes[i] | {(ballot, value)}), put(highest, i, ballot)

    return Shared(processes=acceptors, beginnings=(((frozenset(),) * acceptors, (-1,) * acceptors),), steps=steps)


def _majorities(acceptors: int) -> list[tuple[int, ...]]:
    least = acceptors // 2 + 1
    return [some for size in range(least, acceptors + 1) for some in combinations(range(acceptors), size)]


def voting(acceptors: int, values: int, ballots: int) -> Shared:
    """PaxosHowToWinATuringAward/Voting: some quorum shows that a value is safe."""

    def shows_safe(world: World, ballot: int, value: int) -> bool:
        votes, highest = world
        return any(
            all(highest[each] >= ballot for each in some)
            and any(
                (c == -1 or any((c, value) in votes[each] for each in some))
                and not any(c < b < ballot for each in some for b, _ in votes[each])
                for c in range(-1, ballot)
            )
            for some in _majorities(acceptors)
        )

    return votings(acceptors, values, ballots, shows_safe)


def vote_proof(acceptors: int, values: int, ballots: int) -> Shared:
    """byzpaxos/VoteProof: safe at a ballot, by a quorum and by what was safe below."""

    def safe(world: World, ballot: int, value: int) -> bool:
        votes, highest = world
        return ballot == 0 or any(
            all(highest[each] >= ballot for each in some)
            and any(
                (c == -1 or (safe(world, c, value) and all(v == value for a in some for b, v in votes[a] if b == c)))
                and not any(c < b < ballot for each in some for b, _ in votes[each])
                for c in range(-1, ballot)
            )
            for some in _majorities(acceptors)
        )

    return votings(acceptors, values, ballots, safe)


# Atomic commitment.


def nbac_raynal(processes: int) -> Shared:
    """nbacc_ray97: (where each is, what each has received, what was sent, what each failure detector says)."""

    def steps(i: int, world: World) -> Iterator[World]:
        where, received, sent, suspects = world
        for more, suspect in product(subsets(sent - received[i]), (False, True)):
            then = put(received, i, received[i] | more)
            told = put(suspects, i, suspect)
            yield where, then, sent, told
            if where[i] in ("yes", "no"):
                yield put(where, i, "sent"), then, sent | {(i, where[i])}, told
            if where[i] != "crash":
                yield put(where, i, "crash"), then, sent, told
            if where[i] == "sent":
                if suspect or any(vote == "no" for _, vote in received[i]):
                    yield put(where, i, "abort"), then, sent, told
                if not suspect and {p for p, vote in then[i] if vote == "yes"} == set(range(processes)):
                    yield put(where, i, "commit"), then, sent, told

    beginnings = tuple(
        (votes, (frozenset(),) * processes, frozenset(), suspects)
        for votes in product(("yes", "no"), repeat=processes)
        for suspects in product((False, True), repeat=processes)
    )
    return Shared(processes=processes, beginnings=beginnings, steps=steps)


NOT_SENT = ""


def acp_nb(participants: int) -> Shared:
    """acp/ACP_NB: participants forward a decision before they take it; the last process is the coordinator.

    A participant is (vote, alive, decision, sent, forward); the coordinator (requests, votes, broadcast, decision,
    alive). Who is faulty is not alive.
    """
    everybody = range(participants)

    def coordinates(world: World) -> Iterator[World]:
        people, (requests, votes, broadcast, decision, alive) = world
        if not alive:
            return
        yield people, (requests, votes, broadcast, decision, False)
        for i in everybody:
            vote, up, _, sent, _ = people[i]
            if not requests[i]:
                yield people, (put(requests, i, True), votes, broadcast, decision, alive)
            if not decision and all(requests) and not votes[i]:
                if sent:
                    yield people, (requests, put(votes, i, vote), broadcast, decision, alive)
                elif not up:
                    yield people, (requests, votes, broadcast, "abort", alive)
            if decision and not broadcast[i]:
                yield people, (requests, votes, put(broadcast, i, decision), decision, alive)
        if not decision and all(votes):
            yield people, (requests, votes, broadcast, "abort" if "no" in votes else "commit", alive)

    def steps(i: int, world: World) -> Iterator[World]:
        people, coordinator = world
        if i == participants:
            yield from coordinates(world)
            return
        vote, up, decision, sent, forward = people[i]
        if not up:
            return
        requests, _, broadcast, _, coordinator_up = coordinator

        def me(decided: str = decision, sends: bool = sent, forwards: World = forward, alive: bool = True) -> World:
            return put(people, i, (vote, alive, decided, sends, forwards)), coordinator

        yield me(alive=False)
        if requests[i]:
            yield me(sends=True)
        if not decision and sent and vote == "no":
            yield me("abort")
        if not decision and not coordinator_up and not requests[i]:
            yield me("abort")
        for j in everybody:
            if j != i and forward[i] and not forward[j]:
                yield me(forwards=put(forward, j, forward[i]))
            if j != i and not forward[i] and people[j][4][i]:
                yield me(forwards=put(forward, i, people[j][4][i]))
        if not forward[i] and broadcast[i]:
            yield me(forwards=put(forward, i, broadcast[i]))
        if all(forward):
            yield me(forward[i])
        if not decision and not coordinator_up and _nothing_on_its_way(people, broadcast):
            yield me("abort")

    nothing = (NOT_SENT,) * participants
    coordinator = (False,) * participants, nothing, nothing, "", True
    beginnings = tuple(
        (tuple((vote, True, "", False, nothing) for vote in votes), coordinator)
        for votes in product(("yes", "no"), repeat=participants)
    )
    return Shared(processes=participants + 1, beginnings=beginnings, steps=steps)


def _nothing_on_its_way(people: World, broadcast: World) -> bool:
    """No decision will come to anybody alive: not from the coordinator, not from who has died."""
    alive = [each[1] for each in people]
    return not any(up and told for up, told in zip(alive, broadcast, strict=True)) and not any(
        up and told
        for dead, each in zip(alive, people, strict=True)
        if not dead
        for up, told in zip(alive, each[4], strict=True)
    )


# Byzantine broadcast.


def byzantine_broadcast(processes: int, tolerated: int, faulty: int) -> Shared:
    """bcastByz: Srikanth and Toueg's echoes, one round: (who is correct, where each is, received, sent)."""

    def steps(i: int, world: World) -> Iterator[World]:
        correct, where, received, sent = world
        if i not in correct or where[i] == "accepted":
            return
        liars = frozenset(range(processes)) - correct
        for more in subsets((sent | liars) - received[i]):
            then = put(received, i, received[i] | more)
            heard = len(then[i])
            if where[i] == "v1":
                yield correct, put(where, i, "sent"), then, sent | {i}
            if where[i] in ("v0", "v1") and processes - 2 * tolerated <= heard < processes - tolerated:
                yield correct, put(where, i, "sent"), then, sent | {i}
            if where[i] in ("v0", "v1", "sent") and heard >= processes - tolerated:
                yield correct, put(where, i, "accepted"), then, sent if where[i] == "sent" else sent | {i}

    beginnings = tuple(
        (frozenset(correct), where, (frozenset(),) * processes, frozenset())
        for correct in combinations(range(processes), processes - faulty)
        for where in product(("v0", "v1"), repeat=processes)
    )
    return Shared(processes=processes, beginnings=beginnings, steps=steps)


# Channels.


def alternating_bit(data: int, most: int = 2) -> Shared:
    """SpecifyingSystems/TLC/AlternatingBit: (messages, acknowledgements, bits sent, acknowledged, received, data)."""

    def lost(queue: World) -> Iterator[World]:
        return (queue[:place] + queue[place + 1 :] for place in range(len(queue)))

    def sender(world: World) -> Iterator[World]:
        messages, acks, bit, acked, got, sent, received = world
        if len(messages) < most:
            if bit == acked:
                for value in range(data):
                    yield (*messages, (1 - bit, value)), acks, 1 - bit, acked, got, value, received
            else:
                yield (*messages, (bit, sent)), acks, bit, acked, got, sent, received
        if acks:
            yield messages, acks[1:], bit, acks[0], got, sent, received
        yield from ((left, *world[1:]) for left in lost(messages))

    def receiver(world: World) -> Iterator[World]:
        messages, acks, bit, acked, got, sent, received = world
        if messages:
            yield messages[1:], acks, bit, acked, messages[0][0], sent, messages[0][1]
        if len(acks) < most:
            yield messages, (*acks, got), bit, acked, got, sent, received
        yield from ((messages, left, *world[2:]) for left in lost(acks))

    beginnings = tuple(
        ((), (), bit, bit, bit, sent, received) for bit in (0, 1) for sent in range(data) for received in range(data)
    )
    return Shared(processes=2, beginnings=beginnings, steps=lambda i, world: receiver(world) if i else sender(world))


def handshake() -> Shared:
    """TwoPhase: producer and consumer take turns by two bits."""

    def steps(i: int, world: World) -> Iterator[World]:
        if (world[0] == world[1]) == (i == 0):
            yield put(world, i, 1 - world[i])

    return Shared(processes=2, beginnings=((0, 0),), steps=steps)


def inner_fifo(messages: int, most: int) -> Shared:
    """SpecifyingSystems/FIFO/InnerFIFO: a channel, a buffer, a channel; a channel is (value, ready, acknowledged)."""

    def steps(i: int, world: World) -> Iterator[World]:
        (value, ready, acknowledged), out, queue = world
        if i == 0 and ready == acknowledged:
            yield from (((new, 1 - ready, acknowledged), out, queue) for new in range(messages))
        if i == 1 and ready != acknowledged and len(queue) < most:
            yield (value, ready, 1 - acknowledged), out, (*queue, value)
        if i == 1 and queue and out[1] == out[2]:
            yield world[0], (queue[0], 1 - out[1], out[2]), queue[1:]
        if i == 2 and out[1] != out[2]:
            yield world[0], (out[0], out[1], 1 - out[2]), queue

    channels = [(value, bit, bit) for value in range(messages) for bit in (0, 1)]
    return Shared(processes=3, beginnings=tuple((one, two, ()) for one in channels for two in channels), steps=steps)


# Election on a ring.


def chang_roberts(nodes: int) -> Shared:
    """chang_roberts/ChangRoberts, with rising identities: (mail, begun, initiators, states)."""

    def steps(i: int, world: World) -> Iterator[World]:
        mail, begun, initiators, states = world
        after = (i + 1) % nodes
        if not begun[i]:
            sent = put(mail, after, mail[after] | {i}) if initiators[i] else mail
            yield sent, put(begun, i, True), initiators, states
            return
        for id_ in mail[i]:
            left = put(mail, i, mail[i] - {id_})
            forwarded = put(left, after, left[after] | {id_})
            if states[i] == "lost":
                yield forwarded, begun, initiators, states
            elif id_ < i:
                yield forwarded, begun, initiators, put(states, i, "lost")
            else:
                yield left, begun, initiators, put(states, i, "won") if id_ == i else states

    beginnings = tuple(
        (
            (frozenset(),) * nodes,
            (False,) * nodes,
            initiators,
            tuple("candidate" if each else "lost" for each in initiators),
        )
        for initiators in product((False, True), repeat=nodes)
    )
    return Shared(processes=nodes, beginnings=beginnings, steps=steps)
