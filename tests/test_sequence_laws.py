"""The laws of merge and of operations for the sequence of a shared document, which changes in place; and that `Text`,
the same as a value, is the same in all (its own laws are in test_crdt_laws.py, with those of every type).

Its state is the set of its elements, each with its parent, and the set of those that were deleted.
"""

from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simclock import UsageError
from simclock.kernel.encoding import encode
from simclock.protocols.crdts.sequence import Sequence
from simclock.protocols.crdts.text import Run, Span, Text

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
@pytest.mark.slow
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


@given(steps=steps)
@settings(max_examples=60)
def test_a_text_is_what_a_shared_document_has(steps):
    """Merges, operations and state transfer of the sequence and of `Text` give the same elements and the same text."""
    sequences = [Sequence(number) for number in range(REPLICAS)]
    texts = [Text() for _ in range(REPLICAS)]
    for who, what, number, typed in steps:
        other = number % REPLICAS
        before = texts[who]
        if what == "meet":
            sequences[who].merge(sequences[other])
            texts[who] = texts[who].merge(texts[other])
        elif what == "delete" and len(sequences[who]):
            at = number % len(sequences[who])
            length = min(len(typed), len(sequences[who]) - at)
            delta = texts[who].delta(who, ("delete", at, length))
            texts[who] = texts[who].effect(texts[who].prepare(who, ("delete", at, length)), who)
            sequences[who].delete(at, length)
            assert delta.inserted == () and before.merge(delta) == texts[who]
        else:
            at = number % (len(sequences[who]) + 1)
            prepared = texts[who].prepare(who, ("insert", at, typed))
            texts[who] = texts[who].effect(prepared, who)
            assert prepared == encode(sequences[who].insert(at, typed)), "the operations are those of a document"
        sequence, text = sequences[who], texts[who]
        assert text.value == str(sequence) and Text.of(sequence.elements()) == text
        loaded = Sequence(9)
        loaded.load(text.elements())
        assert loaded == sequence
        news = text.beyond(before)
        assert before.merge(news) == text and len(news.inserted) <= len(text.inserted)


def test_what_is_typed_in_one_go_is_one_run():
    text = Text()
    for at, letter in enumerate("hello"):
        text = text.effect(text.prepare(0, ("insert", at, letter)), 0)
    other = text.merge(text.delta(1, ("insert", 2, "--")))
    assert [run.text for run in text.inserted] == ["hello"] and other.value == "he--llo"
    assert other.delta(0, ("delete", 1, 4)).deleted == ((0, 2, 3), (1, 1, 2))


@given(cuts=st.tuples(*[st.integers(0, 6)] * 4))
@settings(max_examples=60)
def test_stretches_of_one_go_that_overlap_are_one_stretch(cuts):
    """Delta-groups of one replica may begin and end anywhere."""
    text, deltas = Text(), []
    for at, letter in enumerate("abcdef"):
        deltas.append(text.delta(0, ("insert", at, letter)))
        text = text.merge(deltas[-1])
    groups = []
    for first, last in (sorted(cuts[:2]), sorted(cuts[2:])):
        group = Text()
        for delta in deltas[first:last]:
            group = group.merge(delta)
        groups.append((group, set(range(first, last))))
    (one, mine), (two, theirs) = groups
    both = one.merge(two)
    assert both == two.merge(one) and {each for run in both.inserted for each in numbers(run)} == mine | theirs
    assert {each for run in one.beyond(two).inserted for each in numbers(run)} == mine - theirs
    assert "".join(run.text for run in both.inserted) == "".join("abcdef"[each] for each in sorted(mine | theirs))
    assert Text.decode(both.encode()) == both and both.merge(text) == text


def numbers(run):
    return range(run.first - 1, run.last)


def test_who_deletes_a_part_of_what_another_deletes_deletes_no_less():
    text = Text()
    text = text.merge(text.delta(0, ("insert", 0, "abcdef")))
    wide, narrow = text.delta(1, ("delete", 0, 5)), text.delta(2, ("delete", 1, 2))
    assert wide.merge(narrow) == wide == narrow.merge(wide) and text.merge(narrow).merge(wide).value == "f"
    across = text.delta(3, ("delete", 4, 2))
    assert wide.merge(across).deleted == ((0, 1, 6),) and across.beyond(wide).deleted == ((0, 6, 6),)


def test_a_character_whose_parent_is_not_there_waits_for_it():
    text = Text()
    first = text.delta(0, ("insert", 0, "a"))
    second = first.delta(1, ("insert", 1, "b"))
    gone = first.merge(second).delta(2, ("delete", 1, 1))
    assert second.value == "" and second.merge(gone).value == "" and first.merge(second).value == "ab"
    assert gone.merge(first).value == "a" == second.merge(gone).merge(first).value


@pytest.mark.parametrize(
    "state",
    [
        Text((Run(0, 1, (-1, 0), True, "a"), Run(0, 2, (0, 1), True, "b"))),
        Text((Run(1, 1, (-1, 0), True, "a"), Run(0, 1, (-1, 0), True, "b"))),
        Text((Run(0, 1, (-1, 0), True, ""),)),
        Text((Run(0, 0, (-1, 0), True, "a"),)),
        Text((Run(-1, 1, (-1, 0), True, "a"),)),
        Text(deleted=(Span(0, 1, 2), Span(0, 3, 4))),
        Text(deleted=(Span(0, 2, 1),)),
    ],
)
def test_a_state_has_one_form(state):
    with pytest.raises(UsageError, match="Text"):
        Text.decode(state.encode())


@pytest.mark.parametrize(
    ("replica", "operation", "says"),
    [
        (0, ("insert", 1, "x"), "insert at 1: the sequence has 0"),
        (0, ("insert", -1, "x"), "insert at -1"),
        (0, ("insert", 0, ""), "range|empty|ascending"),
        (0, ("delete", 0, 1), "delete 1 at 0"),
        (0, ("insert", True, "x"), "no operation"),
        (0, ("add", "x"), "no operation"),
        ("phone", ("insert", 0, "x"), "replica 'phone' is out of range"),
    ],
)
def test_what_makes_no_sense_is_refused(replica, operation, says):
    for method in (Text().delta, Text().prepare):
        with pytest.raises(UsageError, match=says):
            method(replica, operation)
