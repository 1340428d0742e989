"""The laws of merge and of operations for the sequence, which is not a `Crdt`: it changes in place, and holds text.

Its state is the set of its elements, each with its parent, and the set of those that were deleted.
"""

from itertools import pairwise, product

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.crdts.sequence import Sequence

REPLICAS = 3
steps = st.lists(
    st.tuples(
        st.integers(0, REPLICAS - 1),
        st.sampled_from(("insert", "insert", "delete", "meet")),
        st.integers(0, 40),
        st.sampled_from(("x", "yz", "abc")),
    ),
    min_size=3,
    max_size=20,
)


def asked(sequence, what, number, text):
    """What a user asks; the operation for the others."""
    if what == "delete" and len(sequence):
        at = number % len(sequence)
        return sequence.delete(at, min(len(text), len(sequence) - at))
    return sequence.insert(number % (len(sequence) + 1), text)


def reached(steps):
    """States that three replicas come to as they type and meet, each as another replica would load it."""
    replicas = [Sequence(number) for number in range(REPLICAS)]
    states = [()]
    for who, what, number, text in steps:
        if what == "meet":
            replicas[who].merge(replicas[number % REPLICAS])
        else:
            asked(replicas[who], what, number, text)
        states.append(tuple(replicas[who].elements()))
    return states


def merged(*states):
    made = Sequence(9)
    for state in states:
        other = Sequence(8)
        other.load(state)
        made.merge(other)
    return made


def contents(sequence):
    elements = list(sequence.elements())
    return (
        {each._replace(is_deleted=False) for each in elements},
        {(each.replica, each.number) for each in elements if each.is_deleted},
    )


def is_below(one, other):
    return all(mine <= theirs for mine, theirs in zip(contents(one), contents(other), strict=True))


def order(sequence):
    return [key for key, _ in sequence._walk()]


@given(steps=steps)
@settings(max_examples=60)
def test_merge_is_a_least_upper_bound(steps):
    states = reached(steps)[-5:]
    for one, two in product(states, states):
        both, mine, theirs = merged(one, two), merged(one), merged(two)
        assert both == merged(two, one), "commutative"
        assert merged(one, two, one) == both and merged(one, one) == mine, "idempotent"
        assert is_below(mine, both) and is_below(theirs, both), "an upper bound"
        assert contents(both) == tuple(a | b for a, b in zip(contents(mine), contents(theirs), strict=True)), (
            "the least"
        )
        assert (both == theirs) is is_below(mine, theirs)
        assert set(str(both)) <= set(str(mine) + str(theirs))
        assert [key for key in order(both) if key in order(mine)] == order(mine), "what was there keeps its order"
    for one, two, three in product(states, states, states):
        left, right = merged(merged(one, two).elements(), three), merged(one, merged(two, three).elements())
        assert left == right, "associative"
        if is_below(merged(one), merged(two)):
            assert is_below(merged(one, three), merged(two, three)), "monotone"


@given(steps=steps)
@settings(max_examples=60)
def test_a_change_inflates(steps):
    states = reached([step for step in steps if step[0] == 0 and step[1] != "meet"])
    for before, after in pairwise(states):
        assert is_below(merged(before), merged(after)) and merged(before) != merged(after)


@given(steps=steps, choices=st.lists(st.integers(0, 40), min_size=30, max_size=30))
@settings(max_examples=60)
def test_operations_commute_in_every_causal_order(steps, choices):
    """Concurrent operations commute, so delivery in causal order is enough; and it gives what a merge gives."""
    replicas = [Sequence(number) for number in range(REPLICAS)]
    seen = [set() for _ in range(REPLICAS)]
    operations = []  # (operation, the numbers of those that its author had seen)
    numbers = iter(choices)

    def ready(known):
        return [
            number for number, (_, needs) in enumerate(operations) if number not in known and needs <= known
        ]  # in the order in which they were asked

    for who, what, number, text in steps:
        if what == "meet":
            for each in ready(seen[who])[:1]:
                replicas[who].apply(operations[each][0])
                seen[who].add(each)
            continue
        operations.append((asked(replicas[who], what, number, text), frozenset(seen[who])))
        seen[who].add(len(operations) - 1)
    before = merged(*(tuple(replica.elements()) for replica in replicas))
    for replica, known in zip(replicas, seen, strict=True):
        while waiting := ready(known):
            number = waiting[next(numbers, 0) % len(waiting)]
            replica.apply(operations[number][0])
            known.add(number)
    assert len(seen[0]) == len(operations)
    assert replicas[0] == replicas[1] == replicas[2] == before
    assert contents(replicas[0]) == contents(replicas[1]) == contents(replicas[2])
    assert str(replicas[0]) == str(before)
